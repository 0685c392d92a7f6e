"""Where the evidence is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcam_cli.arguments import checked_heatmap

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BORDER = 8
"""The border is one part in so many of each side."""


def border_share(heatmap: NDArray[np.float32]) -> float:
    """The share of the evidence that lies along the border of the picture, 0..1.

    A model that looks at an object in the middle has little there; one that looks at a frame, a
    watermark or the background has much. An even heatmap of 14 × 14 has 0.49.

    Parameters
    ----------
    heatmap : (h, w) float32, 0..1
        The border is an eighth of its side wide, and at least one cell. 0 where it is all zero.

    Raises
    ------
    UsageError
        Unless `heatmap` is as above.

    Examples
    --------
    >>> import numpy as np
    >>> heatmap = np.zeros((8, 8), np.float32)
    >>> heatmap[4, 4], heatmap[0, 3] = 1, 1  # in the middle, and along the border
    >>> border_share(heatmap)
    0.5
    """
    heatmap = checked_heatmap(heatmap)
    total = float(heatmap.sum())
    if not total:
        return 0.0
    height, width = heatmap.shape
    rows, columns = (max(1, round(side / _BORDER)) for side in (height, width))
    inside = heatmap[rows : height - rows, columns : width - columns]
    return 1 - float(inside.sum()) / total


def bars_share(
    heatmap: NDArray[np.float32], size: tuple[int, int], frame: tuple[int, int, int, int]
) -> float:
    """The share of the evidence that lies in the bars beside a picture, 0..1.

    Parameters
    ----------
    heatmap : (h, w) float32, 0..1
        Spread over `frame`. Only cells that are wholly in the bars count: those at the edge of the
        picture see it too.
    size : (int, int)
        The width and height of the picture.
    frame : (int, int, int, int)
        What the heatmap covers, in pixels of the picture: left and top, width and height.

    Examples
    --------
    >>> import numpy as np
    >>> bars_share(np.ones((8, 8), np.float32), (100, 50), (0, -25, 100, 100))
    0.5
    """
    heatmap = checked_heatmap(heatmap)
    total = float(heatmap.sum())
    if not total:
        return 0.0
    left, top, framed_width, framed_height = frame
    columns = _cells_over(heatmap.shape[1], left, framed_width, size[0])
    rows = _cells_over(heatmap.shape[0], top, framed_height, size[1])
    return max(0.0, 1 - float(heatmap[rows, columns].sum()) / total)


def _cells_over(cells: int, start: int, length: int, side: int) -> slice:
    """Those of `cells` over `length` pixels from `start` on that see some of 0..`side`."""
    first = max(0, -start * cells // length)
    end = min(cells, -((start - side) * cells // length))
    return slice(first, end)
