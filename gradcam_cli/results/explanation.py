"""The frozen records that travel between the rooms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from gradcam_cli.targets import Score

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Evidence = Literal["positive", "none"]
EngineName = Literal["auto", "openvino", "tensorflow"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)


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
    method: str = "grad-cam"
    versus: ClassLabel | None = None
    counterfactual: bool = False


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
