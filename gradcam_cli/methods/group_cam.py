"""Group-CAM: groups of a layer's maps, each weighted by the score of what it shows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.arguments import check_maps
from gradcam_cli.methods.batching import (
    Job,
    RowMap,
    by_row,
    means_of_passes,
    resolved,
    rows_in_batches,
)
from gradcam_cli.methods.contract import Question
from gradcam_cli.methods.perturbation import distinct_masks, masked

Array = NDArray[np.float32]

_RADIUS = 25 / 224
"""Of the blur's kernel, as a share of a side; its standard deviation is twice as much."""


@by_row
def group_cam(question: Question, groups: int = 32) -> Iterator[RowMap]:
    """Maps of groups of channels, weighted by what each shows of a blurred picture.

    Zhang et al., 2021, arXiv 2103.13859: each channel's map is weighted by its mean gradient, the
    weighted maps of neighbouring channels are summed in `groups` groups, and of each sum all but
    what is above its 70th percentile is set to 0 (`group_maps`). Upsampled and scaled to 0..1 it is
    a mask M_l, through which the picture x is seen, and the blurred picture x' elsewhere; the map
    is Σ_l (y(x ⊙ M_l + x' ⊙ (1 - M_l)) - y(x')) M_l, before its ReLU. It takes a pass a group
    where Score-CAM takes one a channel.

    The authors take probabilities, blur 224 pixels by a kernel of 51 pixels with a standard
    deviation of 50 (here the same shares of any side), and weigh masks that are upsampled already.
    y is that of `question.score` here. A group that has nothing above 0 adds nothing.

    Returns
    -------
    Maps
        Raw signed maps of (h, w), in units of y.
    """
    height, width, _ = question.baseline.shape
    inputs = list(question.inputs)
    blurs = {id(array): blurred(array) for array in inputs}
    answers = list(_group_maps(question, groups))
    masks = [distinct_masks(maps, height, width) for maps, _ in answers]

    def run(jobs: list[Job]) -> Array:
        shown = [inputs[row] for row, _ in jobs]
        behind = np.stack([blurs[id(array)] for array in shown])
        batch = masked(
            [masks[row][0][index] for row, index in jobs], list(np.stack(shown) - behind)
        )
        batch += behind
        return question.engine.forward(batch)

    targets = [[resolved(question, row, scores)] for row, (_, scores) in enumerate(answers)]
    means = means_of_passes(question, targets, [len(distinct) for distinct, _ in masks], run)
    for row, ((_, scores), (distinct, mask_of), y) in enumerate(
        zip(answers, masks, means, strict=True)
    ):
        # The last map is 0, so the last y is that of the blurred picture, and its difference 0.
        differences = (y - y[mask_of[-1]])[mask_of, 0]
        yield row, np.tensordot(differences, distinct[mask_of], 1), scores


def _group_maps(question: Question, groups: int) -> Iterator[tuple[Array, Array]]:
    """The maps of the groups and one that is 0, (h, w, groups + 1), and the scores of each row."""
    engine, layer = question.engine, question.layer
    run = partial(engine.gradients, at=[layer], score=question.score)
    for rows, batch in rows_in_batches(question, run):
        arrays = (batch.activations[layer], batch.gradients[layer], batch.scores)
        for _, activations, gradients, scores in zip(rows, *arrays, strict=False):
            maps = group_maps(activations, gradients, groups)
            yield np.concatenate([maps, np.zeros_like(maps[..., :1])], axis=-1), scores


def group_maps(activations: Array, gradients: Array, groups: int) -> Array:
    """Grad-CAM's map of each of several groups of channels, its lower 70 % set to 0.

    Parameters
    ----------
    activations, gradients : (h, w, C) float32
        A and dy/dA of one image.
    groups : int
        How many; at most C. Where they do not divide C, the first have a channel more.

    Returns
    -------
    (h, w, groups) float32
        Not negative.

    Raises
    ------
    UsageError
        Unless both are floats of one such shape.
    """
    check_maps(activations, gradients)
    weighted = activations * gradients.mean(axis=(0, 1))
    parts = np.array_split(weighted, min(groups, activations.shape[-1]), axis=-1)
    maps = np.maximum(np.stack([part.sum(axis=-1) for part in parts], axis=-1), 0)
    return np.where(maps > np.percentile(maps, 70, axis=(0, 1)), maps, np.float32(0))


def blurred(image: Array) -> Array:
    """`image`, (H, W, C) float32, with each side blurred by a Gaussian that is cut off early.

    Beyond its edges it goes on mirrored.
    """
    for axis in (0, 1):
        image = _blurred_along(image, axis)
    return image


def _blurred_along(image: Array, axis: int) -> Array:
    side = image.shape[axis]
    radius = max(1, round(_RADIUS * side))
    weights = np.exp(-((np.arange(-radius, radius + 1) / (2 * radius)) ** 2) / 2)
    weights = (weights / weights.sum()).astype(np.float32)
    padding = [(radius, radius) if each == axis else (0, 0) for each in range(image.ndim)]
    padded = np.moveaxis(np.pad(image, padding, "reflect"), axis, 0)
    blurred_rows = np.zeros_like(padded[:side])
    for start, weight in enumerate(weights):
        blurred_rows += weight * padded[start : start + side]
    return np.moveaxis(blurred_rows, 0, axis)
