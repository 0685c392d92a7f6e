"""FullGrad: what the input and each bias of the network add to the score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.arguments import check_maps
from gradcam_cli.methods.batching import RowMap, by_row
from gradcam_cli.methods.contract import Question
from gradcam_cli.methods.upsampling import SamplePoints, upsampled
from gradcam_cli.passes import BIASES, INPUT

Array = NDArray[np.float32]

_ROUNDING = 1e-5
"""What is even but for this share of it is even but for rounding."""


def full_grad(inputs: Array, gradients: Array, biases: Sequence[Array]) -> Array:
    """The sizes of what the input and each bias add to the score, all on one scale.

    Srinivas and Fleuret, 2019, arXiv 1905.00780. Of a network of ReLUs y = x·dy/dx + Σ b·dy/db,
    summed over the values of the input and over all biases, at each place where one is added: the
    full gradient (proposition 1). Its map is, by section 4,
    ψ(x ⊙ dy/dx) + Σ_l Σ_c ψ(b_lc·dy/db_lc), with the layers l, their channels c, and ψ the absolute
    value, scaled to 0..1 and upsampled bilinearly; here each channel of the input is scaled by
    itself too.

    Biases of dense layers, which stand at no place, are in the sum only. What activations other
    than ReLUs would add (section 3.2: implicit biases) is in neither, as in pytorch-grad-cam, which
    scales each channel as well. (The authors' code scales all channels of a layer as one.)

    Parameters
    ----------
    inputs, gradients : (H, W, C) float32
        x and dy/dx of one image.
    biases : sequence of (h, w, C) float32
        b·dy/db of each layer that has biases, of any sizes.

    Returns
    -------
    (H, W) float32
        The raw heatmap, not negative.

    Raises
    ------
    UsageError
        Unless `inputs` and `gradients` are floats of one such shape.

    Examples
    --------
    x·dy/dx = (1, -3), which scaled are 0 and 1; the bias adds 4 and then 2, which are 1 and 0.

    >>> inputs, gradients = np.array([[[[1], [3]]], [[[1], [-1]]]], np.float32)
    >>> full_grad(inputs, gradients, [np.array([[[4], [2]]], np.float32)]).tolist()
    [[1.0, 1.0]]
    """
    check_maps(inputs, gradients)
    total = _scaled_sizes(inputs * gradients)
    for part in biases:
        rows, columns = (
            SamplePoints.of(*sides) for sides in zip(total.shape, part.shape, strict=False)
        )
        total += upsampled(_scaled_sizes(part)[np.newaxis], rows, columns)[0]
    return total


def _scaled_sizes(values: Array) -> Array:
    """The absolute values of each channel, scaled to 0..1, and summed; even channels add none."""
    sizes = np.abs(values)
    low, high = sizes.min(axis=(0, 1)), sizes.max(axis=(0, 1))
    spread = high - low
    scales = np.divide(1, spread, out=np.zeros_like(spread), where=spread > _ROUNDING * high)
    scaled: Array = (sizes - low) @ scales
    return scaled


@by_row
def full_grad_maps(question: Question) -> Iterator[RowMap]:
    """`full_grad` of each input, one at a time, for what biases add is large."""
    for row, (model_input, target) in enumerate(
        zip(question.inputs, question.targets, strict=True)
    ):
        found = question.engine.gradients(
            model_input[np.newaxis], [target], [INPUT, BIASES], score=question.score
        )
        parts = [part[0] for part in found.biases]
        yield row, full_grad(model_input, found.gradients[INPUT][0], parts), found.scores[0]
