"""The figures of an explained class, and which way each is bad: what cards can be sorted by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gradcam_cli.metrics.table import METRICS
from gradcam_cli.results.check_summary import MEASURES
from gradcam_cli.results.trust import Trust

if TYPE_CHECKING:
    from gradcam_cli.results.evaluations import Evaluation
    from gradcam_cli.results.explanation import TargetExplanation
    from gradcam_cli.results.measures import Measures

Value = float | str


@dataclass(frozen=True)
class Figure:
    """A number, or one of two words, that a map may have.

    Attributes
    ----------
    name, title : str
        As the page's data and exports have it, and as people do.
    worst : "low" or "high"
        Which end comes first when cards are sorted by it; of words, the earlier letters are low.
    """

    name: str
    title: str
    worst: Literal["low", "high"] = "low"

    @property
    def first(self) -> str:
        """What comes first, in words."""
        special = {"evidence": "none first", "trust": "doubts first"}
        return special.get(self.name, "lowest first" if self.worst == "low" else "highest first")


_OF_TARGETS = (
    Figure("probability", "probability"),
    Figure("border", "border share", "high"),
    Figure("evidence", "evidence"),
)
_OF_CHECKS = tuple(
    Figure(each.name, each.title, "low" if each.more_is_better else "high")
    for each in MEASURES
    if each.name not in ("empty", "border")  # which the map's own figures say
)
_OF_EVALUATIONS = tuple(
    Figure(each.name, each.title, "high" if each.more_is_better is False else "low")
    for each in METRICS
)
_OF_TRUST = (
    Figure("trust", "trust"),
    Figure("better_than_random", "random maps it is better than"),
    Figure("shuffled_weights", "correlation with shuffled weights", "high"),
    Figure("other_class_map", "correlation with another class", "high"),
)
FIGURES = (*_OF_TARGETS, *_OF_CHECKS, *_OF_EVALUATIONS, *_OF_TRUST)
"""In the order of the choices."""


def figures_of(
    target: TargetExplanation, measures: Measures | None, evaluation: Evaluation | None
) -> dict[str, Value]:
    """Those of `FIGURES` that are known of a target, by name."""
    values: dict[str, Value | None] = {
        "probability": target.prediction.probability,
        "border": target.border,
        "evidence": target.evidence,
    }
    if measures is not None:
        values |= {each.name: getattr(measures, each.name) for each in _OF_CHECKS}
    if evaluation is not None:
        values |= {each.name: evaluation.values.get(each.name) for each in _OF_EVALUATIONS}
    if isinstance(target.trust, Trust):
        values |= {each.name: getattr(target.trust, each.name) for each in _OF_TRUST[1:]}
        values["trust"] = target.trust.verdict
    return {
        name: value if isinstance(value, str) else float(value)
        for name, value in values.items()
        if value is not None
    }


def figure_text(value: Value) -> str:
    """A value as the page's data have it."""
    return value if isinstance(value, str) else f"{value:.6g}"
