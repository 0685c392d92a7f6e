"""Class activation maps without gradients: a channel weighs what it does to the score."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.methods.batching import (
    Job,
    RowMap,
    by_row,
    captures,
    means_of_passes,
    resolved_targets,
)
from gradcam_cli.methods.contract import Question
from gradcam_cli.methods.upsampling import SamplePoints, extremes, upsampled

Array = NDArray[np.float32]
Show = Callable[[list[Array], list[Array], list[Job]], Array]
"""From masks, the inputs they are for, and the number and the repeat of each mask, to a batch."""


@by_row
def score_cam(question: Question) -> Iterator[RowMap]:
    """Each map weighted by the score of the input that it shows.

    Wang et al., 2020, arXiv 1910.01279: the map of channel k, upsampled bilinearly to the input and
    scaled to 0..1 by its own least and greatest value (equation 7; torch-cam scales before it
    upsamples), multiplies the input as the model takes it. The weights are the softmax over all
    channels of the increase of y over a baseline (equation 6 and algorithm 1), and the map is
    Σ_k α_k A_k. The baseline's y is the same for all channels, so it cancels in the softmax, and is
    not computed. y is that of `question.score`: by probabilities, which lie in 0..1, the softmax
    tells channels apart much less than by logits.

    The map of a constant channel shows nothing: its mask is 0, as in pytorch-grad-cam and
    torch-cam (the authors' code leaves such channels out). They share one pass.

    Returns
    -------
    Maps
        Raw maps of (h, w), in units of A; no weight is negative.
    """
    return _weighted_by_scores(question, lambda masks, inputs, _: masked(masks, inputs))


@by_row
def ss_cam(
    question: Question, samples: int = 10, noise: float = 2.0, seed: int = 0
) -> Iterator[RowMap]:
    """Score-CAM, whose weights are means over noise in the masks.

    Wang et al., 2020, arXiv 2006.14255, of its two kinds the one that is smooth on feature maps:
    with H_k the mask of channel k as in `score_cam`, the weights are the softmax over channels of
    the mean over `samples` of y(x ⊙ (H_k + ε)), ε normal with the standard deviation `noise` at
    each pixel, the same for all of a pixel's colours, and the map is Σ_k α_k A_k. The masks with
    noise are not brought back to 0..1. So does torch-cam, which scales before it upsamples, and
    takes 35 samples; the paper's σ is 2.

    The noise depends on `seed`, the number of the mask and that of the sample alone: pictures that
    are nearly the same get the same, and nearly the same map.

    Returns
    -------
    Maps
        Raw maps of (h, w), in units of A; no weight is negative.
    """
    height, width, _ = question.inputs[0].shape

    def show(masks: list[Array], inputs: list[Array], jobs: list[Job]) -> Array:
        points = (SamplePoints.of(height, len(masks[0])), SamplePoints.of(width, len(masks[0][0])))
        noisy = upsampled(np.stack(masks), *points)
        for row, job in enumerate(jobs):
            random = np.random.default_rng((seed, *job))
            noisy[row] += np.float32(noise) * random.standard_normal((height, width), np.float32)
        return seen_through(noisy, inputs)

    return _weighted_by_scores(question, show, samples)


@by_row
def is_cam(question: Question, steps: int = 10) -> Iterator[RowMap]:
    """Score-CAM, whose weights are means over the intensities of the masks.

    Naidu et al., 2020, arXiv 2010.03023: with H_k the mask of channel k as in `score_cam`, the
    weights are the softmax over channels of the mean of y(x ⊙ H_k · i / N) over i = 1 … N, N being
    `steps`, and the map is Σ_k α_k A_k. (torch-cam adds the intensities up, so that 10 steps are
    0.1, 0.3, 0.6 … 5.5, brighter than the picture.) One step is Score-CAM.

    Returns
    -------
    Maps
        Raw maps of (h, w), in units of A; no weight is negative.
    """

    def show(masks: list[Array], inputs: list[Array], jobs: list[Job]) -> Array:
        intensities = [np.float32((step + 1) / steps) for _, step in jobs]
        dimmed = [mask * share for mask, share in zip(masks, intensities, strict=True)]
        return masked(dimmed, inputs)

    return _weighted_by_scores(question, show, steps)


def _weighted_by_scores(question: Question, show: Show, repeats: int = 1) -> Iterator[RowMap]:
    """The maps weighted by the softmax of the mean y of what `show` makes of their masks."""
    inputs = list(question.inputs)
    height, width, _ = inputs[0].shape
    groups = list(captures(question))
    targets = [resolved_targets(question, rows, scores) for rows, _, scores in groups]
    masks = [distinct_masks(activations, height, width) for _, activations, _ in groups]

    def run(jobs: list[Job]) -> Array:
        of_masks = [divmod(index, repeats) for _, index in jobs]
        numbers = [number for number, _ in jobs]
        own = [masks[number][0][mask] for number, (mask, _) in zip(numbers, of_masks, strict=True)]
        shown = [inputs[groups[number][0][0]] for number in numbers]
        return question.engine.forward(show(own, shown, of_masks))

    counts = [len(distinct) for distinct, _ in masks]
    means = means_of_passes(question, targets, counts, run, repeats)
    for (rows, activations, scores), (_, mask_of), y in zip(groups, masks, means, strict=True):
        for row, column in zip(rows, y[mask_of].T, strict=True):
            yield row, activations @ softmax(column), scores


def distinct_masks(activations: Array, height: int, width: int) -> tuple[Array, NDArray[np.intp]]:
    """Each channel's mask before it is upsampled, the constant ones' but once.

    Parameters
    ----------
    activations : (h, w, C) float32
    height, width : int
        To which size masks are upsampled.

    Returns
    -------
    masks : (M, h, w) float32
        In 0..1 once they are upsampled.
    mask_of : (C,) int
        The number of each channel's mask.
    """
    maps = np.ascontiguousarray(np.moveaxis(activations, -1, 0))
    low, high = extremes(maps, height, width)
    varied = high > low
    scaled = (maps[varied] - low[varied, None, None]) / (high - low)[varied, None, None]
    if not varied.all():
        scaled = np.concatenate([scaled, np.zeros_like(maps[:1])])
    return scaled, np.where(varied, np.cumsum(varied) - 1, len(scaled) - 1)


def masked(masks: list[Array], inputs: list[Array]) -> Array:
    """Each input times its mask, upsampled: (N, H, W, C) float32.

    Parameters
    ----------
    masks : list of (h, w) float32
    inputs : list of (H, W, C) float32
    """
    height, width, channels = inputs[0].shape
    h, w = masks[0].shape
    rows, columns = SamplePoints.of(height, h), SamplePoints.of(width, w)
    return _times(upsampled(np.stack(masks), rows, columns, repeats=channels), inputs)


def seen_through(masks: Array, inputs: list[Array]) -> Array:
    """Each input times its mask of its size: (N, H, W, C) float32.

    Parameters
    ----------
    masks : (N, H, W) float32
    inputs : list of (H, W, C) float32
    """
    return _times(np.repeat(masks, inputs[0].shape[-1], axis=2), inputs)


def _times(batch: Array, inputs: list[Array]) -> Array:
    """`batch`, (N, H, W × C), which is overwritten, times `inputs`.

    Columns and channels are one axis here, for NumPy is slow where the last axis is short.
    """
    for row, array in enumerate(inputs):
        batch[row] *= array.reshape(len(array), -1)
    return batch.reshape(-1, *inputs[0].shape)


def softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The shares exp(v_k) / Σ_i exp(v_i) of `values`, (C,)."""
    shares = np.exp(values - values.max())
    weights: NDArray[np.float64] = shares / shares.sum()
    return weights


@by_row
def ablation_cam(question: Question) -> Iterator[RowMap]:
    """Each map weighted by the share of the score that is lost without it.

    Desai and Ramaswamy, 2020 (WACV), equation 3: w_k = (y - y_k) / y, with y_k the score where
    channel k is 0 at the layer, and equation 4, before its ReLU, the map Σ_k w_k A_k. A channel
    that is 0 everywhere changes nothing, and takes no pass.

    The division scales the map as a whole. Where y is negative it turns the sign too, so that the
    map has what holds y away from 0, on its own side of it: evidence against the class. The formula
    is kept as it is, for a score before the softmax has no natural 0; with score "probability" y is
    positive for every class alone. Where y is 0 nothing is divided. The counterfactual -y would
    cancel its sign, so its map is the target's negated.

    Returns
    -------
    Maps
        Raw signed maps of (h, w), in units of A.
    """
    groups = list(captures(question))
    active = [np.flatnonzero(activations.any(axis=(0, 1))) for _, activations, _ in groups]
    targets = [resolved_targets(question, rows, scores) for rows, _, scores in groups]
    themselves = [[replace(each, counterfactual=False) for each in own] for own in targets]

    def change(activations: Array, number: int, index: int) -> None:
        if index:  # the whole one is first, by the same pass: no difference is of two programs
            activations[:, :, active[number][index - 1]] = 0

    counts = [1 + len(channels) for channels in active]
    means = means_of_passes(question, themselves, counts, _tails(question, groups, change))
    for (rows, activations, scores), channels, own, y in zip(
        groups, active, targets, means, strict=True
    ):
        for row, target, column in zip(rows, own, y.T, strict=True):
            drops = (column[0] - column[1:]) / (column[0] or 1)
            weights = np.zeros(activations.shape[-1])
            weights[channels] = -drops if target.counterfactual else drops
            yield row, activations @ weights, scores


@by_row
def recipro_cam(question: Question) -> Iterator[RowMap]:
    """The score that each position of the layer has alone.

    Byun and Lee, 2022, arXiv 2209.14074: y(tail(A ⊙ M_ij)) with M_ij 1 at position i, j and 0
    elsewhere; their spread by a 3 × 3 Gaussian is left out, as in their published code. The authors
    take probabilities, and scale the map by its least and greatest value. Here y is that of
    `question.score`, and the y of a layer that is 0 everywhere is subtracted: it moves all
    positions alike, and a position that does nothing gets 0.

    On a head of global average pooling and one dense layer, a logit's map at the layer before it is
    Σ_k w_k A_ijk / (h·w): CAM, and so HiResCAM.

    Returns
    -------
    Maps
        Raw signed maps of (h, w), in units of y.
    """
    groups = list(captures(question))
    targets = [resolved_targets(question, rows, scores) for rows, _, scores in groups]
    height, width, _ = groups[0][1].shape

    def change(activations: Array, number: int, index: int) -> None:
        activations[:] = 0
        if index:
            place = divmod(index - 1, width)
            activations[place] = groups[number][1][place]

    counts = [1 + height * width] * len(groups)
    means = means_of_passes(question, targets, counts, _tails(question, groups, change))
    for (rows, _, scores), y in zip(groups, means, strict=True):
        for row, column in zip(rows, y.T, strict=True):
            yield row, (column[1:] - column[0]).reshape(height, width), scores


def _tails(
    question: Question,
    groups: list[tuple[list[int], Array, Array]],
    change: Callable[[Array, int, int], None],
) -> Callable[[list[Job]], Array]:
    """What gives the scores of jobs by tails, of each input's activations as `change` leaves them.

    `change` gets a copy of the activations, the number of the input and that of the pass.
    """
    inputs = list(question.inputs)

    def run(jobs: list[Job]) -> Array:
        changed = np.stack([groups[number][1] for number, _ in jobs])
        for activations, job in zip(changed, jobs, strict=True):
            change(activations, *job)
        batch = np.stack([inputs[groups[number][0][0]] for number, _ in jobs])
        return question.engine.tail(changed, question.layer, batch)

    return run
