"""Remove and debias: pixels are replaced by what their neighbours suggest.

Rong et al., 2022 (ROAD, arXiv 2202.00449). Pixels that are replaced by black leave the shape of the
mask in the picture, and a model may read that; so each is the weighted mean of its eight
neighbours, which may be replaced, too: a linear system, solved for all at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.metrics.faithfulness import Subject, ranked_pixels

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

SHARES = (0.2, 0.4, 0.6, 0.8)
NOISE = 0.01
_TOLERANCE = 2e-4
"""How far a pixel may be from the mean of its neighbours, in the root mean square: a share of the
range of the input. What is left is far below `NOISE`."""
_MOST_STEPS = 200
_SMALLEST = 8
_TINY = np.float32(1e-30)


def road_scores(
    subject: Subject,
    heatmap: Array,
    shares: Sequence[float] = SHARES,
    seed: int = 0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The scores with the hottest pixels imputed (MoRF), and with the coldest (LeRF).

    Parameters
    ----------
    subject : Subject
        Its baseline is not used.
    heatmap : (H, W) float32
    shares : sequence of float, 0..1
        How many of the pixels.
    seed : int
        Of the noise that is added to what is imputed, with a standard deviation of `NOISE`.

    Returns
    -------
    most, least : (len(shares),) float64
    """
    scores = subject.scores(_imputed_inputs(subject.input, heatmap, shares, seed))
    return scores[: len(shares)], scores[len(shares) :]


def road_combined(most: NDArray[np.float64], least: NDArray[np.float64]) -> float:
    """The mean of (LeRF - MoRF) / 2 over shares, -0.5..0.5 of probabilities; more is better.

    As in pytorch-grad-cam, where it is of the scores; in the paper, and in Quantus, it is of how
    often the class is still predicted.
    """
    return float((least - most).mean() / 2)


def _imputed_inputs(
    image: Array, heatmap: Array, shares: Sequence[float], seed: int
) -> Iterator[Array]:
    hottest_first = ranked_pixels(heatmap)
    random = np.random.default_rng(seed)
    for order in (hottest_first, hottest_first[::-1]):
        for share in shares:
            missing = np.zeros(heatmap.size, bool)
            missing[order[: round(share * heatmap.size)]] = True
            mask = missing.reshape(heatmap.shape)
            filled = imputed(image, mask)
            noise = random.normal(0, NOISE, filled.shape).astype(np.float32)
            yield np.where(mask[..., np.newaxis], filled + noise, filled)


def imputed(image: Array, missing: Mask) -> Array:
    """`image` with each missing pixel the weighted mean of its neighbours in it.

    Neighbours beside weigh twice as much as those across (1/6 and 1/12, section 4.2); at the edge
    of the picture those that there are. Where all is missing it is 0.

    Parameters
    ----------
    image : (H, W, C) float32
    missing : (H, W) bool

    Returns
    -------
    (H, W, C) float32
        To a hundredth of its range at the most, in practice.
    """
    known = np.where(missing[..., np.newaxis], np.float32(0), image)
    if missing.all() or not missing.any():
        return known
    start = _from_half_size(known, missing)
    return _relaxed(np.where(missing[..., np.newaxis], start, known), missing)


def _from_half_size(known: Array, missing: Mask) -> Array:
    """What is imputed at half of the size, which is near, and takes a quarter of the time."""
    height, width, channels = known.shape
    if min(height, width) < _SMALLEST:
        present = ~missing
        mean = known[present].mean(axis=0) if present.any() else np.zeros(channels, np.float32)
        return np.broadcast_to(mean, known.shape)
    rows, columns = -(-height // 2), -(-width // 2)
    padding = ((0, 2 * rows - height), (0, 2 * columns - width))
    weights = np.pad((~missing).astype(np.float32), padding)
    values = np.pad(known, (*padding, (0, 0)))
    blocks = (rows, 2, columns, 2)
    counts = weights.reshape(blocks).sum(axis=(1, 3))
    sums = values.reshape(*blocks, channels).sum(axis=(1, 3))
    means = sums / np.maximum(counts, 1)[..., np.newaxis]
    half = imputed(means, counts == 0)
    return half.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]


def _relaxed(start: Array, missing: Mask) -> Array:
    """The solution, from `start` on, by conjugate gradients (Hestenes and Stiefel, 1952)."""
    free = missing[..., np.newaxis].astype(np.float32)
    weights = _neighbours(np.ones((*missing.shape, 1), np.float32))
    solution: Any = start.astype(np.float32)
    residual: Any = free * (_neighbours(solution) - weights * solution)
    direction, power = residual, _dot(residual, residual)
    reach = np.ptp(start, axis=(0, 1))
    enough = np.count_nonzero(missing) * (_TOLERANCE * reach) ** 2
    for _ in range(_MOST_STEPS):
        if not (power > enough).any():
            break
        moved = free * (weights * direction - _neighbours(direction))
        along = power / np.maximum(_dot(direction, moved), _TINY)
        solution = solution + along * direction
        residual = residual - along * moved
        before, power = power, _dot(residual, residual)
        direction = residual + power / np.maximum(before, _TINY) * direction
    relaxed: Array = solution
    return relaxed


def _dot(first: Array, second: Array) -> Array:
    """Channel by channel."""
    products: Array = np.einsum("hwc,hwc->c", first, second)
    return products.astype(np.float32)


def _neighbours(image: Array) -> Array:
    """The sum of the eight neighbours, 1/6 of each beside and 1/12 of each across; 0 outside."""
    across = 2 * image
    across[:, 1:] += image[:, :-1]
    across[:, :-1] += image[:, 1:]
    both = 2 * across
    both[1:] += across[:-1]
    both[:-1] += across[1:]
    return (both - 4 * image) / np.float32(12)
