"""What many tests stand on: a home of their own, real models, a picture that is not symmetric."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image

from gradcam_cli import cli

# Before any test imports OpenVINO, whose telemetry would start a process for every conversion.
from gradcam_cli.engines.openvino import runtime  # noqa: F401
from gradcam_cli.engines.selection import open_engine
from gradcam_cli.models.catalog import find_model
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.models.selection import select_model
from gradcam_cli.results.manifest import Manifest, Record

SAMPLES = Path(__file__).parent.parent / "sample_images"


def records(folder: Path) -> list[Record]:
    """What the manifest in `folder` tells."""
    with Manifest(folder).reader() as reader:
        return list(reader.ordered())


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may write anywhere; so be nobody where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture(scope="session")
def compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the tests compile, shared by all: to compile is tested in caches of their own."""
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiled_once: Path) -> Path:
    """Every test has its own caches and working folder, and none of the user's settings."""
    work, cache = tmp_path / "work", tmp_path / "cache"
    work.mkdir()
    cache.mkdir()
    for name in ("compiled", "digests"):
        (compiled_once / name).mkdir(exist_ok=True)
        (cache / name).symlink_to(compiled_once / name)
    for name in (
        "GRADCAM_ENGINE",
        "GRADCAM_MODEL",
        "GRADCAM_OFFLINE",
        "http_proxy",
        "https_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GRADCAM_CACHE", str(cache))
    monkeypatch.setenv("GRADCAM_CONFIG", "")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.chdir(work)
    return work


@pytest.fixture
def asymmetric() -> NDArray[np.uint8]:
    """A small picture, (30, 40, 3) uint8 RGB, whose channels and directions all differ."""
    rows, columns = np.mgrid[0:30, 0:40]
    return np.stack([rows * 8, columns * 6, 255 - rows * 4 - columns], axis=-1).astype(np.uint8)


@pytest.fixture
def photo(own_home: Path, asymmetric: NDArray[np.uint8]) -> Path:
    """The same as photo.png in the working folder."""
    Image.fromarray(asymmetric).save(own_home / "photo.png")
    return Path("photo.png")


@pytest.fixture(scope="session")
def lite0() -> Any:
    """EfficientNet-Lite0 with its bundled ImageNet weights."""
    return select_model("efficientnet-lite0").open().network()


@pytest.fixture(scope="session")
def vgg16_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of seeded random weights for the real VGG16, in Keras's legacy .h5 layout.

    There is one for all processes of pytest-xdist: it takes ten seconds to make.
    """
    folder = tmp_path_factory.getbasetemp()
    path = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "vgg16.h5"
    with FileLock(path.with_suffix(".lock")):
        if not path.exists():
            written = path.with_suffix(".part")
            write_vgg16_weights(written)
            written.rename(path)
    return path


def write_vgg16_weights(path: Path) -> None:
    """Write them to `path`."""
    import h5py
    from keras.src.legacy.saving import legacy_h5_format

    tensorflow()
    model = find_model("vgg16").build()
    random = np.random.default_rng(16)
    for layer in model.layers:
        for variable in layer.weights:
            if len(variable.shape) == 1:
                continue
            fan_in = np.prod(variable.shape[:-1])
            drawn = random.standard_normal(variable.shape, np.float32)
            # Pixels reach the first layer some 70 times too large for logits of ordinary size.
            scale = np.sqrt(2 / fan_in) / (70 if layer.name == "block1_conv1" else 1)
            variable.assign(drawn * np.float32(scale))
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)


@pytest.fixture(scope="session")
def compiled_lite0(compiled_once: Path) -> None:
    """EfficientNet-Lite0, compiled and checked at its default layer, for whoever comes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADCAM_CACHE", str(compiled_once))
        open_engine(select_model("efficientnet-lite0").open(), engine_name="openvino")


@pytest.fixture
def gradcam(
    compiled_lite0: None, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run the command line in this process: (exit code, stdout, stderr)."""

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = cli.run([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return int(code), said.out, said.err

    return run
