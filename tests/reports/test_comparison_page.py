"""The page of a comparison, as people have it: in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcam_cli.reports.comparison_page import ComparisonView, write_comparison_page
from gradcam_cli.results.comparison import Cell, Comparison
from tests.reports.chromium import Browser
from tests.reports.comparisons import comparison
from tests.reports.test_page_viewer import until, viewed, widths

ENTER, ESCAPE = "\ue007", "\ue00c"
SHAPES = [
    ("pictures", "methods", {"pictures": 3, "methods": 4}),
    ("methods", "pictures", {"pictures": 2, "methods": 3}),
    ("classes", "layers", {"classes": 2, "layers": 2}),
    ("pictures", "models", {"pictures": 2, "models": 2}),
    ("models", "methods", {"models": 2, "methods": 2}),
]


def made(**cell: Any) -> Comparison:
    grid = comparison("pictures", "methods", {"pictures": 3, "methods": 4}, **cell)
    place = grid.place(1, 1)
    grid.cells[place] = Cell(reason="it has <no> attention", remedy="Choose another.")
    grid.failures.append(("broken.png", "could not read broken.png"))
    return grid


@pytest.fixture
def page(chromium: Any, tmp_path: Path) -> Iterator[Browser]:
    """A page of three pictures and four methods, of which one cell has no heatmap."""
    write_comparison_page(
        made(heat_in_object=0.5, boxes=((0.1, 0.1, 0.5, 0.5),)), tmp_path / "x.html", seconds=True
    )
    browser = Browser(chromium)
    browser.width(1000)
    browser.prefer(prefers_color_scheme="light")
    browser.open(tmp_path / "x.html")
    yield browser
    assert browser.complaints() == []


def test_it_is_a_table_with_pictures_classes_and_figures(page: Browser) -> None:
    table = page.first("#compared")
    heads = [each.text for each in table.find_elements("css selector", "thead th")]
    assert heads == ["picture", "method-0", "method-1", "method-2", "method-3"]
    rows = table.find_elements("css selector", "tbody tr")
    assert len(rows) == 3
    side = rows[0].find_element("css selector", "th")
    assert side.text.splitlines()[:2] == ["photos/cat $x_1$.jpg", "0 class_number_0"]
    assert "75.0 %" in side.text
    cells = rows[1].find_elements("css selector", "td")
    assert cells[1].text == "none: it has <no> attention. Choose another."
    assert cells[0].text.splitlines()[1:] == [
        "0 class_number_0, 75.0 %", "50.0 % in the box", "0.25 s", "at top",
    ]  # fmt: skip
    assert page.first("section:last-of-type li").text == "could not read broken.png"
    loaded = "return [...document.querySelectorAll('main img')].every((e) => e.naturalWidth > 0)"
    assert until(lambda: page.run(loaded))


def test_cells_open_in_the_viewer_and_close(page: Browser) -> None:
    button = page.first(".card .open")
    page.run("arguments[0].focus()", button)
    page.press(ENTER)
    assert viewed(page) == "photos/cat $x_1$.jpg · method-0"
    assert until(lambda: widths(page) == [40, 40])
    assert page.first("#viewer-notes").text == ""
    assert page.first("#viewer-place").text == "1 of 11"
    assert "75.0 %" in page.first("#viewer-top").text
    assert not page.first("#viewer-tick").is_displayed()
    assert page.first("#stage .handle").is_displayed()
    page.first("#viewer-next").click()
    assert viewed(page) == "photos/cat $x_1$.jpg · method-1"
    page.press(ESCAPE)
    assert viewed(page) == ""
    assert page.run("return document.activeElement.ariaLabel").endswith("method-1")
    page.first(".card img").click()
    assert viewed(page).endswith("method-0")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1000, 360])
def test_it_fits_a_phone_and_axe_finds_no_faults(page: Browser, scheme: str, width: int) -> None:
    page.prefer(prefers_color_scheme=scheme)
    page.width(width)
    assert page.run("return document.documentElement.scrollWidth") <= width
    assert page.accessibility_faults() == []
    page.run("document.querySelector('.card .open').click()")
    assert page.accessibility_faults() == []


@pytest.mark.parametrize(("rows", "columns", "counts"), SHAPES)
def test_each_shape_has_its_pictures_and_classes_once(
    rows: str, columns: str, counts: dict[str, int], tmp_path: Path
) -> None:
    grid = comparison(rows, columns, counts)
    path = tmp_path / "x.html"
    write_comparison_page(grid, path, seconds=False)
    text = path.read_text("utf-8")
    assert text.count('<img class="source"') == counts.get("pictures", 1)
    assert text.count("<article") == len(grid.cells)
    assert " s</span>" not in text
    view = ComparisonView(grid)
    assert [len(places) for _, places in view.rows] == [counts[columns]] * counts[rows]
    headers = [*view.columns, *(header for header, _ in view.rows), view.above]
    if {rows, columns} != {"pictures", "models"}:
        assert any(header.classes for header in headers)
    write_comparison_page(grid, tmp_path / "y.html", seconds=False)
    assert (tmp_path / "y.html").read_bytes() == path.read_bytes()


def test_cells_show_the_heat_and_the_boxes() -> None:
    grid = made()
    plain = made(heatmap=np.zeros((7, 7), np.float16))
    place = grid.place(0, 0)
    uris = [ComparisonView(each).overlay(place).uri for each in (grid, plain)]
    assert uris[0] != uris[1] == ComparisonView(plain).pictures[0].uri
    boxed = ComparisonView(made(boxes=((0.0, 0.0, 1.0, 1.0),), heatmap=np.zeros((7, 7), "f2")))
    assert boxed.overlay(place).uri not in uris
    assert "no evidence" in ComparisonView(plain).figures(place)
