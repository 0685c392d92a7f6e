"""Lines and boxes on pictures: as thick as suits their size, with a rim to be seen on anything."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gradcam_cli.images.regions import Region

_THICKNESS = 1 / 180
"""Of lines, as a share of a picture's mean side."""

_SMALLEST_WITH_RIM = 100
"""The mean side of pictures that are large enough for it."""

_FRACTION_BITS = 4
"""Places are given to OpenCV in sixteenths of a pixel."""

_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


def draw_regions(picture: NDArray[np.uint8], regions: Iterable[Region]) -> None:
    """Draw the outlines of `regions` on `picture`, (H, W, 3) uint8, and boxes around them."""
    import cv2
    import numpy as np

    boxes: list[Any] = []
    outlines: list[Any] = []
    for left, top, mask in regions:
        height, width = mask.shape
        right, bottom = left + width - 1, top + height - 1
        boxes.append([(left, top), (right, top), (right, bottom), (left, bottom)])
        found, _ = cv2.findContours(
            mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE, offset=(left, top)
        )
        outlines += [line[:, 0] for line in found]
    draw_lines(picture, outlines, _WHITE, closed=True, thickness=0.5)
    draw_lines(picture, boxes, _WHITE, closed=True)


def draw_lines(
    picture: NDArray[np.uint8],
    lines: Sequence[Any],
    color: Sequence[int],
    *,
    closed: bool = False,
    thickness: float = 1.0,
) -> None:
    """Draw `lines` on `picture`.

    Parameters
    ----------
    picture : (H, W, 3) uint8
        Changed; contiguous.
    lines : sequence of (N, 2) float
        Points (x, y), in pixels of the picture, whose centres are whole numbers.
    color : (int, int, int)
        In the order of the picture's channels.
    closed : bool
        Lead back from the last point to the first.
    thickness : float
        As a share of the usual one.
    """
    import cv2
    import numpy as np

    scale = 1 << _FRACTION_BITS
    points = [np.round(np.multiply(line, scale)).astype(np.int32) for line in lines]
    side = math.sqrt(picture.shape[0] * picture.shape[1])
    width = max(1, round(side * _THICKNESS * thickness))
    rim = 2 * max(1, width // 3) if side >= _SMALLEST_WITH_RIM else 0
    for ink, size in ((_BLACK, width + rim), (color, width)):
        cv2.polylines(picture, points, closed, ink, size, cv2.LINE_AA, _FRACTION_BITS)
