"""The summary of a run over many sources: a table for people, rows for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradcam_cli.images.writing import output_file
from gradcam_cli.reports.terminal import console, new_table
from gradcam_cli.results.trust import Trust
from gradcam_cli.text import printable

if TYPE_CHECKING:
    from gradcam_cli.results.explanation import TargetExplanation
    from gradcam_cli.results.manifest import Record

_MOST_ROWS = 10
_COLUMNS = (
    *("source", "overlay", "class", "wnid", "name", "probability", "rank", "evidence", "border"),
    *("versus", "counterfactual", "method", "layer", "trust"),
    *("predicted", "predicted_name", "predicted_probability", "error"),
)


@dataclass
class Summary:
    """Counts over the records of a run.

    Attributes
    ----------
    predicted : dict
        For each predicted class its name, how many images, and the sum of their probabilities.
    explained, failed, without_evidence, of_improbable_class : int
        How many images were explained, could not be, have a class without evidence, and were first
        explained for a class that is not among their most probable.
    """

    predicted: dict[int, tuple[str, int, float]] = field(default_factory=dict)
    explained: int = 0
    failed: int = 0
    without_evidence: int = 0
    of_improbable_class: int = 0

    @property
    def mean_probability(self) -> float:
        """That of the predicted classes."""
        total = sum(probabilities for _, _, probabilities in self.predicted.values())
        return total / self.explained if self.explained else 0.0

    def add(self, record: Record) -> None:
        """Count `record`."""
        if record.result is None:
            self.failed += 1
            return
        self.explained += 1
        predicted = record.result.predictions[0]
        name, count, total = self.predicted.get(predicted.index, (predicted.name, 0, 0.0))
        self.predicted[predicted.index] = (name, count + 1, total + predicted.probability)
        evidence = [target.evidence for target in record.result.targets]
        self.without_evidence += "none" in evidence
        rank = record.result.targets[0].prediction.rank
        self.of_improbable_class += rank > len(record.result.predictions)


def print_summary(summary: Summary) -> None:
    """The most frequent predicted classes with their mean probability."""
    if not summary.predicted:
        return
    table = new_table(
        ("predicted class", "left"), ("images", "right"), ("mean probability", "right")
    )
    by_frequency = sorted(summary.predicted.items(), key=lambda entry: (-entry[1][1], entry[0]))
    for index, (name, count, total) in by_frequency[:_MOST_ROWS]:
        table.add_row(f"{index} {name}", f"{count:,}", f"{total / count:.4f}")
    if rest := by_frequency[_MOST_ROWS:]:
        images = sum(count for _, (_, count, _) in rest)
        table.add_row(f"{len(rest):,} more classes", f"{images:,}", "")
    console().print(table)


def write_csv(path: Path, records: Iterable[Record]) -> None:
    """One row for each explained class of each source, and one for each failure."""
    write_rows(path, _COLUMNS, (row for record in records for row in _rows(record)))


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> None:
    """A CSV file of `rows`, whose cells no spreadsheet takes for formulas."""
    with output_file(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        writer = csv.DictWriter(text, columns, restval="")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: _spreadsheet_safe(value) for name, value in row.items()})
        text.detach()


def _rows(record: Record) -> list[dict[str, Any]]:
    if record.result is None:
        return [{"source": record.source, "error": record.error}]
    predicted = record.result.predictions[0]
    source_columns = {
        "source": record.source,
        "predicted": predicted.index,
        "predicted_name": predicted.name,
        "predicted_probability": predicted.probability,
    }
    return [{**source_columns, **_columns_of(target)} for target in record.result.targets]


def _columns_of(target: TargetExplanation) -> dict[str, Any]:
    prediction = target.prediction
    return {
        "overlay": target.overlay_path,
        "class": prediction.index,
        "wnid": prediction.wnid,
        "name": prediction.name,
        "probability": prediction.probability,
        "rank": prediction.rank,
        "evidence": target.evidence,
        "border": target.border,
        "versus": "" if target.versus is None else target.versus.index,
        "counterfactual": target.counterfactual,
        "method": target.method,
        "layer": target.layer,
        "trust": target.trust.verdict if isinstance(target.trust, Trust) else "",
    }


def _spreadsheet_safe(value: Any) -> Any:
    """`value`, with a quote before text that a spreadsheet would run as a formula."""
    signs = ("=", "+", "-", "@", "\t", "\r")
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(signs) or value.startswith(signs) else text
