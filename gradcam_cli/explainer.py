"""Grad-CAM from pixels to heatmap, on one screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.engines.opening import open_engine
from gradcam_cli.images.overlay import model_input
from gradcam_cli.methods import METHODS, normalize
from gradcam_cli.models.classes import class_labels
from gradcam_cli.models.loading import Choice, choose
from gradcam_cli.models.preprocessing import PREPROCESSING
from gradcam_cli.models.weights import Note, no_note
from gradcam_cli.records import TOP, EngineName, Explanation, Prediction, Score, TargetExplanation
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
        spec = self.choice.spec
        batch = PREPROCESSING[spec.preprocessing](model_input(image, spec.side)[np.newaxis])
        rows = np.repeat(batch, len(targets), axis=0)
        features = self.engine.features(rows, np.asarray(targets, np.int64), self.score)
        predictions = ranked(features.logits[0])
        by_index = {prediction.label.index: prediction for prediction in predictions}
        explained: dict[int, TargetExplanation] = {}
        for target, activations, gradients in zip(
            features.targets.tolist(), features.activations, features.gradients, strict=True
        ):
            heatmap, evidence = normalize(METHODS[self.method](activations, gradients))
            explained[target] = TargetExplanation(by_index[target], heatmap, evidence)
        return Explanation(
            model=spec.name,
            weights=self.choice.origin,
            layer=self.engine.layer,
            method=self.method,
            score=self.score,
            engine=self.engine.name,
            predictions=predictions[:top],
            targets=tuple(explained.values()),
            versions=versions(self.engine.name),
        )


def ranked(logits: NDArray[np.float32]) -> tuple[Prediction, ...]:
    """Every class by falling probability: the softmax of `logits`, (classes,) float32.

    All probabilities are 0 where a logit is not finite, as damaged weights make it.
    """
    if np.isfinite(logits).all():
        shifted = np.exp(logits.astype(np.float64) - logits.max())
        probabilities = shifted / shifted.sum()
    else:
        probabilities = np.zeros(logits.shape, np.float64)
    order = np.argsort(-logits, kind="stable")
    labels = class_labels()
    return tuple(
        Prediction(labels[index], float(probabilities[index]), rank)
        for rank, index in enumerate(order.tolist(), start=1)
    )
