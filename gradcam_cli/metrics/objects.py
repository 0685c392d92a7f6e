"""Is the heat on the object? Measures of a heatmap against a mask of the same shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Rectangle(NamedTuple):
    """A box: its left column, top row, width and height; whole or broken cells."""

    left: float
    top: float
    width: float
    height: float

    @property
    def area(self) -> float:
        """In cells."""
        return self.width * self.height


def heat_in_object(heatmap: NDArray[np.float32], mask: NDArray[np.float32]) -> float | None:
    """The share of the heat that lies in the object, 0..1.

    The "energy-based pointing game" of Wang et al. (2020), Score-CAM, arXiv:1910.01279.

    Parameters
    ----------
    heatmap : (H, W) float32, at least 0
    mask : (H, W) float32, 0..1
        How much of each cell belongs to the object.

    Returns
    -------
    float, or None where there is no heat

    Examples
    --------
    >>> import numpy as np
    >>> heat_in_object(np.array([[3, 1]], "f"), np.array([[1, 0]], "f"))
    0.75
    """
    total = float(heatmap.sum(dtype="float64"))
    if total <= 0:
        return None
    return min(float((heatmap * mask).sum(dtype="float64")) / total, 1.0)


def lift(heatmap: NDArray[np.float32], mask: NDArray[np.float32]) -> float | None:
    """How many times more heat lies in the object than even heat would have there.

    The share of the heat in the object, divided by the object's share of the picture. 1 is chance,
    whatever the object's size; below 1 the heat avoids it.

    Parameters
    ----------
    heatmap, mask
        As in `heat_in_object`.

    Returns
    -------
    float, or None where there is no heat or no object
    """
    share, size = heat_in_object(heatmap, mask), float(mask.mean(dtype="float64"))
    return None if share is None or size <= 0 else share / size


def pointing_hit(
    heatmap: NDArray[np.float32],
    mask: NDArray[np.float32],
    tolerance: tuple[float, float] = (0.0, 0.0),
) -> float:
    """Whether the heat has its peak on the object: 1 or 0; the pointing game.

    Zhang et al. (2016), Top-down neural attention by excitation backprop, arXiv:1608.00507, section
    4.1: a hit where the maximum lies on the object or within 15 pixels of it. Where the maximum is
    reached more than once, it is the share of those places that hit, which is what picking one at
    random gives on the average.

    Parameters
    ----------
    heatmap, mask
        As in `heat_in_object`; a cell that is half of the object, or more, is on it.
    tolerance : (float, float)
        How far from the object still is on it, in rows and in columns.

    Returns
    -------
    float, 0..1
        0 where there is no heat.
    """
    import numpy as np

    peak = heatmap.max()
    if peak <= 0:
        return 0.0
    rows, columns = np.nonzero(heatmap == peak)
    on_object = mask >= min(0.5, float(mask.max()) or 1.0)
    reach = tuple(max(radius, 0.5) for radius in tolerance)
    places = zip(rows.tolist(), columns.tolist(), strict=True)
    hits = sum(_is_near(on_object, place, reach) for place in places)
    return hits / len(rows)


def _is_near(on_object: NDArray[np.bool_], at: tuple[int, int], reach: tuple[float, ...]) -> bool:
    """Whether the object comes within an ellipse of these radii around `at`."""
    import numpy as np

    starts = [max(0, math.floor(place - radius)) for place, radius in zip(at, reach, strict=True)]
    ends = [math.ceil(place + radius) + 1 for place, radius in zip(at, reach, strict=True)]
    around = on_object[starts[0] : ends[0], starts[1] : ends[1]]
    down, across = (
        (start + np.arange(length) - place) / radius
        for start, length, place, radius in zip(starts, around.shape, at, reach, strict=True)
    )
    inside = down[:, np.newaxis] ** 2 + across**2 <= 1
    return bool((around & inside).any())


def intersection_over_union(first: Rectangle, second: Rectangle) -> float:
    """The area that two boxes share, divided by the area that they cover, 0..1."""
    width = min(first.left + first.width, second.left + second.width) - max(first.left, second.left)
    height = min(first.top + first.height, second.top + second.height) - max(first.top, second.top)
    shared = max(width, 0.0) * max(height, 0.0)
    covered = first.area + second.area - shared
    return shared / covered if covered > 0 else 0.0


def best_overlap(box: Rectangle | None, objects: Sequence[Rectangle]) -> float | None:
    """The largest `intersection_over_union` of a box with one of `objects`; None without either."""
    if box is None or not objects:
        return None
    return max(intersection_over_union(box, each) for each in objects)
