"""What a check tells: tables, JSON, CSV, JUnit, and lines for GitHub."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from gradcam_cli.errors import UsageError
from gradcam_cli.reports.lines import print_note
from gradcam_cli.reports.messages import Messages
from gradcam_cli.results.check_summary import (
    MEASURES,
    Change,
    CheckedClass,
    CheckResult,
    Gate,
    Threshold,
    changes,
    judge,
)
from gradcam_cli.results.json_line import dumps

if TYPE_CHECKING:
    from gradcam_cli.metrics.intervals import Mean
    from gradcam_cli.results.check_summary import Measure
    from gradcam_cli.results.manifest import Record

_MOST_SHOWN = 10
_GATED = ("top1", "top5", "lift", "pointing", "object_drop", "empty")
_MOST_CLASSES = 20
_MOST_FAILURES = 20


@dataclass(frozen=True)
class Requirements:
    """What has to hold.

    Attributes
    ----------
    thresholds : list of Threshold
    per_class : bool
        Each class has to reach them, too.
    baseline : Path or None
        The JSON of an earlier run, than which nothing may be worse.
    """

    thresholds: list[Threshold]
    per_class: bool = False
    baseline: Path | None = None


@dataclass(frozen=True)
class CheckFiles:
    """What is written and printed.

    Attributes
    ----------
    as_json, quiet, calibrate : bool
        Print JSON in place of tables; neither; and gates that would hold.
    csv, junit : Path or None
    """

    as_json: bool = False
    quiet: bool = False
    calibrate: bool = False
    csv: Path | None = None
    junit: Path | None = None


@dataclass
class CheckReports:
    """Everything that is told of a check at its end.

    Parameters
    ----------
    data : Path
        The data set.
    requirements : Requirements
    files : CheckFiles
    messages : Messages
    """

    data: Path
    requirements: Requirements
    files: CheckFiles
    messages: Messages

    def __post_init__(self) -> None:
        """Find out before a long run, not after it, what cannot be read or written."""
        from gradcam_cli.images.writing import check_writable

        for path in (self.files.csv, self.files.junit):
            if path is not None:
                check_writable(path, sources=[self.data])
        baseline = self.requirements.baseline
        self._before = None if baseline is None else read_baseline(baseline)

    def write(self, records: Iterable[Record]) -> bool:
        """Tell all of it; whether everything holds that has to."""
        first: list[Record] = []
        needed = self.requirements
        result = CheckResult.of(_keep_first(records, first))
        gates = list(judge(result, needed.thresholds, per_class=needed.per_class))
        compared = [] if self._before is None else list(changes(self._before, result))
        self._write_files(result, gates)
        if self.files.as_json:
            click.echo(dumps(check_object(self.data, result, gates, compared, first)))
        elif not self.files.quiet:
            print_tables(result, gates, compared)
        self._tell_failures(result)
        missed = [gate for gate in gates if not gate.passed]
        worse = [change for change in compared if change.is_worse]
        for text in (*map(gate_sentence, missed), *map(_change_sentence, worse)):
            print_note(text)
        _tell_github(result, missed, worse)
        if self.files.calibrate:
            self.messages(f"These hold for {self.data}: {' '.join(proposed(result))}")
        return not missed and not worse

    def _write_files(self, result: CheckResult, gates: list[Gate]) -> None:
        if self.files.csv is not None:
            from gradcam_cli.reports.summary import write_rows

            rows = [_flat(row) for row in map(_image_object, result.checked)]
            failures = [{"source": name, "error": error} for name, error in result.failures]
            columns = list(dict.fromkeys(name for row in (*rows, *failures) for name in row))
            write_rows(self.files.csv, [*columns, "error"], [*rows, *failures])
        if self.files.junit is not None:
            from gradcam_cli.reports.junit import write_junit

            write_junit(self.files.junit, result, gates)

    def _tell_failures(self, result: CheckResult) -> None:
        for _, error in result.failures[:_MOST_FAILURES]:
            print_note(error)
        if (rest := len(result.failures) - _MOST_FAILURES) > 0:
            print_note(f"{rest:,} more could not be checked; --json and --csv have them all.")
        counts = [f"{result.images:,} pictures checked"]
        if result.failures:
            counts.append(f"{len(result.failures):,} failed")
        self.messages(f"{', '.join(counts)}.")


def _keep_first(records: Iterable[Record], first: list[Record]) -> Iterable[Record]:
    for record in records:
        if record.result is not None and not first:
            first.append(record)
        yield record


# Sentences ----------------------------------------------------------------------------------------


def shown(measure: Measure, value: float | None) -> str:
    """A value of a measure for people."""
    if value is None or math.isnan(value):
        return ""
    if measure.name == "object_drop":
        return f"{value:+.2f}"
    return f"{100 * value:.1f} %" if measure.percent else f"{value:.2f}"


def gate_sentence(gate: Gate) -> str:
    """Which gate is missed, and by how much."""
    measure = _measure(gate.threshold.measure)
    of_class = f" of class {gate.scope}" if gate.scope else ""
    option = f"{gate.threshold.option} {gate.threshold.value:g}"
    if gate.mean.value is None:
        return f"{option} cannot be judged: nothing was measured{of_class}"
    value = shown(measure, gate.mean.value)
    by = f"{abs(gate.missing_by):.3g}"
    return f"{option} does not hold: {measure.title}{of_class} is {value}, off by {by}"


def _change_sentence(change: Change) -> str:
    measure, difference = _measure(change.measure), change.difference
    return (
        f"{measure.title} is worse than in the baseline: by {difference.value:+.3g} "
        f"({difference.low:+.3g} to {difference.high:+.3g}) over {difference.count:,} pictures"
    )


def proposed(result: CheckResult) -> list[str]:
    """Gates that hold for this model and data: the far ends of the intervals, rounded outwards."""
    options = []
    for name in _GATED:
        measure, mean = _measure(name), result.mean(name)
        if mean.low is None or mean.high is None:
            continue
        if measure.more_is_better:
            value = int(mean.low * 100 - (mean.low < 0)) / 100
        else:
            value = -int(-mean.high * 100 - (mean.high > 0)) / 100
        options.append(
            f"{Threshold(name, 0).option} {min(value, 1) if measure.percent else value:g}"
        )
    return options


def _measure(name: str) -> Measure:
    return next(measure for measure in MEASURES if measure.name == name)


def _tell_github(result: CheckResult, missed: list[Gate], worse: list[Change]) -> None:
    """As GitHub's log commands, where a workflow of its runs."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    for text in (*map(gate_sentence, missed), *map(_change_sentence, worse)):
        click.echo(f"::error title=gradcam check::{_escaped(text)}", err=True)
    for gate in missed:
        for each in result.worst(gate.threshold.measure, _MOST_SHOWN):
            text = f"{each.name}: {_measure(gate.threshold.measure).title} " + shown(
                _measure(gate.threshold.measure), each.value(gate.threshold.measure)
            )
            place = _escaped(each.source).replace(":", "%3A").replace(",", "%2C")
            click.echo(f"::warning file={place}::{_escaped(text)}", err=True)


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


# Tables -------------------------------------------------------------------------------------------


def print_tables(result: CheckResult, gates: list[Gate], compared: list[Change]) -> None:
    """The means, the gates, the classes, and the pictures to look at first."""
    _print_means(result, compared)
    if gates:
        _print_gates(gates)
    if len(result.classes()) > 1:
        _print_classes(result)
    missed = [gate for gate in gates if not gate.passed and not gate.scope]
    if missed:
        name = missed[0].threshold.measure
        _print_pictures(f"worst by {_measure(name).title}", result.worst(name, _MOST_SHOWN))
    else:
        _print_pictures("to look at first", result.suspicious()[:_MOST_SHOWN])


def _print_means(result: CheckResult, compared: list[Change]) -> None:
    from gradcam_cli.reports.terminal import console, new_table

    changed = {change.measure: change.difference for change in compared}
    table = new_table(
        ("measure", "left"), ("mean", "right"), ("95 %", "right"), ("pictures", "right"),
        *((("change", "right"), ("of 95 %", "right")) if compared else ()),
    )  # fmt: skip
    for measure in MEASURES:
        mean = result.mean(measure.name)
        row = [
            measure.title,
            shown(measure, mean.value),
            _interval(measure, mean),
            f"{mean.count:,}",
        ]
        if compared:
            difference = changed[measure.name]
            value = "" if difference.value is None else f"{difference.value:+.3g}"
            ends = (
                "" if difference.low is None else f"{difference.low:+.3g} to {difference.high:+.3g}"
            )
            row += [value, ends]
        table.add_row(*row)
    console().print(table)


def _interval(measure: Measure, mean: Mean) -> str:
    if mean.low is None:
        return ""
    return f"{shown(measure, mean.low)} to {shown(measure, mean.high)}"


def _print_gates(gates: list[Gate]) -> None:
    from gradcam_cli.reports.terminal import console, new_table

    table = new_table(("gate", "left"), ("class", "left"), ("measured", "right"), ("", "left"))
    for gate in gates:
        option = f"{gate.threshold.option} {gate.threshold.value:g}"
        value = shown(_measure(gate.threshold.measure), gate.mean.value)
        table.add_row(option, gate.scope or "all", value, "holds" if gate.passed else "missed")
    console().print(table)


def _print_classes(result: CheckResult) -> None:
    from gradcam_cli.reports.terminal import console, new_table

    names = ("top1", "lift", "pointing", "object_drop", "empty")
    table = new_table(
        ("class", "left"),
        ("pictures", "right"),
        *((_measure(name).title, "right") for name in names),
    )
    rows: list[tuple[float, list[str]]] = []
    for index, label in result.classes().items():
        means = {name: result.mean(name, index) for name in names}
        lift = means["lift"].value
        order = (means["top1"].value or 0) if lift is None else lift
        values = [shown(_measure(name), mean.value) for name, mean in means.items()]
        rows.append((order, [f"{index} {label}", f"{means['top1'].count:,}", *values]))
    rows.sort()
    for _, cells in rows[:_MOST_CLASSES]:
        table.add_row(*cells)
    if (rest := len(rows) - _MOST_CLASSES) > 0:
        table.add_row(f"{rest:,} more classes", *("" for _ in range(1 + len(names))))
    console().print(table)


def _print_pictures(title: str, checked: list[CheckedClass]) -> None:
    from gradcam_cli.reports.terminal import console, new_table

    table = new_table(
        (title, "left"), ("expected", "left"), ("predicted", "left"), ("lift", "right"),
        ("object drop", "right"),
    )  # fmt: skip
    for each in checked:
        cells = (shown(_measure(name), each.value(name)) for name in ("lift", "object_drop"))
        table.add_row(each.source, each.name, each.predicted, *cells)
    if checked:
        console().print(table)


# JSON ---------------------------------------------------------------------------------------------


def check_object(
    data: Path,
    result: CheckResult,
    gates: list[Gate],
    compared: list[Change],
    first: list[Record],
) -> dict[str, Any]:
    """All of it, as --json has it."""
    explanation = first[0].result if first else None
    run = {} if explanation is None else {
        name: getattr(explanation, name)
        for name in ("model", "layer", "method", "score", "engine", "versions")
    }  # fmt: skip
    return {
        "data": str(data),
        **run,
        "summary": {
            "images": result.images,
            "failed": len(result.failures),
            **_means(result),
        },
        "gates": [_gate_object(gate) for gate in gates],
        "changes": [_change_object(change) for change in compared],
        "classes": [
            {"index": index, "name": name, **_means(result, index)}
            for index, name in result.classes().items()
        ],
        "confusion": [
            {"expected": expected, "predicted": predicted, "count": count}
            for (expected, predicted), count in result.confusion().items()
        ],
        "images": [_image_object(each) for each in result.checked],
        "failures": [{"source": name, "error": error} for name, error in result.failures],
    }


def _means(result: CheckResult, index: int | None = None) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for measure in MEASURES:
        mean = result.mean(measure.name, index)
        fields[measure.name] = _rounded(mean.value)
        ends = (mean.low, mean.high)
        fields[f"{measure.name}_interval"] = None if mean.low is None else [*map(_rounded, ends)]
    return fields


def _gate_object(gate: Gate) -> dict[str, Any]:
    return {
        "gate": gate.threshold.option,
        "measure": gate.threshold.measure,
        "class": gate.scope or None,
        "threshold": gate.threshold.value,
        "value": _rounded(gate.mean.value),
        "pictures": gate.mean.count,
        "passed": gate.passed,
    }


def _change_object(change: Change) -> dict[str, Any]:
    difference = change.difference
    ends = None if difference.low is None else [_rounded(difference.low), _rounded(difference.high)]
    return {
        "measure": change.measure,
        "difference": _rounded(difference.value),
        "interval": ends,
        "pictures": difference.count,
        "worse": change.is_worse,
    }


def _image_object(checked: CheckedClass) -> dict[str, Any]:
    fields = msgspec.to_builtins(checked.measures)
    numbers = {name: _rounded(value) for name, value in fields.items()}
    return {
        "source": checked.source,
        "class": {"index": checked.index, "name": checked.name},
        "predicted": checked.predicted,
        **numbers,
        "border": _rounded(checked.border),
        "suspicion": _rounded(checked.suspicion),
        "overlay": checked.overlay,
    }


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    label = row.pop("class")
    return {"source": row.pop("source"), "class": label["index"], "name": label["name"], **row}


def _rounded(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value


class _BaselineClass(msgspec.Struct):
    index: int


class _BaselineImage(msgspec.Struct):
    source: str
    label: _BaselineClass = msgspec.field(name="class")
    top1: bool
    top5: bool
    empty: bool
    border: float | None = None
    lift: float | None = None
    pointing: float | None = None
    overlap: float | None = None
    object_drop: float | None = None


class _Baseline(msgspec.Struct):
    images: list[_BaselineImage]


def read_baseline(path: Path) -> dict[tuple[str, int], dict[str, float]]:
    """The values of an earlier run by picture and class.

    Raises
    ------
    UsageError
        Where it is not what --json prints.
    """
    try:
        baseline = msgspec.json.decode(path.read_bytes(), type=_Baseline)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise UsageError(
            f"{path} is no result of a check: {error}", "Pass what `gradcam check --json` printed."
        ) from error
    return {
        (image.source, image.label.index): {
            measure.name: float("nan") if (value := getattr(image, measure.name)) is None else value
            for measure in MEASURES
        }
        for image in baseline.images
    }
