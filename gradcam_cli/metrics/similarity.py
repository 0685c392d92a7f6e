"""How alike two heatmaps are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.metrics.permutations import ranks_of

Array = NDArray[np.float32]
Values = NDArray[np.float64]

_WINDOW = 7
_K1, _K2 = 0.01, 0.03


def correlation(first: Values, second: Values) -> float:
    """Pearson's correlation of two rows, -1..1; 0 where one of them does not vary."""
    first, second = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / scale if scale > 0 else 0.0


def rank_correlation(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Spearman's correlation, -1..1; equal values share their mean rank; 0 of a constant one.

    Parameters
    ----------
    first, second : (h, w) float
    """
    ranks = row_ranks(np.stack([first.ravel(), second.ravel()]).astype(np.float64))
    return correlation(ranks[0], ranks[1])


def row_ranks(values: Values) -> Values:
    """The ranks within each row, from 1; those of equal values are their mean."""
    return ranks_of(values.T).T


def structural_similarity(first: Array, second: Array) -> float:
    """The mean structural similarity of two maps in 0..1, -1..1; 1 where they are equal.

    Wang et al., 2004 (Image quality assessment), equation 13, with even windows of 7 × 7 and
    unbiased variances, over windows that are whole: scikit-image's, by default.

    Parameters
    ----------
    first, second : (H, W) float32, 0..1
        At least 7 × 7.
    """
    maps = [each.astype(np.float64) for each in (first, second)]
    x, y = map(_window_means, maps)
    count = _WINDOW**2
    unbiased = count / (count - 1)
    xx, yy, xy = (
        unbiased * (_window_means(one * other) - mean * other_mean)
        for one, other, mean, other_mean in (
            (maps[0], maps[0], x, x),
            (maps[1], maps[1], y, y),
            (maps[0], maps[1], x, y),
        )
    )
    c1, c2 = _K1**2, _K2**2
    alike = (2 * x * y + c1) * (2 * xy + c2) / ((x**2 + y**2 + c1) * (xx + yy + c2))
    return float(alike.mean())


def _window_means(values: Values) -> Values:
    sums = np.zeros((values.shape[0] + 1, values.shape[1] + 1))
    sums[1:, 1:] = values.cumsum(axis=0).cumsum(axis=1)
    n = _WINDOW
    windows: Values = sums[n:, n:] - sums[:-n, n:] - sums[n:, :-n] + sums[:-n, :-n]
    return windows / n**2
