"""What `gradcam diff` tells: tables, JSON, and a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradcam_cli import __version__
from gradcam_cli.images.writing import output_file
from gradcam_cli.reports.check.sentences import shown
from gradcam_cli.reports.lines import print_errors, print_note
from gradcam_cli.reports.page.assets import page_assets, page_template
from gradcam_cli.reports.page.thumbnails import Thumbnail, overlay_thumbnail
from gradcam_cli.results.check_summary import BY_NAME, GATED
from gradcam_cli.results.json_line import dumps, mean_object
from gradcam_cli.text import printable

if TYPE_CHECKING:
    from gradcam_cli.results.check_summary import Change, CheckResult
    from gradcam_cli.results.model_difference import (
        DifferenceGate,
        ModelDifference,
        PictureDifference,
    )

_MOST_SHOWN = 10
_MOST_ON_PAGE = 200
_WORDS = {
    "changed": "predictions changed",
    "broken": "right before, wrong now",
    "mended": "wrong before, right now",
    "moved": "heat moved (1 - rank correlation)",
}


@dataclass(frozen=True)
class Models:
    """The names of the two, and the folders of their overlays."""

    old: str
    new: str
    old_folder: Path
    new_folder: Path


def report_difference(
    difference: ModelDifference,
    gates: Sequence[DifferenceGate],
    models: Models,
    *,
    as_json: bool,
    quiet: bool,
    report: Path | None,
) -> None:
    """Print all that is different, and write the page."""
    if report is not None:
        _write_page(report, difference, gates, models)
    if as_json:
        click.echo(dumps(difference_object(difference, gates, models)))
    elif difference.pictures and not quiet:
        _print_tables(difference)
    print_errors(_failures(difference))
    for gate in gates:
        if not gate.passed:
            print_note(gate_sentence(gate))


def gate_sentence(gate: DifferenceGate) -> str:
    """Which gate is missed, and by how much."""
    if math.isnan(gate.value):
        return f"{gate.option} {gate.limit:g} cannot be judged: nothing was measured"
    over = gate.value - gate.limit
    return f"{gate.option} {gate.limit:g} does not hold: it is {gate.value:.3g}, {over:.3g} more"


def _failures(difference: ModelDifference) -> list[str]:
    """Why pictures could not be checked, each reason once."""
    results: tuple[CheckResult, ...] = (difference.old, difference.new)
    return list(dict.fromkeys(each.error for result in results for each in result.failures))


# Tables -------------------------------------------------------------------------------------------


def _print_tables(difference: ModelDifference) -> None:
    from gradcam_cli.reports.terminal import console, new_table

    table = new_table(("", "left"), ("mean", "right"), ("95 %", "right"))
    for name, mean in difference.shares().items():
        show = _plain if name == "moved" else _percent
        table.add_row(_WORDS[name], show(mean.value), f"{show(mean.low)} to {show(mean.high)}")
    console().print(table)
    table = new_table(
        ("measure", "left"), ("before", "right"), ("after", "right"), ("change", "right"),
        ("its interval", "right"),
    )  # fmt: skip
    for row in _measure_rows(difference):
        table.add_row(*row)
    console().print(table)
    table = new_table(
        ("worst", "left"), ("expected", "left"), ("before", "left"), ("after", "left"),
        ("moved", "right"), ("lift", "right"), ("object drop", "right"),
    )  # fmt: skip
    for each in difference.pictures[:_MOST_SHOWN]:
        table.add_row(each.new.source, *_picture_cells(each))
    console().print(table)


def _measure_rows(difference: ModelDifference) -> list[tuple[str, ...]]:
    return [_measure_row(difference, change) for change in difference.changes()]


def _measure_row(difference: ModelDifference, change: Change) -> tuple[str, ...]:
    measure, mean = BY_NAME[change.measure], change.difference
    means = [
        shown(measure, each.mean(measure.name).value) for each in (difference.old, difference.new)
    ]
    if mean.value is None or mean.low is None or mean.high is None:
        return measure.title, *means, "", ""
    return measure.title, *means, f"{mean.value:+.3f}", f"{mean.low:+.3f} to {mean.high:+.3f}"


def _picture_cells(each: PictureDifference) -> tuple[str, ...]:
    pairs = (
        " > ".join(shown(BY_NAME[name], side.value(name)) for side in (each.old, each.new))
        for name in ("lift", "object_drop")
    )
    moved = f"{each.heat_moved:.2f}"
    return each.new.name, each.old.predicted, each.new.predicted, moved, *pairs


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f} %"


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


# JSON ---------------------------------------------------------------------------------------------


def difference_object(
    difference: ModelDifference, gates: Sequence[DifferenceGate], models: Models
) -> dict[str, Any]:
    """All of it, as --json has it."""
    return {
        "old": models.old,
        "new": models.new,
        "summary": {
            "images": len({each.new.key for each in difference.pictures}),
            "failed": len(_failures(difference)),
            **{name: mean_object(mean) for name, mean in difference.shares().items()},
        },
        "gates": [
            {
                "gate": gate.option,
                "limit": gate.limit,
                "value": None if math.isnan(gate.value) else round(gate.value, 6),
                "passed": gate.passed,
            }
            for gate in gates
        ],
        "changes": [
            {
                "measure": change.measure,
                "before": difference.old.mean(change.measure).value,
                "after": difference.new.mean(change.measure).value,
                **mean_object(change.difference),
                "worse": change.is_worse,
            }
            for change in difference.changes()
        ],
        "images": [_picture_object(each) for each in difference.pictures],
        "failures": _failures(difference),
    }


def _picture_object(each: PictureDifference) -> dict[str, Any]:
    sides = {
        name: {
            "predicted": side.predicted,
            **{
                measure: None if math.isnan(side.value(measure)) else round(side.value(measure), 6)
                for measure in GATED
            },
        }
        for name, side in (("old", each.old), ("new", each.new))
    }
    return {
        "source": each.new.source,
        "class": {"index": each.new.index, "name": each.new.name},
        "changed": each.is_changed,
        "broken": each.is_broken,
        "mended": each.is_mended,
        "moved": round(each.heat_moved, 6),
        **sides,
    }


# Page ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DifferenceCard:
    """A picture on the page: what is said of it, and the two overlays."""

    name: str
    text: str
    old: Thumbnail
    new: Thumbnail


def _write_page(
    path: Path, difference: ModelDifference, gates: Sequence[DifferenceGate], models: Models
) -> None:
    titles = ("expected", "before", "after", "moved", "lift", "object drop")
    cards = (
        DifferenceCard(
            printable(each.new.source),
            printable("; ".join(map(" ".join, zip(titles, _picture_cells(each), strict=True)))),
            overlay_thumbnail(models.old_folder.resolve(), each.old.overlay),
            overlay_thumbnail(models.new_folder.resolve(), each.new.overlay),
        )
        for each in difference.pictures[:_MOST_ON_PAGE]
    )
    shares = difference.shares()
    page = page_template("difference").stream(
        **page_assets(),
        generator=f"gradcam {__version__}",
        old=printable(models.old),
        new=printable(models.new),
        images=len(difference.pictures),
        shown=min(_MOST_ON_PAGE, len(difference.pictures)),
        failed=[gate_sentence(gate) for gate in gates if not gate.passed],
        shares=[
            (_WORDS[name], _plain(mean.value) if name == "moved" else _percent(mean.value))
            for name, mean in shares.items()
        ],
        measures=_measure_rows(difference),
        cards=cards,
        failures=list(map(printable, _failures(difference))),
    )
    with output_file(path) as file:
        page.dump(file, encoding="utf-8")
