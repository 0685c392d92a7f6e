"""A check as --json and --csv have it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from gradcam_cli.results.check_summary import MEASURES, worst_of

if TYPE_CHECKING:
    from gradcam_cli.results.check_summary import (
        Change,
        CheckedClass,
        CheckResult,
        Gate,
    )
    from gradcam_cli.results.explanation import Explanation
    from gradcam_cli.results.shortcuts import CheckFindings


_MAPS = ("heat", "object_cells", "predicted_heat")
_RUN = ("model", "layer", "method", "score", "engine", "versions")


def check_object(data: Path, findings: CheckFindings) -> dict[str, Any]:
    """All of it, as --json has it."""
    result, judgement, shortcuts = findings.result, findings.judgement, findings.shortcuts
    example = result.example
    return {
        "data": str(data),
        **({} if example is None else _run_of(example)),
        "summary": {
            "images": result.images,
            "failed": len(result.failures),
            **_means(result),
        },
        "gates": [_gate_object(result, gate) for gate in judgement.gates],
        "changes": [_change_object(change) for change in judgement.changes],
        "classes": [
            {"index": index, "name": name, **_means(result, index)}
            for index, name in result.classes.items()
        ],
        "confusion": [
            {"expected": expected, "predicted": predicted, "count": count}
            for (expected, predicted), count in result.confusion().items()
        ],
        "shortcuts": [msgspec.to_builtins(alarm) for alarm in shortcuts.alarms],
        "wrong": [msgspec.to_builtins(group) for group in shortcuts.wrong],
        "images": [_image_object(each) for each in result.checked],
        "failures": [{"source": each.source, "error": each.error} for each in result.failures],
    }


def _run_of(example: Explanation) -> dict[str, Any]:
    """How pictures were explained; what they were computed in only where that is not float32."""
    precision = {} if example.precision == "f32" else {"precision": example.precision}
    return {name: getattr(example, name) for name in _RUN} | precision


def rows_of(result: CheckResult) -> tuple[list[str], list[dict[str, Any]]]:
    """The columns, and the rows, that --csv has: one for each class and for each failure."""
    rows = [_flat(_image_object(each)) for each in result.checked]
    failures = [{"source": each.source, "error": each.error} for each in result.failures]
    columns = dict.fromkeys(name for row in (*rows, *failures) for name in row)
    return list(columns | {"error": None}), [*rows, *failures]


def _means(result: CheckResult, index: int | None = None) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for measure in MEASURES:
        mean = result.mean(measure.name, index)
        fields[measure.name] = _rounded(mean.value)
        ends = (mean.low, mean.high)
        fields[f"{measure.name}_interval"] = None if mean.low is None else [*map(_rounded, ends)]
    return fields


def _gate_object(result: CheckResult, gate: Gate) -> dict[str, Any]:
    worst = [] if gate.passed else worst_of(result, gate)
    return {
        "gate": gate.threshold.option,
        "measure": gate.threshold.measure,
        "class": gate.class_name or None,
        "threshold": gate.threshold.value,
        "value": _rounded(gate.mean.value),
        "pictures": gate.mean.count,
        "passed": gate.passed,
        "worst": [each.source for each in worst],
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
    properties = {name: _rounded(value) for name, value in fields.pop("properties").items()}
    numbers = {name: _rounded(value) for name, value in fields.items() if name not in _MAPS}
    return {
        "source": checked.source,
        "class": {"index": checked.index, "name": checked.name},
        "predicted": checked.predicted,
        **numbers,
        "border": _rounded(checked.border),
        "suspicion": _rounded(checked.suspicion),
        "overlay": checked.overlay,
        "properties": properties,
    }


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    label, properties = row.pop("class"), row.pop("properties")
    source = {"source": row.pop("source"), "class": label["index"], "name": label["name"]}
    return {**source, **row, **properties}


def _rounded(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value
