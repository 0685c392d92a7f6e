"""The check of gradients where there is no reference: by finite differences.

With A the activations at a layer (or the input), G the gradient there of a score y, and r signs,
the directional derivative along A·r is known twice:

    Σ G·A·r        and        (y(A·(1 + ε·r)) - y(A·(1 - ε·r))) / 2ε

With r the signs of G·A, the steepest of these directions, it is Σ |G·A|: large against rounding, so
that a gradient that is a few percent too long or too short is noticed. Random signs tell it from
those that are as long and point elsewhere.

Zeros stay zeros, which keeps the difference off the kinks of the layer itself: in a window of four
zeros a maximum's slopes differ by side. Kinks behind it are crossed by chance, the more the larger
ε is, and with a small ε rounding is in the way. So several ε are tried, and several pictures, and
one that agrees is enough: a gradient that is wrong is wrong for all.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.engines.comparison import TOLERANCE, relative_difference, tail_derivatives
from gradcam_cli.models.model import InputShape
from gradcam_cli.models.preprocessing import parse_preprocessing
from gradcam_cli.passes import ATTENTION, BLOCK_ATTENTION, INPUT, Engine, Gradients, Pass
from gradcam_cli.targets import TOP, Target

Array = NDArray[np.float32]
Score = Callable[[Array], float]

_STEPS = (1e-3, 3e-4, 3e-3, 1e-4, 1e-2, 3e-5, 1e-5)
"""Those first that agree the most often."""
_DIRECTIONS = 5
_PICTURES = 4
_NO_NUMBERS = "its scores are no finite numbers"
_ALLOWED = 0.02
"""How far apart both may be along the steepest direction, as a share of the derivative."""
_ALLOWED_AT_RANDOM = 0.03
"""The same along random directions, as a share of what one of them gives on the average."""


def noise(shape: InputShape, preprocessing: str, seed: int = 0) -> Array:
    """A batch of one picture of noise as a model takes it, (1, H, W, C)."""
    pixels = np.random.default_rng(seed).integers(0, 256, (1, *shape), np.uint8)
    return parse_preprocessing(preprocessing)(pixels)


def difference_from_finite_differences(
    engine: Engine, what: Pass, shape: InputShape, preprocessing: str
) -> str:
    """How what `engine` gives for `what` differs from what its scores show; empty where it agrees.

    Parameters
    ----------
    engine : Engine
    what : Pass
        Of guided and linearized gradients and relevance, which are no derivatives, the plain
        gradients at the same place are checked, which take the same way by other rules; so are
        those at the input in place of those at biases, which no score is a function of.
    shape, preprocessing
        Of the model's input. It is tried with pictures of noise; one that agrees is enough.
    """
    difference = ""
    for seed in range(_PICTURES):
        difference = _difference(engine, what, noise(shape, preprocessing, seed))
        if not difference:
            break
    return difference


def _difference(engine: Engine, what: Pass, batch: Array) -> str:
    if what.kind == "tail":
        (layer,) = what.at
        captured = engine.capture(batch, [layer])
        tail_scores = engine.tail(captured.activations[layer], layer, batch)
        if not np.isfinite(captured.scores).all():
            return _NO_NUMBERS
        difference = relative_difference(tail_scores, captured.scores)
        return "" if difference <= TOLERANCE else f"its scores change by {difference:.1e}"
    results = _gradients(engine, what, batch, Target(TOP))
    if not np.isfinite(results.scores).all():
        return _NO_NUMBERS
    for place in results.gradients:
        score = _score_of(engine, place, batch, int(results.scores[0].argmax()))
        activations, gradient = results.activations[place], results.gradients[place]
        if place in (ATTENTION, BLOCK_ATTENTION):  # its tail takes factors f: dy/df is G·A at f = 1
            activations, gradient = np.ones_like(activations), gradient * activations
        differs = _slopes_differ(score, activations, gradient)
        if differs:
            return differs
    return ""


def _gradients(engine: Engine, what: Pass, batch: Array, target: Target) -> Gradients:
    """Plain gradients at the places of `what`; of a tail, where its activations are the batch's."""
    if what.kind == "gradients":
        return engine.gradients(batch, [target], what.at)
    (layer,) = what.at
    activations = engine.capture(batch, what.at).activations[layer]
    return tail_derivatives(engine, what, activations, batch, target)


def _score_of(engine: Engine, place: str, batch: Array, index: int) -> Score:
    """The score y of a class as a function of what is at `place`."""

    def score(array: Array) -> float:
        scores = engine.forward(array) if place == INPUT else engine.tail(array, place, batch)
        return float(scores[0, index])

    return score


def _slopes_differ(score: Score, activations: Array, gradient: Array) -> str:
    """How the slopes of a score differ from those that a gradient says; empty where they agree."""
    products = gradient.astype(np.float64) * activations
    if not np.isfinite(products).all():
        return "its gradients are no finite numbers"
    smallest = 1e-6 * max(1.0, abs(score(activations)))
    steepest = [np.sign(products).astype(np.float32)]
    random = _random_signs(activations.shape)
    for directions, typical, allowed in (
        (steepest, float(np.abs(products).sum()), _ALLOWED),
        (random, float(np.sqrt((products**2).sum())), _ALLOWED_AT_RANDOM),
    ):
        expected = [float((products * signs).sum()) for signs in directions]
        scale = max(typical, smallest)
        best = float("inf")
        for step in _STEPS:
            slopes = [_slope(score, activations, signs, step) for signs in directions]
            best = min(best, float(np.median(np.abs(np.subtract(slopes, expected)))) / scale)
            if best <= allowed:
                break
        else:
            return f"its gradients differ from finite differences by {best:.1e}"
    return ""


def _random_signs(shape: tuple[int, ...]) -> list[Array]:
    random = np.random.default_rng(0)
    return [random.choice(np.array([-1, 1], np.float32), shape) for _ in range(_DIRECTIONS)]


def _slope(score: Score, activations: Array, signs: Array, step: float) -> float:
    change = np.float32(step) * signs
    high, low = score(activations * (1 + change)), score(activations * (1 - change))
    return (high - low) / (2 * step)
