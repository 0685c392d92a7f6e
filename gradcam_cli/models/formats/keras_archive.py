"""Keras's own files, .keras and .h5, checked before Keras opens them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from zipfile import ZipFile

from gradcam_cli.models.formats.hdf5 import (
    MODEL_CONFIG,
    check_hdf5,
    open_hdf5,
    text_attribute,
    weights_only,
)
from gradcam_cli.models.formats.keras_config import check_config, read_config
from gradcam_cli.models.formats.refusals import damaged
from gradcam_cli.models.formats.zip_members import (
    check_members,
    open_archive,
    read_member,
    seekable_member,
)

MOST_CONFIG_BYTES = 32 << 20
_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


KerasFormat = Literal["keras", "h5"]


@dataclass(frozen=True)
class KerasHeader:
    """What a Keras file says about itself.

    Attributes
    ----------
    keras_version : str
        Of the Keras that wrote it; may be empty.
    class_names : dict of str to int
        How often each class is used, those of nested models included.
    custom_objects : tuple of str
        The classes and functions that are no part of Keras, sorted, with the package they are
        registered under: ``pkg>Patchify``.
    """

    keras_version: str
    class_names: dict[str, int]
    custom_objects: tuple[str, ...]


def check_keras_file(
    path: Path, format: KerasFormat, trusted: frozenset[str], *, trust_all: bool = False
) -> KerasHeader:
    """Check a file that holds a whole Keras model, and read what it is made of.

    How the model was compiled is not looked at: it has to be opened with ``compile=False``.

    Parameters
    ----------
    path : Path
        The file.
    format : "keras" or "h5"
        Which of the two it is.
    trusted : frozenset of str
        The names of the custom classes and functions that are given.
    trust_all : bool
        Let code that is in the file run: Lambda layers.

    Raises
    ------
    ModelError
        Where it is damaged, leads out of itself, unpacks to far more than it is, would run code,
        or needs classes that are not given.
    """
    config, version = _archived(path) if format == "keras" else _in_hdf5(path)
    findings = check_config(path, config, trusted, trust_all=trust_all)
    classes = dict(sorted(findings.classes.items()))
    return KerasHeader(version, classes, tuple(sorted(findings.custom)))


def _archived(path: Path) -> tuple[dict[str, Any], str]:
    """The configuration and version of a .keras file, after all but its classes is checked."""
    with open_archive(path, "Keras") as archive:
        check_members(path, archive)
        names = {*archive.namelist()}
        if missing := {_CONFIG, _WEIGHTS} - names:
            raise damaged(path, "Keras", f"it has no {min(missing)}")
        config = read_config(path, read_member(path, archive, _CONFIG, MOST_CONFIG_BYTES))
        with (
            seekable_member(path, archive, _WEIGHTS) as weights,
            open_hdf5(path, weights) as file,
        ):
            check_hdf5(path, file)
        return config, _version(path, archive) if _METADATA in names else ""


def _version(path: Path, archive: ZipFile) -> str:
    """The version in metadata.json; empty where it has none, since nothing depends on it."""
    try:
        metadata = json.loads(read_member(path, archive, _METADATA, MOST_CONFIG_BYTES))
        return str(metadata["keras_version"])
    except (ValueError, RecursionError, KeyError, TypeError):
        return ""


def _in_hdf5(path: Path) -> tuple[dict[str, Any], str]:
    """The configuration and version of an .h5 file, after its structure is checked."""
    with open_hdf5(path, path) as file:
        check_hdf5(path, file)
        config = text_attribute(path, file, MODEL_CONFIG, MOST_CONFIG_BYTES)
        if not config:
            raise weights_only(path)
        version = text_attribute(path, file, "keras_version", MOST_CONFIG_BYTES)
    return read_config(path, config), version
