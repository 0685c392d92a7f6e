"""Which kind of model a file or folder is, by its content and then by its name."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Literal

from gradcam_cli.errors import ModelError
from gradcam_cli.models.catalog import is_name
from gradcam_cli.models.formats import hdf5
from gradcam_cli.models.formats.refusals import damaged, readable, refused
from gradcam_cli.models.formats.unsupported import (
    BY_EXTENSION,
    unsupported_archive,
    unsupported_beginning,
    unsupported_extension,
)
from gradcam_cli.models.formats.wire import open_mapped
from gradcam_cli.models.formats.zip_members import member_names

ModelFormat = Literal["keras", "h5", "savedmodel", "onnx", "tflite", "openvino", "explainer"]

READ_HERE = "Pass a .keras, .h5, .onnx, .tflite or OpenVINO .xml file, or a SavedModel folder."
_KINDS = {
    ".keras": "Keras", ".h5": "HDF5", ".hdf5": "HDF5", ".onnx": "ONNX", ".tflite": "TFLite",
    ".xml": "OpenVINO",
}  # fmt: skip
_EXTENSIONS = {*_KINDS, *BY_EXTENSION}
_ABOUT = ("model.json", "about.json")
_HDF5 = b"\x89HDF\r\n\x1a\n"
_HDF5_OFFSETS = (0, 512, 1024, 2048)
_ZIP = b"PK\x03\x04"
_TFLITE = b"TFL3"
_BEGINNING = 4096
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
_NET = re.compile(rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*>)?\s*<net[\s>]")
_PROTOBUF_TAGS = {0x08, 0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42, 0x72}
"""With what a ModelProto can begin: the tags of its fields."""


def looks_like_a_path(name: str) -> bool:
    """True where `name`, given as a model, means a file or folder rather than the catalogue's."""
    separators = {"/", os.sep, os.altsep or "/"}
    if any(separator in name for separator in separators):
        return True
    if Path(name).suffix.lower() in _EXTENSIONS:
        return True
    return not is_name(name) and name.lower() != "auto" and os.path.lexists(name)


def detect_format(path: Path) -> ModelFormat:
    """Which kind of model `path` is.

    Raises
    ------
    ModelError
        Where it is none, cannot be read, or is of a kind that is not read here, with what to do.
    """
    if re.match("https?:/", str(path)):
        raise refused(path, "is no file but a URL", "Download it first, and pass the file.")
    with readable(path):
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return _folder_format(path)
        if not stat.S_ISREG(mode):
            raise refused(path, "is neither a file nor a folder", READ_HERE)
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING)
    if not beginning.strip(b"\0"):
        emptiness = "holds nothing but zeros" if beginning else "is empty"
        raise refused(path, emptiness, "Copy or download it anew.")
    return _file_format(path, beginning)


def _folder_format(path: Path) -> ModelFormat:
    names = {entry.name for entry in path.iterdir()}
    if "model.xml" in names and names & {*_ABOUT}:
        return "explainer"
    if "saved_model.pb" in names:
        return "savedmodel"
    if "config.json" in names and "model.weights.h5" in names:
        raise refused(path, "is an unpacked .keras file", "Save it as one file: model.save().")
    if error := unsupported_extension(path):
        raise error
    models = sorted(name for name in names if Path(name).suffix.lower() in _KINDS)
    if models:
        raise refused(path, "is a folder, no model", f"Pass a file in it: {path / models[0]}.")
    raise refused(path, "is a folder without a model", READ_HERE)


def _file_format(path: Path, beginning: bytes) -> ModelFormat:
    if error := unsupported_beginning(path, beginning):
        raise error
    if beginning.startswith(_ZIP):
        return _zip_format(path)
    if any(beginning.startswith(_HDF5, offset) for offset in _HDF5_OFFSETS):
        return _hdf5_format(path, beginning)
    if beginning[4:8] == _TFLITE:
        if path.suffix != ".tflite":
            raise _misnamed(path, "TFLite", ".tflite")
        return "tflite"
    if _NET.match(_COMMENT.sub(b"", beginning)):
        if path.suffix.lower() != ".xml":
            raise _misnamed(path, "OpenVINO", ".xml")
        return "openvino"
    return _format_by_name(path, beginning)


def _misnamed(path: Path, kind: str, extension: str) -> ModelError:
    """The error for a model that OpenVINO would not know by its name."""
    name = path.with_suffix(extension).name
    return refused(path, f"is a model of {kind} under another name", f"Call it {name}.")


def _format_by_name(path: Path, beginning: bytes) -> ModelFormat:
    """For content that has no mark of its own."""
    extension = path.suffix.lower()
    if extension == ".onnx" and beginning[0] in _PROTOBUF_TAGS:
        return "onnx"
    if path.name == "saved_model.pb":
        folder = path.absolute().parent
        raise refused(path, "is one file of a SavedModel", f"Pass its folder: {folder}.")
    if kind := _KINDS.get(extension):
        raise damaged(path, kind, "it does not begin as one")
    raise unsupported_extension(path) or refused(path, "is no model that is known", READ_HERE)


def _zip_format(path: Path) -> ModelFormat:
    names = member_names(path)
    if "config.json" in names:
        return "keras"
    if path.suffix.lower() == ".keras":
        raise damaged(path, "Keras", "it has no config.json")
    raise unsupported_archive(path, names)


def _hdf5_format(path: Path, beginning: bytes) -> ModelFormat:
    """Tell models from weights without HDF5's library, which a damaged file can crash."""
    with open_mapped(path, "HDF5") as content:
        if (end := hdf5.end_of_file(beginning)) > len(content):
            raise damaged(path, "HDF5", f"it has {len(content)} bytes of {end}")
        if content.find(hdf5.MODEL_CONFIG.encode()) < 0:
            raise hdf5.weights_only(path)
    return "h5"
