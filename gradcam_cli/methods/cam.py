"""Class activation maps: the maps of a layer, weighted and summed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.arguments import check_activations, check_maps
from gradcam_cli.methods.batching import Numbers, RowMap, by_row, captures, in_batches
from gradcam_cli.methods.contract import Maps, Question
from gradcam_cli.passes import LAYER, Gradients, Rules

Array = NDArray[np.float32]


def from_gradients(
    function: Callable[[Array, Array], Array], at: str = LAYER, rules: Rules = "standard"
) -> Callable[..., Maps]:
    """A method of one pass: `function` takes A and G = dy/dA of one image, (h, w, C) each.

    Parameters
    ----------
    function : callable
        Gives the raw map.
    at : str
        Where A and G are: `LAYER`, or `INPUT`.
    rules : "standard", "guided" or "relevance"
        By which G is computed; see `passes.Rules`.
    """

    @by_row
    def maps(question: Question) -> Iterator[RowMap]:
        engine = question.engine
        place = question.layer if at == LAYER else at

        def run(numbers: Numbers) -> Gradients:
            batch = np.stack([question.inputs[row] for row in numbers.tolist()])
            targets = [question.targets[row] for row in numbers.tolist()]
            return engine.gradients(batch, targets, [place], score=question.score, rules=rules)

        count = len(question.inputs)
        for rows, batch in in_batches(run, count, question.rows, engine.parallel):
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


def eigen_cam(activations: Array) -> Array:
    """What most of the activations' energy has in common, whatever the class.

    Muhammad and Yeasin, 2020, arXiv 2008.00299: with A as a matrix of (h·w, C) and its singular
    value decomposition U Σ Vᵀ, the projection A v_1 on the first right singular vector. A is not
    centred, as in the paper (pytorch-grad-cam centres it). A decomposition leaves the sign open:
    here the sum of the map is not negative. It is computed in float64, by the eigenvectors of the
    smaller of A Aᵀ and Aᵀ A.

    Parameters
    ----------
    activations : (h, w, C) float32
        A of one image.

    Returns
    -------
    (h, w) float32
        The raw heatmap, in units of A.

    Raises
    ------
    UsageError
        Unless `activations` are floats of such a shape.
    """
    check_activations(activations)
    height, width, channels = activations.shape
    matrix = activations.reshape(-1, channels).astype(np.float64)
    if not np.isfinite(matrix).all():
        return np.full((height, width), np.nan, np.float32)
    if len(matrix) <= channels:
        values, vectors = np.linalg.eigh(matrix @ matrix.T)
        projection = vectors[:, -1] * np.sqrt(max(values[-1], 0))
    else:
        projection = matrix @ np.linalg.eigh(matrix.T @ matrix)[1][:, -1]
    sign = -1 if projection.sum() < 0 else 1
    raw: Array = (sign * projection).reshape(height, width).astype(np.float32)
    return raw


grad_cam_maps = from_gradients(grad_cam)
grad_cam_plus_plus_maps = from_gradients(grad_cam_plus_plus)
hires_cam_maps = from_gradients(hires_cam)


@by_row
def eigen_cam_maps(question: Question) -> Iterator[RowMap]:
    """`eigen_cam` of each input."""
    for rows, activations, scores in captures(question):
        raw = eigen_cam(activations)
        yield from ((row, raw, scores) for row in rows)
