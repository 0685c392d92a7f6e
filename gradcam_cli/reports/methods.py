"""The methods in words: a table of all, the record of one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gradcam_cli.methods.contract import Method, Option
from gradcam_cli.reports.tables import GAP, Column, NarrowingTable
from gradcam_cli.reports.terminal import console

COLUMNS = ("method", "what it does", "needs", "cost", "paper")


def cells(method: Method) -> tuple[str, ...]:
    """What stands below `COLUMNS`."""
    return method.name, method.summary, needs(method), method.cost, method.paper


def needs(method: Method) -> str:
    """The passes that the method runs."""
    return "; ".join(map(str, method.needs))


def print_methods(methods: Iterable[Method]) -> None:
    """All of `methods`, a row each."""
    steps = (
        *((GAP, 1), ("needs", 12), ("paper", 16), ("cost", 16), ("what it does", 20)),
        *(("needs", 0), ("paper", 0), ("cost", 0), ("what it does", 8), ("method", 6)),
    )
    table = NarrowingTable([Column(name) for name in COLUMNS], steps)
    for method in methods:
        table.add_row(*cells(method))
    console().print(table)


def print_method(method: Method) -> None:
    """All that is known of one method, a line each."""
    table = NarrowingTable([Column("field", header=method.name), Column("value", header="")])
    rows = (
        *(("title", method.title), *zip(COLUMNS[1:], cells(method)[1:], strict=True)),
        ("sign", "for and against the class" if method.signed else "none below 0"),
        ("class", "matters" if method.uses_target else "does not matter"),
        ("resolution", "the layer's" if method.has_layer_size else "the input's"),
        *((f":{option.name}=", option_text(option)) for option in method.options),
    )
    for row in rows:
        table.add_row(*row)
    console().print(table)


def option_text(option: Option) -> str:
    """What an option is, in words."""
    return f"{option.summary}, {option.low} to {option.high} (default {option.default})"


def method_object(method: Method) -> dict[str, Any]:
    """The same for `--json`."""
    return {
        "name": method.name,
        "title": method.title,
        "summary": method.summary,
        "paper": method.paper,
        "needs": [str(need) for need in method.needs],
        "cost": method.cost,
        "signed": method.signed,
        "uses_target": method.uses_target,
        "uses_layer": method.uses_layer,
        "options": {
            option.name: {"default": option.default, "low": option.low, "high": option.high}
            for option in method.options
        },
    }
