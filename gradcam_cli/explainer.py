"""Grad-CAM from pixels to heatmap, on one screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.engines import in_batches
from gradcam_cli.engines.opening import open_engine
from gradcam_cli.errors import UsageError
from gradcam_cli.images.overlay import model_input
from gradcam_cli.methods import METHODS, normalize
from gradcam_cli.models.classes import class_labels
from gradcam_cli.models.loading import Choice, choose
from gradcam_cli.models.preprocessing import PREPROCESSING
from gradcam_cli.models.weights import Note, no_note
from gradcam_cli.records import (
    TOP,
    EngineName,
    Explanation,
    Features,
    Prediction,
    Score,
    TargetExplanation,
)
from gradcam_cli.versions import versions

if TYPE_CHECKING:
    from gradcam_cli.engines import Engine


@dataclass(frozen=True)
class Explainer:
    """An engine that looks at one layer of a model, and a method, ready for any number of images.

    Examples
    --------
    >>> explainer = Explainer.load("efficientnet-lite0")           # doctest: +SKIP
    >>> explanation = explainer.explain(image, targets=[285])       # doctest: +SKIP
    >>> explanation.targets[0].heatmap.shape                        # doctest: +SKIP
    (7, 7)
    """

    choice: Choice
    engine: Engine
    method: str = "grad-cam"
    score: Score = "logit"

    @classmethod
    def load(
        cls,
        model: str | Choice = "auto",
        *,
        weights: Path | None = None,
        layer: str | None = None,
        score: Score = "logit",
        engine: EngineName = "auto",
        offline: bool = False,
        note: Note = no_note,
    ) -> Explainer:
        """Load `model` (a name, or what `models.loading.choose` gave) to explain `layer`.

        `note` is given one plain sentence for each thing worth saying: a fallback, or a wait.

        Raises
        ------
        UsageError
            For a model or a layer that does not exist.
        ModelError
            Where the weights cannot be had or do not fit, or `engine` cannot run the model.
        """
        if isinstance(model, str):
            model = choose(model, weights=weights, layer=layer, offline=offline, note=note)
        return cls(model, open_engine(model, layer, wanted=engine, note=note), score=score)

    def explain(
        self, image: NDArray[np.uint8], targets: Sequence[int] = (TOP,), *, top: int = 5
    ) -> Explanation:
        """Explain `image`, (H, W, 3) uint8 RGB, for each class of `targets`.

        Parameters
        ----------
        image : (H, W, 3) uint8 RGB
            Of any size; the whole of it is squashed to the model's input.
        targets : sequence of int
            Class indices, or `TOP` for the predicted one; one that comes twice is explained once.
        top : int
            How many of the most probable classes to report.
        """
        # Row by row: to prepare an engine for several takes longer than a few rows do.
        return self.explain_inputs([self.input_of(image)], targets, top=top, rows=1)[0]

    def input_of(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the model takes for `image`, (H, W, 3) uint8 RGB: (side, side, 3) float32."""
        spec = self.choice.spec
        batch = PREPROCESSING[spec.preprocessing](model_input(image, spec.side)[np.newaxis])
        found: NDArray[np.float32] = batch[0]
        return found

    def explain_inputs(
        self,
        inputs: Sequence[NDArray[np.float32]],
        targets: Sequence[int],
        *,
        top: int = 5,
        rows: int | None = None,
    ) -> list[Explanation]:
        """Explain what `input_of` gave for each of several images, as `explain` does for one.

        Parameters
        ----------
        inputs : sequence of (side, side, 3) float32
            At least one.
        targets, top
            As in `explain`.
        rows : int, optional
            How many (input, target) pairs the engine runs at a time; by default what suits it.
        """
        if not targets:
            raise UsageError("there is no class to explain", "Pass at least one, or `TOP`.")
        each = len(targets)
        pairs = [one for one in inputs for _ in targets]
        asked = np.tile(np.asarray(targets, np.int64), len(inputs))
        rows = rows or min(self.engine.rows, len(pairs))
        features = in_batches(self.engine, pairs, asked, self.score, rows)
        return [
            self._explanation(features[start : start + each], top)
            for start in range(0, len(pairs), each)
        ]

    def _explanation(self, features: Features, top: int) -> Explanation:
        """The explanation of one image from its rows, one a target."""
        ranking = Ranking(features.logits[0])
        explained: dict[int, TargetExplanation] = {}
        for target, activations, gradients in zip(
            features.targets.tolist(), features.activations, features.gradients, strict=True
        ):
            heatmap, evidence = normalize(METHODS[self.method](activations, gradients))
            explained[target] = TargetExplanation(ranking.of(target), heatmap, evidence)
        return Explanation(
            model=self.choice.spec.name,
            weights=self.choice.origin,
            layer=self.engine.layer,
            method=self.method,
            score=self.score,
            engine=self.engine.name,
            predictions=ranking.top(top),
            targets=tuple(explained.values()),
            versions=versions(self.engine.name),
        )


class Ranking:
    """The classes by falling probability: the softmax of `logits`, (classes,) float32.

    All probabilities are 0 where a logit is not finite, as damaged weights make it.
    """

    def __init__(self, logits: NDArray[np.float32]) -> None:
        self._shares = np.zeros(logits.shape, np.float64)
        if np.isfinite(logits).all():
            shifted = np.exp(logits.astype(np.float64) - logits.max())
            self._shares = shifted / shifted.sum()
        self._order = np.argsort(-logits, kind="stable")
        self._ranks = np.empty(len(logits), np.int64)
        self._ranks[self._order] = np.arange(1, len(logits) + 1)

    def of(self, index: int) -> Prediction:
        """What is said of the class `index`."""
        share, rank = float(self._shares[index]), int(self._ranks[index])
        return Prediction(class_labels()[index], share, rank)

    def top(self, count: int) -> tuple[Prediction, ...]:
        """The `count` most probable classes, first the first."""
        return tuple(self.of(index) for index in self._order[:count].tolist())
