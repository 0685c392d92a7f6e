"""Class activation maps: the maps of a layer, weighted and summed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.arguments import check_maps
from gradcam_cli.methods.batching import RowMap, by_row, rows_in_batches
from gradcam_cli.methods.contract import Maps, Question
from gradcam_cli.passes import LAYER, Rules

Array = NDArray[np.float32]

ROUNDING = 1e-7
"""A sum that is smaller than this share of what it is made of is all rounding."""


def from_gradients(
    function: Callable[[Array, Array], Array], at: str = LAYER, rules: Rules = "standard"
) -> Callable[..., Maps]:
    """A method of one pass: `function` takes A and G = dy/dA of one image, (h, w, C) each.

    The method's options are the parameters of the rules.

    Parameters
    ----------
    function : callable
        Gives the raw map.
    at : str
        Where A and G are: `LAYER`, or `INPUT`.
    rules : "standard", "guided", "relevance" or "linearized"
        By which G is computed; see `passes.Rules`.
    """

    @by_row
    def maps(question: Question, **parameters: float) -> Iterator[RowMap]:
        place = question.layer if at == LAYER else at
        run = partial(
            question.engine.gradients,
            at=[place],
            score=question.score,
            rules=rules,
            parameters=parameters,
        )
        for rows, batch in rows_in_batches(question, run):
            arrays = (batch.activations[place], batch.gradients[place], batch.scores)
            for row, a, g, scores in zip(rows, *arrays, strict=False):
                yield row, function(a, g), scores

    return maps


def grad_cam(activations: Array, gradients: Array) -> Array:
    """Each map weighted by its mean gradient.

    Selvaraju et al., 2017, arXiv 1610.02391: equation 1 gives the weights
    α_k = mean over i, j of dy/dA_ijk; equation 2, before its ReLU, the map Σ_k α_k A_k, here a
    mean over k, which `normalize` makes the same.

    Parameters
    ----------
    activations, gradients : (h, w, C) float32
        A and dy/dA of one image.

    Returns
    -------
    (h, w) float32
        The raw heatmap, in units of y.

    Raises
    ------
    UsageError
        Unless both are floats of one such shape.

    Examples
    --------
    A 1 × 2 layer of one map, A = (1, 2); G = (1, 3) has the mean 2.

    >>> activations = np.array([[[1], [2]]], np.float32)
    >>> gradients = np.array([[[1], [3]]], np.float32)
    >>> grad_cam(activations, gradients).tolist()
    [[2.0, 4.0]]
    """
    check_maps(activations, gradients)
    weights = gradients.mean(axis=(0, 1))
    raw: Array = (activations * weights).mean(axis=-1)
    return raw


def grad_cam_plus_plus(activations: Array, gradients: Array) -> Array:
    """Each map weighted by its positive gradients, those weighted by place.

    Chattopadhyay et al., 2018, arXiv 1710.11063, with Y = exp(y), for which the second and third
    derivatives are powers of G = dy/dA (equation 19):
    α_ijk = G² / (2 G² + Σ_ab A_abk · G³), and the weights Σ_ij α_ijk ReLU(exp(y) G_ijk)
    (equation 5). Here α is divided through by G², so that small gradients do not vanish in float32;
    it is 0 where its denominator is. The factor exp(y) is left out: it scales the map as a whole,
    and may overflow. Peers (pytorch-grad-cam, tf-keras-vis) leave it out too, or add a small number
    to the denominator.

    Parameters
    ----------
    activations, gradients : (h, w, C) float32
        A and dy/dA of one image.

    Returns
    -------
    (h, w) float32
        The raw heatmap Σ_k w_k A_k, in units of y. No weight is negative, so it does not show
        what speaks against the target.

    Raises
    ------
    UsageError
        Unless both are floats of one such shape.
    """
    check_maps(activations, gradients)
    a, g = activations.astype(np.float64), gradients.astype(np.float64)
    denominator = 2 + a.sum(axis=(0, 1)) * g
    alpha = np.divide(1, denominator, out=np.zeros_like(g), where=denominator != 0)
    weights = (alpha * np.maximum(g, 0)).sum(axis=(0, 1))
    raw: Array = (a * weights).sum(axis=-1).astype(np.float32)
    return raw


def hires_cam(activations: Array, gradients: Array) -> Array:
    """Each activation times its own gradient.

    Draelos and Carin, 2020, arXiv 2011.08891, equation 5: Σ_k G_k ⊙ A_k. Where everything from the
    layer to y is linear, its sum is y without its constant. Where that is a mean over positions
    and a dense layer, it is Grad-CAM's map but for a factor.

    Parameters
    ----------
    activations, gradients : (h, w, C) float32
        A and dy/dA of one image.

    Returns
    -------
    (h, w) float32
        The raw heatmap, in units of y.

    Raises
    ------
    UsageError
        Unless both are floats of one such shape.
    """
    check_maps(activations, gradients)
    raw: Array = (gradients * activations).sum(axis=-1)
    return raw


def grad_cam_elementwise(activations: Array, gradients: Array) -> Array:
    """What each activation adds to the target, without what it takes away.

    Gildenblat et al., 2021, pytorch-grad-cam (no paper): Σ_k ReLU(G_k ⊙ A_k). HiResCAM sums
    before it cuts, so that channels for and against a target at one place cancel; here they do not.
    (pytorch-grad-cam's name for it is GradCAMElementWise.)

    Parameters
    ----------
    activations, gradients : (h, w, C) float32
        A and dy/dA of one image.

    Returns
    -------
    (h, w) float32
        The raw heatmap, not negative, in units of y.

    Raises
    ------
    UsageError
        Unless both are floats of one such shape.
    """
    check_maps(activations, gradients)
    raw: Array = np.maximum(gradients * activations, 0).sum(axis=-1)
    return raw


def xgrad_cam(activations: Array, gradients: Array) -> Array:
    """Each map weighted by its gradients, those weighted by the map itself.

    Fu et al., 2020, arXiv 2008.02312: the map Σ_k w_k A_k with
    w_k = Σ_ij (A_ijk / Σ_ab A_abk) · G_ijk. Its sum is that of G ⊙ A (conservation, one of the two
    axioms that the weights are derived of): y without its constant, where everything from the layer
    to y is linear. The weights were derived for activations after a ReLU. Where those of
    a channel sum to nothing beside their sizes the weight has no value, and is 0 here; peers
    (pytorch-grad-cam, torch-cam) add a small number to the sum.

    Parameters
    ----------
    activations, gradients : (h, w, C) float32
        A and dy/dA of one image.

    Returns
    -------
    (h, w) float32
        The raw heatmap, in units of y.

    Raises
    ------
    UsageError
        Unless both are floats of one such shape.
    """
    check_maps(activations, gradients)
    a, g = activations.astype(np.float64), gradients.astype(np.float64)
    sums, sizes = a.sum(axis=(0, 1)), np.abs(a).sum(axis=(0, 1))
    weighted = (a * g).sum(axis=(0, 1))
    has_value = np.abs(sums) > ROUNDING * sizes
    weights = np.divide(weighted, sums, out=np.zeros_like(sums), where=has_value)
    raw: Array = (a @ weights).astype(np.float32)
    return raw


def layer_cam(activations: Array, gradients: Array) -> Array:
    """Each activation weighted by its own gradient, where that is positive.

    Jiang et al., 2021, arXiv 2106.10207: before its ReLU, the map Σ_k ReLU(G_k) ⊙ A_k. It is meant
    for early layers too, at which mean gradients say little. The paper scales the maps of early
    layers by tanh before it adds those of several; the map of one layer is left as it is
    (pytorch-grad-cam does so too, torch-cam scales where it fuses).

    Parameters
    ----------
    activations, gradients : (h, w, C) float32
        A and dy/dA of one image.

    Returns
    -------
    (h, w) float32
        The raw heatmap, in units of y. No weight is negative.

    Raises
    ------
    UsageError
        Unless both are floats of one such shape.
    """
    check_maps(activations, gradients)
    raw: Array = (np.maximum(gradients, 0) * activations).sum(axis=-1)
    return raw


grad_cam_maps = from_gradients(grad_cam)
grad_cam_plus_plus_maps = from_gradients(grad_cam_plus_plus)
grad_cam_elementwise_maps = from_gradients(grad_cam_elementwise)
hires_cam_maps = from_gradients(hires_cam)
xgrad_cam_maps = from_gradients(xgrad_cam)
layer_cam_maps = from_gradients(layer_cam)
