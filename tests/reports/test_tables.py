from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from gradcam_cli.reports.tables import GAP, Bar, Column, NarrowingTable, bar, fit_widths

COLUMNS = (Column("name"), Column("count", "right"), Column("share", "right"))


@given(st.floats(0, 1), st.sampled_from(["▏▎▍▌▋▊▉█", "#"]), st.integers(1, 40))
def test_a_bar_is_as_long_as_its_probability(probability: float, blocks: str, cells: int) -> None:
    drawn = bar(probability, blocks, cells)
    assert len(drawn) <= cells
    eighths = sum(blocks.index(cell) + 1 for cell in drawn)
    assert eighths / len(blocks) == pytest.approx(cells * probability, abs=1 / len(blocks))


NATURAL = {"mark": 1, "name": 20, "probability": 11, "bar": 20}
CONTENTS = NATURAL | {"probability": 6}
STEPS = (("bar", 4), ("bar", 0), (GAP, 1), ("name", 12), ("probability", None), ("name", 4))


@pytest.mark.parametrize(
    ("room", "widths", "gap"),
    [
        (61, (1, 20, 11, 20), 3),
        (60, (1, 20, 11, 19), 3),
        (45, (1, 20, 11, 4), 3),
        (44, (1, 20, 11), 3),
        (38, (1, 20, 11), 3),
        (37, (1, 20, 11), 1),
        (33, (1, 19, 11), 1),
        (26, (1, 12, 11), 1),
        (24, (1, 12, 9), 1),
        (20, (1, 11, 6), 1),
        (1, (1, 4, 6), 1),
    ],
)
def test_each_step_goes_as_far_as_it_must(room: int, widths: tuple[int, ...], gap: int) -> None:
    got, got_gap = fit_widths(NATURAL, CONTENTS, STEPS, room)
    assert (tuple(got.values()), got_gap) == (widths, gap)


@given(
    st.lists(
        st.tuples(st.text(max_size=40), st.integers(0, 10**6), st.floats(0, 1)),
        min_size=1,
        max_size=4,
    ),
    st.integers(24, 100),
    st.sampled_from(["utf-8", "ascii", "latin-1"]),
)
def test_no_number_is_lost_and_no_line_too_long(
    rows: list[tuple[str, int, float]], columns: int, encoding: str
) -> None:
    table = NarrowingTable(COLUMNS)
    for name, count, share in rows:
        table.add_row(name, str(count), f"{share:.4f}")
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    out = Console(file=file, width=columns, highlight=False, emoji=False, markup=False)
    out.print(table)
    file.seek(0)
    lines = file.read().split("\n")
    assert max(map(cell_len, lines)) <= columns
    ends = [line.replace("|", " ").split()[-2:] for line in lines]
    for _, count, share in rows:
        assert [str(count), f"{share:.4f}"] in ends


def test_control_characters_are_escaped_wherever_they_stand(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = NarrowingTable([Column("a\x1b[1m"), Column("b\u202e")], title="model\x07")
    table.add_row("\x1b]0;owned\x07", "b\u202egpj")
    Console(width=200, markup=False, highlight=False).print(table)
    out = capsys.readouterr().out
    assert not set(out) & set("\x1b\x07\u202e")
    assert "model\\x07" in out
    assert "\\x1b]0;owned\\x07" in out


def test_bars_keep_their_proportions_where_they_are_shorter(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = NarrowingTable([Column("name"), Column("bar", header="")], [("bar", 4)])
    table.add_row("all", Bar(1))
    table.add_row("half", Bar(0.5))
    Console(width=15, markup=False, highlight=False).print(table)
    bars = [line.count("█") for line in capsys.readouterr().out.splitlines()[2:]]
    assert bars == [8, 4]


@pytest.mark.parametrize("wnid", ["", "n02123045"])
def test_an_optional_column_goes_where_nothing_is_in_it(
    wnid: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table = NarrowingTable([Column("name"), Column("wnid", optional=True)])
    table.add_row("cat", "")
    table.add_row("dog", wnid)
    Console(width=80, markup=False, highlight=False).print(table)
    assert ("wnid" in capsys.readouterr().out) == bool(wnid)
