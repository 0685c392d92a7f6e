"""SavedModel folders: what belongs to one, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gradcam_cli.models.formats.savedmodel import check_savedmodel
from tests.models.formats.conftest import Refused
from tests.models.formats.onnx_writer import field

GRAPH = field(1, 1) + field(2, field(1, b""))


@pytest.fixture
def folder() -> Path:
    folder = Path("saved")
    (folder / "variables").mkdir(parents=True)
    (folder / "assets").mkdir()
    (folder / "saved_model.pb").write_bytes(GRAPH)
    (folder / "variables/variables.index").write_bytes(b"index")
    (folder / "variables/variables.data-00000-of-00001").write_bytes(b"weights")
    return folder


def test_what_belongs_to_one(folder: Path) -> None:
    names = [path.relative_to(folder).as_posix() for path in check_savedmodel(folder)]
    assert names == [
        "saved_model.pb", "variables/variables.data-00000-of-00001", "variables/variables.index",
    ]  # fmt: skip


def test_one_without_variables() -> None:
    Path("saved").mkdir()
    Path("saved/saved_model.pb").write_bytes(GRAPH)
    assert check_savedmodel(Path("saved")) == (Path("saved/saved_model.pb"),)


def test_links_within(folder: Path) -> None:
    (folder / "assets/same").symlink_to("../saved_model.pb")
    assert len(check_savedmodel(folder)) == 4


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "empty"), (GRAPH[:-1], "within a field"), (field(1, 1), "no graph"), (b"<html>", "")],
)
def test_damaged_graph(folder: Path, content: bytes, words: str, refused: Refused) -> None:
    (folder / "saved_model.pb").write_bytes(content)
    with refused("saved/saved_model.pb is damaged", words):
        check_savedmodel(folder)


@pytest.mark.parametrize("target", ["/etc/passwd", "../..", "/etc"])
def test_links_that_lead_out(folder: Path, target: str, refused: Refused) -> None:
    (folder / "assets/link").symlink_to(target)
    with refused("has the link assets/link, which leads out of it"):
        check_savedmodel(folder)


def test_what_is_no_file(folder: Path, refused: Refused) -> None:
    os.mkfifo(folder / "assets/pipe")
    with refused("has assets/pipe, which is no file"):
        check_savedmodel(folder)


def test_missing_parts(folder: Path, refused: Refused) -> None:
    (folder / "variables/variables.data-00000-of-00001").rename("saved/variables/elsewhere")
    with refused("lacks files of variables"):
        check_savedmodel(folder)
    (folder / "variables/variables.data-00000-of-00002").write_bytes(b"")
    with refused("lacks files of variables"):
        check_savedmodel(folder)
    (folder / "variables/variables.index").unlink()
    with refused("has no variables/variables.index"):
        check_savedmodel(folder)
    (folder / "saved_model.pb").unlink()
    with refused("does not exist"):
        check_savedmodel(folder)
