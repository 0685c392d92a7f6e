"""The commands that GitHub reads in the log of a workflow, and shows beside the change."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from gradcam_cli.reports.check.sentences import failure_sentences, shown
from gradcam_cli.results.check_summary import BY_NAME, worst_of

if TYPE_CHECKING:
    from gradcam_cli.results.check_summary import CheckResult, Gate, Judgement


def print_workflow_commands(result: CheckResult, judgement: Judgement) -> None:
    """An error for each gate that is missed, and a warning for its worst pictures.

    Only in a workflow of GitHub's, which sets ``GITHUB_ACTIONS=true``; on stderr, since stdout is
    for results.
    """
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    for text in failure_sentences(judgement):
        _print_command("error", "title=gradcam check", text)
    for gate in judgement.missed:
        _warn_of_worst(result, gate)


def _warn_of_worst(result: CheckResult, gate: Gate) -> None:
    measure = BY_NAME[gate.threshold.measure]
    for each in worst_of(result, gate):
        place = _escaped(each.source).replace(":", "%3A").replace(",", "%2C")
        value = shown(measure, each.value(measure.name))
        _print_command("warning", f"file={place}", f"{each.name}: {measure.title} {value}")


def _print_command(name: str, properties: str, text: str) -> None:
    click.echo(f"::{name} {properties}::{_escaped(text)}", err=True)


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
