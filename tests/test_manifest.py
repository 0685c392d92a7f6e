"""The manifest: the last line counts, and a line that was cut off is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcam_cli.manifest import FILE, Manifest, Record, records


def record(source: str = "a.jpg", **fields: object) -> Record:
    return Record(source, f"/photos/{source}", (10, 20), "settings", **fields)


def test_what_is_added_is_read_back(tmp_path: Path) -> None:
    added = [
        record("a.jpg", overlays=("a.gradcam.jpg",), sizes=(7,), result={"predictions": [1.5]}),
        record("b.jpg", error="it is broken"),
        Record("https://example.org/c.jpg", "", None, "settings"),
        record("odd \udcff\n\u2028 é.jpg"),
    ]
    with Manifest(tmp_path) as manifest:
        for each in added:
            manifest.add(each)
            assert each in list(records(tmp_path))  # at once, not at the end
    assert list(records(tmp_path)) == sorted(added, key=lambda each: each.source)


def test_the_last_line_about_a_source_counts(tmp_path: Path) -> None:
    with Manifest(tmp_path) as manifest:
        manifest.add(record("a.jpg", error="first"))
        manifest.add(record("b.jpg"))
        manifest.add(record("a.jpg", error="second"))
    assert list(records(tmp_path)) == [record("a.jpg", error="second"), record("b.jpg")]
    Manifest(tmp_path).__exit__(None, None, None)
    assert len((tmp_path / FILE).read_text("utf-8").splitlines()) == 2


@given(st.integers(0, 400))
def test_cut_off_anywhere_it_can_be_gone_on_with(
    tmp_path_factory: pytest.TempPathFactory, length: int
) -> None:
    folder = tmp_path_factory.mktemp("run")
    with Manifest(folder) as manifest:
        manifest.add(record("a.jpg"))
        manifest.add(record("b.jpg"))
    whole = (folder / FILE).read_bytes()
    (folder / FILE).write_bytes(whole[:length])
    kept = whole[:length].count(b"\n")
    assert len(list(records(folder))) == kept
    with Manifest(folder) as manifest:
        manifest.add(record("c.jpg"))
    assert [each.source for each in records(folder)] == [*["a.jpg", "b.jpg"][:kept], "c.jpg"]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b'{"schema": 2}',
        b'{"schema": 1, "source": "x"}',
        b'{"schema": 1, "source": "x", "path": "", "stamp": 5, "settings": "", "overlays": [], '
        b'"heatmaps": [], "sizes": [], "result": null, "error": ""}',
    ],
)
def test_lines_that_are_none_of_ours_are_passed_over(tmp_path: Path, line: bytes) -> None:
    with Manifest(tmp_path) as manifest:
        manifest.add(record())
    with (tmp_path / FILE).open("ab") as file:
        file.write(line + b"\n")
    assert list(records(tmp_path)) == [record()]


def test_no_manifest_has_no_records(tmp_path: Path) -> None:
    assert list(records(tmp_path / "nowhere")) == []
