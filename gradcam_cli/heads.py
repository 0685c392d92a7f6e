"""From a model's scores to probabilities, as its head makes them, and to what is explained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.targets import Head, Score, Target, score_weights


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


def target_scores(
    scores: NDArray[np.float32],
    targets: Sequence[Target],
    score: Score,
    head: Head = "softmax",
) -> NDArray[np.float64]:
    """The scalar y of each of `targets` in each row of `scores`.

    Parameters
    ----------
    scores : (N, classes) float32
        Before the head.
    targets : sequence of Target
        T of them; the predicted class is each row's own.
    score : "logit" or "probability"
        Whether s is `scores`, or what `head` makes of them.
    head : "softmax" or "sigmoid"
        What makes probabilities of scores.

    Returns
    -------
    (N, T) float64

    Examples
    --------
    >>> scores = np.array([[1, 4, 2]], np.float32)
    >>> target_scores(scores, [Target(0), Target(2, versus=1)], "logit").tolist()
    [[1.0, -2.0]]
    """
    values = scores.astype(np.float64) if score == "logit" else probabilities(scores, head)
    weights, top = score_weights(targets, scores.shape[-1])
    y: NDArray[np.float64] = values @ weights.T + values.max(axis=-1, keepdims=True) * top
    return y
