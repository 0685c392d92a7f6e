"""One door to all kinds of model files: `inspect_file` says what one is, or refuses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gradcam_cli.models.file_options import Trust
from gradcam_cli.models.formats.detection import ModelFormat, detect_format
from gradcam_cli.models.formats.files import explainer_files
from gradcam_cli.models.formats.keras_archive import KerasFormat, check_keras_file
from gradcam_cli.models.formats.onnx_header import read_onnx_header
from gradcam_cli.models.formats.openvino_graph import check_openvino
from gradcam_cli.models.formats.savedmodel import check_savedmodel
from gradcam_cli.models.formats.tflite_header import read_tflite_header, read_tflite_labels


@dataclass(frozen=True)
class FileHeader:
    """What a model file says about itself, after it has been checked.

    Attributes
    ----------
    format : ModelFormat
        Which kind it is.
    files : tuple of Path
        All that it consists of.
    metadata : dict of str to str
        ONNX's metadata_props; OpenVINO's model_info; of TFLite "description" and "labels", the
        text of a file with a label a line; of Keras "keras_version". As they stand in the file.
    operations : dict of str to int or None
        How often it has each operation, or layer of Keras; None where that is not known.
    custom_objects : tuple of str
        The classes and functions that its format does not have of its own.
    """

    format: ModelFormat
    files: tuple[Path, ...]
    metadata: dict[str, str]
    operations: dict[str, int] | None = None
    custom_objects: tuple[str, ...] = ()


def inspect_file(path: Path, *, trust: Trust) -> FileHeader:
    """Say what the model at `path` is, and check it, without any framework.

    HDF5 (.h5, and inside .keras) is read by its own library, which a damaged file can crash or
    hang: call this where that does no harm. `detect_format`, `files_of` and `digest_of` do not.

    Raises
    ------
    ModelError
        Where it is no model, damaged, hostile, or needs trust that is not given.
    """
    format = detect_format(path)
    if format == "keras" or format == "h5":  # noqa: PLR1714, which mypy would not follow
        return _keras(path, format, trust)
    readers: dict[str, Callable[[Path], FileHeader]] = {
        "onnx": _onnx,
        "tflite": _tflite,
        "openvino": _openvino,
        "explainer": _explainer,
        "savedmodel": lambda path: FileHeader("savedmodel", check_savedmodel(path), {}),
    }
    return readers[format](path)


def _keras(path: Path, format: KerasFormat, trust: Trust) -> FileHeader:
    header = check_keras_file(path, format, trust.names, trust_all=trust.trust_model)
    metadata = {"keras_version": header.keras_version}
    return FileHeader(format, (path,), metadata, header.class_names, header.custom_objects)


def _onnx(path: Path) -> FileHeader:
    header = read_onnx_header(path)
    files = (path, *header.external_files)
    return FileHeader(
        "onnx", files, header.metadata, header.operations, _foreign(header.operations)
    )


def _foreign(operations: dict[str, int]) -> tuple[str, ...]:
    """The operations that are not ONNX's own: their domain is part of the name."""
    return tuple(name for name in operations if "." in name)


def _tflite(path: Path) -> FileHeader:
    header = read_tflite_header(path)
    labels = read_tflite_labels(path)
    metadata = {"description": header.description} | ({"labels": labels} if labels else {})
    return FileHeader("tflite", (path,), metadata, None, header.custom_operators)


def _openvino(path: Path) -> FileHeader:
    header = check_openvino(path)
    files = (path, header.weights) if header.weights else (path,)
    return FileHeader("openvino", files, header.model_info, header.operations)


def _explainer(path: Path) -> FileHeader:
    header = check_openvino(path / "model.xml")
    return FileHeader("explainer", explainer_files(path), header.model_info, header.operations)
