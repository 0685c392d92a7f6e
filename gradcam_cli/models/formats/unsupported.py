"""Files that people have models in and that cannot be read here, each with what to do instead."""

from __future__ import annotations

from pathlib import Path

from gradcam_cli.errors import ModelError
from gradcam_cli.models.formats.refusals import refused

_TO_ONNX = ("Export it to ONNX: torch.onnx.export(model, torch.zeros(1,3,224,224), 'model.onnx').",)
_PYTORCH = ("is a PyTorch file, which needs its own code to be read", *_TO_ONNX)
_WEIGHTS = ("holds PyTorch weights without their network", *_TO_ONNX)
_TO_OPEN = "Export it to ONNX, SavedModel or .keras with the program that made it."
_PICKLE = ("is a Python pickle, which can run any code when it is opened", _TO_OPEN)
_ENGINE = ("is a TensorRT engine, which runs on one kind of GPU", "Pass the ONNX file it is from.")
_CORE_ML = ("is a Core ML model, which only Apple's systems run", _TO_OPEN)
_TENSORFLOW_1 = (
    "is a frozen TensorFlow graph",
    "Export it as a SavedModel folder, or to ONNX: python -m tf2onnx.convert --graphdef.",
)
_ARCHIVE = ("is an archive", "Unpack it and pass the model in it.")
_TFJS = ("is a JSON file, such as TensorFlow.js has", "Pass the Keras or SavedModel it is from.")
_ORT = ("is in ONNX Runtime's own format", "Pass the .onnx file it was made from.")
_IR_WEIGHTS = ("holds only the weights of an OpenVINO model", "Pass the .xml file beside it.")
_PICTURE = ("is a picture, no model", "Pass pictures as arguments, and the model after --model.")
_PAGE = (
    "is a web page, not the file it links to",
    "Download the file itself: on a page that shows it, by its button for the raw file.",
)
_POINTER = (
    "is a Git LFS pointer, not the file it stands for",
    "Fetch that file: git lfs pull.",
)

BY_EXTENSION: dict[str, tuple[str, str]] = {
    ".pt": _PYTORCH, ".pth": _PYTORCH, ".ckpt": _PYTORCH, ".pt2": _PYTORCH, ".ptl": _PYTORCH,
    ".safetensors": _WEIGHTS,
    ".pb": _TENSORFLOW_1, ".pbtxt": _TENSORFLOW_1,
    ".mlmodel": _CORE_ML, ".mlpackage": _CORE_ML, ".mlmodelc": _CORE_ML,
    ".pkl": _PICKLE, ".pickle": _PICKLE, ".joblib": _PICKLE,
    ".engine": _ENGINE, ".plan": _ENGINE, ".trt": _ENGINE,
    ".ort": _ORT, ".bin": _IR_WEIGHTS, ".json": _TFJS,
    ".zip": _ARCHIVE, ".tar": _ARCHIVE, ".gz": _ARCHIVE, ".tgz": _ARCHIVE, ".7z": _ARCHIVE,
}  # fmt: skip

_BY_BEGINNING: tuple[tuple[bytes, tuple[str, str]], ...] = (
    (b"version https://git-lfs.github.com/", _POINTER),
    (b"\x89PNG\r\n\x1a\n", _PICTURE),
    (b"\xff\xd8\xff", _PICTURE),
    (b"GIF8", _PICTURE),
    (b"II*\0", _PICTURE),
    (b"MM\0*", _PICTURE),
    (b"\x1f\x8b", _ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", _ARCHIVE),
)


def unsupported_beginning(path: Path, beginning: bytes) -> ModelError | None:
    """The error for a file that is, by its first bytes, something else than any model."""
    if beginning[:4] == b"RIFF" and beginning[8:12] == b"WEBP":
        return refused(path, *_PICTURE)
    text = beginning.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head")):
        return refused(path, *_PAGE)
    if beginning[4:8] == b"ORTM":
        return refused(path, *_ORT)
    if beginning[:1] == b"\x80" and beginning[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return unsupported_extension(path) or refused(path, *_PICKLE)
    kinds = (kind for magic, kind in _BY_BEGINNING if beginning.startswith(magic))
    kind = next(kinds, None)
    return refused(path, *kind) if kind else None


def unsupported_extension(path: Path) -> ModelError | None:
    """The error for a file or folder whose name says that it is of a format not read here."""
    kind = BY_EXTENSION.get(path.suffix.lower())
    return refused(path, *kind) if kind else None


def unsupported_archive(path: Path, names: list[str]) -> ModelError:
    """The error for a ZIP archive with the files `names` that is no .keras file."""
    if any(name.endswith("/data.pkl") for name in names):
        return refused(path, *_PYTORCH)
    if any(name.startswith("META-INF/") for name in names):
        return refused(path, "is a Java archive, no model", "Pass the model in it.")
    return unsupported_extension(path) or refused(path, *_ARCHIVE)
