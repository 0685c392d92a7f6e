"""From a model's scores to probabilities, as its head makes them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.targets import Head


def probabilities(scores: NDArray[np.float32], head: Head) -> NDArray[np.float64]:
    """The probabilities of classes with the scores s.

    With "softmax", p_c = exp(s_c) / Σ_i exp(s_i): one class excludes the others. With "sigmoid",
    p_c = 1 / (1 + exp(-s_c)): each class is by itself.

    Parameters
    ----------
    scores : (..., classes) float32
        Those before the head; left as they are.
    head : "softmax" or "sigmoid"

    Returns
    -------
    (..., classes) float64, 0..1
        All 0 where one of the scores is not finite, as damaged weights make it.
    """
    finite = np.isfinite(scores).all(axis=-1, keepdims=True)
    wide = np.where(finite, scores, np.float32(0)).astype(np.float64)
    shares = _softmax(wide) if head == "softmax" else _sigmoid(wide)
    return np.where(finite, shares, 0.0)


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares: NDArray[np.float64] = shifted / shifted.sum(axis=-1, keepdims=True)
    return shares


def _sigmoid(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    # 1 / (1 + exp(-s)) itself overflows.
    shares: NDArray[np.float64] = np.exp(-np.logaddexp(0, -scores))
    return shares
