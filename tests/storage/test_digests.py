"""Digests of files, remembered while a file is not touched."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradcam_cli.storage import digests
from tests.arbitrary import replaced

REMEMBERED = hashlib.sha256(b"what is remembered").hexdigest()


@pytest.fixture
def file(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRADCAM_CACHE", str(own_home / "cache"))
    path = own_home / "weights.h5"
    path.write_bytes(b"first")
    return path


def of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def kept() -> list[dict[str, object]]:
    return [json.loads(note.read_text("utf-8")) for note in digests.folder().glob("*.json")]


def test_a_file_that_was_just_written_is_not_remembered(file: Path) -> None:
    assert digests.sha256(file) == of(b"first")
    assert not digests.folder().exists()
    file.write_bytes(b"other")
    assert digests.sha256(file) == of(b"other")


def test_a_file_that_is_at_rest_is_remembered(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later = time.time() + 60
    monkeypatch.setattr(time, "time", lambda: later)
    assert digests.sha256(file) == of(b"first")
    assert [each["sha256"] for each in kept()] == [of(b"first")]
    digests.remember(file, REMEMBERED)
    assert digests.sha256(file) == REMEMBERED


def test_a_touched_file_is_read_again(file: Path) -> None:
    digests.remember(file, REMEMBERED)
    assert digests.sha256(file) == REMEMBERED
    before = file.stat()
    file.write_bytes(b"again")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))  # the change of the inode stays
    assert digests.sha256(file) == of(b"again")


def test_another_file_under_the_same_name_is_read(file: Path, own_home: Path) -> None:
    digests.remember(file, REMEMBERED)
    (own_home / "new").write_bytes(b"fresh")
    (own_home / "new").replace(file)
    assert digests.sha256(file) == of(b"fresh")


def note_of(file: Path) -> Path:
    digests.remember(file, REMEMBERED)
    (note,) = digests.folder().glob("*.json")
    return note


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"[]", b"{}", b'{"stamp": 1}', b"[" * 100_000, b"1" * 10_000]
)
def test_a_memory_that_cannot_be_read_is_ignored(file: Path, content: bytes) -> None:
    note_of(file).write_bytes(content)
    assert digests.sha256(file) == of(b"first")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_memory_of_any_content_is_ignored(file: Path, data: st.DataObject) -> None:
    note = note_of(file)
    sound = json.loads(note.read_text("utf-8"))
    damaged = data.draw(replaced({name: sound[name] for name in ("stamp", "sha256")}))
    content = data.draw(st.binary() | st.just(json.dumps(damaged).encode()))
    note.write_bytes(content)
    assert digests.sha256(file) == of(b"first")


def test_a_folder_in_the_place_of_a_memory_gives_way(file: Path) -> None:
    note = note_of(file)
    note.unlink()
    (note / "inside").mkdir(parents=True)
    assert digests.sha256(file) == of(b"first")
    digests.remember(file, REMEMBERED)
    assert digests.sha256(file) == REMEMBERED
    assert [path.name for path in digests.folder().iterdir()] == [note.name]


def test_forgetting(file: Path) -> None:
    digests.remember(file, REMEMBERED)
    digests.forget(file, file.with_name("never seen"))
    assert digests.sha256(file) == of(b"first")


def test_a_cache_that_cannot_be_written_does_no_harm(
    file: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_home / "blocked").write_text("a file")
    monkeypatch.setenv("GRADCAM_CACHE", str(own_home / "blocked"))
    digests.remember(file, REMEMBERED)
    assert digests.sha256(file) == of(b"first")
