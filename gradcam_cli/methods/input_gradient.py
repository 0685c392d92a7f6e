"""Methods that look at the input: what each of its values does to the score."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.arguments import check_activations, check_maps
from gradcam_cli.methods.batching import RowMap, by_row, rows_in_batches
from gradcam_cli.methods.cam import from_gradients, grad_cam
from gradcam_cli.methods.contract import Question
from gradcam_cli.methods.upsampling import SamplePoints, upsampled
from gradcam_cli.passes import INPUT, Gradients
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


def input_x_gradient(inputs: Array, gradients: Array) -> Array:
    """Each value of the input times its own gradient.

    Shrikumar et al., 2017, arXiv 1605.01713, and Kindermans et al., 2016, arXiv 1611.07270:
    x ⊙ dy/dx, here summed over channels (captum gives each channel's).
    x is what the model takes, so that what it calls 0 adds nothing: mid-grey for a model that takes
    -1..1, black for one that takes 0..1.

    For a y that is linear in x the sum of the map is y without its constant, and the map is that of
    Integrated Gradients from an input of zeros. LRP-0 gives it too, for a network of ReLUs without
    biases (Ancona et al., 2018, arXiv 1711.06104, proposition 1).

    Parameters
    ----------
    inputs, gradients : (H, W, C) float32
        x and dy/dx of one image.

    Returns
    -------
    (H, W) float32
        The raw signed heatmap, in units of y.

    Raises
    ------
    UsageError
        Unless both are floats of one such shape.

    Examples
    --------
    A pixel of two channels, x = (2, -1), for y = 3·x_1 + x_2: 6 - 1.

    >>> inputs, gradients = np.array([[[[2, -1]]], [[[3, 1]]]], np.float32)
    >>> input_x_gradient(inputs, gradients).tolist()
    [[5.0]]
    """
    check_maps(inputs, gradients)
    raw: Array = (inputs * gradients).sum(axis=-1)
    return raw


input_x_gradient_maps = from_gradients(input_x_gradient, INPUT)


def _sum_over_channels(_: Array, relevance: Array) -> Array:
    """The sum; what is too large for float32 is no finite number."""
    with np.errstate(over="ignore", invalid="ignore"):
        total: Array = relevance.sum(axis=-1)
    return total


relevance_maps = from_gradients(_sum_over_channels, INPUT, "relevance")
"""Bach et al., 2015, PLOS ONE 10(7), equation 2: the relevance of each value of the input, of which
every layer hands on to the layer before what it got, summed over channels: (H, W) float32, signed,
in units of y.

The rules are those of Montavon et al., 2019, "Layer-Wise Relevance Propagation: An Overview"
(LNCS 11700), table 10.1: ε in dense layers, γ in convolutions, w² in the first one, whose inputs
have no natural zero. Both numbers are options; see `passes.RULE_PARAMETERS`.
`engines.openvino.vjp.relevance` has the equations, and what is done where branches meet and with
gates. Biases of dense layers get a share, which is lost, those of convolutions and what batch
normalization adds get none (Captum and zennit give them one unless told otherwise). So the sum of
the map is y but for what dense biases and ε take, and units whose inputs are all 0. With
`score="probability"` it is the sum of dy/ds · s over the scores s.

Captum's default is ε in every layer; its γ rule multiplies positive weights even where inputs or
outputs are negative.
"""

attn_lrp_maps = from_gradients(input_x_gradient, INPUT, "linearized")
"""Achtibat et al., 2024, arXiv 2402.05602: layer-wise relevance propagation for transformers, by
which every operation hands on to its inputs what it got, summed over channels at the input:
(H, W) float32, signed, in units of y.

Its rules are those of section 3, with ε in all layers: `engines.openvino.vjp.linearized` has them.
They are computed as x ⊙ a gradient by rules of its own, as in the authors' own `lxt.efficient`,
which is the same for ε = 0 and divides by nothing small. For vision transformers the authors take
γ in layers with weights in the place of ε, tuned for the model, which gives less noisy maps; that
is not here.

The sum of the map is y without what the rules lose: the shares of biases, class tokens and
embeddings, and that of each softmax, whose expansion has a constant of its own. The rules for
activations, products, normalizations and sums lose nothing. Of a network of ReLUs without a product
of two computed values it is `input-x-gradient`.
"""


def guided_grad_cam(guided: Array, raw_grad_cam: Array) -> Array:
    """Guided Backpropagation where Grad-CAM sees evidence.

    Selvaraju et al., 2017, arXiv 1610.02391, section 3.2: guided gradients times the Grad-CAM map,
    after its ReLU, upsampled bilinearly to the input. Guided gradients are reduced as by
    `guided-backprop`, to the maximum over channels of their size. (Captum keeps channels and signs,
    and by default takes the nearest value of the map.)

    Parameters
    ----------
    guided : (H, W, C) float32
        dy/dx of one image, by the guided rules.
    raw_grad_cam : (h, w) float32
        As `grad_cam` gives it.

    Returns
    -------
    (H, W) float32
        The raw heatmap, not negative.

    Raises
    ------
    UsageError
        Unless `guided` are floats of such a shape.
    """
    details = saliency(guided)
    rows, columns = (
        SamplePoints.of(*sides) for sides in zip(details.shape, raw_grad_cam.shape, strict=True)
    )
    evidence = upsampled(np.maximum(raw_grad_cam, 0)[np.newaxis], rows, columns)[0]
    raw: Array = details * evidence
    return raw


@by_row
def guided_grad_cam_maps(question: Question) -> Iterator[RowMap]:
    """`guided_grad_cam` of each input, by two passes."""
    engine, layer, score = question.engine, question.layer, question.score

    def run(batch: Array, targets: list[Target]) -> tuple[Gradients, Gradients]:
        at_layer = engine.gradients(batch, targets, [layer], score=score)
        return at_layer, engine.gradients(batch, targets, [INPUT], score=score, rules="guided")

    for rows, (at_layer, at_input) in rows_in_batches(question, run):
        maps = (at_layer.activations[layer], at_layer.gradients[layer], at_layer.scores)
        for row, guided, a, g, scores in zip(rows, at_input.gradients[INPUT], *maps, strict=False):
            yield row, guided_grad_cam(guided, grad_cam(a, g)), scores
