"""How far apart two engines are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.passes import Captured, Engine, Gradients, Pass
from gradcam_cli.targets import Target

TOLERANCE = 1e-4
"""How far apart two ways to compute may be, as a share of the largest value."""


def agreement(candidate: Captured, reference: Captured) -> tuple[str, float]:
    """The kind of array in which `candidate` is furthest from `reference`, and how far, or NaN.

    Parameters
    ----------
    candidate, reference : Captured, Gradients or Curvature
        What two engines gave for the same pass.

    Returns
    -------
    what : "logits", "activations", "gradients" or "products"
    difference : float
        The largest difference, at the worst layer, as a share of the largest expected value.
    """
    differences = [("logits", relative_difference(candidate.scores, reference.scores))]
    for what in ("activations", "gradients", "products"):
        for layer, array in getattr(reference, what, {}).items():
            differences.append((what, relative_difference(getattr(candidate, what)[layer], array)))
    return max(differences, key=lambda pair: (not np.isfinite(pair[1]), pair[1]))


def relative_difference(candidate: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """The largest difference as a share of the largest expected value; NaN where either has one."""
    largest = float(np.abs(candidate - reference).max())
    return largest / scale if (scale := float(np.abs(reference).max())) else largest


def tail_derivatives(
    engine: Engine,
    what: Pass,
    activations: NDArray[np.float32],
    batch: NDArray[np.float32],
    target: Target,
) -> Gradients:
    """What `engine` gives for `what`, a tail with gradients, of one target."""
    run = engine.tail_gradients if what.kind == "tail_gradients" else engine.tail_curvature
    return run(activations, what.at[0], batch, [target])
