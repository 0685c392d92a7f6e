"""A check in numbers: means over pictures with their intervals, and the gates that they pass."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gradcam_cli.metrics.intervals import Mean, mean_with_interval, paired_difference

if TYPE_CHECKING:
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
    more_is_better : bool
        Which way is good.
    """

    name: str
    title: str
    percent: bool = True
    more_is_better: bool = True


MEASURES = (
    Measure("top1", "top 1"),
    Measure("top5", "top 5"),
    Measure("lift", "lift", percent=False),
    Measure("pointing", "pointing"),
    Measure("object_drop", "object drop"),
    Measure("empty", "empty", more_is_better=False),
    Measure("overlap", "overlap"),
    Measure("border", "border", more_is_better=False),
)
BY_NAME = {measure.name: measure for measure in MEASURES}


@dataclass(frozen=True)
class CheckedClass:
    """What was measured of one expected class in one picture."""

    source: str
    key: str
    index: int
    name: str
    predicted: str
    overlay: str
    border: float
    measures: Measures

    def value(self, measure: str) -> float:
        """One of its numbers; NaN where there is none."""
        value = self.border if measure == "border" else getattr(self.measures, measure)
        return float("nan") if value is None else float(value)

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


@dataclass
class CheckResult:
    """All that a check has measured, a few numbers for each picture and class."""

    checked: list[CheckedClass] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def of(cls, records: Iterable[Record]) -> CheckResult:
        """That of the records of a run."""
        result = cls()
        for record in records:
            result.add(record)
        return result

    def add(self, record: Record) -> None:
        """Add a picture, or why it could not be checked."""
        if record.result is None:
            self.failures.append((record.source, record.error))
            return
        explained = zip(record.result.targets, record.measures, record.overlays, strict=True)
        for target, measures, overlay in explained:
            self.checked.append(
                CheckedClass(
                    record.source,
                    record.key,
                    target.prediction.index,
                    target.prediction.name,
                    record.result.predictions[0].name,
                    overlay,
                    target.border or 0.0,
                    measures,
                )
            )

    @property
    def images(self) -> int:
        """How many pictures were measured."""
        return len({checked.key for checked in self.checked})

    def mean(self, measure: str, index: int | None = None) -> Mean:
        """That of a measure, over all or over those of one class."""
        import numpy as np

        values = [each.value(measure) for each in self.checked if index in (None, each.index)]
        return mean_with_interval(np.array(values, np.float64))

    def classes(self) -> dict[int, str]:
        """The names of the expected classes, by index."""
        return dict(sorted({each.index: each.name for each in self.checked}.items()))

    def worst(self, measure: str, count: int = 10) -> list[CheckedClass]:
        """Those with the worst values of a measure."""
        sign = 1 if BY_NAME[measure].more_is_better else -1
        known = [each for each in self.checked if not math.isnan(each.value(measure))]
        return sorted(known, key=lambda each: (sign * each.value(measure), each.source))[:count]

    def suspicious(self) -> list[CheckedClass]:
        """All, the most suspicious first."""
        return sorted(self.checked, key=lambda each: (-each.suspicion, each.source))

    def confusion(self) -> dict[tuple[str, str], int]:
        """How often a class is predicted where one is expected: (expected, predicted) to count."""
        counts: dict[tuple[str, str], int] = defaultdict(int)
        for each in self.checked:
            counts[each.name, each.name if each.measures.top1 else each.predicted] += 1
        return dict(sorted(counts.items()))


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
    scope : str
        The class that it is for; empty for all.
    mean : Mean
    """

    threshold: Threshold
    scope: str
    mean: Mean

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


def judge(
    result: CheckResult, thresholds: Iterable[Threshold], *, per_class: bool = False
) -> Iterator[Gate]:
    """The gates of `thresholds`, over all, and with `per_class` for each expected class."""
    for threshold in thresholds:
        yield Gate(threshold, "", result.mean(threshold.measure))
        if per_class:
            for index, name in result.classes().items():
                yield Gate(threshold, name, result.mean(threshold.measure, index))


@dataclass(frozen=True)
class Change:
    """How a measure has changed from an earlier run, over the pictures of both."""

    measure: str
    difference: Mean

    @property
    def is_worse(self) -> bool:
        """True where the whole interval is on the bad side of no change."""
        if self.difference.low is None or self.difference.high is None:
            return False
        if BY_NAME[self.measure].more_is_better:
            return self.difference.high < 0
        return self.difference.low > 0


def changes(
    before: dict[tuple[str, int], dict[str, float]], result: CheckResult
) -> Iterator[Change]:
    """How each measure has changed, paired by picture and class.

    Parameters
    ----------
    before : dict of (source, class) to values by measure
        Of an earlier run.
    """
    import numpy as np

    pairs = [
        (before[each.source, each.index], each)
        for each in result.checked
        if (each.source, each.index) in before
    ]
    for measure in BY_NAME:
        earlier = np.array([values.get(measure, np.nan) for values, _ in pairs], np.float64)
        now = np.array([each.value(measure) for _, each in pairs], np.float64)
        yield Change(measure, paired_difference(earlier, now))
