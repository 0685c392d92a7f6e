"""`gradcam doctor`: what is known of a model, and whether it can be explained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gradcam_cli.cli.completion_values import complete_models_and_files
from gradcam_cli.cli.model_options import ModelOptions, model_options
from gradcam_cli.cli.options import debug_option, engine_option, json_option, offline_option
from gradcam_cli.errors import ExitCode, ModelError
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
    model = model.named(context, name)
    try:
        selection = model.select(messages)
    except ModelError as error:
        if not model.is_model_file:
            raise
        _print_problem(model.model, error, as_json=as_json)
        return ExitCode.CHECK_FAILED
    diagnosis = diagnose(selection, engine=engine, offline=offline, note=messages)
    if as_json:
        from gradcam_cli.reports.doctor import diagnosis_object
        from gradcam_cli.results.json_line import dumps

        click.echo(dumps(diagnosis_object(diagnosis)))
    else:
        from gradcam_cli.reports.doctor import print_diagnosis

        print_diagnosis(diagnosis)
    return ExitCode.CHECK_FAILED if diagnosis.problem else ExitCode.DONE


def _print_problem(name: str, error: ModelError, *, as_json: bool) -> None:
    """What there is to say of a file that is a model, but none that can be explained."""
    if as_json:
        from gradcam_cli.reports.doctor import problem_object
        from gradcam_cli.results.json_line import dumps

        click.echo(dumps(problem_object(name, error)))
    else:
        from gradcam_cli.reports.doctor import print_problem

        print_problem(name, error)
