"""The stages of an evaluation: each picture is explained by several methods, and each map measured.

EvaluateItem ─▶ read ─▶ explain: heatmaps, then what the model makes of changed inputs
                                                     ─▶ write: overlays ─▶ Outcome with Evaluations
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.heads import probabilities
from gradcam_cli.images.blurring import blurred_where
from gradcam_cli.images.listing import Item
from gradcam_cli.images.overlay import model_input
from gradcam_cli.methods import parse_method
from gradcam_cli.methods.upsampling import SamplePoints, upsampled
from gradcam_cli.metrics.complexity import coherency, complexity, composite, sparsity
from gradcam_cli.metrics.faithfulness import (
    Subject,
    area_under,
    average_drop,
    average_gain,
    deletion_curve,
    increase_in_confidence,
    insertion_curve,
    masked_input,
    max_sensitivity,
    removals,
)
from gradcam_cli.metrics.road import road_combined, road_scores
from gradcam_cli.results.evaluations import Evaluation
from gradcam_cli.runs.stages import Loaded, Outcome, Stages
from gradcam_cli.targets import Target

if TYPE_CHECKING:
    from gradcam_cli.explainer import Explainer
    from gradcam_cli.results.explanation import Explanation, TargetExplanation

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """What is measured, and how.

    Attributes
    ----------
    metrics : tuple of str
        Names of `metrics.table`.
    steps : int
        Of deletion and insertion.
    black : bool
        What is removed becomes black; else blurred.
    seed : int
        Of what is drawn while measuring; the control has its own.
    """

    metrics: tuple[str, ...]
    steps: int = 20
    black: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True)
class EvaluateItem(Item):
    """A picture whose heatmaps are measured."""

    options: EvaluationOptions = EvaluationOptions(())

    @classmethod
    def of(cls, item: Item, options: EvaluationOptions) -> EvaluateItem:
        """`item`, to be measured so."""
        return cls(item.source, item.output_stem, item.key, item.error, options)

    @property
    def digest(self) -> str:
        """See `Item.digest`."""
        return hashlib.sha256(repr(self.options).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class EvaluateStages(Stages):
    """What is done with each picture of an evaluation; see `Stages`.

    Attributes
    ----------
    options : EvaluationOptions
    """

    options: EvaluationOptions = EvaluationOptions(())

    def explain(self, group: list[Loaded]) -> list[Any]:
        """The explanation of each of `group`, and the evaluations of its heatmaps."""
        explained = super().explain(group)
        return [
            (explanation, self._evaluations(loaded, explanation))
            for loaded, explanation in zip(group, explained, strict=True)
        ]

    def _evaluations(self, loaded: Loaded, explanation: Explanation) -> tuple[Evaluation, ...]:
        explainer = self.opener.explainer
        pixels, black = loaded.picture.pixels, self.options.black
        removed = black_input(explainer) if black else blurred_input(explainer, pixels)
        rows = explainer.engine.forward_rows
        return tuple(
            MapEvaluation(
                explainer,
                Subject(loaded.input, removed, scores_of(explainer, target), rows),
                target,
                self.options,
            ).evaluation()
            for target in explanation.targets
        )

    def write(self, loaded: Loaded, explanation: Any) -> Outcome:
        """Write the overlays of a picture."""
        explained, evaluations = explanation
        outcome = super().write(loaded, explained)
        return outcome if outcome.error else replace(outcome, evaluations=evaluations)


def scores_of(explainer: Explainer, target: TargetExplanation) -> Any:
    """From inputs to the probabilities of the class of `target`."""
    index, head = target.prediction.index, explainer.model.head

    def score(batch: Array) -> NDArray[np.float64]:
        scores: NDArray[np.float64] = probabilities(explainer.engine.forward(batch), head)[:, index]
        return scores

    return score


def black_input(explainer: Explainer) -> Array:
    """What the model takes for a black picture."""
    return explainer.preprocess(np.zeros(explainer.model.input, np.uint8))


def blurred_input(explainer: Explainer, pixels: NDArray[np.uint8]) -> Array:
    """What the model takes for the picture `pixels`, blurred all over."""
    seen = model_input(pixels, explainer.model.input, explainer.frame_of(pixels))
    everywhere = np.ones(seen.shape[:2], np.float32)
    return explainer.preprocess(blurred_where(seen, [everywhere])[0])


def map_at_input(heatmap: Array, shape: tuple[int, int, int]) -> Array:
    """A heatmap at the height and width of a model's input, bilinear."""
    rows, columns = (
        SamplePoints.of(size, cells) for size, cells in zip(shape[:2], heatmap.shape, strict=True)
    )
    at_input: Array = upsampled(heatmap[np.newaxis], rows, columns)[0]
    return at_input


@dataclass(frozen=True)
class MapEvaluation:
    """The measuring of one heatmap; what several metrics need is computed once, and when needed."""

    explainer: Explainer
    subject: Subject
    target: TargetExplanation
    options: EvaluationOptions
    _values: dict[str, float] = field(default_factory=dict)

    @cached_property
    def heatmap(self) -> Array:
        """The map at the size of the input, 0..1."""
        return map_at_input(self.target.heatmap, self.explainer.model.input)

    @cached_property
    def masked(self) -> Array:
        """The input with only what is hot."""
        return masked_input(self.subject.input, self.heatmap, black_input(self.explainer))

    @cached_property
    def scores(self) -> tuple[float, float]:
        """Those of the input and of the masked input."""
        whole, masked = self.subject.scores(iter([self.subject.input, self.masked]))
        return float(whole), float(masked)

    @cached_property
    def road(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The scores with the hottest, and with the coldest pixels imputed."""
        return road_scores(self.subject, self.heatmap, seed=self.options.seed)

    @cached_property
    def coherency(self) -> float:
        """How alike the map of the masked input is."""
        return coherency(self.target.heatmap, self.maps_of([self.masked])[0])

    def maps_of(self, inputs: list[Array]) -> Array:
        """The maps of the same class and method for other inputs, (N, h, w)."""
        method = parse_method(self.target.method)
        explainer = replace(self.explainer, methods=(method,))
        target = Target(self.target.prediction.index, counterfactual=self.target.counterfactual)
        rows = min(len(inputs), explainer.engine.rows)
        explained = explainer.explain_each(inputs, [[target]] * len(inputs), top=1, rows=rows)
        return np.stack([each.targets[0].heatmap for each in explained])

    def evaluation(self) -> Evaluation:
        """All that the options ask for."""
        names = set(self.options.metrics)
        deleted = self._curve(deletion_curve) if "deletion" in names else ()
        inserted = self._curve(insertion_curve) if "insertion" in names else ()
        values = {
            **({"deletion": area_under(np.array(deleted))} if deleted else {}),
            **({"insertion": area_under(np.array(inserted))} if inserted else {}),
            **(self._removals() if names & {"mu_fidelity", "sensitivity_n", "infidelity"} else {}),
        }
        for name in names - set(values):
            values[name] = _MEASURED[name](self)
        return Evaluation(
            values={name: float(values[name]) for name in self.options.metrics},
            deletion_curve=deleted,
            insertion_curve=inserted,
        )

    def _curve(self, function: Any) -> tuple[float, ...]:
        return tuple(function(self.subject, self.heatmap, self.options.steps).tolist())

    def _removals(self) -> dict[str, float]:
        found = removals(self.subject, self.heatmap, seed=self.options.seed)
        return {
            "mu_fidelity": found.mu_fidelity(),
            "sensitivity_n": found.sensitivity_n(),
            "infidelity": found.infidelity(),
        }

    def _sensitivity(self) -> float:
        return max_sensitivity(
            self.subject.input, self.target.heatmap, self.maps_of, seed=self.options.seed
        )

    def _composite(self, faithful: float) -> float:
        return composite(self.coherency, float(self.heatmap.mean()), faithful)


_MEASURED: dict[str, Any] = {
    "average_drop": lambda each: average_drop(*each.scores),
    "increase": lambda each: increase_in_confidence(*each.scores),
    "gain": lambda each: average_gain(*each.scores),
    "road_morf": lambda each: each.road[0].mean(),
    "road_lerf": lambda each: each.road[1].mean(),
    "road": lambda each: road_combined(*each.road),
    "max_sensitivity": MapEvaluation._sensitivity,
    "sparsity": lambda each: sparsity(each.heatmap),
    "complexity": lambda each: complexity(each.heatmap),
    "coherency": lambda each: each.coherency,
    "adcc": lambda each: each._composite(1 - average_drop(*each.scores)),
    "arcc": lambda each: each._composite(0.5 + road_combined(*each.road)),
}


def evaluate_items(items: Iterable[Item], options: EvaluationOptions) -> list[Item]:
    """`items`, whose heatmaps are to be measured so."""
    return [EvaluateItem.of(item, options) for item in items]
