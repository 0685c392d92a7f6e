"""Class activation maps without gradients: a channel weighs what it does to the score."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.heads import target_scores
from gradcam_cli.methods.batching import RowMap, by_row, captures, resolved, scores_of_jobs
from gradcam_cli.methods.contract import Question
from gradcam_cli.methods.upsampling import SamplePoints, extremes, upsampled

Array = NDArray[np.float32]


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
    inputs = list(question.inputs)
    height, width, _ = inputs[0].shape
    groups = list(captures(question))
    masks = [distinct_masks(activations, height, width) for _, activations, _ in groups]

    def run(jobs: list[tuple[int, Array]]) -> Array:
        shown = [inputs[groups[number][0][0]] for number, _ in jobs]
        return question.engine.forward(masked([mask for _, mask in jobs], shown))

    scores = scores_of_jobs(question, [list(distinct) for distinct, _ in masks], run)
    for (rows, activations, input_scores), (_, mask_of), channel_scores in zip(
        groups, masks, scores, strict=True
    ):
        targets = [resolved(question, row, input_scores) for row in rows]
        y = target_scores(channel_scores, targets, question.score, question.head)[mask_of]
        for row, column in zip(rows, y.T, strict=True):
            yield row, activations @ _softmax(column), input_scores


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

    Columns and channels are one axis here, for NumPy is slow where the last axis is short.

    Parameters
    ----------
    masks : list of (h, w) float32
    inputs : list of (H, W, C) float32
    """
    height, width, channels = inputs[0].shape
    h, w = masks[0].shape
    rows, columns = SamplePoints.of(height, h), SamplePoints.of(width, w)
    batch = upsampled(np.stack(masks), rows, columns, repeats=channels)
    for row, array in enumerate(inputs):
        batch[row] *= array.reshape(height, -1)
    return batch.reshape(-1, height, width, channels)


def _softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
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
    inputs, engine, layer = list(question.inputs), question.engine, question.layer
    groups = list(captures(question))
    active = [np.flatnonzero(activations.any(axis=(0, 1))).tolist() for _, activations, _ in groups]

    def run(jobs: list[tuple[int, int | None]]) -> Array:
        ablated = np.stack([groups[number][1] for number, _ in jobs])
        for row, (_, channel) in zip(ablated, jobs, strict=True):
            if channel is not None:
                row[:, :, channel] = 0
        batch = np.stack([inputs[groups[number][0][0]] for number, _ in jobs])
        return engine.tail(ablated, layer, batch)

    # The whole one first, by the same pass, so that the differences are not those of two programs.
    jobs: list[list[int | None]] = [[None, *channels] for channels in active]
    scores = scores_of_jobs(question, jobs, run)
    for (rows, activations, input_scores), channels, channel_scores in zip(
        groups, active, scores, strict=True
    ):
        for row in rows:
            weights = np.zeros(activations.shape[-1])
            weights[channels] = _score_drops(question, row, input_scores, channel_scores)
            yield row, activations @ weights, input_scores


def _score_drops(
    question: Question, row: int, input_scores: Array, scores: Array
) -> NDArray[np.float64]:
    """The share of y that is lost in each row of `scores` but the first, which has y."""
    target = resolved(question, row, input_scores)
    target_itself = replace(target, counterfactual=False)
    y = target_scores(scores, [target_itself], question.score, question.head)[:, 0]
    drops: NDArray[np.float64] = (y[0] - y[1:]) / (y[0] or 1)
    return -drops if target.counterfactual else drops
