"""The files that a model consists of, and a digest of them all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from gradcam_cli.models.formats.detection import ModelFormat
from gradcam_cli.models.formats.onnx_header import read_onnx_header
from gradcam_cli.models.formats.openvino_graph import check_openvino
from gradcam_cli.models.formats.refusals import readable
from gradcam_cli.models.formats.savedmodel import check_savedmodel
from gradcam_cli.storage import digests


def files_of(path: Path, format: ModelFormat) -> tuple[Path, ...]:
    """Every file that the model at `path` consists of, itself first where it is one.

    Raises
    ------
    ModelError
        Where one is missing, or leads out of the model's folder.
    """
    if format == "onnx":
        return path, *read_onnx_header(path).external_files
    if format == "openvino":
        weights = check_openvino(path).weights
        return (path, weights) if weights else (path,)
    if format in ("savedmodel", "explainer"):
        return check_savedmodel(path) if format == "savedmodel" else explainer_files(path)
    return (path,)


def explainer_files(path: Path) -> tuple[Path, ...]:
    """The files of a folder with a graph of OpenVINO and what is known about its model."""
    weights = check_openvino(path / "model.xml").weights
    about = [path / name for name in ("about.json", "model.json")]
    return (
        *(file for file in about if file.is_file()),
        path / "model.xml",
        *((weights,) if weights else ()),
    )


def digest_of(path: Path, format: ModelFormat) -> str:
    """A SHA-256, in hexadecimal, of all that the model at `path` consists of.

    Of one file it is that of its content; of several, that of their names, relative to the
    model's folder, and contents. It is remembered for as long as the files are not touched.

    Raises
    ------
    ModelError
        Where a file is missing or cannot be read.
    """
    files = files_of(path, format)
    with readable(path):
        if len(files) == 1:
            return digests.sha256(files[0])
        folder = path if path.is_dir() else path.parent
        names = [file.relative_to(folder).as_posix() for file in files]
        lines = sorted(
            os.fsencode(name) + b"\0" + digests.sha256(file).encode()
            for name, file in zip(names, files, strict=True)
        )
    return hashlib.sha256(b"\n".join(lines)).hexdigest()
