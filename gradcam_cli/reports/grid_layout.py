"""Where everything of a comparison's figure stands: lines of text, and pictures.

Comparison ─▶ blocks, each a column of lines and pictures ─▶ Page, each with its place

Sizes are inches, and places start at the upper left corner.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from gradcam_cli.images.drawing import COARSE_VALUES
from gradcam_cli.models.labels import TOP_WORD
from gradcam_cli.reports.heat_pictures import FULL_HEAT
from gradcam_cli.results.comparison import Cell, Comparison, Place
from gradcam_cli.results.explanation import Prediction

CELL = 1.6
"""The width of a heatmap."""
GAP = 0.12
MARGIN = 0.15
_LABEL = 1.1
"""The width of what stands left of a row."""
_TALLEST = 1.3
"""The height of a picture, as a multiple of `CELL`, at most."""
_WIDEST = 6
"""How many heatmaps stand side by side, at most; a longer row goes on below."""
_LEADING = 1.3
_BLACK, _GREY = "#1a1a1a", "#5f5f5f"
_ENDS_OF_PARTS = re.compile(r"[^\s\-_/:,.]*[\s\-_/:,.]*")

Measure = Callable[[str, float, bool], float]
"""From a text, its size in points and whether it is bold to its width in inches."""


@dataclass(frozen=True)
class Line:
    """A line of text; its size is in points."""

    words: str
    size: float = 7
    bold: bool = False
    colour: str = _BLACK

    @property
    def height(self) -> float:
        """With the space below it."""
        return self.size * _LEADING / 72


@dataclass(frozen=True)
class Image:
    """A picture, the heatmap of a cell on it, or why there is none.

    Attributes
    ----------
    place : Place
        Whose picture it is.
    width, height : float
    cell : Cell or None
        None for the plain picture.
    lines : tuple of Line
        Why there is no heatmap.
    """

    place: Place
    width: float
    height: float
    cell: Cell | None = None
    lines: tuple[Line, ...] = ()


Block = list[Line | Image]
"""What stands below each other."""


@dataclass
class Page:
    """Lines and images with the place of their upper left corner, on a page of some size."""

    width: float = 0.0
    height: float = 0.0
    placed: list[tuple[float, float, Line | Image]] = field(default_factory=list)

    def add(self, x: float, y: float, block: Block, width: float = CELL) -> float:
        """Add a block from `y` on, images in the middle of `width`; where it ends."""
        for item in block:
            indent = (width - item.width) / 2 if isinstance(item, Image) else 0.0
            self.placed.append((x + indent, y, item))
            y += item.height + (0.05 if isinstance(item, Image) else 0.0)
        self.height = max(self.height, y)
        return y


def wrapped(line: Line, width: float, measure: Measure, most: int = 2) -> list[Line]:
    """`line` in as many lines of `width` as it takes; of more than `most` an ellipsis is left."""
    lines: list[str] = [""]
    for part in filter(None, _ENDS_OF_PARTS.findall(line.words)):
        for piece in _pieces(part, lambda text: measure(text, line.size, line.bold) <= width):
            if measure((lines[-1] + piece).rstrip(), line.size, line.bold) <= width:
                lines[-1] += piece
            else:
                lines.append(piece)
    if len(lines) > most:
        last = lines[most - 1].rstrip()
        while last and measure(f"{last}…", line.size, line.bold) > width:
            last = last[:-1]
        lines = [*lines[: most - 1], f"{last}…"]
    return [Line(text.strip(), line.size, line.bold, line.colour) for text in lines if text.strip()]


def _pieces(part: str, fits: Callable[[str], bool]) -> Iterable[str]:
    """`part`, cut where it is too long for a line."""
    while len(part) > 1 and not fits(part.rstrip()):
        count = next(n for n in range(len(part) - 1, 0, -1) if n == 1 or fits(part[:n]))
        yield part[:count]
        part = part[count:]
    yield part


def whole_percent(share: float) -> str:
    """A share in whole percent, for narrow cells: "79 %"; `text.percent` has a decimal."""
    return "< 1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


def class_name(prediction: Prediction) -> str:
    """What a class is called in a figure."""
    return prediction.name.replace("_", " ")


class Layout:
    """Lays a comparison out.

    Parameters
    ----------
    comparison : Comparison
    measure : Measure
    seconds : bool
        Tell of each cell how long it took.
    """

    def __init__(self, comparison: Comparison, measure: Measure, *, seconds: bool = False) -> None:
        self._comparison = comparison
        self._measure = measure
        self._seconds = seconds
        self._axes = comparison.axes
        self._rows = comparison.positions(self._axes.rows)
        columns = comparison.positions(self._axes.columns)
        per_line = math.ceil(len(columns) / math.ceil(len(columns) / _WIDEST))
        self._chunks = [columns[at : at + per_line] for at in range(0, len(columns), per_line)]
        varying = {"pictures", "models", "classes"} & set(self._axes)
        self._class_in_cells = len(varying) > 1
        self._names = _short_names([picture.name for picture in comparison.pictures.values()])
        has_side, has_label = self._axes.columns != "pictures", self._axes.rows != "pictures"
        self._label_x = MARGIN + (CELL + GAP if has_side else 0.0)
        self._cells_x = self._label_x + (_LABEL + GAP if has_label else 0.0)

    def page(self) -> Page:
        """All of it but the legend; there is room for that below."""
        page = Page(self._cells_x + len(self._chunks[0]) * (CELL + GAP) - GAP + MARGIN, MARGIN)
        y, side_end = MARGIN, 0.0
        for row in self._rows:
            side = self._side(row)
            if side:
                y = max(y, side_end)
            for number, chunk in enumerate(self._chunks):
                first_row = row == self._rows[0] or len(self._chunks) > 1
                top = self._add_headers(page, y, chunk) if first_row else y
                if number == 0:
                    side_end = page.add(MARGIN, top, side) + GAP if side else side_end
                    self._add_label(page, top, row)
                y = self._add_cells(page, top, row, chunk) + GAP
        page.height = max(page.height, y, side_end)
        return page

    def _add_headers(self, page: Page, y: float, chunk: Sequence[int]) -> float:
        headers = [self._header(column) for column in chunk]
        bottom = y + max(map(_height, headers))
        for number, header in enumerate(headers):
            page.add(self._x(number), bottom - _height(header), header)
        return bottom + (GAP if self._axes.columns == "pictures" else 0.03)

    def _add_cells(self, page: Page, y: float, row: int, chunk: Sequence[int]) -> float:
        ends = []
        for number, column in enumerate(chunk):
            block = self._cell(self._comparison.place(row, column))
            ends.append(page.add(self._x(number), y, block))
        return max(ends)

    def _add_label(self, page: Page, y: float, row: int) -> None:
        """What the row is called: before the middle of its first heatmap."""
        block = self._label(row)
        first = self._image(self._comparison.place(row, self._chunks[0][0]))
        y += max(0.0, (first.height - _height(block)) / 2)
        for line in block:
            assert isinstance(line, Line)
            x = self._cells_x - GAP - self._measure(line.words, line.size, line.bold)
            y = page.add(x, y, [line])

    def _x(self, number: int) -> float:
        return self._cells_x + number * (CELL + GAP)

    def _header(self, column: int) -> Block:
        """What stands above a column."""
        place = self._comparison.place(self._rows[0], column)
        block: Block = []
        if self._axes.columns == "pictures":
            block += [self._image(place), *self._picture_name(place)]
        else:
            block += self._title(place, [self._comparison.place(row, column) for row in self._rows])
        if self._axes.columns in ("pictures", "models") and not self._class_in_cells:
            block += self._top_classes(place)
        return block

    def _side(self, row: int) -> Block:
        """The picture left of a row, where it is another one than above, or its classes are."""
        rows, columns = self._axes
        is_new = row == self._rows[0] or rows in ("pictures", "models")
        if columns == "pictures" or not is_new:
            return []
        place = self._comparison.place(row, self._chunks[0][0])
        block: Block = [self._image(place), *self._picture_name(place)]
        varies_across = columns == "models" or (rows == "models" and columns == "classes")
        return block if varies_across else [*block, *self._top_classes(place)]

    def _label(self, row: int) -> Block:
        """What a row is called, where its picture does not say it."""
        if self._axes.rows == "pictures":
            return []
        columns = [column for chunk in self._chunks for column in chunk]
        places = [self._comparison.place(row, column) for column in columns]
        return self._title(places[0], places, _LABEL, self._axes.rows)

    def _title(
        self, place: Place, places: Sequence[Place], width: float = CELL, axis: str = ""
    ) -> Block:
        """What a row or column is called, whose cells are at `places`."""
        comparison, axis = self._comparison, axis or self._axes.columns
        if axis == "classes":
            return [*self._class_title(place, places, width)]
        names = {
            "layers": comparison.values["layers"][place.layers],
            "models": comparison.values["models"][place.models],
        }
        name = names.get(axis, comparison.values["methods"][place.methods])
        lines = self._lines(name, width, size=8, bold=True, most=3)
        if axis == "models" and "layers" not in self._axes:
            for layer in comparison.layers_of(place.models)[:1]:
                lines += self._lines(layer, width, colour=_GREY)
        return [*lines]

    def _class_title(self, place: Place, places: Sequence[Place], width: float) -> list[Line]:
        """The class of the cells at `places`; as it was given where they are of several."""
        cells = (self._comparison.cells[each] for each in places)
        found = {cell.prediction.index: cell.prediction for cell in cells if cell.prediction}
        if len(found) != 1:
            given = self._comparison.values["classes"][place.classes]
            name = "the predicted class" if given.casefold() == TOP_WORD else given
            return self._lines(name, width, size=8, bold=True)
        (prediction,) = found.values()
        lines = self._lines(class_name(prediction), width, size=8, bold=True)
        if not self._class_in_cells:
            lines += self._lines(whole_percent(prediction.probability), width)
        return lines

    def _picture_name(self, place: Place) -> list[Line]:
        name = self._names[list(self._comparison.pictures).index(place.pictures)]
        return self._lines(name, CELL, size=8, bold=True)

    def _top_classes(self, place: Place) -> list[Line]:
        """The most probable classes, those that are explained in bold."""
        cells = self._comparison.cells
        explained = {
            cell.prediction.index: cell.prediction
            for at, cell in cells.items()
            if at[:2] == place[:2] and cell.prediction is not None
        }
        shown = self._comparison.predictions.get((place.pictures, place.models), ())
        indices = {prediction.index for prediction in shown}
        others = [each for index, each in explained.items() if index not in indices]
        in_labels = "classes" in self._axes
        lines = []
        for each in [*shown, *(() if in_labels else others)]:
            words = f"{whole_percent(each.probability)}  {class_name(each)}"
            lines += self._lines(words, CELL, bold=each.index in explained, most=1)
        return lines

    def _image(self, place: Place, cell: Cell | None = None) -> Image:
        height, width = self._comparison.pictures[place.pictures].pixels.shape[:2]
        tall = min(CELL * height / width, _TALLEST * CELL)
        wide = min(CELL, tall * width / height)
        if cell is None or not cell.reason:
            return Image(place, wide, tall, cell)
        line = Line(cell.reason, 6, colour=_GREY)
        room = max(1, int((tall - 0.1) / line.height))
        return Image(
            place, CELL, tall, cell, tuple(wrapped(line, CELL - 0.14, self._measure, room))
        )

    def _cell(self, place: Place) -> Block:
        cell = self._comparison.cells[place]
        block: Block = [self._image(place, cell)]
        if self._class_in_cells and cell.prediction is not None:
            probability = whole_percent(cell.prediction.probability)
            block += self._lines(f"{probability}  {class_name(cell.prediction)}", CELL)
        figures = []
        if cell.heat_in_object is not None:
            figures.append(f"{whole_percent(cell.heat_in_object)} in the box")
        if self._seconds and cell.seconds is not None:
            figures.append(f"{cell.seconds:.2f} s")
        block += self._lines(" · ".join(figures), CELL)
        if "layers" in self._axes and cell.layer and not cell.is_of_layer:
            block += self._lines(f"at the {cell.layer}", CELL, colour=_GREY)
        if cell.is_empty:
            block += self._lines("no evidence", CELL, colour=_GREY)
        elif same_as := self._comparison.same_as(place):
            block += self._lines(f"the same as {same_as}", CELL, colour=_GREY)
        return block

    def _lines(
        self,
        words: str,
        width: float,
        *,
        size: float = 7,
        bold: bool = False,
        colour: str = _BLACK,
        most: int = 2,
    ) -> list[Line]:
        return wrapped(Line(words, size, bold, colour), width, self._measure, most)

    def _layer(self) -> str:
        """The one layer, and whether that is where all methods look."""
        cells = self._comparison.cells.values()
        others = any(cell.layer and not cell.is_of_layer for cell in cells)
        name = self._comparison.layers_of(0)[0]
        return f"layer {name}{' where a method looks at one' * others}"

    def caption(self, width: float) -> list[Line]:
        """What holds for all cells, and what marks mean."""
        comparison, axes = self._comparison, self._axes
        facts = []
        if "models" not in axes:
            facts.append(f"model {comparison.values['models'][0]}")
            if "layers" not in axes and comparison.layers_of(0):
                facts.append(self._layer())
        if "methods" not in axes:
            facts.append(f"method {comparison.values['methods'][0]}")
        facts += [f"{name} {value}" for name, value in comparison.asked.items()]
        sentences = [", ".join(facts)]
        if not self._class_in_cells and "classes" not in axes:
            sentences.append("In bold, the class that is explained")
        if any(cell.boxes for cell in comparison.cells.values()):
            sentences.append("In white, the boxes of the class")
        maps = [cell.heatmap for cell in comparison.cells.values() if cell.heatmap is not None]
        if any(heatmap.size > COARSE_VALUES for heatmap in maps):
            rest = f"{100 * (1 - FULL_HEAT):.0f} %"
            sentences.append(f"Of maps of pixels, the hottest {rest} are drawn as the most heat")
        text = ". ".join(sentence[:1].upper() + sentence[1:] for sentence in sentences if sentence)
        return self._lines(f"{text}.", width, colour=_GREY, most=4)


def _height(block: Block) -> float:
    return sum(item.height + (0.05 if isinstance(item, Image) else 0.0) for item in block)


def _short_names(names: Sequence[str]) -> list[str]:
    """The last parts of paths; all of them where two are the same."""
    short = [PurePath(name).name or name for name in names]
    return short if len(set(short)) == len(names) else list(names)
