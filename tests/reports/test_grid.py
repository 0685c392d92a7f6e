"""A comparison's figure, drawn and opened again."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from defusedxml import ElementTree
from PIL import Image

from gradcam_cli.errors import UsageError
from gradcam_cli.reports.grid import SUFFIXES, check_figure, encoded_figure, text_width
from gradcam_cli.reports.grid_layout import CELL, Layout
from gradcam_cli.reports.grid_layout import Image as Placed
from gradcam_cli.results.comparison import Comparison
from tests.reports.comparisons import comparison

DPI = 200


def made(**cell: object) -> Comparison:
    return comparison("pictures", "methods", {"pictures": 3, "methods": 3}, **cell)


def opened(data: bytes) -> np.ndarray:
    with Image.open(BytesIO(data)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def cell_pixels(drawn: np.ndarray, of: Comparison, number: int) -> np.ndarray:
    """The pixels of a cell, well inside its edges."""
    cells = [each for each in Layout(of, text_width).page().placed if isinstance(each[2], Placed)]
    x, y, item = [each for each in cells if each[2].cell is not None][number]
    edges = (y, y + item.height, x, x + item.width)
    top, bottom, left, right = (round(edge * DPI) for edge in edges)
    return drawn[top + 4 : bottom - 4, left + 4 : right - 4]


def test_a_png_has_the_heat_where_it_is() -> None:
    figure = made()
    drawn = opened(encoded_figure(figure, ".png"))
    page = Layout(figure, text_width).page()
    assert abs(drawn.shape[1] - page.width * DPI) <= 1
    falling, rising = (cell_pixels(drawn, figure, number) for number in (0, 1))
    assert abs(falling.shape[1] - (CELL * DPI - 8)) <= 1
    high, wide = falling.shape[0] // 7, falling.shape[1] // 7
    # Heat on one diagonal: turbo's darkest red; on the other, its mirror image.
    for cell, corner, other in ((falling, 0, -1), (rising, -1, 0)):
        rows = slice(0, high // 2)
        hot = cell[rows, :wide] if corner == 0 else cell[rows, -wide // 2 :]
        cold = cell[rows, :wide] if other == 0 else cell[rows, -wide // 2 :]
        assert (hot[..., 0] - hot[..., 2]).mean() > 60 + (cold[..., 0] - cold[..., 2]).mean()


def test_signed_heat_is_red_where_it_speaks_for_and_blue_where_against() -> None:
    signed = np.zeros((7, 7), np.float16)
    signed[:, 0], signed[:, -1] = 1, -1
    figure = made(signed=signed)
    figure.signed = True
    drawn = opened(encoded_figure(figure, ".png"))
    cell = cell_pixels(drawn, figure, 0)
    wide = cell.shape[1] // 14
    picture = cell_pixels(opened(encoded_figure(made(heatmap=np.zeros((7, 7))), ".png")), made(), 0)
    red, middle, blue = (
        (cell[:, at] - picture[:, at])[..., (0, 2)].mean((0, 1))
        for at in (slice(wide), slice(6 * wide, 8 * wide), slice(-wide, None))
    )
    assert red[0] > red[1] + 60
    assert blue[1] > blue[0] + 60
    assert np.abs(middle).max() < 3
    bar = drawn[-120:]
    assert (bar[..., 0] > bar[..., 2] + 100).any()
    assert (bar[..., 2] > bar[..., 0] + 100).any()


@pytest.mark.parametrize("layer", ["input", "top"])
def test_few_hot_pixels_of_a_fine_map_do_not_hide_the_rest(layer: str) -> None:
    heatmap = np.full((150, 200), 0.1, np.float16)
    heatmap[75, 100] = 1
    cells = [
        cell_pixels(opened(encoded_figure(figure, ".png")), figure, 0)
        for figure in (made(heatmap=heatmap, layer=layer), made(heatmap=np.ones((7, 7))))
    ]
    assert np.abs(cells[0] - cells[1]).mean() < 2


def test_without_heat_it_is_the_picture_and_without_a_map_grey_with_a_reason() -> None:
    empty = made(heatmap=np.zeros((7, 7), np.float16))
    pixels = cell_pixels(opened(encoded_figure(empty, ".png")), empty, 0)
    picture = empty.pictures[0].pixels
    assert np.abs(pixels.mean((0, 1)) - picture.reshape(-1, 3).mean(0)).max() < 3
    none = made(heatmap=None, reason="there is no layer", prediction=None)
    pixels = cell_pixels(opened(encoded_figure(none, ".png")), none, 0)
    assert np.median(pixels) == 0xEF
    assert pixels.min() < 0xC0  # the reason


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_comparison_gives_the_same_bytes(suffix: str) -> None:
    first = encoded_figure(made(), suffix)
    with mpl.rc_context({"font.size": 40, "figure.dpi": 30, "svg.hashsalt": "other"}):
        assert encoded_figure(made(), suffix) == first
    assert not re.search(rb"CreationDate|<dc:date>|\d{4}-\d\d-\d\dT", first)


def test_an_svg_is_xml_with_a_picture_each() -> None:
    root = ElementTree.fromstring(encoded_figure(made(), ".svg"))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    images = root.findall(".//{http://www.w3.org/2000/svg}image")
    assert len(images) == 3 + 9 + 1  # pictures, cells, the scale


def test_a_pdf_has_a_page_and_its_fonts() -> None:
    data = encoded_figure(made(), ".pdf")
    assert data.startswith(b"%PDF-")
    assert data.rstrip().endswith(b"%%EOF")
    assert re.search(rb"/Type /Pages\b.*?/Count 1\b|/Count 1\b.*?/Type /Pages\b", data, re.DOTALL)
    assert b"DejaVuSans" in data


@pytest.mark.parametrize("name", ["figure.jpg", "figure", "none/figure.png", "folder.png"])
def test_what_cannot_be_written(name: str, own_home: Path) -> None:
    Path("folder.png").mkdir()
    with pytest.raises(UsageError):
        check_figure(Path(name))
