"""What a check says in words."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from gradcam_cli.results.check_summary import BY_NAME, GATED, Threshold

if TYPE_CHECKING:
    from gradcam_cli.metrics.intervals import Mean
    from gradcam_cli.results.check_summary import (
        Change,
        CheckedClass,
        CheckResult,
        Gate,
        Judgement,
        Measure,
    )


def shown(measure: Measure, value: float | None) -> str:
    """A value of a measure for people."""
    if value is None or math.isnan(value):
        return ""
    if measure.name == "object_drop":
        return f"{value:+.2f}"
    return f"{100 * value:.1f} %" if measure.percent else f"{value:.2f}"


def interval(measure: Measure, mean: Mean) -> str:
    """The interval of a mean for people."""
    if mean.low is None:
        return ""
    return f"{shown(measure, mean.low)} to {shown(measure, mean.high)}"


def measures_sentence(checked: CheckedClass, names: Iterable[str]) -> str:
    """Those of `names` that were measured, as "lift 1.77, pointing 100.0 %"."""
    values = [(BY_NAME[name], checked.value(name)) for name in names]
    return ", ".join(
        f"{each.title} {text}" for each, value in values if (text := shown(each, value))
    )


def gate_sentence(gate: Gate) -> str:
    """Which gate is missed, and by how much."""
    measure = BY_NAME[gate.threshold.measure]
    of_class = f" of class {gate.class_name}" if gate.index is not None else ""
    option = f"{gate.threshold.option} {gate.threshold.value:g}"
    if gate.mean.value is None:
        return f"{option} cannot be judged: nothing was measured{of_class}"
    value = shown(measure, gate.mean.value)
    by = f"{abs(gate.missing_by):.3g}"
    return f"{option} does not hold: {measure.title}{of_class} is {value}, off by {by}"


def change_sentence(change: Change) -> str:
    """What is worse than in the baseline, and by how much."""
    measure, difference = BY_NAME[change.measure], change.difference
    return (
        f"{measure.title} is worse than in the baseline: by {difference.value:+.3f} "
        f"({difference.low:+.3f} to {difference.high:+.3f}) over {difference.count:,} pictures"
    )


def proposed_options(result: CheckResult) -> list[str]:
    """Gates that hold for this model and data: the far ends of the intervals, rounded outwards."""
    options = []
    for name in GATED:
        mean = result.mean(name)
        if mean.low is None or mean.high is None:
            continue
        if BY_NAME[name].more_is_better:
            value = math.floor(mean.low * 100) / 100
        else:
            value = math.ceil(mean.high * 100) / 100
        options.append(f"{Threshold(name, 0).option} {value:g}")
    return options


def failure_sentences(judgement: Judgement) -> list[str]:
    """All that does not hold."""
    sentences = [*map(gate_sentence, judgement.missed), *map(change_sentence, judgement.worse)]
    if judgement.too_many_shortcuts:
        sentences.append(
            f"--max-shortcuts {judgement.most_shortcuts} does not hold: there are "
            f"{judgement.shortcuts:,} alarms"
        )
    return sentences
