"""Bilinear interpolation of maps.

Every value is the mean of two in each direction, which is computed as just that: as a product of
matrices it would be left to BLAS, whose threads get in the way of those that run the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True)
class SamplePoints:
    """Where along one axis values are taken from.

    Attributes
    ----------
    low, high : (size,) int
        The two values that each is between.
    share : (size,) float32
        How far it is from `low` to `high`, in 0..1.
    """

    low: NDArray[np.intp]
    high: NDArray[np.intp]
    share: Array

    @classmethod
    def of(cls, size: int, cells: int, start: float = 0, extent: float = 1) -> SamplePoints:
        """Those of `size` pixels in `cells` values, or in the part of them from `start` on.

        `start` and `extent`, of that part, are shares of all values.

        Pixels are areas, whose values stand at their centres (half-pixel centres), and beyond the
        outermost centres their values go on: as in OpenCV's INTER_LINEAR, and in PyTorch with
        align_corners=False.
        """
        places = start * cells + (np.arange(size) + 0.5) * (extent * cells) / size
        centres = np.clip(places - 0.5, 0, cells - 1)
        low = centres.astype(np.intp)
        share = (centres - low).astype(np.float32)
        return cls(low, np.minimum(low + 1, cells - 1), share)

    @property
    def ends(self) -> SamplePoints:
        """The first and the last between each two values."""
        edges = np.diff(self.low, prepend=-1, append=-1) != 0
        return self.only(edges[:-1] | edges[1:])

    def only(self, kept: NDArray[np.bool_] | slice) -> SamplePoints:
        """Some of them."""
        return SamplePoints(self.low[kept], self.high[kept], self.share[kept])


def upsampled(maps: Array, rows: SamplePoints, columns: SamplePoints, repeats: int = 1) -> Array:
    """Each map at `rows` × `columns`.

    Parameters
    ----------
    maps : (N, h, w) float32
    rows, columns : SamplePoints
        H and W of them.
    repeats : int
        How many times each value comes in its row.

    Returns
    -------
    (N, H, W × repeats) float32
    """
    wide = _between(maps[:, :, columns.low], maps[:, :, columns.high], columns.share)
    wide = np.repeat(wide, repeats, axis=2)
    return _between(wide[:, rows.low], wide[:, rows.high], rows.share[:, np.newaxis])


def gathered(
    slopes: Array, rows: SamplePoints, columns: SamplePoints, shape: tuple[int, int]
) -> Array:
    """From dy/d an upsampled map to dy/d the map: the transpose of `upsampled`.

    Parameters
    ----------
    slopes : (H, W) float32
    rows, columns : SamplePoints
        H and W of them.
    shape : (h, w)
        Of the map.

    Returns
    -------
    (h, w) float32
    """
    down = np.einsum("ih,ij->hj", _shares(rows, shape[0]), slopes)
    maps: Array = np.einsum("jw,hj->hw", _shares(columns, shape[1]), down)
    return maps


def _shares(points: SamplePoints, cells: int) -> Array:
    """Of which values each point is made, (size, cells); `einsum` leaves nothing to BLAS here."""
    shares = np.zeros((len(points.low), cells), np.float32)
    numbers = np.arange(len(shares))
    shares[numbers, points.low] += 1 - points.share
    shares[numbers, points.high] += points.share
    return shares


def _between(low: Array, high: Array, share: Array) -> Array:
    """`share` of the way from `low` to `high`, which are overwritten."""
    high -= low
    high *= share
    low += high
    return low


def extremes(maps: Array, height: int, width: int) -> tuple[Array, Array]:
    """The least and the greatest value of each map, once it is upsampled.

    Between two neighbouring values interpolation is linear, so that its extremes are at the first
    and the last place between them, and nowhere else need be looked.

    Parameters
    ----------
    maps : (N, h, w) float32
    height, width : int
        To which size each is upsampled.

    Returns
    -------
    low, high : (N,) float32
    """
    rows, columns = SamplePoints.of(height, maps.shape[1]), SamplePoints.of(width, maps.shape[2])
    values = upsampled(maps, rows.ends, columns.ends)
    return values.min(axis=(1, 2)), values.max(axis=(1, 2))
