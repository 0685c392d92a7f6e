"""The figure of a comparison as PNG, SVG or PDF: matplotlib, which is imported here only.

Its own defaults and its own fonts are used, whatever a machine has, and no time is written: the
same comparison gives the same bytes.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradcam_cli.errors import UsageError
from gradcam_cli.images.writing import check_writable
from gradcam_cli.reports.grid_layout import GAP, MARGIN, Image, Layout, Line
from gradcam_cli.reports.heat_pictures import coloured, with_heat
from gradcam_cli.text import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties

    from gradcam_cli.results.comparison import Comparison

SUFFIXES = (".png", ".svg", ".pdf")
PAGE = ".html"
INSTALL = 'Install it: pip install "gradcam-cli[figures]".'
_DPI = 200
_BAR = (1.2, 0.07)
_PAGE_GREY = "#efefef"
_NO_CLOCK: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}

_ENDS, _SIGNED_ENDS = ("no heat", "the most"), ("against", "for the class")
"""What stands at the ends of the bar of colours."""


def check_figure(path: Path, *, sources: Iterable[Path] = ()) -> None:
    """Refuse what cannot be drawn or written, as a figure or a page, before any work is done.

    Raises
    ------
    UsageError
        For another suffix, a place that cannot be written, or without matplotlib.
    """
    suffix = path.suffix.lower()
    if suffix not in (*SUFFIXES, PAGE):
        raise UsageError(
            f"expected a figure that ends in {', '.join((*SUFFIXES, PAGE))}, got {str(path)!r}",
            "Choose another name with -o.",
        )
    if suffix != PAGE and find_spec("matplotlib") is None:
        raise UsageError("figures are drawn by matplotlib, which is not installed", INSTALL)
    check_writable(path, sources=sources)


def encoded_figure(comparison: Comparison, suffix: str, *, seconds: bool = False) -> bytes:
    """The figure as a file whose name ends in `suffix` holds it.

    Parameters
    ----------
    comparison : Comparison
    suffix : str
        One of `SUFFIXES`.
    seconds : bool
        Write in each cell how long it took.
    """
    kind = suffix.lower()
    with _own_settings():
        figure = _drawn(comparison, Layout(comparison, text_width, seconds=seconds))
        encoded = BytesIO()
        figure.savefig(encoded, format=kind[1:], dpi=_DPI, metadata=_NO_CLOCK[kind])
    return encoded.getvalue()


@contextmanager
def _own_settings() -> Iterator[None]:
    """Matplotlib as it comes, whatever settings a machine has, and silent."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib as mpl

    with mpl.rc_context(), _missing_glyphs_as_boxes():
        mpl.rcdefaults()
        mpl.rcParams.update({"svg.hashsalt": "gradcam", "pdf.fonttype": 42})
        yield


@cache
def _font(size: float, *, bold: bool) -> FontProperties:
    """The font that comes with matplotlib."""
    import matplotlib as mpl
    from matplotlib.font_manager import FontProperties

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return FontProperties(fname=Path(mpl.get_data_path(), "fonts", "ttf", name), size=size)


@lru_cache(maxsize=4096)
def text_width(words: str, size: float, bold: bool) -> float:
    """How wide a line of text is, in inches."""
    from matplotlib.textpath import text_to_path

    font = _font(size, bold=bold)
    with _missing_glyphs_as_boxes():
        width, _, _ = text_to_path.get_text_width_height_descent(words, font, False)
    return float(width) / 72


@contextmanager
def _missing_glyphs_as_boxes() -> Iterator[None]:
    """Let matplotlib draw a box for what its font has not, and say nothing."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        yield


def _drawn(comparison: Comparison, layout: Layout) -> Figure:
    from matplotlib.figure import Figure

    page = layout.page()
    caption = layout.caption(page.width - 2 * MARGIN - _BAR[0] - GAP)
    top = page.height + GAP
    height = top + max(sum(line.height for line in caption), 0.3) + MARGIN
    figure = Figure(figsize=(page.width, height), facecolor="white")
    for x, y, item in page.placed:
        if isinstance(item, Line):
            _draw_line(figure, x, y, item)
        else:
            _draw_image(figure, x, y, item, comparison)
    y = top
    for line in caption:
        _draw_line(figure, MARGIN, y, line)
        y += line.height
    _draw_scale(figure, page.width - MARGIN - _BAR[0], top, signed=comparison.signed)
    return figure


def _draw_line(figure: Figure, x: float, y: float, line: Line) -> None:
    width, height = figure.get_size_inches()
    figure.text(
        x / width,
        1 - y / height,
        printable(line.words),
        fontproperties=_font(line.size, bold=line.bold),
        color=line.colour,
        verticalalignment="top",
        parse_math=False,
    )


def _axes_at(figure: Figure, x: float, y: float, wide: float, tall: float) -> Axes:
    width, height = figure.get_size_inches()
    axes = figure.add_axes((x / width, 1 - (y + tall) / height, wide / width, tall / height))
    axes.set_axis_off()
    return axes


def _draw_image(figure: Figure, x: float, y: float, image: Image, comparison: Comparison) -> None:
    from matplotlib.patches import Rectangle

    axes = _axes_at(figure, x, y, image.width, image.height)
    if image.cell is not None and image.cell.reason:
        axes.add_patch(Rectangle((0, 0), 1, 1, facecolor=_PAGE_GREY))
        for line in image.lines:
            _draw_line(figure, x + 0.07, y + 0.06, line)
            y += line.height
        return
    plain = comparison.pictures[image.place.pictures].pixels
    pixels = plain if image.cell is None else with_heat(comparison, image.place)
    axes.imshow(pixels, aspect="auto", extent=(0, 1, 1, 0))
    for left, top, wide, tall in () if image.cell is None else image.cell.boxes:
        for colour, thick in (("black", 1.4), ("white", 0.7)):
            outline = Rectangle((left, top), wide, tall, fill=False, edgecolor=colour, lw=thick)
            axes.add_patch(outline)


def _draw_scale(figure: Figure, x: float, y: float, *, signed: bool) -> None:
    """The colours of no heat to the most, or from what speaks most against to what does for."""
    import numpy as np

    heat = np.linspace(-int(signed), 1, 256, dtype=np.float32)[np.newaxis]
    axes = _axes_at(figure, x, y + 0.02, *_BAR)
    colours = coloured(heat, signed=signed)
    if signed:  # as it is on white
        colours = 1 - np.sqrt(np.abs(heat))[..., np.newaxis] * (1 - colours)
    axes.imshow(colours, aspect="auto", extent=(0, 1, 0, 1))
    least, most = (Line(words, 6) for words in (_SIGNED_ENDS if signed else _ENDS))
    _draw_line(figure, x, y + 0.13, least)
    _draw_line(figure, x + _BAR[0] - text_width(most.words, 6, False), y + 0.13, most)
