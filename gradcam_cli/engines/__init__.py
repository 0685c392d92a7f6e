"""Engines run a model: a batch goes in, `Features` come out."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.records import Features, Score, joined


class Engine(Protocol):
    """What the explainer needs of whatever runs the model."""

    name: str
    layer: str

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
    engine: Engine, batch: NDArray[np.float32], targets: NDArray[np.int64], score: Score, rows: int
) -> Features:
    """The features of any number of rows, run `rows` at a time.

    The last run is filled up with what is there, so that every row is computed in a batch of the
    same size, and what comes of it does not depend on the others.
    """
    parts = []
    for start in range(0, len(batch), rows):
        part = np.arange(start, start + rows) % len(batch)
        parts.append(engine.features(batch[part], targets[part], score)[: len(batch) - start])
    return joined(parts)
