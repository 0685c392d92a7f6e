"""How often a difference between groups would arise by chance: permutation tests, seeded.

Fisher (1935), The Design of Experiments. The groups are dealt out again, many times; of many
statistics, the greatest of each deal is compared with (Westfall and Young, 1993, max-T), so that
looking at many places, classes or properties does not make one of them striking by chance.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PERMUTATIONS = 199

Values = NDArray[np.float64]
Groups = NDArray[np.intp]


def group_means(values: Values, groups: Groups, count: int) -> Values:
    """The mean of each group, (count, K); zero where a group is empty.

    Parameters
    ----------
    values : (N, K) float64
    groups : (N,) int, 0..count - 1
    count : int
    """
    return _means_in_order(values[np.argsort(groups, kind="stable")], groups, count)


def _means_in_order(values: Values, groups: Groups, count: int) -> Values:
    """Those of values of which the first group comes first, and so on."""
    sizes = np.bincount(groups, minlength=count)
    sums = np.zeros((count, values.shape[1]))
    present = np.flatnonzero(sizes)
    starts = np.concatenate([[0], np.cumsum(sizes[present])[:-1]])
    sums[present] = np.add.reduceat(values, starts, axis=0)
    return sums / np.maximum(sizes, 1)[:, np.newaxis]


def excess_by_chance(
    values: Values, groups: Groups, count: int, *, seed: int = 0
) -> tuple[Values, Values]:
    """By how many standard errors the mean of each group is above that of all, and by what chance.

    Parameters
    ----------
    values : (N, K) float64
    groups : (N,) int, 0..count - 1
    count, seed : int

    Returns
    -------
    excess, chance : (count, K) float64
        Zero where a column does not vary; how often as much arises anywhere by chance.
    """
    standard = _standardized(values)
    roots = np.sqrt(np.bincount(groups, minlength=count))[:, np.newaxis]
    found = roots * group_means(standard, groups, count)
    random = np.random.default_rng(seed)
    dealt = (random.permutation(len(values)) for _ in range(PERMUTATIONS))
    greatest = [(roots * _means_in_order(standard[each], groups, count)).max() for each in dealt]
    return found, _chance(found, np.array(greatest))


def between_by_chance(
    ranks: Values, groups: Groups, count: int, *, seed: int = 0
) -> tuple[Values, Values]:
    """The share of the variance of each column that lies between groups, and by what chance.

    Epsilon squared (Kelley, 1935) of ranks: 0 on average where groups do not matter, whatever
    their number. Of a column that does not vary it is 0.

    Parameters
    ----------
    ranks : (N, K) float64
        See `ranks_of`.
    groups : (N,) int, 0..count - 1
    count, seed : int

    Returns
    -------
    share, chance : (K,) float64
        How often as much arises in any column by chance.
    """
    standard = _standardized(ranks)
    sizes = np.bincount(groups, minlength=count)[:, np.newaxis]
    by_chance = min(1.0, (np.count_nonzero(sizes) - 1) / max(1, len(ranks) - 1))
    left = max(1 - by_chance, 1e-12)

    def share(means: Values) -> Values:
        shares: Values = ((sizes * means**2).sum(axis=0) / len(ranks) - by_chance) / left
        return np.where(standard.any(axis=0) & (by_chance < 1), shares, 0.0)

    found = share(group_means(standard, groups, count))
    random = np.random.default_rng(seed)
    dealt = (random.permutation(len(ranks)) for _ in range(PERMUTATIONS))
    greatest = [share(_means_in_order(standard[each], groups, count)).max() for each in dealt]
    return found, _chance(found, np.array(greatest))


def _standardized(values: Values) -> Values:
    """With a mean of 0 and a variance of 1; 0 where a column does not vary."""
    spread = values.std(axis=0)
    standard: Values = (values - values.mean(axis=0)) / np.where(spread > 0, spread, np.inf)
    return standard


def separation(ranks: Values, flags: NDArray[np.bool_]) -> Values:
    """How well each column tells the flagged from the others, (K,), -1..1.

    Twice the area under the receiver operating characteristic less 1 (Somers' D): 1 where all
    flagged have greater values, 0 where it tells nothing.
    """
    flagged = np.count_nonzero(flags)
    others = len(flags) - flagged
    difference = ranks[flags].mean(axis=0) - ranks[~flags].mean(axis=0)
    distance: Values = difference / ((flagged + others) / 2)
    return distance


def separation_by_chance(
    ranks: Values, flags: NDArray[np.bool_], groups: Groups, *, seed: int = 0
) -> tuple[Values, Values]:
    """`separation`, and how often as much arises in any column by chance, (K,) each.

    Flags are dealt out again within each group, so that what differs between groups, of which one
    has more flags, does not count.
    """
    within = ranks - group_means(ranks, groups, int(groups.max()) + 1)[groups]
    found = separation(within, flags)
    random = np.random.default_rng(seed)
    by_group = np.argsort(groups, kind="stable")
    greatest = []
    for _ in range(PERMUTATIONS):
        dealt = np.empty_like(flags)
        dealt[by_group] = flags[np.lexsort((random.random(len(groups)), groups))]
        greatest.append(np.abs(separation(within, dealt)).max())
    return found, _chance(np.abs(found), np.array(greatest))


def ranks_of(values: Values) -> Values:
    """The ranks of each column, from 1; those of equal values are their mean.

    Parameters
    ----------
    values : (N, K) float64
        Without NaN.
    """
    return np.stack([_ranks(column) for column in values.T], axis=1)


def _ranks(values: Values) -> Values:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean: Values = last - (counts - 1) / 2
    return mean[inverse]


def _chance(found: Values, greatest: Values) -> Values:
    """(1 + how many of `greatest` reach each of `found`) / (1 + how many there are)."""
    ordered = np.sort(greatest)
    reached = len(ordered) - np.searchsorted(ordered, found - 1e-12, side="left")
    chance: Values = (1 + reached) / (1 + len(ordered))
    return chance
