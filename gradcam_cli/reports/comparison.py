"""What `gradcam compare` tells: a table with a row for each cell, and JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gradcam_cli.reports.lines import print_errors, print_path
from gradcam_cli.reports.tables import Column, NarrowingTable
from gradcam_cli.reports.terminal import console
from gradcam_cli.results.comparison import AXES, Axis, Cell, Comparison, Place

_HEADERS: dict[Axis, str] = {
    "pictures": "picture",
    "models": "model",
    "classes": "class",
    "layers": "layer",
    "methods": "method",
}


def report_comparison(comparison: Comparison, figure: Path, *, as_json: bool, quiet: bool) -> None:
    """Print the table and the figure's path, or JSON; on stderr why cells have no heatmap."""
    if as_json:
        import click

        from gradcam_cli.results.json_line import dumps

        click.echo(dumps(comparison_object(comparison, str(figure))))
    else:
        if not quiet:
            console().print(cells_table(comparison))
        print_path(figure)
    print_errors([str(error) for _, error in comparison.failures])
    print_errors(notes_on(comparison))


def axis_name(axis: Axis) -> str:
    """What one value of an axis is called."""
    return _HEADERS[axis]


def notes_on(comparison: Comparison) -> list[str]:
    """Why cells have no heatmap, each reason once with those that it holds for."""
    holders: dict[str, list[str]] = {}
    several = [axis for axis in AXES if len(comparison.values[axis]) > 1]
    for place in comparison.places():
        cell = comparison.cells[place]
        if cell.reason:
            name = ", ".join(comparison.value(place, axis) for axis in several)
            holders.setdefault(f"{cell.reason}. {cell.remedy}".strip(), []).append(name)
    return [f"no heatmap of {'; '.join(names)}: {reason}" for reason, names in holders.items()]


def cells_table(comparison: Comparison) -> NarrowingTable:
    """A row for each cell."""
    axes = _shown_axes(comparison)
    table = NarrowingTable(
        [
            *(Column(_HEADERS[axis], shortened=True) for axis in axes),
            *(() if "classes" in axes else (Column("class", shortened=True),)),
            Column("probability", "right"),
            Column("in the box", "right", optional=True),
            Column("lift", "right", optional=True),
            Column("time", "right"),
            Column("note", optional=True, shortened=True),
        ]
    )
    for place in comparison.places():
        cell = comparison.cells[place]
        names = [class_text(comparison, place, axis) for axis in axes]
        if "classes" not in axes:
            names.append(class_text(comparison, place, "classes"))
        table.add_row(*names, *_figures(cell), cell_note(comparison, place))
    return table


def _shown_axes(comparison: Comparison) -> list[Axis]:
    """The rows and the columns, but a side with one value that tells nothing."""
    several: list[Axis] = [axis for axis in comparison.axes if len(comparison.positions(axis)) > 1]
    return several or [comparison.axes.columns]


def class_text(comparison: Comparison, place: Place, axis: Axis) -> str:
    """What the value of `axis` is called; the class as the model has it, where that is known."""
    prediction = comparison.cells[place].prediction
    if axis == "classes" and prediction is not None:
        return prediction.text
    return comparison.value(place, axis)


def _figures(cell: Cell) -> list[str]:
    return [
        "" if cell.prediction is None else f"{cell.prediction.probability:.4f}",
        "" if cell.heat_in_object is None else f"{100 * cell.heat_in_object:.1f} %",
        "" if cell.lift is None else f"{cell.lift:.2f}",
        "" if cell.seconds is None else f"{cell.seconds:.3f} s",
    ]


def cell_note(comparison: Comparison, place: Place) -> str:
    """What is to be said of a cell, in a few words."""
    cell = comparison.cells[place]
    if cell.reason:
        return f"none: {cell.reason}"
    if cell.is_empty:
        return "no evidence"
    same_as = comparison.same_as(place)
    return f"the same as {same_as}" if same_as else ""


def comparison_object(comparison: Comparison, figure: str) -> dict[str, Any]:
    """All of it, as --json has it."""
    return {
        "rows": comparison.axes.rows,
        "columns": comparison.axes.columns,
        **comparison.asked,
        "signed": comparison.signed,
        "figure": figure,
        "cells": [_cell_object(comparison, place) for place in comparison.places()],
        "pictures": [
            {
                "source": comparison.pictures[picture].name,
                "model": comparison.values["models"][model],
                "predictions": [_prediction_object(each) for each in predictions],
            }
            for (picture, model), predictions in sorted(comparison.predictions.items())
            if picture in comparison.pictures
        ],
        "failures": [{"source": name, "error": str(error)} for name, error in comparison.failures],
    }


def _cell_object(comparison: Comparison, place: Place) -> dict[str, Any]:
    cell = comparison.cells[place]
    return {
        "source": comparison.value(place, "pictures"),
        "model": comparison.value(place, "models"),
        "layer": cell.layer or comparison.value(place, "layers"),
        "method": comparison.value(place, "methods"),
        "class": None if cell.prediction is None else _prediction_object(cell.prediction),
        "evidence": None if cell.heatmap is None else ("none" if cell.is_empty else "positive"),
        "heat_in_object": _rounded(cell.heat_in_object),
        "lift": _rounded(cell.lift),
        "seconds": _rounded(cell.seconds),
        "same_as": comparison.same_as(place) or None,
        "reason": f"{cell.reason}. {cell.remedy}".strip() if cell.reason else None,
    }


def _prediction_object(prediction: Any) -> dict[str, Any]:
    import msgspec

    fields: dict[str, Any] = msgspec.to_builtins(prediction)
    return fields


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
