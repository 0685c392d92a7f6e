"""An evaluation in numbers: each method's means, against `random`, and in ranks that may tie."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.metrics.intervals import Mean, mean_with_interval, paired_difference
from gradcam_cli.metrics.table import BY_NAME

if TYPE_CHECKING:
    from gradcam_cli.results.evaluations import Evaluation
    from gradcam_cli.results.explanation import Explanation
    from gradcam_cli.results.manifest import Record

_NEGLIGIBLE = 1e-4
"""A smaller difference is that of rounding, between methods that are one and the same here."""

CONTROL = "random"
"""The method that knows nothing."""


@dataclass(frozen=True)
class MethodScore:
    """What a metric says of a method.

    Attributes
    ----------
    mean : Mean
    against_control : Mean or None
        The difference to `random`, picture by picture; None of itself, or where it did not run.
    rank : int or None
        1 for the best, and for all that are not clearly worse than it; None where neither more nor
        less is better.
    beats_control : bool or None
        Whether it is clearly better than `random`; None where nothing says so.
    """

    mean: Mean
    against_control: Mean | None
    rank: int | None
    beats_control: bool | None = None


@dataclass
class EvaluationResult:
    """All evaluations of a run, by method.

    Attributes
    ----------
    images : int
        How many pictures were evaluated.
    evaluations : dict of str to list of (str, str, Evaluation)
        By method: the picture, the explained class, and what was measured.
    failures : list of (str, str)
    example : Explanation or None
        That of the first picture; its model and layer are those of all.
    """

    images: int = 0
    evaluations: dict[str, list[tuple[str, str, Evaluation]]] = field(default_factory=dict)
    failures: list[tuple[str, str]] = field(default_factory=list)
    example: Explanation | None = None

    @classmethod
    def of(cls, records: Iterable[Record]) -> EvaluationResult:
        """That of the records of a run."""
        result = cls()
        for record in records:
            if record.result is None:
                result.failures.append((record.source, record.error))
                continue
            result.example = result.example or record.result
            result.images += 1
            for target, evaluation in zip(record.result.targets, record.evaluations, strict=True):
                row = (record.source, target.prediction.name, evaluation)
                result.evaluations.setdefault(target.method, []).append(row)
        return result

    @property
    def methods(self) -> list[str]:
        """Those that ran, `random` last."""
        return sorted(self.evaluations, key=lambda method: method == CONTROL)

    @property
    def metrics(self) -> list[str]:
        """The names of those that were measured."""
        rows = next(iter(self.evaluations.values()), [])
        return list(rows[0][2].values) if rows else []

    def values(self, method: str, metric: str) -> NDArray[np.float64]:
        """Picture by picture; where a picture has several classes, their mean."""
        by_picture: dict[str, list[float]] = {}
        for source, _, each in self.evaluations[method]:
            by_picture.setdefault(source, []).append(each.values.get(metric, math.nan))
        return np.array([np.mean(values) for values in by_picture.values()], np.float64)

    def curve(self, method: str, name: str) -> list[Mean]:
        """The mean of the "deletion" or "insertion" curves, point by point; empty without them."""
        curves = [getattr(each, f"{name}_curve") for _, _, each in self.evaluations[method]]
        if not curves or not curves[0]:
            return []
        points = np.array(curves, np.float64).T
        return [mean_with_interval(values) for values in points]

    def scores(self, metric: str) -> dict[str, MethodScore]:
        """What a metric says of each method."""
        control = self.values(CONTROL, metric) if CONTROL in self.evaluations else None
        ranks = self._ranks(metric)
        return {
            method: self._score(method, metric, control, ranks.get(method))
            for method in self.methods
        }

    def _score(
        self, method: str, metric: str, control: NDArray[np.float64] | None, rank: int | None
    ) -> MethodScore:
        values = self.values(method, metric)
        if control is None or method == CONTROL:
            return MethodScore(mean_with_interval(values), None, rank)
        against = paired_difference(control, values)
        more = BY_NAME[metric].more_is_better
        beats = None if more is None else is_better(against, more=more)
        return MethodScore(mean_with_interval(values), against, rank, beats)

    def _ranks(self, metric: str) -> dict[str, int]:
        """One more than the methods that are clearly better; empty where there is no better."""
        more = BY_NAME[metric].more_is_better
        if more is None:
            return {}
        values = {method: self.values(method, metric) for method in self.methods}
        return {
            method: 1
            + sum(
                is_better(paired_difference(own, other), more=more)
                for name, other in values.items()
                if name != method
            )
            for method, own in values.items()
        }


def is_better(difference: Mean, *, more: bool) -> bool:
    """Whether the whole interval of a difference is on the good side of 0."""
    return difference.is_above(_NEGLIGIBLE) if more else difference.is_below(-_NEGLIGIBLE)
