"""Where things stand in a comparison's figure, whatever is compared with what."""

from __future__ import annotations

from itertools import combinations, permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcam_cli.reports.grid_layout import CELL, Image, Layout, Line, whole_percent, wrapped
from gradcam_cli.results.comparison import AXES
from tests.reports.comparisons import comparison


def monospaced(words: str, size: float, bold: bool) -> float:
    """In inches, each character 0.6 of the size."""
    return len(words) * 0.6 * size / 72


WIDTH = 20.2 * 0.6 * 7 / 72  # of 20 characters


@given(st.text("ab-_/: ", max_size=60), st.integers(1, 4))
def test_lines_fit_and_lose_nothing_but_what_an_ellipsis_stands_for(words: str, most: int) -> None:
    lines = [line.words for line in wrapped(Line(words), WIDTH, monospaced, most)]
    assert len(lines) <= most
    assert all(0 < len(line) <= 20 for line in lines)
    kept = "".join(lines).replace(" ", "")
    if lines and lines[-1].endswith("…"):
        assert words.replace(" ", "").startswith(kept[:-1])
    else:
        assert kept == words.replace(" ", "")


def test_lines_break_after_hyphens_and_colons() -> None:
    def words(text: str, most: int = 2) -> list[str]:
        return [line.words for line in wrapped(Line(text), WIDTH, monospaced, most)]

    assert words("integrated-gradients:steps=5") == ["integrated-", "gradients:steps=5"]
    assert words("x" * 50, 3) == ["x" * 20, "x" * 20, "x" * 10]
    assert words("x" * 50) == ["x" * 20, "x" * 19 + "…"]
    assert words("") == []


def test_percent() -> None:
    shares = (0.0, 0.004, 0.006, 0.795, 1.0)
    assert [whole_percent(each) for each in shares] == ["0 %", "< 1 %", "1 %", "80 %", "100 %"]


PAIRS = list(permutations(AXES, 2))


def laid_out(rows: str, columns: str, **cell: Any) -> tuple[Layout, list[tuple[float, ...]]]:
    """The layout of three values by many, and the box of each thing on its page."""
    counts = {rows: 3, columns: 13}
    layout = Layout(comparison(rows, columns, counts, **cell), monospaced, seconds=True)
    page = layout.page()
    boxes = [(0.0, 0.0, page.width, page.height)]
    for x, y, item in page.placed:
        width = monospaced(item.words, item.size, item.bold) if isinstance(item, Line) else 0
        boxes.append(
            (x, y, x + (item.width if isinstance(item, Image) else width), y + item.height)
        )
    return layout, boxes


@pytest.mark.parametrize(("rows", "columns"), PAIRS)
@pytest.mark.parametrize(
    "cell", [{}, {"heat_in_object": 0.5}, {"reason": "it cannot be had " * 30, "heatmap": None}]
)
def test_nothing_overlaps_and_all_is_on_the_page(
    rows: str, columns: str, cell: dict[str, object]
) -> None:
    _, (page, *boxes) = laid_out(rows, columns, **cell)
    for left, top, right, bottom in boxes:
        assert 0 <= left < right <= page[2] + 1e-9
        assert 0 <= top < bottom <= page[3] + 1e-9
    for first, second in combinations(boxes, 2):
        apart = (
            first[2] <= second[0] + 1e-9
            or second[2] <= first[0] + 1e-9
            or first[3] <= second[1] + 1e-9
            or second[3] <= first[1] + 1e-9
        )
        assert apart, (first, second)


@pytest.mark.parametrize(("rows", "columns"), PAIRS)
def test_each_cell_is_drawn_once_and_each_value_named(rows: str, columns: str) -> None:
    made = comparison(rows, columns, {rows: 3, columns: 13})
    layout = Layout(made, monospaced)
    page = layout.page()
    drawn = [item.place for _, _, item in page.placed if isinstance(item, Image) and item.cell]
    assert sorted(drawn) == sorted(made.cells)
    text = " ".join(item.words for _, _, item in page.placed if isinstance(item, Line))
    caption = " ".join(line.words for line in layout.caption(5 * CELL))
    for axis in ("methods", "models"):
        assert (made.values[axis][0] in text) == (axis in (rows, columns))
        assert (made.values[axis][0] in caption) == (axis not in (rows, columns))
    assert "class number 0" in text
    assert "75 %" in text


def test_a_long_row_goes_on_below() -> None:
    page = Layout(comparison("pictures", "methods", {"methods": 13}), monospaced).page()
    lefts = [x for x, _, item in page.placed if isinstance(item, Image) and item.cell]
    assert len(set(lefts)) == 5  # 13 in lines of 5, 5 and 3
    assert page.width < 6 * CELL + 2


def test_what_a_cell_says() -> None:
    made = comparison("pictures", "methods", {"methods": 2}, heat_in_object=0.5)
    made.same[0, 0] = {1: 0}
    place = list(made.places())[1]
    made.cells[place].heatmap[:] = 0  # type: ignore[index]
    words = [
        item.words
        for _, _, item in Layout(made, monospaced, seconds=True).page().placed
        if isinstance(item, Line)
    ]
    assert words.count("50 % in the box · 0.25 s") == 2
    assert "no evidence" in words
    made.cells[place].heatmap[0] = 1  # type: ignore[index]
    words = [
        item.words
        for _, _, item in Layout(made, monospaced).page().placed
        if isinstance(item, Line)
    ]
    assert "the same as method-0" in words, words
    assert not any(word.endswith(" s") for word in words)
