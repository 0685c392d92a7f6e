"""HDF5 files that lead to others, or unpack to more than they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from gradcam_cli.models.formats import hdf5
from gradcam_cli.models.formats.detection import detect_format
from gradcam_cli.models.formats.keras_archive import check_keras_file
from tests.models.formats.conftest import Refused
from tests.models.formats.keras_writer import Change, h5_file, keras_file, old_sequential

NOBODY: frozenset[str] = frozenset()


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((6,), float)
    layout[:] = h5py.VirtualSource("/etc/passwd", "a", (6,))
    file.create_virtual_dataset("own/kernel", layout)


def external(file: h5py.File) -> None:
    file.create_dataset("own/kernel", (6,), float, external=[("/etc/passwd", 0, 48)])


def huge(file: h5py.File) -> None:
    file.create_dataset("own/kernel", (1 << 33,), "f4", chunks=(1 << 20,))


def compressed(file: h5py.File) -> None:
    file.create_dataset("own/kernel", data=np.zeros(17 << 20, "f4"), compression=9)


def group_in_itself(file: h5py.File) -> None:
    file["own"] = file.create_group("other")
    file["own/again"] = file["own"]
    file["own/top"] = file["/"]


def soft(file: h5py.File) -> None:
    file["own"] = h5py.SoftLink("/nowhere")
    file["loop"] = h5py.SoftLink("/loop")


def linked(file: h5py.File) -> None:
    file["own"] = h5py.ExternalLink("/etc/passwd", "/a")


CHANGES: list[tuple[Change, str]] = [
    (linked, "leads to another file, /etc/passwd, by the link /own"),
    (external, "has the numbers of /own/kernel in other files"),
    (virtual, "has the numbers of /own/kernel in other files"),
    (huge, "/own/kernel, which grows from"),
    (compressed, "/own/kernel, which grows from"),
]


@pytest.mark.parametrize(("change", "words"), CHANGES)
def test_hostile(change: Change, words: str, refused: Refused) -> None:
    if change is not external:  # h5py writes such ones to disks only
        with refused("model.keras", words):
            check_keras_file(keras_file(change=change), "keras", NOBODY)
    with refused("model.h5", words):
        check_keras_file(h5_file(old_sequential(), change), "h5", NOBODY)


@pytest.mark.parametrize("change", [group_in_itself, soft])
def test_links_inside(change: Change) -> None:
    assert check_keras_file(h5_file(old_sequential(), change), "h5", NOBODY)


def test_limits(monkeypatch: pytest.MonkeyPatch, refused: Refused) -> None:
    path = h5_file(old_sequential())
    monkeypatch.setattr(hdf5, "MOST_BYTES", 10)
    with refused("would unpack to"):
        check_keras_file(path, "h5", NOBODY)
    monkeypatch.setattr(hdf5, "MOST_OBJECTS", 2)
    with refused("more than 2 objects"):
        check_keras_file(path, "h5", NOBODY)


@pytest.mark.parametrize("value", [3, np.arange(3), b"\xff", ["a", "b"]])
def test_a_configuration_that_is_no_text(value: Any, refused: Refused) -> None:
    def change(file: h5py.File) -> None:
        file.attrs["model_config"] = value

    with refused("model.h5"):
        check_keras_file(h5_file(old_sequential(), change), "h5", NOBODY)


def test_weights_that_mention_a_configuration(refused: Refused) -> None:
    """The name is somewhere in the file, but no attribute of it."""

    def change(file: h5py.File) -> None:
        del file.attrs["model_config"]
        file.create_group("model_config")

    path = h5_file(old_sequential(), change)
    assert detect_format(path) == "h5"
    with refused("holds weights only"):
        check_keras_file(path, "h5", NOBODY)


def test_a_configuration_in_bytes() -> None:
    def change(file: h5py.File) -> None:
        file.attrs["model_config"] = np.bytes_(file.attrs["model_config"].encode())

    assert check_keras_file(h5_file(old_sequential(), change), "h5", NOBODY)


@pytest.mark.parametrize("size", [0, 8, 100, 1000])
def test_cut_short(size: int, refused: Refused) -> None:
    path = h5_file(old_sequential())
    path.write_bytes(path.read_bytes()[:size])
    with refused("model.h5 is damaged or no HDF5 file"):
        check_keras_file(path, "h5", NOBODY)
    with refused("does not exist"):
        check_keras_file(Path("missing.h5"), "h5", NOBODY)
