"""The manifest: the last line counts, and what is no whole record is no line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcam_cli.errors import UsageError
from gradcam_cli.results.manifest import FILE, Manifest, Record, State, line_of, parse
from tests import fuzz_manifests
from tests.conftest import records
from tests.disks import file_size_limit
from tests.results.samples import CAT, explained, explanation, fields

RESULT = fields(explained(CAT))


def failed(source: str = "a.jpg", error: str = "it is broken") -> Record:
    return Record(source, f"/photos/{source}", (10, 20), "settings", error=error)


def done(source: str = "a.jpg") -> Record:
    return Record(
        source,
        f"/photos/{source}",
        (10, 20),
        "settings",
        overlays=("a.gradcam.jpg",),
        sizes=(7,),
        sha256=("0" * 64,),
        result=explanation(),
    )


def write(folder: Path, *added: Record) -> None:
    with Manifest(folder).writer() as writer:
        for record in added:
            writer.add(record)


def test_what_is_added_is_read_back(own_home: Path) -> None:
    added = [
        done("a.jpg"),
        failed("b.jpg"),
        Record("https://example.org/c.jpg", "", None, "settings", error="404"),
        done("odd \udcff\n\u2028 é.jpg"),
    ]
    with Manifest(own_home).writer() as writer:
        for record in added:
            writer.add(record)
            assert record in records(own_home)  # at once, not at the end
    assert records(own_home) == sorted(added, key=lambda record: record.source)


def test_the_last_line_about_a_source_counts(own_home: Path) -> None:
    write(own_home, failed("a.jpg", "first"), failed("b.jpg"), failed("a.jpg", "second"))
    assert records(own_home) == [failed("a.jpg", "second"), failed("b.jpg")]
    write(own_home)
    assert len((own_home / FILE).read_text("utf-8").splitlines()) == 2
    assert records(own_home) == [failed("a.jpg", "second"), failed("b.jpg")]


def test_states_and_chosen_records(own_home: Path) -> None:
    write(own_home, done("b.jpg"), failed("a.jpg"), done("c.jpg"))
    with Manifest(own_home).reader() as reader:
        state = reader.state("/photos/b.jpg")
        assert state is not None
        assert (state.source, state.sizes) == ("b.jpg", (7,))
        assert reader.state("/photos/none.jpg") is None
        keys = ["/photos/c.jpg", "/photos/a.jpg", "/nowhere", "/photos/c.jpg"]
        assert [record.source for record in reader.ordered(keys)] == ["a.jpg", "c.jpg"]
        assert [record.source for record in reader.records(keys)] == ["c.jpg", "a.jpg"]


@settings(deadline=None)  # it waits for the disk
@given(st.integers(0, 400))
def test_cut_off_anywhere_it_can_be_gone_on_with(
    tmp_path_factory: pytest.TempPathFactory, length: int
) -> None:
    folder = tmp_path_factory.mktemp("run")
    write(folder, failed("a.jpg"), failed("b.jpg"))
    whole = (folder / FILE).read_bytes()
    (folder / FILE).write_bytes(whole[:length])
    kept = whole[:length].count(b"\n")
    assert len(records(folder)) == kept
    assert Manifest(folder).damaged == 0
    write(folder, failed("c.jpg"))
    assert [record.source for record in records(folder)] == [*["a.jpg", "b.jpg"][:kept], "c.jpg"]


NESTED = b"[" * 100_000
CONTRADICTIONS: list[dict[str, Any]] = [
    {"error": "", "result": None, "overlays": [], "sizes": [], "sha256": []},
    {"error": "it failed"},
    {"overlays": []},
    {"sizes": []},
    {"sizes": [-1]},
    {"sha256": ["x"]},
    {"stamp": ["a", {}]},
    {"stamp": [float("nan"), 1]},
    {"source": ["a.jpg"]},
    {"source": None},
    {"schema": 2},
    {"result": {}},
    {"result": []},
    {"result": {**RESULT, "predictions": []}},
    {"result": {**RESULT, "predictions": {"0": CAT}}},
    {"result": {**RESULT, "predictions": [{**CAT, "probability": 2.0}]}},
    {"result": {**RESULT, "predictions": [{**CAT, "probability": float("nan")}]}},
    {"result": {**RESULT, "predictions": [{**CAT, "rank": 0}]}},
    {"result": {**RESULT, "explanations": 5}},
    {"result": {name: value for name, value in RESULT.items() if name != "layer"}},
]


@pytest.mark.parametrize(
    "line",
    [
        *(b"\xff\xfe", b"null", b"[]", b"{}", b'{"schema": 2}', b'{"schema": 1, "source": "x"}'),
        *(NESTED, b'{"schema": 1, "source": ' + NESTED, b'{"x": "\\udcff", "source": ' + NESTED),
        b'{"x": "\\udcff"}',
        *(
            json.dumps({**msgspec.to_builtins(done()), **change}).encode()
            for change in CONTRADICTIONS
        ),
    ],
)
def test_what_is_no_record_is_passed_over_and_counted(own_home: Path, line: bytes) -> None:
    write(own_home, failed("b.jpg"))
    with (own_home / FILE).open("ab") as file:
        file.write(line + b"\n")
    manifest = Manifest(own_home)
    assert records(own_home) == [failed("b.jpg")]
    assert manifest.damage == f"1 line is damaged in {own_home / FILE}, and passed over."
    write(own_home)  # which drops it
    assert Manifest(own_home).damage == ""
    assert records(own_home) == [failed("b.jpg")]


@given(st.binary(max_size=200))
def test_any_bytes_are_a_line_or_none(data: bytes) -> None:
    for kind in (State, Record):
        assert parse(data.replace(b"\n", b"") + b"\n", kind) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*RESULT, *CAT]), inner, max_size=6)
    ),
    max_leaves=12,
)
FIELDS = [field.name for field in msgspec.structs.fields(Record)]


@given(st.sampled_from(FIELDS), st.sampled_from([*RESULT]), JSON)
def test_a_line_is_what_was_written_or_none(field: str, inner: str, value: Any) -> None:
    good = msgspec.to_builtins(done())
    for changed in ({**good, field: value}, {**good, "result": {**RESULT, inner: value}}):
        record = parse(json.dumps(changed).encode() + b"\n", Record)
        if record is not None:
            assert parse(line_of(record), Record) == record
            assert isinstance(record.source, str)
            assert record.error or record.result.predictions[0].rank >= 1


def test_mutated_manifests_are_read_and_gone_on_with(own_home: Path) -> None:
    good = line_of(done("a.jpg")) + line_of(failed("b.jpg")) + line_of(done("é\udcff"))
    fuzz_manifests.check(good, own_home, number=150, seed=23)


def test_no_manifest_has_no_records(own_home: Path) -> None:
    assert records(own_home / "nowhere") == []
    with pytest.raises(UsageError, match="there is no folder"):
        Manifest.of_run(own_home / "nowhere")
    with pytest.raises(UsageError, match=r"there is no gradcam\.jsonl"):
        Manifest.of_run(own_home)


def test_a_folder_in_its_place_is_told(own_home: Path) -> None:
    (own_home / FILE).mkdir()
    with pytest.raises(UsageError, match=r"cannot read .*gradcam\.jsonl"):
        Manifest(own_home)


def test_a_line_that_does_not_fit_is_not_there(own_home: Path) -> None:
    with Manifest(own_home).writer() as writer:
        writer.add(done("a.jpg"))
        size = (own_home / FILE).stat().st_size
        with file_size_limit(size + 100), pytest.raises(UsageError, match=r"cannot write .*jsonl"):
            writer.add(done("b.jpg"))
        assert (own_home / FILE).stat().st_size == size
        writer.add(done("c.jpg"))
    assert records(own_home) == [done("a.jpg"), done("c.jpg")]
