"""Places in a picture: windows of a few cells, by name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.metrics.coarse_maps import CELLS

WINDOW = 2
"""The side of a window in cells; it covers (WINDOW / CELLS)² of a picture."""

_ROWS = ("top", "", "bottom")
_COLUMNS = ("left", "", "right")


@dataclass(frozen=True)
class Place:
    """A part of a picture.

    Attributes
    ----------
    name : str
        "top left", "centre", "border" …
    left, top, width, height : float, 0..1
    size : float, 0..1
        Its share of the picture.
    """

    name: str
    left: float
    top: float
    width: float
    height: float
    size: float


def _window(row: int, column: int) -> Place:
    last = CELLS - WINDOW
    vertical, horizontal = (
        names[1 if 1 < at < last - 1 else 2 * (at >= last - 1)]
        for names, at in ((_ROWS, row), (_COLUMNS, column))
    )
    name = f"{vertical} {horizontal}".strip() or "centre"
    side = WINDOW / CELLS
    return Place(name, column / CELLS, row / CELLS, side, side, side * side)


_STARTS = range(CELLS - WINDOW + 1)
_BORDER = 1 - ((CELLS - 2) / CELLS) ** 2

PLACES: tuple[Place, ...] = (
    *(_window(row, column) for row in _STARTS for column in _STARTS),
    Place("border", 0, 0, 1, 1, _BORDER),
)
"""All windows, row by row, and the border, a cell wide."""


def heat_in_places(shares: NDArray[np.float32]) -> NDArray[np.float64]:
    """How much of the heat of each map lies in each of `PLACES`, (N, len(PLACES)).

    Parameters
    ----------
    shares : (N, CELLS, CELLS) float32
        That sum to 1, or to less where some of the heat is left out.
    """
    maps = shares.astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(maps, (WINDOW, WINDOW), axis=(1, 2))
    inside = windows.sum(axis=(3, 4)).reshape(len(maps), -1)
    border = maps.sum(axis=(1, 2)) - maps[:, 1:-1, 1:-1].sum(axis=(1, 2))
    return np.concatenate([inside, border[:, np.newaxis]], axis=1)


def peak_places(shares: NDArray[np.float32]) -> list[str]:
    """The name of the hottest window of each map."""
    hottest = heat_in_places(shares)[:, :-1].argmax(axis=1)
    return [PLACES[at].name for at in hottest]
