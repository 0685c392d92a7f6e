"""Testing one heatmap: against random maps, shuffled weights, and another class."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.engines.shuffling import kernels_of, with_shuffled_kernels
from gradcam_cli.errors import ModelError
from gradcam_cli.methods import parse_method
from gradcam_cli.metrics.faithfulness import (
    Subject,
    area_under,
    deletion_curve,
    insertion_curve,
)
from gradcam_cli.metrics.similarity import rank_correlation
from gradcam_cli.results.trust import RANDOM_MAPS, Trust
from gradcam_cli.runs.evaluating import blurred_input, map_at_input, scores_of
from gradcam_cli.targets import Target

if TYPE_CHECKING:
    from gradcam_cli.explainer import Explainer
    from gradcam_cli.results.explanation import Explanation, TargetExplanation

Array = NDArray[np.float32]
_STEPS = 8


@dataclass(frozen=True)
class TrustTests:
    """The tests of the heatmaps of an explainer.

    Attributes
    ----------
    explainer : Explainer
        Whose engine does forward passes, too.
    """

    explainer: Explainer

    @cached_property
    def _shuffled(self) -> Explainer | None:
        """The same with all kernels shuffled; None where the engine cannot."""
        engine = self.explainer.engine
        try:
            shuffled = with_shuffled_kernels(engine, len(kernels_of(engine)))
        except ModelError:
            return None
        return replace(self.explainer, engine=shuffled)

    def tested(
        self, explanation: Explanation, model_input: Array, pixels: NDArray[np.uint8]
    ) -> Explanation:
        """`explanation` with the trust of each of its targets.

        Parameters
        ----------
        explanation : Explanation
            As the explainer gave it.
        model_input : (H, W, C) float32
            What was explained.
        pixels : (H, W, 3) uint8
            The picture.
        """
        removed = blurred_input(self.explainer, pixels)
        targets = [
            target.with_trust(self._trust(target, model_input, removed))
            for target in explanation.targets
        ]
        return explanation.with_targets(targets)

    def _trust(
        self,
        target: TargetExplanation,
        model_input: Array,
        removed: Array,
    ) -> Trust:
        score = scores_of(self.explainer, target)
        subject = Subject(model_input, removed, score, self.explainer.engine.forward_rows)
        maps = [target.heatmap, *_random_maps(target.heatmap.shape)]
        areas = [self._areas(subject, each) for each in maps]
        own = Target(target.prediction.index)
        shuffled = None
        if self._shuffled is not None:
            of_shuffled = _map_of(self._shuffled, model_input, own, target.method)
            shuffled = rank_correlation(target.heatmap, of_shuffled)
        other = self._compared(target, model_input)
        empty = target.evidence == "none"
        return Trust.of(areas[0], areas[1:], shuffled, other, empty=empty)

    def _compared(self, target: TargetExplanation, model_input: Array) -> tuple[str, float] | None:
        """A class that has little to do with this one, and how alike its map is.

        The one half the number of classes further on: what is nearly as probable is often in the
        same place, as a cup and its coffee.
        """
        labels = self.explainer.model.labels
        if len(labels) < 2:
            return None
        index = (target.prediction.index + len(labels) // 2) % len(labels)
        heatmap = _map_of(self.explainer, model_input, Target(index), target.method)
        return labels[index].name, rank_correlation(target.heatmap, heatmap)

    def _areas(self, subject: Subject, heatmap: Array) -> tuple[float, float]:
        """Those of deletion and insertion."""
        at_input = map_at_input(heatmap, self.explainer.model.input)
        deletion, insertion = (
            area_under(curve(subject, at_input, _STEPS))
            for curve in (deletion_curve, insertion_curve)
        )
        return deletion, insertion


def _random_maps(shape: tuple[int, ...]) -> list[Array]:
    """The same each time."""
    return [np.random.default_rng(seed).random(shape, np.float32) for seed in range(RANDOM_MAPS)]


def _map_of(explainer: Explainer, model_input: Array, target: Target, method: str) -> Array:
    explainer = replace(explainer, methods=(parse_method(method),))
    (explanation,) = explainer.explain_each([model_input], [[target]], top=1, rows=1)
    heatmap: Array = explanation.targets[0].heatmap
    return heatmap
