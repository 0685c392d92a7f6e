"""Grad-CAM."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.arguments import check_maps


def grad_cam(
    activations: NDArray[np.float32], gradients: NDArray[np.float32]
) -> NDArray[np.float32]:
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
    """
    check_maps(activations, gradients)
    weights = gradients.mean(axis=(0, 1))
    raw: NDArray[np.float32] = (activations * weights).mean(axis=-1)
    return raw
