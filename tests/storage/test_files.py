"""Files appear whole or not at all, on disks that are really full too."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcam_cli.storage.files import (
    TEMPORARY_SUFFIX,
    sweep,
    sync,
    temporary_path,
    whole_file,
    write_bytes,
)
from tests.conftest import as_nobody
from tests.disks import file_size_limit, full_at


@pytest.mark.parametrize("size", [9_999, 4_096, 1, 0])
def test_what_does_not_fit_is_not_there(own_home: Path, size: int) -> None:
    path = own_home / "x.jpg"
    path.write_bytes(b"old")
    with file_size_limit(size), pytest.raises(OSError, match="File too large"):
        write_bytes(path, bytes(10_000))
    assert path.read_bytes() == b"old"
    assert list(own_home.iterdir()) == [path]


def test_what_fits_exactly_is_written(own_home: Path) -> None:
    with file_size_limit(10_000):
        write_bytes(own_home / "x.jpg", bytes(10_000))
    assert (own_home / "x.jpg").read_bytes() == bytes(10_000)


def test_a_short_write_that_nobody_noticed_is(own_home: Path) -> None:
    def cut(file: object) -> None:
        file.write(bytes(10_000))
        file.flush()
        os.truncate(file.name, 9_000)

    with (
        pytest.raises(OSError, match="only 9,000 of 10,000 bytes"),
        whole_file(own_home / "x") as f,
    ):
        cut(f)
    assert list(own_home.iterdir()) == []


@given(data=st.binary(max_size=200_000), synced=st.booleans())
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, synced: bool
) -> None:
    path = tmp_path_factory.mktemp("files") / "x"
    write_bytes(path, data, synced=synced)
    assert path.read_bytes() == data
    sync([path])


@given(
    st.text(min_size=1, max_size=255).filter(
        lambda name: len(name.encode()) <= 255 and "/" not in name and "\0" not in name
    )
)
def test_a_temporary_name_fits_every_file_system(name: str) -> None:
    found = temporary_path(Path("folder", name))
    assert found.parent == Path("folder", name).parent
    assert len(found.name.encode()) <= 255


def test_what_killed_processes_left_is_swept(own_home: Path) -> None:
    inside = own_home / "birds"
    elsewhere = own_home / "elsewhere"
    out = own_home / "out"
    for folder in (inside, elsewhere, out, out / "birds"):
        folder.mkdir(exist_ok=True)
    left = [temporary_path(folder / "crow\n.gradcam.jpg") for folder in (out, out / "birds")]
    for path in left:
        path.write_bytes(b"half")
    kept = [out / ".notes.tmp", out / f"mine{TEMPORARY_SUFFIX}", out / "crow.gradcam.jpg"]
    (out / "link").symlink_to(elsewhere)
    kept.append(temporary_path(elsewhere / "crow.jpg"))
    for path in kept:
        path.write_bytes(b"kept")
    assert sweep(out) == 2
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in kept)


def test_what_went_meanwhile_needs_no_sync(own_home: Path) -> None:
    sync([own_home / "gone", Path("nowhere/gone")])


def test_a_folder_that_may_not_be_read_can_be_written_to(own_home: Path) -> None:
    folder = Path("drop")
    folder.mkdir()
    folder.chmod(0o333)
    with as_nobody():
        write_bytes(folder / "x", b"data")
        sync([folder / "x"])
    assert (folder / "x").read_bytes() == b"data"


def test_nothing_is_swept_from_nowhere(own_home: Path) -> None:
    assert sweep(own_home / "nowhere") == 0


@pytest.mark.parametrize("full", ["disk", "limit"])
def test_a_disk_that_fills_up_keeps_what_is_whole(own_home: Path, full: str) -> None:
    place = own_home / "disk"

    def fill() -> None:
        for number in range(1_000):
            write_bytes(place / f"{number}", bytes(1_000 * (number + 1)), synced=False)

    with full_at(place, full):
        with pytest.raises(OSError, match=r"No space left|File too large"):
            fill()
        names = sorted(int(path.name) for path in place.iterdir())
        assert names == list(range(len(names)))
        assert 0 < len(names) < 1_000
        assert all((place / str(n)).stat().st_size == 1_000 * (n + 1) for n in names)
