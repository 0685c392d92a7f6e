"""The classes of a model, from the most probable to the least."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.heads import probabilities
from gradcam_cli.models.labels import Labels
from gradcam_cli.results.explanation import ClassLabel, Prediction
from gradcam_cli.targets import Head


class Ranking:
    """The classes of a model by falling probability.

    Parameters
    ----------
    scores : (classes,) float32
        Those before the head.
    labels : Labels
        The class of each score.
    head : "softmax" or "sigmoid"
        What makes probabilities of them.
    """

    def __init__(self, scores: NDArray[np.float32], labels: Labels, head: Head) -> None:
        self._labels = labels
        self._probabilities = probabilities(scores, head)
        self._order = np.argsort(-scores, kind="stable")
        self._ranks = np.empty(len(scores), np.int64)
        self._ranks[self._order] = np.arange(1, len(scores) + 1)

    @property
    def predicted(self) -> int:
        """The most probable class."""
        return int(self._order[0])

    def label(self, index: int) -> ClassLabel:
        """The class `index`."""
        return self._labels[index]

    def of(self, index: int) -> Prediction:
        """What is said of the class `index`."""
        probability, rank = float(self._probabilities[index]), int(self._ranks[index])
        label = self.label(index)
        return Prediction(label.index, label.wnid, label.name, probability, rank)

    def top(self, count: int) -> tuple[Prediction, ...]:
        """The `count` most probable classes, or all where there are fewer, in order."""
        return tuple(self.of(index) for index in self._order[:count].tolist())
