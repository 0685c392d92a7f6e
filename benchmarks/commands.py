"""Which processes are measured, and the surroundings they all have."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.measure import Command

ROOT = Path(__file__).parent.parent
IMAGE = ROOT / "sample_images" / "sunglasses.jpg"
PLAIN = Path(__file__).with_name("plain_keras.py")
WEIGHTS = "vgg16_weights_tf_dim_ordering_tf_kernels.h5"
SUNGLASSES = "837"
PREDICTED = "299"
"""What VGG16 with the drawn weights takes the sample photo for, whoever runs it."""


@dataclass(frozen=True)
class Place:
    """Where a run has its files.

    Attributes
    ----------
    work : Path
        For what the processes write.
    cache : Path
        What `GRADCAM_CACHE` is for them.
    """

    work: Path
    cache: Path

    @property
    def onnx(self) -> Path:
        """Where the ONNX file is that is measured."""
        return self.work / "mobilenet.onnx"

    @property
    def photos(self) -> Path:
        """Where the photos of a folder are."""
        return self.work / "photos"

    @property
    def weights(self) -> Path:
        """Where the weights of VGG16 are."""
        return self.cache / "weights" / WEIGHTS

    @property
    def compiled(self) -> Path:
        """Where compiled models are kept."""
        return self.cache / "compiled"

    def compiled_bytes(self, model: str) -> int:
        """The size of the compiled files of `model`."""
        files = self.compiled.glob(f"{model}-*/model.*")
        return sum(file.stat().st_size for file in files)

    def env(self) -> dict[str, str]:
        """The environment of every process that is measured: this checkout, offline, own caches.

        Bytecode may be written and read, as it is wherever gradcam is installed.
        """
        kept = {name: value for name, value in os.environ.items() if not _is_setting(name)}
        return {
            **kept,
            "PYTHONPATH": str(ROOT),
            "GRADCAM_CACHE": str(self.cache),
            "GRADCAM_OFFLINE": "1",
            "KERAS_HOME": str(self.work / "keras"),
        }


def _is_setting(name: str) -> bool:
    return name.startswith("GRADCAM_") or name in ("PYTHONDONTWRITEBYTECODE", "_GRADCAM_COMPLETE")


def gradcam(*arguments: str) -> tuple[str, ...]:
    """The command line of gradcam: the console script where it is installed, else the package."""
    script = Path(sys.executable).with_name("gradcam")
    start = [str(script)] if script.exists() else [sys.executable, "-m", "gradcam_cli"]
    return (*start, *arguments)


def explanation(place: Place, model: str, engine: str, label: str) -> Command:
    """One `gradcam explain` with the model and the engine."""
    name = Path(model).name
    out = place.work / f"{name}-{engine}.jpg"
    explained = "top" if model == str(place.onnx) else SUNGLASSES
    chosen = ("--model", model, "--engine", engine, "--class", explained, "-o", str(out))
    argv = gradcam("explain", str(IMAGE), *chosen)
    return Command(f"{name}-{engine}", label, argv, says=out.name, never="speaks for class")


def folder(place: Place) -> list[Command]:
    """The folder of photos explained with VGG16: compiled on the way, and compiled before."""
    out = place.work / "folder"
    chosen = ("--model", "vgg16", "--class", "top", "--force", "-q", "-o", f"{out}/")
    argv = gradcam("explain", str(place.photos), *chosen)
    first = Command(
        "gradcam-first-folder",
        "gradcam, VGG16, the first run, which compiles",
        argv,
        says="0000.gradcam.jpg",
        without=place.compiled,
    )
    return [first, replace(first, key="gradcam-folder", label="gradcam, VGG16", without=None)]


def cold(place: Place) -> list[Command]:
    """From a photo to its overlay, as one process each."""
    out = place.work / "plain.jpg"
    argv = (sys.executable, str(PLAIN), str(IMAGE), str(place.weights), str(out))
    vgg16, lite = "vgg16", "efficientnet-lite0"
    return [
        Command("plain", "plain Keras script, VGG16", argv, says=PREDICTED),
        explanation(place, vgg16, "tensorflow", "gradcam, VGG16, TensorFlow"),
        explanation(place, vgg16, "openvino", "gradcam, VGG16, compiled"),
        explanation(place, lite, "tensorflow", "gradcam, EfficientNet-Lite0, TensorFlow"),
        explanation(place, lite, "openvino", "gradcam, EfficientNet-Lite0, compiled"),
        explanation(place, str(place.onnx), "openvino", "gradcam, MobileNetV2 from an ONNX file"),
    ]


def short() -> list[Command]:
    """What should answer at once, and the imports that no command with Click and rich can avoid."""
    python = (sys.executable, "-c")
    completing = {
        "_GRADCAM_COMPLETE": "bash_complete",
        "COMP_WORDS": "gradcam ex",
        "COMP_CWORD": "1",
    }
    wrong = gradcam("explain", "--no-such-option")
    return [
        Command("click", 'python -c "import click"', (*python, "import click")),
        Command("rich", 'python -c "import click, rich"', (*python, "import click, rich")),
        Command("help", "gradcam --help", gradcam("--help"), says="Exit codes"),
        Command("version", "gradcam --version", gradcam("--version"), says="gradcam"),
        Command("completion", "shell completion", gradcam(), completing, says="plain,explain"),
        Command("usage", "a usage error", wrong, code=2, says="--no-such-option"),
    ]
