"""A check as tables for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcam_cli.reports.check.sentences import interval, shown
from gradcam_cli.reports.terminal import console, new_table
from gradcam_cli.results.check_summary import (
    BY_NAME,
    CLASS_MEASURES,
    MEASURES,
    MOST_WORST,
    worst_of,
)

if TYPE_CHECKING:
    from gradcam_cli.metrics.intervals import Mean
    from gradcam_cli.results.check_summary import Change, CheckedClass, CheckResult, Gate
    from gradcam_cli.results.shortcuts import Alarm, CheckFindings

_MOST_CLASSES = 20
_MOST_ALARMS = 10


def print_tables(findings: CheckFindings) -> None:
    """The means, the gates, the classes, what may be shortcuts, and the pictures to look at."""
    result, judgement = findings.result, findings.judgement
    _print_means(result, judgement.changes)
    if judgement.gates:
        _print_gates(judgement.gates)
    if len(result.classes) > 1:
        _print_classes(result)
    if findings.shortcuts.alarms:
        _print_alarms(findings.shortcuts.alarms)
    missed = {gate.threshold.measure: gate for gate in reversed(judgement.missed)}
    for name, gate in reversed(missed.items()):  # of each measure the first gate, that of all
        of_class = "" if gate.index is None else f", {gate.class_name}"
        _print_pictures(f"worst {BY_NAME[name].title}{of_class}", worst_of(result, gate))
    if not missed:
        _print_pictures("to look at first", result.suspicious()[:MOST_WORST])


def _print_means(result: CheckResult, compared: list[Change]) -> None:
    changed = {change.measure: change.difference for change in compared}
    table = new_table(
        ("measure", "left"), ("mean", "right"), ("95 %", "right"), ("pictures", "right"),
        *((("change", "right"), ("its interval", "right")) if compared else ()),
    )  # fmt: skip
    for measure in MEASURES:
        mean = result.mean(measure.name)
        cells = [shown(measure, mean.value), interval(measure, mean), f"{mean.count:,}"]
        if compared:
            cells += _change_cells(changed.get(measure.name))
        table.add_row(measure.title, *cells)
    console().print(table)


def _change_cells(difference: Mean | None) -> tuple[str, str]:
    if difference is None or difference.value is None:
        return "", ""
    if difference.low is None:  # a single pair
        return f"{difference.value:+.3f}", ""
    return f"{difference.value:+.3f}", f"{difference.low:+.3f} to {difference.high:+.3f}"


def _print_gates(gates: list[Gate]) -> None:
    table = new_table(("gate", "left"), ("class", "left"), ("measured", "right"), ("", "left"))
    for gate in gates:
        option = f"{gate.threshold.option} {gate.threshold.value:g}"
        value = shown(BY_NAME[gate.threshold.measure], gate.mean.value)
        table.add_row(option, gate.class_name or "all", value, "holds" if gate.passed else "missed")
    console().print(table)


def _print_classes(result: CheckResult) -> None:
    measures = [BY_NAME[name] for name in CLASS_MEASURES]
    table = new_table(
        ("class", "left"), ("pictures", "right"), *((each.title, "right") for each in measures)
    )
    classes = result.worst_classes()
    for index, name in classes[:_MOST_CLASSES]:
        means = [shown(each, result.mean(each.name, index).value) for each in measures]
        table.add_row(f"{index} {name}", f"{len(result.by_class[index]):,}", *means)
    if (rest := len(classes) - _MOST_CLASSES) > 0:
        table.add_row(f"{rest:,} more classes", *("" for _ in range(1 + len(measures))))
    console().print(table)


def _print_alarms(alarms: list[Alarm]) -> None:
    table = new_table(("what may be a shortcut", "left"), ("pictures", "left"))
    for alarm in alarms[:_MOST_ALARMS]:
        table.add_row(alarm.text, ", ".join(alarm.sources[:2]))
    if (rest := len(alarms) - _MOST_ALARMS) > 0:
        table.add_row(f"{rest:,} more", "")
    console().print(table)


def _print_pictures(title: str, checked: list[CheckedClass]) -> None:
    table = new_table(
        (title, "left"), ("expected", "left"), ("predicted", "left"), ("lift", "right"),
        ("object drop", "right"),
    )  # fmt: skip
    for each in checked:
        cells = (shown(BY_NAME[name], each.value(name)) for name in ("lift", "object_drop"))
        table.add_row(each.source, each.name, each.predicted, *cells)
    if checked:
        console().print(table)
