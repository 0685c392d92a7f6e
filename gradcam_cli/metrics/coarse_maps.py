"""Heatmaps on a few cells, so that those of a whole data set can be kept and compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

CELLS = 8
"""How many there are along a side."""


def cell_means(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """The mean of `values` in each cell, weighted by how much of each lies in the cell.

    Parameters
    ----------
    values : (h, w) float32

    Returns
    -------
    (CELLS, CELLS) float64
    """
    rows, columns = (_shares(size) for size in values.shape)
    means: NDArray[np.float64] = rows @ values.astype(np.float64) @ columns.T
    return means


def _shares(size: int) -> NDArray[np.float64]:
    """(CELLS, size): the weight of each of `size` parts of a line in each cell."""
    starts = np.arange(CELLS)[:, np.newaxis] * size / CELLS
    parts = np.arange(size)[np.newaxis]
    inside = np.minimum(parts + 1, starts + size / CELLS) - np.maximum(parts, starts)
    shares: NDArray[np.float64] = np.clip(inside, 0, None) * CELLS / size
    return shares


def packed(values: NDArray[np.float32]) -> bytes:
    """`cell_means` of values in 0..1, a byte each."""
    return np.rint(np.clip(cell_means(values), 0, 1) * 255).astype(np.uint8).tobytes()


def unpacked(cells: Sequence[bytes]) -> NDArray[np.float32]:
    """What `packed` gave for each of several, (N, CELLS, CELLS) float32 in 0..1."""
    flat = np.frombuffer(b"".join(cells), np.uint8)
    maps: NDArray[np.float32] = flat.reshape(-1, CELLS, CELLS).astype(np.float32)
    maps /= np.float32(255)
    return maps


def shares_of(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """`maps`, (N, h, w), each divided by its sum; a map without heat stays zero."""
    sums = maps.sum(axis=(1, 2), keepdims=True)
    shares: NDArray[np.float32] = (maps / np.where(sums > 0, sums, 1)).astype(np.float32)
    return shares
