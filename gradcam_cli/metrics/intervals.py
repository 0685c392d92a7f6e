"""How sure a mean is: bootstrap intervals, seeded.

Efron (1979), Bootstrap methods: another look at the jackknife. The pictures are drawn again with
replacement, many times; the middle 95 % of the means so found are the interval.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

RESAMPLES = 2_000
_OUTSIDE = 2.5
"""Percent of the resamples on either side of the interval."""
_DRAWN_AT_A_TIME = 1 << 20


@dataclass(frozen=True)
class Mean:
    """A mean over `count` values, and its interval; all None where there are no values."""

    value: float | None
    low: float | None
    high: float | None
    count: int


def mean_with_interval(values: NDArray[np.float64], seed: int = 0) -> Mean:
    """The mean of `values` and its 95 % interval.

    Parameters
    ----------
    values : (N,) float64
        NaN where there is none.
    seed : int
        Of the resampling.

    Examples
    --------
    >>> import numpy as np
    >>> mean_with_interval(np.array([1.0, 1.0, np.nan]))
    Mean(value=1.0, low=1.0, high=1.0, count=2)
    """
    import numpy as np

    known = values[~np.isnan(values)]
    if not len(known):
        return Mean(None, None, None, 0)
    means = np.concatenate(list(_resampled_means(known, seed)))
    low, high = np.percentile(means, [_OUTSIDE, 100 - _OUTSIDE])
    return Mean(float(known.mean()), float(low), float(high), len(known))


def paired_difference(
    before: NDArray[np.float64], after: NDArray[np.float64], seed: int = 0
) -> Mean:
    """The mean of `after - before`, pair by pair, with its 95 % interval.

    What two runs have in common, as how hard a picture is, falls out of the difference of a pair;
    so it takes fewer pictures to tell a change from noise than with two means side by side.

    Parameters
    ----------
    before, after : (N,) float64
        NaN where there is none; the pair is then left out.
    """
    return mean_with_interval(after - before, seed)


def _resampled_means(values: NDArray[np.float64], seed: int) -> Iterator[NDArray[np.float64]]:
    """The means of `RESAMPLES` resamples, some at a time, in bounded memory."""
    import numpy as np

    random = np.random.default_rng(seed)
    rows = max(1, _DRAWN_AT_A_TIME // len(values))
    for start in range(0, RESAMPLES, rows):
        count = min(rows, RESAMPLES - start)
        yield values[random.integers(0, len(values), (count, len(values)))].mean(axis=1)
