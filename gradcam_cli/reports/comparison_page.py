"""The grid of a comparison as a page that needs nothing but itself.

Comparison ─▶ headers and cells, each with its words and its picture ─▶ FILE.html
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from gradcam_cli import __version__
from gradcam_cli.images.writing import output_file
from gradcam_cli.reports.comparison import axis_name, cell_note, class_text
from gradcam_cli.reports.heat_pictures import with_heat
from gradcam_cli.reports.page.assets import page_assets, page_template
from gradcam_cli.reports.page.thumbnails import Thumbnail
from gradcam_cli.results.comparison import AXES
from gradcam_cli.text import percent, printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gradcam_cli.results.comparison import Axis, Cell, Comparison, Place
    from gradcam_cli.results.explanation import Prediction

SIDE = 640
"""The longer side of its pictures."""

_STYLES = ("page.css", "cards.css", "viewer.css", "comparison.css")
_SCRIPTS = ("comparison.js", "viewer.js")


@dataclass(frozen=True)
class Header:
    """What stands above a column, left of a row, or above all: a name, a picture, classes."""

    name: str
    picture: int | None
    classes: tuple[Prediction, ...]


class ComparisonView:
    """A comparison in the words of the page; all text is fit to be shown.

    Parameters
    ----------
    comparison : Comparison
    seconds : bool
        Tell of each cell how long it took.
    """

    def __init__(self, comparison: Comparison, *, seconds: bool = False) -> None:
        self._comparison = comparison
        self._seconds = seconds
        self.rows_are, self.columns_are = map(axis_name, comparison.axes)
        self.failures = [printable(str(error)) for _, error in comparison.failures]

    @cached_property
    def pictures(self) -> dict[int, Thumbnail]:
        """The plain pictures by their position, each once."""
        return {
            position: _embedded(picture.pixels)
            for position, picture in self._comparison.pictures.items()
        }

    @property
    def columns(self) -> list[Header]:
        """The headers of the columns."""
        row = self._comparison.positions(self._comparison.axes.rows)[0]
        positions = self._comparison.positions(self._comparison.axes.columns)
        places = [self._comparison.place(row, column) for column in positions]
        return [self._header(place, self._comparison.axes.columns) for place in places]

    @property
    def rows(self) -> list[tuple[Header, list[Place]]]:
        """The header of each row, and the places of its cells."""
        rows, columns = self._comparison.axes
        positions = self._comparison.positions(columns)
        places = [
            [self._comparison.place(row, column) for column in positions]
            for row in self._comparison.positions(rows)
        ]
        return [(self._header(row[0], rows), row) for row in places]

    @property
    def above(self) -> Header:
        """What holds for all cells: the picture and its classes, unless these vary."""
        place = next(self._comparison.places())
        one = self._comparison.axes.rows, self._comparison.axes.columns
        alone = "pictures" not in one
        classes = self.classes(place) if alone and "models" not in one else ()
        name = printable(self._comparison.value(place, "pictures")) if alone else ""
        return Header(name, place.pictures if alone else None, classes)

    @property
    def facts(self) -> list[tuple[str, str]]:
        """The axes with one value, and what it is; and what else holds for all cells."""
        place = next(self._comparison.places())
        fixed: list[Axis] = [
            axis for axis in AXES if axis not in (*self._comparison.axes, "pictures", "classes")
        ]
        values = [(axis_name(axis), self._comparison.value(place, axis)) for axis in fixed]
        if self._comparison.signed:
            values.append(("colours", "red for the class, blue against it"))
        return [
            (name, printable(value)) for name, value in (*values, *self._comparison.asked.items())
        ]

    def _header(self, place: Place, axis: Axis) -> Header:
        name = self._comparison.value(place, axis)
        tells = {"pictures", "models"} & set(self._comparison.axes) == {axis}
        picture = place.pictures if axis == "pictures" else None
        return Header(printable(name), picture, self.classes(place) if tells else ())

    def cell(self, place: Place) -> Cell:
        """What is at `place`."""
        return self._comparison.cells[place]

    def overlay(self, place: Place) -> Thumbnail:
        """The picture with its heat, and with white boxes around annotated objects."""
        import numpy as np

        from gradcam_cli.images.lines import draw_lines

        pixels = with_heat(self._comparison, place).copy()
        height, width = pixels.shape[:2]
        corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
        boxes = [
            ((left, top) + corners * (wide, tall)) * (width - 1, height - 1)
            for left, top, wide, tall in self.cell(place).boxes
        ]
        draw_lines(pixels, boxes, (255, 255, 255), closed=True)
        return _embedded(pixels)

    def title(self, place: Place) -> str:
        """What the row and the column of a cell are called."""
        names = (self._comparison.value(place, axis) for axis in self._comparison.axes)
        return printable(" · ".join(names))

    def explained(self, place: Place) -> str:
        """The explained class and its probability; empty where it is not known."""
        prediction = self.cell(place).prediction
        if prediction is None:
            return ""
        probability = percent(prediction.probability)
        return f"{printable(class_text(self._comparison, place, 'classes'))}, {probability}"

    def figures(self, place: Place) -> list[str]:
        """The share of the heat in the boxes, the time and the layer, where they are known."""
        cell, figures = self.cell(place), []
        if cell.heat_in_object is not None:
            figures.append(f"{percent(cell.heat_in_object)} in the box")
        if self._seconds and cell.seconds is not None:
            figures.append(f"{cell.seconds:.2f} s")
        figures.append(f"at {cell.layer}" if cell.layer else "")
        figures.append("" if cell.reason else cell_note(self._comparison, place))
        return [printable(figure) for figure in figures if figure]

    def reason(self, place: Place) -> str:
        """Why there is no heatmap, and what to do about it."""
        cell = self.cell(place)
        return printable(f"{cell.reason}. {cell.remedy}".strip()) if cell.reason else ""

    def classes(self, place: Place) -> tuple[Prediction, ...]:
        """The most probable classes of the picture, by the model of a cell; none where unknown."""
        return self._comparison.predictions.get((place.pictures, place.models), ())


def _embedded(pixels: NDArray[np.uint8]) -> Thumbnail:
    """`pixels` as a WebP within the page."""
    from PIL import Image

    height, width = pixels.shape[:2]
    file = BytesIO()
    Image.fromarray(pixels).save(file, format="WEBP", quality=75, method=2)
    data = b64encode(file.getvalue()).decode()
    return Thumbnail(f"data:image/webp;base64,{data}", width, height)


def write_comparison_page(comparison: Comparison, path: Path, *, seconds: bool) -> None:
    """Write the grid as a page, whole or not at all.

    Parameters
    ----------
    comparison : Comparison
    path : Path
    seconds : bool
        Tell of each cell how long it took.
    """
    page = page_template("comparison").stream(
        **page_assets(_STYLES, _SCRIPTS),
        generator=f"gradcam {__version__}",
        view=ComparisonView(comparison, seconds=seconds),
        percent=percent,
    )
    with output_file(path) as file:
        page.dump(file, encoding="utf-8")
