"""The frozen records that travel between the rooms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Score = Literal["logit", "probability"]
Evidence = Literal["positive", "none"]
EngineName = Literal["auto", "openvino", "tensorflow"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)

TOP = -1
"""The target that stands for the predicted class, whichever it turns out to be."""


@dataclass(frozen=True)
class ClassLabel:
    """One class of a model: its index, its WordNet id and its name (words joined by ``_``)."""

    index: int
    wnid: str
    name: str


@dataclass(frozen=True)
class Prediction:
    """What a model says of one class: `probability` is in 0..1, `rank` counts from 1."""

    label: ClassLabel
    probability: float
    rank: int


@dataclass(frozen=True, eq=False)
class Features:
    """What an engine sees in a batch of N inputs; equal to itself only, as arrays have no one ==.

    Attributes
    ----------
    activations : (N, h, w, C) float32
        A, the output of the explained layer.
    gradients : (N, h, w, C) float32
        G = dy/dA, where y is each row's own target score.
    logits : (N, classes) float32
        The scores before the softmax.
    targets : (N,) int
        The class of each row's y; the predicted one where `TOP` was asked for.
    """

    activations: NDArray[np.float32] = field(repr=False)
    gradients: NDArray[np.float32] = field(repr=False)
    logits: NDArray[np.float32] = field(repr=False)
    targets: NDArray[np.int64] = field(repr=False)

    def __getitem__(self, rows: slice) -> Features:
        """The features of some of the rows."""
        return Features(
            self.activations[rows], self.gradients[rows], self.logits[rows], self.targets[rows]
        )


def joined(parts: Sequence[Features]) -> Features:
    """The rows of all `parts`, in order."""
    import numpy as np

    if len(parts) == 1:
        return parts[0]
    names = ("activations", "gradients", "logits", "targets")
    return Features(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True, eq=False)
class TargetExplanation:
    """Where the evidence for one class is; equal to itself only, as its array has no one ==.

    Attributes
    ----------
    prediction : Prediction
        The explained class, how probable the model finds it, and its rank.
    heatmap : (h, w) float32, 0..1
        At the layer's own resolution; all zero where there is no evidence.
    evidence : "positive" or "none"
        "none" where nothing at this layer raises the class score.
    """

    prediction: Prediction
    heatmap: NDArray[np.float32] = field(repr=False)
    evidence: Evidence


@dataclass(frozen=True, eq=False)
class Explanation:
    """All of it for one image; equal to itself only, as its heatmaps have no one ==.

    Attributes
    ----------
    model, layer, method, score, engine : str
        What was run.
    weights : str
        Where the weights came from: "bundled", "cached", "fetched" or a file's name.
    predictions : tuple of Prediction
        The most probable classes, first the first.
    targets : tuple of TargetExplanation
        One for each explained class, in the order asked for.
    versions : dict
        The versions of gradcam and of what it computed with.
    notes : tuple of str
        What was done to the picture on reading it that a reader may not expect.
    """

    model: str
    weights: str
    layer: str
    method: str
    score: Score
    engine: str
    predictions: tuple[Prediction, ...] = field(repr=False)
    targets: tuple[TargetExplanation, ...]
    versions: dict[str, str] = field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = ()
