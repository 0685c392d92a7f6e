"""Clusters of maps: whether a few of a class's heatmaps look elsewhere than the rest.

The idea is that of SpRAy (Lapuschkin et al., 2019, arXiv 1902.10178), which clusters spectrally and
judges by gaps between eigenvalues. Here it is k-means, with the number of clusters that has the
best silhouette (Rousseeuw, 1987).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST = 30
"""Fewer maps are not clustered."""

_MOST = 300
"""Of more maps so many, spread evenly, stand for all where clusters are looked for."""
_COMPONENTS = 5
_MOST_CLUSTERS = 4
_STARTS = 4
_STEPS = 30

Points = NDArray[np.float64]
Groups = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Clusters:
    """How maps fall into groups.

    Attributes
    ----------
    groups : (N,) int
        The cluster of each, from 0, the largest first.
    silhouette : float, -1..1
        How well they are told apart.
    """

    groups: Groups
    silhouette: float


def clusters_of(maps: NDArray[np.float32], *, seed: int = 0) -> Clusters | None:
    """The two to four clusters that `maps` fall into best.

    Parameters
    ----------
    maps : (N, h, w) float32
        Shares that sum to 1, as of `coarse_maps.shares_of`.
    seed : int

    Returns
    -------
    Clusters or None
        None where there are too few maps, or none that differ.
    """
    points = _principal(maps)
    if len(maps) < LEAST or not points.shape[1]:
        return None
    silhouette, centres = _best(_some_of(points), np.random.default_rng(seed))
    groups = _nearest(points, centres)
    order = np.argsort(-np.bincount(groups, minlength=len(centres)), kind="stable")
    return Clusters(np.argsort(order)[groups], silhouette)


def _some_of(points: Points) -> Points:
    chosen = np.unique(np.linspace(0, len(points) - 1, min(len(points), _MOST)).astype(int))
    some: Points = points[chosen]
    return some


def _principal(maps: NDArray[np.float32]) -> Points:
    """The roots of `maps` along the few axes along which they vary most, (N, up to 5)."""
    roots = np.sqrt(maps.reshape(len(maps), -1).astype(np.float64))
    centred = roots - roots.mean(axis=0)
    variances, axes = np.linalg.eigh(centred.T @ centred / max(1, len(roots)))
    kept = np.argsort(-variances)[:_COMPONENTS]
    points: Points = centred @ axes[:, kept[variances[kept] > 1e-9]]
    return points


def _best(points: Points, random: np.random.Generator) -> tuple[float, Points]:
    """The best silhouette of two to four clusters, and their centres."""
    candidates = []
    for count in range(2, _MOST_CLUSTERS + 1):
        centres = _k_means(points, count, random)
        candidates.append((_silhouette(points, _nearest(points, centres), count), centres))
    return max(candidates, key=lambda candidate: candidate[0])


def _k_means(points: Points, count: int, random: np.random.Generator) -> Points:
    """The centres of the best of a few runs (Lloyd, 1982)."""
    best, least = points[:count], np.inf
    for _ in range(_STARTS):
        centres = _starts(points, count, random)
        for _ in range(_STEPS):
            groups = _nearest(points, centres)
            members = groups == np.arange(count)[:, np.newaxis]
            sizes = members.sum(axis=1, keepdims=True)
            moved = np.where(sizes > 0, members @ points / np.maximum(sizes, 1), centres)
            if np.array_equal(moved, centres):
                break
            centres = moved
        inertia = _squares(points, centres).min(axis=1).sum()
        if inertia < least:
            best, least = centres, inertia
    return best


def _starts(points: Points, count: int, random: np.random.Generator) -> Points:
    """Points that are far from each other (k-means++: Arthur and Vassilvitskii, 2007)."""
    centres = points[[random.integers(len(points))]]
    for _ in range(count - 1):
        squares = _squares(points, centres).min(axis=1)
        total = squares.sum()
        shares = squares / total if total > 0 else None
        centres = np.concatenate([centres, points[[random.choice(len(points), p=shares)]]])
    return centres


def _squares(points: Points, centres: Points) -> Points:
    squares: Points = ((points[:, np.newaxis] - centres[np.newaxis]) ** 2).sum(axis=2)
    return squares


def _nearest(points: Points, centres: Points) -> Groups:
    nearest: Groups = _squares(points, centres).argmin(axis=1)
    return nearest


def _silhouette(points: Points, groups: Groups, count: int) -> float:
    """The mean silhouette; -1 where a cluster is empty. One point alone has 0."""
    sizes = np.bincount(groups, minlength=count)
    if not sizes.all():
        return -1.0
    distances = np.sqrt(_squares(points, points))
    sums = np.stack([distances[:, groups == k].sum(axis=1) for k in range(count)], axis=1)
    own = sizes[groups]
    inside = sums[np.arange(len(points)), groups] / np.maximum(own - 1, 1)
    others = sums / sizes
    others[np.arange(len(points)), groups] = np.inf
    outside = others.min(axis=1)
    greatest = np.maximum(inside, outside)
    values = np.divide(outside - inside, greatest, out=np.zeros_like(inside), where=greatest > 0)
    return float(np.where(own > 1, values, 0).mean())
