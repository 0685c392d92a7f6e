"""A check in numbers: means over pictures with their intervals, and the gates that they pass."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from gradcam_cli.metrics.intervals import (
    Mean,
    mean_with_interval,
    paired_difference,
    share_with_interval,
)

if TYPE_CHECKING:
    from gradcam_cli.results.explanation import Explanation
    from gradcam_cli.results.manifest import Record
    from gradcam_cli.results.measures import Measures


@dataclass(frozen=True)
class Measure:
    """One of the numbers of a check.

    Attributes
    ----------
    name : str
        As JSON and the options have it.
    title : str
        As tables have it.
    percent : bool
        True where it is a share.
    yes_or_no : bool
        True where it is 1 or 0 of each picture, or nearly so.
    more_is_better : bool
        Which way is good.
    """

    name: str
    title: str
    percent: bool = True
    yes_or_no: bool = False
    more_is_better: bool = True


MEASURES = (
    Measure("top1", "top 1", yes_or_no=True),
    Measure("top5", "top 5", yes_or_no=True),
    Measure("lift", "lift", percent=False),
    Measure("pointing", "pointing", yes_or_no=True),
    Measure("object_drop", "object drop"),
    Measure("empty", "empty", yes_or_no=True, more_is_better=False),
    Measure("overlap", "overlap"),
    Measure("border", "border", more_is_better=False),
)
BY_NAME = {measure.name: measure for measure in MEASURES}

CLASS_MEASURES = ("top1", "lift", "pointing", "object_drop", "empty")
"""Those that tables of classes have."""

MOST_WORST = 10
"""How many pictures are named where a gate is missed."""


@dataclass(frozen=True, slots=True)
class CheckedClass:
    """What was measured of one expected class in one picture."""

    source: str
    key: str
    index: int
    name: str
    predicted_index: int
    predicted: str
    overlay: str
    border: float
    measures: Measures

    def value(self, measure: str) -> float:
        """One of its numbers; NaN where there is none."""
        value = self.border if measure == "border" else getattr(self.measures, measure)
        return float("nan") if value is None else float(value)

    @property
    def label(self) -> str:
        """The expected class, by which no other is called."""
        return f"{self.name} ({self.index})"

    @property
    def confused_label(self) -> str:
        """What it was taken for; itself where it is right."""
        return self.label if self.measures.top1 else f"{self.predicted} ({self.predicted_index})"

    @property
    def suspicion(self) -> float:
        """How much it deserves a look: most where the class is right and the heat elsewhere.

        Of a class that is predicted, one less the share of the heat in the object, as compared with
        chance; what is wrong anyhow comes after, and what has no object last.
        """
        lift, drop = self.value("lift"), self.value("object_drop")
        if math.isnan(lift):
            return 0.0 if self.measures.top1 else 0.5
        score = 1 / (1 + lift) + (0 if math.isnan(drop) else max(0.0, 0.5 - drop))
        return score + (1.0 if self.measures.top1 else 0.0)


@dataclass(frozen=True)
class FailedPicture:
    """A picture, or a record of the data set, that could not be checked, and why."""

    source: str
    key: str
    error: str


@dataclass
class CheckResult:
    """All that a check has measured, a few numbers for each picture and class.

    Attributes
    ----------
    checked : list of CheckedClass
    failures : list of FailedPicture
    example : Explanation or None
        That of the first picture; its model, layer and method are those of all.
    """

    checked: list[CheckedClass] = field(default_factory=list)
    failures: list[FailedPicture] = field(default_factory=list)
    example: Explanation | None = None
    _means: dict[tuple[str, int | None], Mean] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, records: Iterable[Record]) -> CheckResult:
        """That of the records of a run."""
        result = cls()
        for record in records:
            result._add(record)
        return result

    def _add(self, record: Record) -> None:
        if record.result is None:
            self.failures.append(FailedPicture(record.source, record.key, record.error))
            return
        if not record.measures:  # explained into the same folder, and not checked
            return
        self.example = self.example or record.result
        explained = zip(record.result.targets, record.measures, record.overlays, strict=True)
        for target, measures, overlay in explained:
            self.checked.append(
                CheckedClass(
                    record.source,
                    record.key,
                    target.prediction.index,
                    target.prediction.name,
                    record.result.predictions[0].index,
                    record.result.predictions[0].name,
                    overlay,
                    target.border or 0.0,
                    measures,
                )
            )

    @cached_property
    def images(self) -> int:
        """How many pictures were measured."""
        return len({checked.key for checked in self.checked})

    @cached_property
    def by_class(self) -> dict[int, list[CheckedClass]]:
        """Those of each expected class, by its index."""
        classes: dict[int, list[CheckedClass]] = defaultdict(list)
        for each in self.checked:
            classes[each.index].append(each)
        return dict(sorted(classes.items()))

    @property
    def classes(self) -> dict[int, str]:
        """The names of the expected classes, by index."""
        return {index: checked[0].name for index, checked in self.by_class.items()}

    def of_class(self, index: int | None) -> list[CheckedClass]:
        """Those of one class, or all."""
        return self.checked if index is None else self.by_class[index]

    def mean(self, measure: str, index: int | None = None) -> Mean:
        """That of a measure, over all or over those of one class."""
        import numpy as np

        if (measure, index) not in self._means:
            values = np.array([each.value(measure) for each in self.of_class(index)], np.float64)
            function = share_with_interval if BY_NAME[measure].yes_or_no else mean_with_interval
            self._means[measure, index] = function(values)
        return self._means[measure, index]

    def worst_classes(self) -> list[tuple[int, str]]:
        """The expected classes, that of the least lift first, or else the least often right."""

        def order(label: tuple[int, str]) -> tuple[float, float]:
            lift, top1 = (self.mean(name, label[0]).value for name in ("lift", "top1"))
            return math.inf if lift is None else lift, top1 or 0.0

        return sorted(self.classes.items(), key=order)

    def keys(self) -> list[str]:
        """The keys of the pictures, the most suspicious first, and of the failures."""
        keys = [each.key for each in self.suspicious()]
        return list(dict.fromkeys([*keys, *(each.key for each in self.failures)]))

    def suspicious(self) -> list[CheckedClass]:
        """All, the most suspicious first."""
        return sorted(self.checked, key=lambda each: (-each.suspicion, each.source))

    def confusion(self) -> dict[tuple[str, str], int]:
        """How often a class is predicted where one is expected: (expected, predicted) to count.

        A class that is expected beside the predicted one, in the same picture, counts as right.
        """
        return dict(
            sorted(Counter((each.label, each.confused_label) for each in self.checked).items())
        )


@dataclass(frozen=True)
class Threshold:
    """What a mean must reach: at least, or of `empty` at most, `value`; per class as well."""

    measure: str
    value: float

    @property
    def option(self) -> str:
        """How it is written."""
        kind = "min" if BY_NAME[self.measure].more_is_better else "max"
        return f"--{kind}-{self.measure.replace('_', '-')}"


@dataclass(frozen=True)
class Gate:
    """A threshold and what was measured.

    Attributes
    ----------
    threshold : Threshold
    mean : Mean
    index : int or None
        The class that it is for; None for all.
    class_name : str
        Its name.
    """

    threshold: Threshold
    mean: Mean
    index: int | None = None
    class_name: str = ""

    @property
    def passed(self) -> bool:
        """False too where nothing was measured, for then nothing is known."""
        if self.mean.value is None:
            return False
        return self.missing_by <= 0

    @property
    def missing_by(self) -> float:
        """By how much it is missed; negative or 0 where it is not."""
        assert self.mean.value is not None
        difference = self.threshold.value - self.mean.value
        return difference if BY_NAME[self.threshold.measure].more_is_better else -difference


def worst_of(result: CheckResult, gate: Gate) -> list[CheckedClass]:
    """The worst few of those that miss the threshold of `gate` by themselves."""
    name, value = gate.threshold.measure, gate.threshold.value
    sign = 1 if BY_NAME[name].more_is_better else -1
    short = [each for each in result.of_class(gate.index) if sign * (each.value(name) - value) < 0]
    return sorted(short, key=lambda each: (sign * each.value(name), each.source))[:MOST_WORST]


def judge(
    result: CheckResult, thresholds: Iterable[Threshold], per_class: bool = False
) -> Iterator[Gate]:
    """The gates of `thresholds`, over all, and with `per_class` for each expected class."""
    for threshold in thresholds:
        yield Gate(threshold, result.mean(threshold.measure))
        if per_class:
            for index, name in result.classes.items():
                yield Gate(threshold, result.mean(threshold.measure, index), index, name)


GATED = ("top1", "top5", "lift", "pointing", "object_drop", "empty")
"""The measures that have gates, and that are compared with a baseline."""

_NEGLIGIBLE = 1e-3
"""A smaller change is that of another processor's arithmetic."""

Baseline = dict[tuple[str, int], dict[str, float]]
"""The values of an earlier check, NaN where there is none, by picture and class."""


@dataclass(frozen=True)
class Change:
    """How a measure has changed from an earlier check, over the pictures of both.

    Attributes
    ----------
    measure : str
    difference : Mean
        Its interval is so wide that, where nothing has changed, one of all measures leaves it in
        5 % of all cases (Bonferroni).
    """

    measure: str
    difference: Mean

    @property
    def is_worse(self) -> bool:
        """True where the whole interval is on the bad side of no change."""
        if BY_NAME[self.measure].more_is_better:
            return self.difference.is_below(-_NEGLIGIBLE)
        return self.difference.is_above(_NEGLIGIBLE)


def changes(before: Baseline, result: CheckResult) -> Iterator[Change]:
    """How each measure has changed, paired by picture and class."""
    import numpy as np

    pairs = [
        (before[each.source, each.index], each)
        for each in result.checked
        if (each.source, each.index) in before
    ]
    for measure in GATED:
        earlier = np.array([values.get(measure, np.nan) for values, _ in pairs], np.float64)
        now = np.array([each.value(measure) for _, each in pairs], np.float64)
        yield Change(measure, paired_difference(earlier, now, comparisons=len(GATED)))


@dataclass(frozen=True)
class Judgement:
    """Whether a model does what it has to.

    Attributes
    ----------
    gates : list of Gate
    changes : list of Change
        From the baseline; empty where there is none.
    shortcuts : int
        How many alarms there are.
    most_shortcuts : int or None
        How many there may be; None where any.
    """

    gates: list[Gate] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    shortcuts: int = 0
    most_shortcuts: int | None = None

    @property
    def missed(self) -> list[Gate]:
        """The gates that do not hold."""
        return [gate for gate in self.gates if not gate.passed]

    @property
    def worse(self) -> list[Change]:
        """What is worse than in the baseline."""
        return [change for change in self.changes if change.is_worse]

    @property
    def too_many_shortcuts(self) -> bool:
        """True where there are more than may be."""
        return self.most_shortcuts is not None and self.shortcuts > self.most_shortcuts

    @property
    def holds(self) -> bool:
        """True where everything does."""
        return not (self.missed or self.worse or self.too_many_shortcuts)
