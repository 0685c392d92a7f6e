"""`gradcam doctor`: what is known of a model, and whether it can be explained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gradcam_cli.cli.completion_values import complete_models_and_files
from gradcam_cli.cli.model_options import ModelOptions, model_options
from gradcam_cli.cli.options import debug_option, engine_option, json_option, offline_option
from gradcam_cli.errors import ExitCode
from gradcam_cli.reports.messages import Messages

if TYPE_CHECKING:
    from gradcam_cli.engines import EngineName


@click.command(
    epilog="""\b
    Examples:
      gradcam doctor mine.onnx
      gradcam doctor mine.keras --labels labels.txt --json | jq .suggestions
    """
)
@click.argument("name", required=False, metavar="[MODEL]", shell_complete=complete_models_and_files)
@model_options
@engine_option
@json_option
@offline_option
@debug_option
@click.pass_context
def doctor(
    context: click.Context,
    name: str | None,
    model: ModelOptions,
    engine: EngineName,
    as_json: bool,
    offline: bool,
) -> int:
    """Tell what is known of MODEL, a name or a file, what is guessed, and what is missing.

    Exit code 1 where it cannot be explained.
    """
    from gradcam_cli.diagnosis import diagnose

    messages = Messages()
    selection = model.named(context, name).select(messages)
    diagnosis = diagnose(selection, engine=engine, offline=offline, note=messages)
    if as_json:
        from gradcam_cli.reports.doctor import diagnosis_object
        from gradcam_cli.results.json_line import dumps

        click.echo(dumps(diagnosis_object(diagnosis)))
    else:
        from gradcam_cli.reports.doctor import print_diagnosis

        print_diagnosis(diagnosis)
    return ExitCode.CHECK_FAILED if diagnosis.problem else ExitCode.DONE
