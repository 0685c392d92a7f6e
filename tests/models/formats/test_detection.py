"""Which kind of model a file is, and what is said of those that are none."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from gradcam_cli.errors import ModelError
from gradcam_cli.models.formats.detection import detect_format, looks_like_a_path
from tests.conftest import as_nobody
from tests.models.formats.conftest import Refused
from tests.models.formats.keras_writer import h5_file, keras_file, sequential, weights
from tests.models.formats.onnx_writer import small
from tests.models.formats.tflite_writer import tflite


def written(name: str, content: bytes | str) -> Path:
    path = Path(name)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def picture(kind: str) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (4, 4)).save(content, kind)
    return content.getvalue()


def zipped(name: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(name, b"x")
    return content.getvalue()


def test_kinds_of_files() -> None:
    assert detect_format(keras_file()) == "keras"
    assert detect_format(keras_file(name="named.zip")) == "keras"
    assert detect_format(h5_file(sequential())) == "h5"
    assert detect_format(Path("model.h5").rename("model.keras")) == "h5"
    assert detect_format(written("m.onnx", small())) == "onnx"
    assert detect_format(written("m.tflite", tflite())) == "tflite"
    assert detect_format(written("m.xml", '<?xml version="1.0"?>\n<net name="m">')) == "openvino"
    assert detect_format(written("m.XML", "\ufeff<!-- a --><!-- b --><net>")) == "openvino"


@pytest.mark.parametrize(
    ("name", "content", "right_name"),
    [
        ("m.TFLITE", tflite(), "m.tflite"),
        ("m.onnx", tflite(), "m.tflite"),
        ("m.ir", "<net>", "m.xml"),
    ],
)
def test_what_openvino_knows_by_its_name_only(
    name: str, content: str | bytes, right_name: str, refused: Refused
) -> None:
    with refused(name, "under another name", f"Call it {right_name}."):
        detect_format(written(name, content))


@pytest.mark.parametrize("about", ["model.json", "about.json"])
def test_kinds_of_folders(about: str) -> None:
    folder = Path("folder")
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"x")
    assert detect_format(folder) == "savedmodel"
    (folder / "model.xml").write_bytes(b"x")
    assert detect_format(folder) == "savedmodel"
    (folder / about).write_bytes(b"{}")
    assert detect_format(folder) == "explainer"


LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
PICKLE = b"\x80\x02}q\x00."

NO_MODELS: list[tuple[str, bytes | str, str]] = [
    ("m.pt", zipped("archive/data.pkl"), "PyTorch file"),
    ("m.keras", zipped("model/data.pkl"), "no config.json"),
    ("model", zipped("archive/data.pkl"), "torch.zeros(1,3,224,224), 'model.onnx')."),
    ("m.pth", PICKLE, "PyTorch file"),
    ("m.ckpt", b"anything", "PyTorch file"),
    ("m.safetensors", b"\x08\0\0\0\0\0\0\0{}", "without their network"),
    ("frozen.pb", small(), "frozen TensorFlow graph"),
    ("saved_model.pb", small(), "Pass its folder"),
    ("m.mlmodel", small(), "Core ML"),
    ("m.pkl", PICKLE, "can run any code"),
    ("m.joblib", b"anything", "can run any code"),
    ("m", PICKLE, "can run any code"),
    ("m.engine", b"ftrt", "TensorRT"),
    ("m.plan", b"ftrt", "TensorRT"),
    ("m.ort", b"\x18\0\0\0ORTM", "Pass the .onnx"),
    ("m.onnx", b"\x18\0\0\0ORTM", "Pass the .onnx"),
    ("m.bin", b"1234", "Pass the .xml"),
    ("m.zip", zipped("saved_model.pb"), "Unpack it"),
    ("m.tar.gz", b"\x1f\x8b\x08", "Unpack it"),
    ("m.json", "{}", "JSON"),
    ("m.onnx", LFS, "Git LFS pointer"),
    ("m.keras", LFS, "git lfs pull"),
    ("m.onnx", "\n<!DOCTYPE html><html>", "is a web page"),
    ("m.h5", "<html>", "is a web page"),
    ("m.onnx", picture("png"), "is a picture"),
    ("m.tflite", picture("jpeg"), "is a picture"),
    ("m", picture("webp"), "is a picture"),
    ("m", picture("gif"), "is a picture"),
    ("m.onnx", "text", "no ONNX file"),
    ("m.tflite", b"12345678", "no TFLite file"),
    ("m.xml", "<opencv_storage>", "no OpenVINO file"),
    ("m.keras", b"1234", "no Keras file"),
    ("m.h5", b"1234", "no HDF5 file"),
    ("m.keras", b"PK\x03\x04 and no more", "damaged"),
    ("m.txt", "cat\ndog", "no model that is known"),
    ("m", small(), "no model that is known"),
    ("m.onnx", "", "is empty"),
    ("m.onnx", bytes(5000), "nothing but zeros"),
    ("m.weights.h5", weights(), "holds weights only. Pass --model NAME --weights m.weights.h5"),
    ("w.h5", weights(), "or save the whole model with model.save"),
    ("m.h5", weights()[:1000], "it has 1000 bytes of"),
    ("m.h5", b"\x89HDF\r\n\x1a\n", "holds weights only"),
]


@pytest.mark.parametrize(("name", "content", "words"), NO_MODELS)
def test_no_models(name: str, content: bytes | str, words: str, refused: Refused) -> None:
    with refused(name, words):
        detect_format(written(name, content))


def test_places_without_a_model(refused: Refused) -> None:
    with refused("missing.onnx does not exist"):
        detect_format(Path("missing.onnx"))
    with refused("is no path"):
        detect_format(Path("a\0b.onnx"))
    with refused("but a URL", "Download it first"):
        detect_format(Path("https://example.org/m.onnx"))
    os.mkfifo("pipe.onnx")
    with refused("neither a file nor a folder"):
        detect_format(Path("pipe.onnx"))
    Path("loop.onnx").symlink_to("loop.onnx")
    with refused("loop.onnx cannot be read"):
        detect_format(Path("loop.onnx"))
    with refused(r"a\nb.onnx does not exist"):
        detect_format(Path("a\nb.onnx"))
    with refused(r"--weights a\nb.h5"):
        detect_format(written("a\nb.h5", weights()))


def test_folders_without_a_model(refused: Refused) -> None:
    for name in ("empty", "m.mlpackage", "unpacked", "photos"):
        Path(name).mkdir()
    with refused("is a folder without a model"):
        detect_format(Path("empty"))
    with refused("Core ML"):
        detect_format(Path("m.mlpackage"))
    written("unpacked/config.json", "{}")
    written("unpacked/model.weights.h5", "")
    with refused("is an unpacked .keras file"):
        detect_format(Path("unpacked"))
    written("photos/best.onnx", "")
    with refused("Pass a file in it: photos/best.onnx"):
        detect_format(Path("photos"))


def test_a_file_that_may_not_be_read(refused: Refused) -> None:
    path = written("m.onnx", small())
    path.chmod(0)
    with as_nobody(), refused("m.onnx cannot be read: Permission denied"):
        detect_format(path)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.binary(max_size=64),
    st.sampled_from([b"", b"PK\x03\x04", b"\0\0\0\0TFL3", b"<net>", b"<!--", b"\x80\x02"]),
    st.sampled_from(["m.onnx", "m.keras", "m.xml", "m.tflite", "m.pt", "m"]),
)
def test_arbitrary_bytes(content: bytes, beginning: bytes, name: str) -> None:
    try:
        detect_format(written(name, beginning + content))
    except ModelError as error:
        assert str(error).isprintable()


def test_what_looks_like_a_path() -> None:
    written("mymodel", "x")
    Path("vgg16").mkdir()
    Path("auto").mkdir()
    for name in ("a/b", "./vgg16", "model.keras", "M.ONNX", "model.pt", "mymodel", "x.xml"):
        assert looks_like_a_path(name), name
    for name in ("vgg16", "VGG-16", "auto", "AUTO", "efficientnet-lite0", "unknown", ""):
        assert not looks_like_a_path(name), name
