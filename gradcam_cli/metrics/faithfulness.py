"""Whether a heatmap says what the model does: by changing the input where the map says so.

A score is what the caller makes of the model's outputs; `gradcam evaluate` takes the probability of
the explained class. A baseline is the input that stands for nothing being there. Heatmaps are
(H, W), as large as the input; where the model's layer is smaller, they are upsampled bilinearly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.metrics.similarity import correlation, row_ranks

Array = NDArray[np.float32]
Values = NDArray[np.float64]
Score = Callable[[Array], Values]
"""From inputs, (N, H, W, C) float32, to their scores, (N,) float64."""


@dataclass(frozen=True, eq=False)
class Subject:
    """An input of a model, and how to score others like it.

    Attributes
    ----------
    input : (H, W, C) float32
        As the model takes it.
    baseline : (H, W, C) float32
        What replaces its pixels.
    score : callable
    rows : int
        How many inputs it takes at a time.
    """

    input: Array = field(repr=False)
    baseline: Array = field(repr=False)
    score: Score
    rows: int = 8

    def scores_with(self, kept: Iterator[NDArray[np.bool_]]) -> Values:
        """The score for each of some masks, (H, W): the input where True, else the baseline."""
        inputs = (np.where(mask[..., np.newaxis], self.input, self.baseline) for mask in kept)
        return self.scores(inputs)

    def scores(self, inputs: Iterator[Array]) -> Values:
        """The score of each of `inputs`, some at a time."""
        scores: list[Values] = []
        batch: list[Array] = []
        for each in inputs:
            batch.append(each)
            if len(batch) == self.rows:
                scores.append(self.score(np.stack(batch)))
                batch = []
        if batch:
            scores.append(self.score(np.stack(batch)))
        return np.concatenate(scores) if scores else np.zeros(0)


def ranked_pixels(heatmap: Array) -> NDArray[np.intp]:
    """The numbers of the pixels, hottest first; of equal ones the first, row by row, first."""
    return np.argsort(-heatmap.ravel(), kind="stable")


def deletion_curve(subject: Subject, heatmap: Array, steps: int = 20) -> Values:
    """The scores while the hottest pixels are replaced by the baseline, step by step.

    Petsiuk et al., 2018 (RISE, arXiv 1806.07421), section 4.2. Their baseline for deletion is 0 in
    the space of the input; here it is the caller's, as in `insertion_curve`. In Quantus (Pixel
    Flipping) it is an option, in Xplique 0 in the space of the input.

    Parameters
    ----------
    subject : Subject
    heatmap : (H, W) float32
    steps : int

    Returns
    -------
    (steps + 1,) float64
        From the whole input to the baseline, at equal shares of the pixels.
    """
    return subject.scores_with(_without_hottest(heatmap, steps))


def insertion_curve(subject: Subject, heatmap: Array, steps: int = 20) -> Values:
    """The scores while the hottest pixels come into the baseline, step by step.

    Petsiuk et al., 2018, section 4.2; their baseline for insertion is a blurred picture.

    Returns
    -------
    (steps + 1,) float64
        From the baseline to the whole input.
    """
    return subject.scores_with(~kept for kept in _without_hottest(heatmap, steps))


def _without_hottest(heatmap: Array, steps: int) -> Iterator[NDArray[np.bool_]]:
    order = ranked_pixels(heatmap)
    kept = np.ones(heatmap.size, bool)
    ends = np.rint(np.linspace(0, heatmap.size, steps + 1)).astype(int)
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        kept[order[start:end]] = False
        yield kept.reshape(heatmap.shape)


def area_under(curve: Values) -> float:
    """The area under a curve over 0..1, by trapezoids.

    Of `deletion_curve` less is better, of `insertion_curve` more.
    """
    return float((curve[:-1] + curve[1:]).mean() / 2)


def average_drop(score: float, masked_score: float) -> float:
    """The share of the score that is lost where only what is hot is shown, 0..1; less is better.

    Chattopadhay et al., 2018 (Grad-CAM++, arXiv 1710.11063), section 4.1: max(0, Y - O) / Y, with
    Y the score and O that of the input times the map. In pytorch-grad-cam it is not divided by Y.
    """
    return max(0.0, score - masked_score) / score if score > 0 else 0.0


def increase_in_confidence(score: float, masked_score: float) -> float:
    """1 where the score is greater with only what is hot; more is better. As of `average_drop`."""
    return float(masked_score > score)


def average_gain(score: float, masked_score: float) -> float:
    """The share of what is missing to 1 that is gained with only what is hot; more is better.

    Zhang et al., 2024 (Opti-CAM, arXiv 2301.07002), equation 13: max(0, O - Y) / (1 - Y).
    """
    return max(0.0, masked_score - score) / (1 - score) if score < 1 else 0.0


def masked_input(input: Array, heatmap: Array, black: Array) -> Array:
    """The input times the map, (H, W, C): where the map is 0, the input for a black picture.

    Papers multiply pictures, and black is 0 there; the input of a model may be shifted.

    Parameters
    ----------
    input : (H, W, C) float32
    heatmap : (H, W) float32, 0..1
    black : (H, W, C) float32
    """
    return black + heatmap[..., np.newaxis] * (input - black)


@dataclass(frozen=True, eq=False)
class Removals:
    """What the score loses where random parts of the input are replaced by the baseline.

    Attributes
    ----------
    attributions : (S, K) float64
        The sum of the map over what is removed, of K random parts of each of S sizes.
    drops : (S, K) float64
        What the score loses.
    """

    attributions: Values
    drops: Values

    def mu_fidelity(self) -> float:
        """Spearman's correlation of the two, the mean over sizes, -1..1; more is better.

        Bhatt et al., 2020 (arXiv 2005.00631), equation 3, on the squares of a grid; by ranks as in
        Xplique, while the paper has Pearson's.
        """
        return _mean_correlation(row_ranks(self.attributions), row_ranks(self.drops))

    def sensitivity_n(self) -> float:
        """Pearson's correlation of the two, the mean over sizes n, -1..1; more is better.

        Ancona et al., 2018 (arXiv 1711.06104), section 3.3.
        """
        return _mean_correlation(self.attributions, self.drops)

    def infidelity(self) -> float:
        """How far the map is from saying how much is lost, 0..1; less is better.

        Yeh et al., 2019 (arXiv 1901.09392), definition 2.1, with the perturbation of removing
        squares: the mean of (I·Φ - drop)², where Φ is scaled as fits best (their section 5),
        for class activation maps have no unit; divided by the mean of drop², so that it is 1 for a
        map that says nothing, and does not depend on how sure the model is. It is never scaled by
        less than 0, which would turn the opposite of the truth into the truth. Quantus does neither
        scale nor divide; captum scales where `normalize` is set, by less than 0 too.
        """
        attributions, drops = self.attributions.ravel(), self.drops.ravel()
        lost = float(drops @ drops)
        if not lost:
            return 0.0
        power = float(attributions @ attributions)
        explained = max(0.0, float(attributions @ drops)) ** 2 / power if power else 0.0
        return 1 - explained / lost


def removals(
    subject: Subject,
    heatmap: Array,
    *,
    grid: int = 9,
    shares: Sequence[float] = (0.1, 0.2, 0.4, 0.6),
    samples: int = 32,
    seed: int = 0,
) -> Removals:
    """Remove random squares of a grid, and see what the score loses.

    Parameters
    ----------
    subject : Subject
    heatmap : (H, W) float32
    grid : int
        Squares along a side.
    shares : sequence of float, 0..1
        How many of the squares are removed.
    samples : int
        How often for each share.
    seed : int
        The same squares for the same seed, whatever the map.
    """
    random = np.random.default_rng(seed)
    squares = _grid(heatmap.shape, grid)
    count = grid * grid
    removed = [
        random.permutation(count)[: max(1, round(share * count))]
        for share in shares
        for _ in range(samples)
    ]
    whole = np.ones(heatmap.shape, bool)
    parts = (~np.isin(squares, each) for each in removed)
    scores = subject.scores_with(iter([whole, *parts]))
    sums = np.bincount(squares.ravel(), heatmap.ravel().astype(np.float64), minlength=count)
    attributions = np.array([sums[each].sum() for each in removed])
    shape = len(shares), samples
    return Removals(attributions.reshape(shape), (scores[0] - scores[1:]).reshape(shape))


def _grid(shape: tuple[int, ...], grid: int) -> NDArray[np.intp]:
    """The number of the square that each pixel lies in, (H, W)."""
    rows, columns = (np.arange(side) * grid // side for side in shape)
    return rows[:, np.newaxis] * grid + columns


def _mean_correlation(first: Values, second: Values) -> float:
    pairs = zip(first, second, strict=True)
    return float(np.mean([correlation(*pair) for pair in pairs]))


def max_sensitivity(
    input: Array,
    heatmap: Array,
    explain: Callable[[list[Array]], Array],
    *,
    radius: float = 0.02,
    samples: int = 10,
    seed: int = 0,
) -> float:
    """How much the map changes at most under small noise, at least 0; less is better.

    Yeh et al., 2019, definition 3.2: the greatest ‖Φ(x + r) - Φ(x)‖ / ‖Φ(x)‖, as in Quantus.

    Parameters
    ----------
    input : (H, W, C) float32
    heatmap : (h, w) float32
        What `explain` gives for it.
    explain : callable
        From a list of inputs to their maps, (N, h, w).
    radius : float
        The noise is uniform in ± `radius` times the range of the input.
    samples, seed : int
    """
    random = np.random.default_rng(seed)
    reach = np.float32(radius * float(np.ptp(input)))
    noisy = [
        input + random.uniform(-reach, reach, input.shape).astype(np.float32)
        for _ in range(samples)
    ]
    changes = np.sqrt(((explain(noisy) - heatmap).astype(np.float64) ** 2).sum(axis=(1, 2)))
    norm = float(np.sqrt((heatmap.astype(np.float64) ** 2).sum()))
    return float(changes.max()) / norm if norm > 0 else 0.0
