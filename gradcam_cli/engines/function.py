"""The engine of a model that is a function: it has scores, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.errors import UsageError
from gradcam_cli.methods.table import METHODS
from gradcam_cli.models.sources.function import FunctionWeights, scores_of
from gradcam_cli.passes import FORWARD, Pass, Precision

if TYPE_CHECKING:
    from gradcam_cli.models.model import Model

Array = NDArray[np.float32]


class FunctionEngine:
    """Calls a function of one's own, from one thread at a time.

    Of an `Engine` it has what forward passes need; `prepare` refuses all others beforehand.

    Parameters
    ----------
    model : Model
        One of `function_model`.
    """

    name = "function"
    reference = ""
    rows = 8
    forward_rows = 8
    precision: Precision = "f32"
    parallel = 1  # nothing is known of what it does in several threads

    def __init__(self, model: Model) -> None:
        assert isinstance(model.weights, FunctionWeights)
        self._model = model
        self._weights = model.weights

    def forward(self, batch: Array) -> Array:
        """See `Engine.forward`; the function gets a copy, so that it may write to it.

        Raises
        ------
        UsageError
            Where what it gives is not as `Explainer.of_function` has it.
        """
        pixels: NDArray[Any] = np.array(batch)
        if self._weights.whole_pixels:
            pixels = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
        answer = self._weights.function(pixels)
        return scores_of(answer, len(batch), len(self._model.labels), self._weights.ends)

    def prepare(self, what: Pass) -> None:
        """Raise UsageError unless `what` is a forward pass."""
        if what != FORWARD:
            raise _only_scores(what, self._model.name)


def _only_scores(what: Pass, model: str) -> UsageError:
    able = [name for name, method in METHODS.items() if method.needs == (FORWARD,)]
    return UsageError(
        f"{model} is a function, of which there are scores and no {what}",
        f"Choose a method that needs forward passes only: {', '.join(able)}.",
    )
