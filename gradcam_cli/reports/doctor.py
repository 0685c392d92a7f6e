"""What is known of a model, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gradcam_cli.reports.tables import Column, NarrowingTable
from gradcam_cli.reports.terminal import console
from gradcam_cli.text import printable

if TYPE_CHECKING:
    from gradcam_cli.diagnosis import Diagnosis
    from gradcam_cli.errors import ModelError

_MOST_NAMES = 5


def print_diagnosis(diagnosis: Diagnosis) -> None:
    """A row for each thing that is known, and what to do."""
    table = NarrowingTable(
        [Column("what", header=diagnosis.info.name), Column("value", header="")], ()
    )
    for row in _rows(diagnosis):
        table.add_row(*row)
    output = console()
    output.print(table)
    for suggestion in diagnosis.suggestions:
        output.print(suggestion)


def diagnosis_object(diagnosis: Diagnosis) -> dict[str, Any]:
    """The same for JSON."""
    import msgspec

    info = diagnosis.info
    findings = diagnosis.findings
    return {
        "model": info.name,
        "explainable": not diagnosis.problem,
        "problem": diagnosis.problem or None,
        "input": {
            "height": info.input.height,
            "width": info.input.width,
            "channels": info.input.channels,
        },
        "preprocessing": info.preprocessing,
        "head": info.head,
        "labels": [label.name for label in info.labels],
        "parameters": info.parameters,
        "file": None if findings is None else msgspec.to_builtins(findings),
        "layers": len(diagnosis.layers),
        "default_layer": diagnosis.default.name if diagnosis.default else None,
        "engine": diagnosis.engine or None,
        "gradients": not diagnosis.gradient_problem,
        "gradient_problem": diagnosis.gradient_problem or None,
        "checked_against": diagnosis.check or None,
        "seconds": None if diagnosis.seconds is None else round(diagnosis.seconds, 4),
        "suggestions": list(diagnosis.suggestions),
    }


def print_problem(name: str, error: ModelError) -> None:
    """Why the model in a file cannot be explained, and what to do."""
    table = NarrowingTable([Column("what", header=printable(name)), Column("value", header="")], ())
    table.add_row("problem", error.what)
    output = console()
    output.print(table)
    if error.remedy:
        output.print(error.remedy)


def problem_object(name: str, error: ModelError) -> dict[str, Any]:
    """The same for JSON."""
    suggestions = [error.remedy] if error.remedy else []
    return {
        "model": name,
        "explainable": False,
        "problem": error.what,
        "suggestions": suggestions,
    }


def _rows(diagnosis: Diagnosis) -> Iterator[tuple[str, str]]:
    info = diagnosis.info
    yield from _of_file(diagnosis)
    yield "parameters", f"{info.parameters:,}"
    yield "classes", _classes_text(diagnosis)
    yield "layers", f"{len(diagnosis.layers)} with maps"
    yield "default layer", _default_layer_text(diagnosis)
    if diagnosis.problem:
        yield "problem", diagnosis.problem
        return
    yield "engine", diagnosis.engine
    if diagnosis.gradient_problem:
        yield "gradients", f"none: {diagnosis.gradient_problem}"
    elif diagnosis.check:
        yield "gradients", f"agree with {diagnosis.check}"
    if diagnosis.seconds is not None:
        yield "time", f"{_duration(diagnosis.seconds)} a picture"


def _of_file(diagnosis: Diagnosis) -> Iterator[tuple[str, str]]:
    info, findings = diagnosis.info, diagnosis.findings
    height, width, channels = info.input
    kind = {1: "grey", 3: "RGB"}[channels]
    size = f"{height} x {width} {kind}"
    if findings is None:
        yield "input", size
        yield "preprocessing", info.preprocessing
        yield "head", info.head
        return
    yield "format", findings.format
    sides = ", sides left open" if findings.any_size else ""
    yield "input", f"{size} ({findings.layout} in the file{sides})"
    yield "preprocessing", _preprocessing_text(diagnosis)
    after = "nothing" if findings.activation == "none" else f"a {findings.activation}"
    yield "head", f"{info.head} ({after} after the scores)"
    operations = ", ".join(f"{kind} {count}" for kind, count in findings.operations.items())
    yield "operations", operations
    if findings.without_rule:
        yield "without gradient", ", ".join(findings.without_rule)


def _preprocessing_text(diagnosis: Diagnosis) -> str:
    info, findings = diagnosis.info, diagnosis.findings
    assert findings is not None
    if info.preprocessing != findings.preprocessing:
        return f"{info.preprocessing} (as you say)"
    how = "a guess: " if findings.preprocessing_guessed else ""
    return f"{info.preprocessing} ({how}{findings.preprocessing_reason})"


def _classes_text(diagnosis: Diagnosis) -> str:
    labels = diagnosis.info.labels
    names = [label.name for label in labels[:_MOST_NAMES]]
    more = ", ..." if len(labels) > _MOST_NAMES else ""
    return f"{len(labels)}: {', '.join(names)}{more}"


def _default_layer_text(diagnosis: Diagnosis) -> str:
    default = diagnosis.default
    if default is None:
        return "none"
    return f"{default.name} ({default.reason})" if default.reason else default.name


def _duration(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"
