"""Methods that look at the input: what each of its values does to the score."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.arguments import check_activations
from gradcam_cli.methods.batching import (
    Numbers,
    RowMap,
    by_row,
    in_batches,
    input_scores,
    resolved,
)
from gradcam_cli.methods.cam import from_gradients
from gradcam_cli.methods.contract import Question
from gradcam_cli.passes import INPUT
from gradcam_cli.targets import Target

Array = NDArray[np.float32]


def saliency(gradients: Array) -> Array:
    """How much each pixel matters, whichever way it is changed.

    Simonyan et al., 2013, arXiv 1312.6034, section 3.1: the maximum over channels of |dy/dx|.
    (Captum gives each channel's |dy/dx|, and others the mean over channels.)

    Parameters
    ----------
    gradients : (H, W, C) float32
        dy/dx of one image, x being what the model takes.

    Returns
    -------
    (H, W) float32
        The raw heatmap, not negative, in units of y per unit of x.

    Raises
    ------
    UsageError
        Unless `gradients` are floats of such a shape.
    """
    check_activations(gradients)
    raw: Array = np.abs(gradients).max(axis=-1)
    return raw


saliency_maps = from_gradients(lambda _, gradients: saliency(gradients), INPUT)

guided_backprop_maps = from_gradients(lambda _, gradients: saliency(gradients), INPUT, "guided")
"""Springenberg et al., 2015, arXiv 1412.6806, section 3.4: the gradient at the input, where
each ReLU passes back only what is positive and comes from where it is active.

The paper shows the result as a picture in colour; here it is reduced as `saliency` is, to the
maximum over channels of its size, (H, W) float32, not negative. It hardly depends on the class
(Adebayo et al., 2018, arXiv 1810.03292).
"""


@by_row
def integrated_gradients(question: Question, steps: int = 50) -> Iterator[RowMap]:
    """The difference to a baseline, and what each pixel has contributed to it.

    Sundararajan et al., 2017, arXiv 1703.01365, equation 3:
    (x - x') × the mean of dy/dx on the straight path from the baseline x' to x, at the middles of
    `steps` equal parts (the paper's sum takes their ends, Captum's default Gauss and Legendre's
    points), summed over channels. With enough steps the sum of the map is y(x) - y(x')
    (completeness, proposition 1). The predicted class is that of x all along the path.

    Parameters
    ----------
    question : Question
        Whose `baseline` is x'.
    steps : int
        How many gradients are taken for each input.

    Returns
    -------
    Maps
        Raw signed maps of (H, W), in units of y.
    """
    scores = input_scores(question)
    inputs, engine, baseline = list(question.inputs), question.engine, question.baseline
    targets = [resolved(question, row, scores[row]) for row in range(len(inputs))]

    def run(numbers: Numbers) -> Array:
        pairs = [divmod(number, steps) for number in numbers.tolist()]
        batch = np.stack([_between(baseline, inputs[row], (i + 0.5) / steps) for row, i in pairs])
        batch_targets: list[Target] = [targets[row] for row, _ in pairs]
        computed = engine.gradients(batch, batch_targets, [INPUT], score=question.score)
        return computed.gradients[INPUT]

    sums = np.zeros((len(inputs), *baseline.shape))
    passes = (len(inputs) * steps, engine.rows, engine.parallel, question.progress)
    for numbers, gradients in in_batches(run, *passes):
        for number, gradient in zip(numbers, gradients, strict=False):
            sums[number // steps] += gradient
    for row, array in enumerate(inputs):
        yield row, ((array - baseline) * sums[row] / steps).sum(axis=-1), scores[row]


def _between(start: Array, end: Array, share: float) -> Array:
    """The point between both, `share` of the way."""
    point: Array = start + np.float32(share) * (end - start)
    return point
