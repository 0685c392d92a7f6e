"""Fill a picture band by band, turned as its EXIF orientation asks.

So there is one copy of the picture only beside the decoder's own, whatever is done to a band.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BAND_PIXELS = 1 << 20

TURNS = {
    1: (1, 1, False),
    2: (1, -1, False),
    3: (-1, -1, False),
    4: (-1, 1, False),
    5: (1, 1, True),
    6: (1, -1, True),
    7: (-1, -1, True),
    8: (-1, 1, True),
}
"""By EXIF orientation: the steps along rows and columns, then whether these change places."""


def fill_upright(
    height: int,
    width: int,
    orientation: int,
    band: Callable[[int, int], NDArray[np.uint8]],
) -> NDArray[np.uint8]:
    """The upright (H, W, 3) picture, written from `band` straight to where it is shown.

    Parameters
    ----------
    height, width : int
        As stored, before turning.
    orientation : int
        1 to 8, as EXIF counts.
    band : callable
        The stored rows from one index up to another: (rows, width, 3 or 1) uint8.
    """
    import numpy as np

    down, across, swapped = TURNS[orientation]
    shape = (width, height, 3) if swapped else (height, width, 3)
    upright = np.empty(shape, np.uint8)
    stored = upright[::down, ::across]
    if swapped:
        stored = stored.swapaxes(0, 1)
    rows = max(1, BAND_PIXELS // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        stored[top:bottom] = band(top, bottom)
    return upright
