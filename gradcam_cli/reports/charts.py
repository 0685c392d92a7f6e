"""Small charts: lines with bands, and bars with intervals, as SVG or as a PNG file.

A chart is a list of shapes in a box of pixels; two functions draw it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

    from gradcam_cli.metrics.intervals import Mean

WIDTH, HEIGHT = 460, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 26, 24
_COLOURS = ("#1a5fb4", "#c64600", "#26a269", "#813d9c", "#a51d2d", "#986a44", "#5e5c64")
_GREY = "#77767b"
_SCALE = 2
"""A PNG has so many pixels for each of the chart's."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """Points that are joined; `fill` makes it an area."""

    points: tuple[Point, ...]
    colour: str
    fill: bool = False
    dashed: bool = False


@dataclass(frozen=True)
class Text:
    """Words that begin at, end at, or stand over a point."""

    at: Point
    words: str
    anchor: str = "start"
    colour: str = "currentColor"


@dataclass
class Chart:
    """Shapes, in a box of `width` by `height`."""

    title: str
    width: int = WIDTH
    height: int = HEIGHT
    shapes: list[Line | Text] = field(default_factory=list)


def colour_of(number: int) -> str:
    """That of the series of this number."""
    return _COLOURS[number % len(_COLOURS)]


def curves_chart(
    title: str,
    series: dict[str, list[Mean]],
    *,
    falling: bool = False,
    ends: tuple[str, str] = ("0 % of the pixels", "100 %"),
) -> Chart:
    """Means over equal shares from 0 to 1, with their intervals as bands.

    Parameters
    ----------
    title : str
    series : dict of str to list of Mean
        The values are 0..1.
    falling : bool
        The curves fall, so that there is room for their names above.
    ends : (str, str)
        What stands below the first and the last point.
    """
    legend = _TOP + 12 if falling else HEIGHT - _BOTTOM - 15 * len(series)
    chart = Chart(title)
    _add_axes(chart, 0.0, 1.0)
    for number, (name, means) in enumerate(series.items()):
        last = max(1, len(means) - 1)
        at = [_x(step / last) for step in range(len(means))]
        low = [_y(each.low or 0.0, 0, 1) for each in means]
        high = [_y(each.high or 0.0, 0, 1) for each in means]
        band = (*zip(at, high, strict=True), *reversed([*zip(at, low, strict=True)]))
        middle = zip(at, (_y(each.value or 0.0, 0, 1) for each in means), strict=True)
        colour = colour_of(number)
        chart.shapes.append(Line(band, colour, fill=True))
        chart.shapes.append(Line(tuple(middle), colour, dashed=name == "random"))
        chart.shapes.append(Text((WIDTH - _RIGHT, legend + 15 * number), name, "end", colour))
    chart.shapes.append(Text((_LEFT, HEIGHT - 6), ends[0]))
    chart.shapes.append(Text((WIDTH - _RIGHT, HEIGHT - 6), ends[1], "end"))
    return chart


def bars_chart(title: str, means: dict[str, Mean]) -> Chart:
    """A bar for each mean, from 0 on, with its interval as a line."""
    rows = 24
    chart = Chart(title, height=_TOP + rows * len(means) + 8)
    ends = [end for each in means.values() for end in (each.low, each.high) if end is not None]
    least, most = min(0.0, *ends, 0.0), max(0.0, *ends, 1e-9)

    def x(value: float) -> float:
        return 150 + (WIDTH - 150 - 60) * (value - least) / (most - least)

    for number, (name, mean) in enumerate(means.items()):
        top = _TOP + rows * number
        chart.shapes.append(Text((142, top + 15), name, "end"))
        if mean.value is None or mean.low is None or mean.high is None:
            continue
        box = (
            (x(0), top + 4),
            (x(mean.value), top + 4),
            (x(mean.value), top + 18),
            (x(0), top + 18),
        )
        chart.shapes.append(Line(box, colour_of(number), fill=True))
        chart.shapes.append(Line(((x(mean.low), top + 11), (x(mean.high), top + 11)), _GREY))
        chart.shapes.append(Text((WIDTH - 4, top + 15), f"{mean.value:.3f}", "end"))
    chart.shapes.append(Line(((x(0), _TOP), (x(0), chart.height - 6)), _GREY))
    return chart


def _x(share: float) -> float:
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * share


def _y(value: float, least: float, most: float) -> float:
    return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * (value - least) / (most - least)


def _add_axes(chart: Chart, least: float, most: float) -> None:
    for step in range(5):
        value = least + (most - least) * step / 4
        height = _y(value, least, most)
        chart.shapes.append(
            Line(((_LEFT, height), (WIDTH - _RIGHT, height)), _GREY, dashed=step > 0)
        )
        chart.shapes.append(Text((_LEFT - 6, height + 4), f"{value:.2f}", "end"))


def svg(chart: Chart) -> str:
    """The chart as an element of HTML; its words take the colour of the page."""
    parts = [
        f'<svg class="chart" viewBox="0 0 {chart.width} {chart.height}" width="{chart.width}" '
        f'height="{chart.height}" role="img" aria-label="{escape(chart.title, _QUOTE)}">',
        f'<text x="4" y="15" font-weight="600">{escape(chart.title)}</text>',
        *map(_svg_of, chart.shapes),
        "</svg>",
    ]
    return "\n".join(parts)


_QUOTE = {'"': "&quot;"}


def _svg_of(shape: Line | Text) -> str:
    if isinstance(shape, Text):
        x, y = shape.at
        return (
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{shape.anchor}" '
            f'fill="{shape.colour}">{escape(shape.words)}</text>'
        )
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
    if shape.fill:
        return f'<polygon points="{points}" fill="{shape.colour}" fill-opacity="0.25"/>'
    dashes = ' stroke-dasharray="4 3"' if shape.dashed else ""
    return f'<polyline points="{points}" fill="none" stroke="{shape.colour}"{dashes}/>'


def write_png(path: Path, charts: Sequence[Chart]) -> None:
    """Write the charts to one picture, one below the other, in black on white."""
    from PIL import Image, ImageDraw

    from gradcam_cli.images.writing import output_file

    size = max(each.width for each in charts), sum(each.height for each in charts)
    picture = Image.new("RGB", (size[0] * _SCALE, size[1] * _SCALE), "white")
    draw = ImageDraw.Draw(picture, "RGBA")
    top = 0
    for chart in charts:
        _draw(draw, Text((4, 15), chart.title), top)
        for shape in chart.shapes:
            _draw(draw, shape, top)
        top += chart.height
    with output_file(path) as file:
        picture.save(file, format="PNG")


def _draw(draw: ImageDraw, shape: Line | Text, top: int) -> None:
    from PIL import ImageFont

    if isinstance(shape, Text):
        colour = "black" if shape.colour == "currentColor" else shape.colour
        at = (shape.at[0] * _SCALE, (shape.at[1] + top) * _SCALE)
        anchor = {"start": "ls", "end": "rs", "middle": "ms"}[shape.anchor]
        draw.text(at, shape.words, colour, ImageFont.load_default(12 * _SCALE), anchor)
        return
    points = [(x * _SCALE, (y + top) * _SCALE) for x, y in shape.points]
    if shape.fill:
        draw.polygon(points, fill=f"{shape.colour}40")
    elif shape.dashed:
        for part in _dashes(points):
            draw.line(part, shape.colour, _SCALE)
    else:
        draw.line(points, shape.colour, _SCALE)


def _dashes(points: list[Point]) -> Iterator[list[Point]]:
    """Every other piece of a line, of 4 pixels each."""
    for (x, y), (to_x, to_y) in pairwise(points):
        pieces = max(1, int(max(abs(to_x - x), abs(to_y - y)) / (4 * _SCALE)))
        for piece in range(0, pieces, 2):
            ends = (piece / pieces, (piece + 1) / pieces)
            yield [(x + (to_x - x) * each, y + (to_y - y) * each) for each in ends]
