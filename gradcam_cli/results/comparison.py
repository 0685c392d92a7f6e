"""A grid of heatmaps side by side: what varies along its sides, and what is in its cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from gradcam_cli.errors import GradcamError, UsageError
from gradcam_cli.results.explanation import Prediction

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gradcam_cli.images.framing import Frame

Axis = Literal["pictures", "models", "classes", "layers", "methods"]
AXES: tuple[Axis, ...] = get_args(Axis)
"""What may vary; of several that do, the first is the rows and the last the columns."""

AT_THE_INPUT = "input"
"""The layer of a cell whose method looks at the input; see `Method.looks_at`."""

Box = tuple[float, float, float, float]
"""Left, top, width and height, as shares of a picture's width and height."""


class Axes(NamedTuple):
    """What varies from row to row, and what from column to column."""

    rows: Axis
    columns: Axis


def choose_axes(
    counts: Mapping[Axis, int], rows: Axis | None = None, columns: Axis | None = None
) -> Axes:
    """The sides of a grid, where they are not given both.

    Parameters
    ----------
    counts : mapping of Axis to int
        How many values each has.
    rows, columns : Axis, optional
        Those that are given.

    Raises
    ------
    UsageError
        Where both are the same, or a third one has several values.

    Examples
    --------
    >>> several = {"pictures": 3, "models": 1, "classes": 1, "layers": 1, "methods": 4}
    >>> choose_axes(several)
    Axes(rows='pictures', columns='methods')
    >>> choose_axes({**several, "pictures": 1, "layers": 2}, columns="layers")
    Axes(rows='methods', columns='layers')
    """
    if rows is not None and rows == columns:
        raise UsageError(f"the rows and the columns are both {rows}", "Choose another of them.")
    several = [axis for axis in AXES if counts[axis] > 1 and axis not in (rows, columns)]
    usual: Axis = "pictures" if rows == "methods" else "methods"
    last = several[-1] if several and (rows or len(several) > 1) else usual
    across = columns or last
    candidates: list[Axis] = [*several, "pictures", "methods"]
    down = rows or [axis for axis in candidates if axis != across][0]  # noqa: RUF015
    if others := [axis for axis in several if axis not in (down, across)]:
        raise UsageError(
            f"there are several {others[0]}, which are neither the rows ({down}) nor the columns "
            f"({across})",
            f"Pass one of them, or --rows {others[0]}.",
        )
    return Axes(down, across)


class Place(NamedTuple):
    """The position of a cell's value on each axis."""

    pictures: int
    models: int
    classes: int
    layers: int
    methods: int

    def on(self, axis: Axis) -> int:
        """That on `axis`."""
        return self[AXES.index(axis)]


@dataclass(frozen=True, eq=False)
class Cell:
    """A heatmap, or why there is none.

    Attributes
    ----------
    layer : str
        Where it looked: a layer, "attention" or "input"; empty where that is not known.
    prediction : Prediction or None
        The explained class.
    heatmap : (h, w) float16, 0..1, or None
        All zero where nothing speaks for the class.
    signed : (h, w) float16, -1..1, or None
        The same with what speaks against the class below zero, where that is shown.
    reason, remedy : str
        Why there is no heatmap, as a sentence without a full stop, and what to do about it.
    seconds : float or None
        How long the method took.
    heat_in_object, lift : float or None
        See `metrics.objects`; None where no object of the class is annotated.
    boxes : tuple of Box
        Around the annotated objects of the class.
    """

    layer: str = ""
    prediction: Prediction | None = None
    heatmap: NDArray[np.float16] | None = field(default=None, repr=False)
    signed: NDArray[np.float16] | None = field(default=None, repr=False)
    reason: str = ""
    remedy: str = ""
    seconds: float | None = None
    heat_in_object: float | None = None
    lift: float | None = None
    boxes: tuple[Box, ...] = ()

    @property
    def is_of_layer(self) -> bool:
        """False where it looked at attention or the input, or that is not known."""
        return self.layer not in ("", "attention", AT_THE_INPUT)

    @property
    def is_empty(self) -> bool:
        """True of a heatmap without heat."""
        return self.heatmap is not None and not self.heatmap.any()


@dataclass(frozen=True, eq=False)
class ComparedPicture:
    """A picture, small.

    Attributes
    ----------
    name : str
        Where it is from.
    pixels : (H, W, 3) uint8 RGB
    """

    name: str
    pixels: NDArray[np.uint8] = field(repr=False)


@dataclass(eq=False)
class Comparison:
    """A grid, as it is filled.

    Attributes
    ----------
    axes : Axes
    values : dict of Axis to list of str
        What the values of each axis are called, by their position.
    pictures : dict of int to ComparedPicture
        Those that could be read, by their position.
    cells : dict of Place to Cell
    predictions : dict of (int, int) to tuple of Prediction
        The most probable classes, by picture and model.
    frames : dict of (int, int) to Frame
        What heatmaps cover, in pixels of the small picture, by picture and model.
    same : dict of (int, int) to dict of int to int
        By model and layer, methods whose maps are those of an earlier one.
    failures : list of (str, GradcamError)
        Pictures that could not be read, and why.
    asked : dict of str to str
        What else was asked for and holds for all cells: "versus", "score", "precision".
    signed : bool
        Show what speaks against the class, too.
    """

    axes: Axes
    values: dict[Axis, list[str]]
    pictures: dict[int, ComparedPicture] = field(default_factory=dict)
    cells: dict[Place, Cell] = field(default_factory=dict)
    predictions: dict[tuple[int, int], tuple[Prediction, ...]] = field(default_factory=dict)
    frames: dict[tuple[int, int], Frame] = field(default_factory=dict)
    same: dict[tuple[int, int], dict[int, int]] = field(default_factory=dict)
    failures: list[tuple[str, GradcamError]] = field(default_factory=list)
    asked: dict[str, str] = field(default_factory=dict)
    signed: bool = False

    def positions(self, axis: Axis) -> list[int]:
        """Those on `axis` that have cells, in order."""
        return list(self.pictures) if axis == "pictures" else list(range(len(self.values[axis])))

    def place(self, row: int, column: int) -> Place:
        """The place of a row's and a column's cell; every other axis has one value."""
        at = {self.axes.rows: row, self.axes.columns: column}
        return Place(*(at.get(axis, self.positions(axis)[0]) for axis in AXES))

    def places(self) -> Iterator[Place]:
        """All places, row by row."""
        for row in self.positions(self.axes.rows):
            for column in self.positions(self.axes.columns):
                yield self.place(row, column)

    def value(self, place: Place, axis: Axis) -> str:
        """What the value of `axis` at `place` is called."""
        return self.values[axis][place.on(axis)]

    def same_as(self, place: Place) -> str:
        """The earlier method whose maps are those of this one, for this model and layer."""
        earlier = self.same.get((place.models, place.layers), {}).get(place.methods)
        return "" if earlier is None else self.values["methods"][earlier]

    def layers_of(self, model: int) -> list[str]:
        """The layers that were looked at in a model, each once."""
        cells = (cell for place, cell in self.cells.items() if place.models == model)
        return list(dict.fromkeys(cell.layer for cell in cells if cell.is_of_layer))
