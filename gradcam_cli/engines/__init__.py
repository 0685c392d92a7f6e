"""Engines run a model: a batch goes in, `Features` come out."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.records import Features, Score


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
