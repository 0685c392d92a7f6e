"""The methods in words: a table of all, the record of one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from gradcam_cli.methods.contract import Method, Option
from gradcam_cli.reports.tables import GAP, Column, NarrowingTable
from gradcam_cli.reports.terminal import console

if TYPE_CHECKING:
    from gradcam_cli.runs.method_survey import MethodOnModel, Survey

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
        ("resolution", f"that of {method.resolution}"),
        *((f"option {option.name}", option_text(option)) for option in method.options),
    )
    for row in rows:
        table.add_row(*row)
    console().print(table)


def option_text(option: Option) -> str:
    """What an option is, in words."""
    return f"{option.summary}, {option.low} to {option.high} (default {option.default})"


def print_survey(survey: Survey) -> None:
    """What methods are for a model, a row each; then which model, layer and engine."""
    table = NarrowingTable(
        [
            Column("method"),
            Column("what it does", shortened=True),
            Column("passes"),
            Column("time", "right"),
            Column("note", optional=True),
        ]
    )
    for each in survey.methods:
        passes = ", ".join(f"{count:,} {kind}" for kind, count in each.passes.items())
        note = f"the same as {each.same_as}" if each.same_as else ""
        if each.reason:
            note = f"none: {each.reason}"
        table.add_row(each.method.text, each.method.method.summary, passes, _time(each), note)
    console().print(table)
    console().print(f"Of one picture, by {survey.model} at {survey.layer}, in {survey.engine}.")


def _time(found: MethodOnModel) -> str:
    if found.seconds is None:
        return ""
    return f"about {found.seconds:,.0f} s" if found.is_estimate else f"{found.seconds:.3f} s"


def methods_object(methods: Iterable[Method], survey: Survey | None) -> dict[str, Any]:
    """All of `methods` for `--json`, with what they are for a model where that is known."""
    listed = [method_object(method) for method in methods]
    if survey is None:
        return {"methods": listed}
    for method, found in zip(listed, survey.methods, strict=True):
        method["text"] = found.method.text
        method["available"] = not found.reason
        method["reason"] = f"{found.reason}. {found.remedy}".strip() if found.reason else None
        method["passes"] = found.passes
        method["seconds"] = None if found.seconds is None else round(found.seconds, 6)
        method["seconds_estimated"] = found.is_estimate
        method["same_as"] = found.same_as or None
    return {
        "model": survey.model,
        "layer": survey.layer,
        "engine": survey.engine,
        "methods": listed,
    }


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
