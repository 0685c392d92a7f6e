"""Engines run a model: a batch goes in, `Features` come out."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

from gradcam_cli.results.explanation import Features, Score, joined

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Engine(Protocol):
    """What the explainer needs of whatever runs the model."""

    name: str
    layer: str

    @property
    def rows(self) -> int:
        """How many rows it runs at a time where there are many."""
        ...

    @property
    def parallel(self) -> int:
        """How many threads may gain by calling `features` side by side, for several rows each."""
        ...

    def features(
        self, batch: NDArray[np.float32], targets: NDArray[np.int64], score: Score
    ) -> Features:
        """Activations, gradients and logits of a batch.

        Parameters
        ----------
        batch : (N, H, W, 3) float32
            Preprocessed as the model wants it.
        targets : (N,) int
            The class whose score is differentiated in each row; `TOP` for the predicted one.
        score : "logit" or "probability"
            What y is: the class's logit, or its share after the softmax.
        """
        ...


def in_batches(
    engine: Engine,
    inputs: Sequence[NDArray[np.float32]],
    targets: NDArray[np.int64],
    score: Score,
    rows: int,
) -> Features:
    """The features of any number of `inputs`, (H, W, 3) each, run `rows` at a time.

    The last run is filled up with what is there, so that every row is computed in a batch of the
    same size, and what comes of it does not depend on the others.
    """
    import numpy as np

    def run(start: int) -> Features:
        part = np.arange(start, start + rows) % len(inputs)
        batch = np.stack([inputs[i] for i in part.tolist()])
        return engine.features(batch, targets[part], score)[: len(inputs) - start]

    starts = range(0, len(inputs), rows)
    if len(starts) == 1 or engine.parallel == 1:
        return joined([run(start) for start in starts])
    with ThreadPoolExecutor(engine.parallel) as pool:
        return joined(list(pool.map(run, starts)))
