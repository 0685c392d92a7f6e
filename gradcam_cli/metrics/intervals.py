"""How sure a mean is: bootstrap intervals, seeded, and Wilson's for shares of what is or is not.

Efron (1979), Bootstrap methods: another look at the jackknife. The pictures are drawn again with
replacement, many times; the middle 95 % of the means so found are the interval.

Wilson (1927), Probable inference: of five pictures that are all right, each resample is all right,
too, but the share of all such pictures need not be 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

RESAMPLES = 2_000
_OUTSIDE = 5.0
"""Percent of the resamples outside an interval, half of them on either side."""
_NORMAL_95 = 1.959963984540054
_DRAWN_AT_A_TIME = 1 << 20
_ANGLES = 1 << 14


@dataclass(frozen=True)
class Mean:
    """A mean over `count` values, and its interval; all None where there are no values."""

    value: float | None
    low: float | None
    high: float | None
    count: int

    def is_above(self, value: float) -> bool:
        """Whether the whole interval is."""
        return self.low is not None and self.low > value

    def is_below(self, value: float) -> bool:
        """Whether the whole interval is."""
        return self.high is not None and self.high < value


def mean_with_interval(values: NDArray[np.float64], seed: int = 0, *, comparisons: int = 1) -> Mean:
    """The mean of `values` and its 95 % interval.

    Parameters
    ----------
    values : (N,) float64
        NaN where there is none.
    seed : int
        Of the resampling.
    comparisons : int
        How many intervals are looked at, of which hardly one may be wrong: each is of
        100 - 5 / comparisons percent.

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
    outside = _OUTSIDE / 2 / comparisons
    means = np.concatenate(list(_resampled_means(known, seed)))
    low, high = np.percentile(means, [outside, 100 - outside])
    return Mean(float(known.mean()), float(low), float(high), len(known))


def share_with_interval(values: NDArray[np.float64]) -> Mean:
    """The mean of `values` that are 0 or 1, or a little of both, and its 95 % interval.

    Wilson (1927), equation 4, without correction for continuity.

    Parameters
    ----------
    values : (N,) float64, 0..1
        NaN where there is none.

    Examples
    --------
    >>> import numpy as np
    >>> mean = share_with_interval(np.ones(5))
    >>> round(mean.low, 3), mean.high
    (0.566, 1.0)
    """
    import numpy as np

    known = values[~np.isnan(values)]
    count = len(known)
    if not count:
        return Mean(None, None, None, 0)
    share = float(known.mean())
    spread = _NORMAL_95**2 / count
    middle = (share + spread / 2) / (1 + spread)
    half = math.sqrt(spread * (share * (1 - share) + spread / 4)) / (1 + spread)
    low = 0.0 if share == 0 else middle - half  # exactly, where rounding is in the way
    high = 1.0 if share == 1 else middle + half
    return Mean(share, low, high, count)


def paired_difference(
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    seed: int = 0,
    *,
    comparisons: int = 1,
) -> Mean:
    """The mean of `after - before`, pair by pair, with its interval; see `mean_with_interval`.

    What two runs have in common, as how hard a picture is, falls out of the difference of a pair;
    so it takes fewer pictures to tell a change from noise than with two means side by side.

    Parameters
    ----------
    before, after : (N,) float64
        NaN where there is none; the pair is then left out.

    Returns
    -------
    Mean
        A difference is judged by whether its interval holds 0, and a bootstrap of few pairs is too
        sure of itself: of five, it tells apart what is equal in 16 % of all cases. So its ends are
        moved outwards (Hesterberg, 2015, What teachers should know about the bootstrap: for small
        samples percentiles are less accurate than t); see `widening`. One pair has no interval.

    Examples
    --------
    >>> import numpy as np
    >>> paired_difference(np.zeros(1), np.ones(1))
    Mean(value=1.0, low=None, high=None, count=1)
    """
    mean = mean_with_interval(after - before, seed, comparisons=comparisons)
    if mean.value is None or mean.low is None or mean.high is None:
        return mean
    if mean.count == 1:
        return replace(mean, low=None, high=None)
    factor = widening(mean.count, _OUTSIDE / 100 / comparisons)
    low, high = (mean.value + factor * (end - mean.value) for end in (mean.low, mean.high))
    return replace(mean, low=low, high=high)


def widening(count: int, outside: float) -> float:
    """By what the interval of a bootstrap of few values has to be wider, at least 1.

    A bootstrap takes the spread of the values for that of all there could be, which is greater by
    count / (count - 1) in the square, and for known: Student's t over the normal distribution.

    Parameters
    ----------
    count : int
        How many values, at least 2.
    outside : float, 0..1
        How much is outside the interval, on both sides together.
    """
    import numpy as np

    freedom = count - 1
    # With t = sqrt(freedom) tan(a), the density of a is that of cos(a) to the power freedom - 1.
    step = min(math.pi / 2, 10 / math.sqrt(freedom)) / _ANGLES
    chance = np.cumsum(np.cos((np.arange(_ANGLES) + 0.5) * step) ** (freedom - 1))
    angle = float(np.interp(1 - outside, chance / chance[-1], np.arange(1, _ANGLES + 1) * step))
    students = math.sqrt(freedom) * math.tan(angle)
    return students / NormalDist().inv_cdf(1 - outside / 2) * math.sqrt(count / freedom)


def _resampled_means(values: NDArray[np.float64], seed: int) -> Iterator[NDArray[np.float64]]:
    """The means of `RESAMPLES` resamples, some at a time, in bounded memory."""
    import numpy as np

    random = np.random.default_rng(seed)
    rows = max(1, _DRAWN_AT_A_TIME // len(values))
    for start in range(0, RESAMPLES, rows):
        count = min(rows, RESAMPLES - start)
        yield values[random.integers(0, len(values), (count, len(values)))].mean(axis=1)
