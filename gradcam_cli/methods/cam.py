"""Class activation maps: the maps of a layer, weighted and summed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.arguments import check_maps
from gradcam_cli.methods.batching import in_batches
from gradcam_cli.methods.contract import Maps, Question

Array = NDArray[np.float32]


def from_gradients(function: Callable[..., Array]) -> Callable[..., Maps]:
    """A method of one pass: `function` takes A and G of one image, (h, w, C) each."""

    def maps(question: Question, **options: Any) -> Maps:
        engine, layer = question.engine, question.layer

        def run(rows: NDArray[np.intp]) -> tuple[list[Array], Array]:
            batch = np.stack([question.inputs[row] for row in rows.tolist()])
            targets = [question.targets[row] for row in rows.tolist()]
            found = engine.gradients(batch, targets, [layer], score=question.score)
            pairs = zip(found.activations[layer], found.gradients[layer], strict=True)
            return [function(a, g, **options) for a, g in pairs], found.scores

        count = len(question.inputs)
        parts = in_batches(run, count, question.rows, engine.parallel)
        raw = np.stack([one for part, _ in parts for one in part])
        return Maps(raw[:count], np.concatenate([scores for _, scores in parts])[:count])

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
        The raw heatmap.

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
