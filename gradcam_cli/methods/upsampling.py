"""Bilinear interpolation as matrices: a map A of (h, w) becomes U A Vᵀ of (H, W)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def bilinear(size: int, cells: int) -> Array:
    """The matrix that interpolates `cells` values at `size` places, (size, cells) float32.

    Pixels are areas, whose values stand at their centres (half-pixel centres), and beyond the
    outermost centres their values go on: as in OpenCV's INTER_LINEAR, and in PyTorch with
    align_corners=False.
    """
    low, share = _places(size, cells)
    matrix = np.zeros((size, cells), np.float32)
    rows = np.arange(size)
    matrix[rows, low] += 1 - share
    matrix[rows, np.minimum(low + 1, cells - 1)] += share
    return matrix


def _places(size: int, cells: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Between which two values each place is: the first one, and how far from it in 0..1."""
    centres = np.clip((np.arange(size) + 0.5) * cells / size - 0.5, 0, cells - 1)
    low = centres.astype(np.intp)
    return low, (centres - low).astype(np.float32)


def extremes(maps: Array, height: int, width: int) -> tuple[Array, Array]:
    """The least and the greatest value of each map, once it is interpolated.

    Between two neighbouring values interpolation is linear, so that its extremes are at the first
    and the last place between them, and nowhere else need be looked.

    Parameters
    ----------
    maps : (N, h, w) float32
    height, width : int
        To which size each is interpolated.

    Returns
    -------
    low, high : (N,) float32
    """
    rows, columns = _ends(height, maps.shape[1]), _ends(width, maps.shape[2])
    values = rows @ maps @ columns.T
    return values.min(axis=(1, 2)), values.max(axis=(1, 2))


def _ends(size: int, cells: int) -> Array:
    """The rows of `bilinear` at the first and the last place between each two values."""
    low, _ = _places(size, cells)
    changes = np.diff(low, prepend=-1, append=cells) != 0
    ends: Array = bilinear(size, cells)[changes[:-1] | changes[1:]]
    return ends
