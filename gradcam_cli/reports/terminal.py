"""Tables for people, on stdout."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TextIO

from gradcam_cli.reports.lines import drawn_bar
from gradcam_cli.reports.tables import GAP, Bar, Column, Justify, NarrowingTable, Step
from gradcam_cli.results.explanation import ClassLabel, Explanation

if TYPE_CHECKING:
    from rich.console import Console

    from gradcam_cli.cache import Entry
    from gradcam_cli.models.layers import LayerInfo
    from gradcam_cli.models.sources.contract import ModelSource

_PIPE_WIDTH = 10_000  # a script needs all of a line, however long
_USUAL_WIDTH = 80

_PREDICTION_COLUMNS = (
    Column("mark", header=""),
    Column("rank", "right", header="#"),
    Column("class", "right"),
    Column("wnid", optional=True),
    Column("name", shortened=True),
    Column("probability", "right"),
    Column("bar", header=""),
)
_PREDICTION_STEPS: tuple[Step, ...] = (
    *(("bar", 4), ("bar", 0), ("wnid", 0), (GAP, 1)),
    *(("name", 12), ("probability", None), ("class", None), ("name", 4), ("name", 0)),
)


def console(*, stderr: bool = False) -> Console:
    """A rich console: coloured and of a terminal's width on a terminal, else as wide as need be.

    While a bar is drawn, that of stdout on a terminal is the bar's, so as to print above it.
    """
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width: int | None = _PIPE_WIDTH
    if stream.isatty():
        if (bar := drawn_bar()) is not None:
            return bar.console
        # A bar follows a window that changes, where its width is not set.
        width = None if stderr and "COLUMNS" not in os.environ else _terminal_width(stream)
    height = width and 25  # without one, rich takes any dumb terminal for 80 columns wide
    return Console(
        stderr=stderr, width=width, height=height, highlight=False, emoji=False, markup=False
    )


def _terminal_width(terminal: TextIO) -> int:
    """How many columns `terminal` has; COLUMNS goes before what it says itself."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(terminal.fileno()).columns or _USUAL_WIDTH
    except OSError:
        return _USUAL_WIDTH


def print_predictions(explanation: Explanation) -> None:
    """The most probable classes, then each explained class that is not among them."""
    table = NarrowingTable(_PREDICTION_COLUMNS, _PREDICTION_STEPS)
    explained = {target.prediction.index for target in explanation.targets}
    shown = {prediction.index for prediction in explanation.predictions}
    others = {
        target.prediction.index: target.prediction
        for target in explanation.targets
        if target.prediction.index not in shown
    }
    for row in (*explanation.predictions, *others.values()):
        marked = row.index in explained
        table.add_row(
            *(">" if marked else "", str(row.rank), str(row.index), row.wnid, row.name),
            *(probability_text(row.probability), Bar(row.probability)),
            style="bold" if marked else None,
        )
    console().print(table)


def probability_text(probability: float) -> str:
    """`probability` with four digits, or as a power of ten where they would all be zero."""
    return f"{probability:.4f}" if probability >= 0.00005 else f"{probability:.0e}"


def print_classes(labels: Iterable[ClassLabel]) -> None:
    """Indices, WordNet ids and names."""
    columns = (Column("class", "right"), Column("wnid", optional=True), Column("name"))
    table = NarrowingTable(columns, ((GAP, 1), ("name", 12), ("wnid", 0), ("name", 4)))
    for label in labels:
        table.add_row(str(label.index), label.wnid, label.name)
    console().print(table)


def print_layers(layers: Iterable[LayerInfo], model: str) -> None:
    """Layers from input to output, the default one marked, and why it is that one."""
    mark, kind = Column("mark", header=""), Column("kind", shortened=True)
    columns = (mark, Column("layer"), kind, Column("output"))
    steps = ((GAP, 1), ("kind", 8), ("kind", 0), ("layer", 12), ("output", 6))
    table = NarrowingTable(columns, steps, title=model)
    reasons = []
    for layer in layers:
        shape = " × ".join(map(str, layer.shape))
        style = "bold" if layer.default else None
        table.add_row(">" if layer.default else "", layer.name, layer.kind, shape, style=style)
        if layer.reason:
            reasons.append(f"Default: {layer.reason}.")
    output = console()
    output.print(table)
    for reason in reasons:
        output.print(reason)


def print_models(rows: Iterable[tuple[ModelSource, str]]) -> None:
    """Models with their input, size and where their weights are."""
    first_columns = (Column("model"), Column("input"))
    columns = (*first_columns, Column("parameters", "right"), Column("weights"))
    steps = (
        *((GAP, 1), ("weights", 9), ("parameters", None), ("model", 10), ("input", 0)),
        *(("weights", 6), ("model", 5)),
    )
    table = NarrowingTable(columns, steps)
    for source, state in rows:
        info = source.info
        size = f"{info.input.width} × {info.input.height}"
        download = sum(file.about_bytes for file in source.downloads)
        download_text = f", {round(download / 1e6)} MB" if state == "to fetch" else ""
        table.add_row(info.name, size, f"{info.parameters / 1e6:.1f} M", state + download_text)
    console().print(table)


def print_cache(entries: Iterable[Entry]) -> None:
    """What is kept, with sizes."""
    table = new_table(("kind", "left"), ("model", "left"), ("size", "right"))
    for entry in entries:
        table.add_row(entry.kind, entry.name, f"{entry.size / 1e6:,.1f} MB")
    console().print(table)


def print_settings(rows: Iterable[dict[str, Any]]) -> None:
    """Options with their values and where those come from, as `gradcam config --json` has them."""
    table = new_table(("command", "left"), ("option", "left"), ("value", "left"), ("from", "left"))
    for row in rows:
        value = "" if row["value"] is None else json.dumps(row["value"], ensure_ascii=False)
        style = None if row["source"] == "default" else "bold"
        origin = row["name"] or row["source"]
        table.add_row(row["command"], row["option"], value, origin, style=style)
    console().print(table)


def new_table(*columns: tuple[str, Justify]) -> NarrowingTable:
    """An empty table with these (header, "left" or "right") columns."""
    return NarrowingTable([Column(header, justify) for header, justify in columns])
