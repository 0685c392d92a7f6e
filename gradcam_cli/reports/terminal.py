"""Tables for people, on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from gradcam_cli.records import ClassLabel, Explanation, Prediction
from gradcam_cli.text import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from gradcam_cli.cache import Entry
    from gradcam_cli.models.catalog import ModelSpec
    from gradcam_cli.models.layers import LayerInfo

_BAR_CELLS = 20
_PIPE_WIDTH = 100


def console(*, stderr: bool = False) -> Console:
    """A rich console: coloured on a terminal only, of one fixed width where there is none."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _PIPE_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, emoji=False, markup=False)


def print_predictions(explanation: Explanation) -> None:
    """The most probable classes, then each explained class that is not among them."""
    out = console()
    table = new_table(("", "left"), ("#", "right"), ("class", "right"), ("wnid", "left"))
    table.add_column("name", no_wrap=True, overflow="ellipsis")
    table.add_column("probability", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    explained = {target.prediction.label.index for target in explanation.targets}
    shown = {prediction.label.index for prediction in explanation.predictions}
    rows = list(explanation.predictions)
    rows += [t.prediction for t in explanation.targets if t.prediction.label.index not in shown]
    blocks = _blocks(out)
    for prediction in rows:
        marked = prediction.label.index in explained
        table.add_row(*_cells(prediction, blocks, marked), style="bold" if marked else None)
    out.print(table)


def _cells(prediction: Prediction, blocks: str, marked: bool) -> tuple[str, ...]:
    label = prediction.label
    return (
        ">" if marked else "",
        str(prediction.rank),
        str(label.index),
        label.wnid,
        label.name,
        probability_text(prediction.probability),
        bar(prediction.probability, blocks),
    )


def probability_text(probability: float) -> str:
    """`probability` with four digits, or as a power of ten where they would all be zero."""
    return f"{probability:.4f}" if probability >= 0.00005 else f"{probability:.0e}"


def bar(probability: float, blocks: str) -> str:
    """`probability` as a bar of up to 20 cells; the last of `blocks` is a full cell."""
    steps = len(blocks)
    eighths = round(probability * _BAR_CELLS * steps)
    full, part = divmod(eighths, steps)
    return blocks[-1] * full + (blocks[part - 1] if part else "")


def _blocks(out: Console) -> str:
    return "▏▎▍▌▋▊▉█" if out.encoding.lower().startswith("utf") else "#"


def print_classes(labels: Iterable[ClassLabel]) -> None:
    """Indices, WordNet ids and names."""
    table = new_table(("class", "right"), ("wnid", "left"), ("name", "left"))
    for label in labels:
        table.add_row(str(label.index), label.wnid, label.name)
    console().print(table)


def print_layers(layers: Iterable[LayerInfo], model: str) -> None:
    """Layers from input to output, the default one marked."""
    table = new_table(("", "left"), ("layer", "left"), ("kind", "left"), ("output", "left"))
    table.title = model
    table.title_justify = "left"
    for layer in layers:
        shape = " × ".join(map(str, layer.shape))
        style = "bold" if layer.default else None
        table.add_row(">" if layer.default else "", layer.name, layer.kind, shape, style=style)
    console().print(table)


def print_models(rows: Iterable[tuple[ModelSpec, str]]) -> None:
    """Models with their input, size and where their weights are."""
    table = new_table(
        ("model", "left"), ("input", "left"), ("parameters", "right"), ("weights", "")
    )
    for spec, state in rows:
        size = f"{spec.side} × {spec.side}"
        fetch = spec.weights if state == "to fetch" else None
        much = f", {round(fetch.about_bytes / 1e6)} MB" if fetch else ""
        table.add_row(spec.name, size, f"{spec.parameters / 1e6:.1f} M", state + much)
    console().print(table)


def print_cache(entries: Iterable[Entry]) -> None:
    """What is kept, with sizes."""
    table = new_table(("kind", "left"), ("model", "left"), ("size", "right"))
    for entry in entries:
        table.add_row(entry.kind, printable(entry.name), f"{entry.size / 1e6:,.1f} MB")
    console().print(table)


def print_settings(rows: Iterable[dict[str, Any]]) -> None:
    """Options with their values and where those come from, as `gradcam config --json` has them."""
    table = new_table(("command", "left"), ("option", "left"))
    table.add_column("value", overflow="fold")
    table.add_column("from", overflow="fold")
    for row in rows:
        value = "" if row["value"] is None else json.dumps(row["value"], ensure_ascii=False)
        style = None if row["source"] == "default" else "bold"
        place = row["name"] or row["source"]
        table.add_row(
            row["command"], row["option"], printable(value), printable(place), style=style
        )
    console().print(table)


def new_table(*columns: tuple[str, str]) -> Table:
    """An empty table with these (header, "left" or "right") columns."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for header, justify in columns:
        table.add_column(header, justify="right" if justify == "right" else "left", no_wrap=True)
    return table
