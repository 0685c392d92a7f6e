"""One door to all kinds of files, their digests, and what is imported behind it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from gradcam_cli.models.formats.detection import detect_format
from gradcam_cli.models.formats.files import digest_of, files_of
from gradcam_cli.models.formats.inspection import Trust, inspect_file
from tests.models.formats.conftest import Refused
from tests.models.formats.keras_writer import h5_file, keras_file, layer, old_sequential, sequential
from tests.models.formats.onnx_writer import field, small, with_external
from tests.models.formats.tflite_writer import tflite

XML = """<net name="m" version="11"><layers><layer type="Const"><data offset="0" size="4"/></layer>
</layers><rt_info><model_info><labels value="cat dog"/></model_info></rt_info></net>"""


def explainer(folder: str) -> Path:
    path = Path(folder)
    path.mkdir()
    (path / "model.xml").write_text(XML)
    (path / "model.bin").write_bytes(bytes(4))
    (path / "about.json").write_text("{}")
    return path


def savedmodel() -> Path:
    path = Path("saved")
    path.mkdir()
    (path / "saved_model.pb").write_bytes(field(1, 1) + field(2, b""))
    return path


def onnx() -> Path:
    Path("m.onnx").write_bytes(small())
    return Path("m.onnx")


def lite() -> Path:
    Path("m.tflite").write_bytes(tflite(labels__txt="cat\ndog"))
    return Path("m.tflite")


def test_what_each_kind_says() -> None:
    trust = Trust(("module.py:Patchify",))
    keras = inspect_file(keras_file(sequential(layer("Patchify", None))), trust=trust)
    assert (keras.format, keras.files) == ("keras", (Path("model.keras"),))
    assert keras.metadata == {"keras_version": "3.15.1"}
    assert keras.operations == {"Patchify": 1, "Sequential": 1}
    assert keras.custom_objects == ("pkg>Patchify",)
    old = inspect_file(h5_file(old_sequential()), trust=trust)
    assert (old.format, old.operations) == ("h5", {"Sequential": 1})
    graph = inspect_file(onnx(), trust=trust)
    assert (graph.format, graph.metadata) == ("onnx", {"names": "{0: 'cat'}"})
    assert graph.custom_objects == ("com.microsoft.Gelu",)
    small_graph = inspect_file(lite(), trust=trust)
    assert small_graph.metadata == {"description": "writer", "labels": "cat\ndog"}
    assert small_graph.custom_objects == ("Own_op",)
    prepared = inspect_file(explainer("prepared"), trust=trust)
    assert (prepared.format, prepared.metadata) == ("explainer", {"labels": "cat dog"})
    native = inspect_file(Path("prepared/model.xml"), trust=trust)
    assert (native.format, native.operations) == ("openvino", {"Const": 1})
    saved = inspect_file(savedmodel(), trust=trust)
    assert (saved.format, saved.files) == ("savedmodel", (Path("saved/saved_model.pb"),))


def test_trust(refused: Refused) -> None:
    path = keras_file(sequential(layer("Patchify", None), layer("Lambda")))
    with refused("Lambda"):
        inspect_file(path, trust=Trust(("a/module.py:Patchify",)))
    with refused("Patchify"):
        inspect_file(path, trust=Trust(trust_model=True))
    assert inspect_file(path, trust=Trust(("Patchify",), trust_model=True)).custom_objects


def test_all_files_of_a_model() -> None:
    external = with_external(Path("big/m.onnx"), location="weights.bin")
    folder = explainer("prepared")
    names = ("about.json", "model.xml", "model.bin")
    files = {
        onnx(): (Path("m.onnx"),),
        external: (external, Path("big/weights.bin")),
        folder: tuple(folder / name for name in names),
        folder / "model.xml": (folder / "model.xml", folder / "model.bin"),
        savedmodel(): (Path("saved/saved_model.pb"),),
        lite(): (Path("m.tflite"),),
    }
    for path, expected in files.items():
        format = detect_format(path)
        assert files_of(path, format) == expected
        assert inspect_file(path, trust=Trust()).files == expected


def test_digests() -> None:
    path = onnx()
    assert digest_of(path, "onnx") == hashlib.sha256(path.read_bytes()).hexdigest()
    external = with_external(Path("big/m.onnx"), location="weights.bin")
    digest = digest_of(external, "onnx")
    assert Path("big").rename("moved")
    assert digest_of(Path("moved/m.onnx"), "onnx") == digest
    Path("moved/weights.bin").write_bytes(b"1" * 24)
    assert digest_of(Path("moved/m.onnx"), "onnx") != digest
    folder = explainer("prepared")
    digest = digest_of(folder, "explainer")
    (folder / "about.json").rename(folder / "model.json")
    assert digest_of(folder, "explainer") != digest


@pytest.mark.parametrize("name", ["missing.tflite", "missing.onnx"])
def test_digests_of_nothing(name: str, refused: Refused) -> None:
    with refused(f"{name} does not exist"):
        digest_of(Path(name), "tflite" if "tflite" in name else "onnx")


def test_no_framework_is_imported() -> None:
    """Nor h5py, but to inspect a Keras file."""
    onnx(), lite(), explainer("prepared"), savedmodel(), keras_file(), h5_file(old_sequential())
    code = """if True:
        import sys
        from pathlib import Path
        from gradcam_cli.models.formats.detection import detect_format
        from gradcam_cli.models.formats.files import digest_of
        from gradcam_cli.models.formats.inspection import Trust, inspect_file
        for name in ("model.keras", "model.h5"):
            assert digest_of(Path(name), detect_format(Path(name)))
        for name in ("m.onnx", "m.tflite", "prepared", "saved"):
            inspect_file(Path(name), trust=Trust())
        heavy = {"tensorflow", "keras", "openvino", "onnx", "h5py", "cv2"} & {*sys.modules}
        assert not heavy, heavy
    """
    subprocess.run([sys.executable, "-c", code], check=True)
