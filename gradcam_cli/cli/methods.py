"""`gradcam methods`: how a class can be explained, and what each way is for a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from gradcam_cli.cli.completion_values import complete_methods, complete_models_and_files
from gradcam_cli.cli.explain_options import layer_option
from gradcam_cli.cli.help import SectionedCommand
from gradcam_cli.cli.model_options import (
    FILE_OPTIONS,
    ModelFileOptions,
    grouped_options,
    model_file_options,
)
from gradcam_cli.cli.options import debug_option, engine_option, json_option, offline_option
from gradcam_cli.errors import UsageError
from gradcam_cli.reports.messages import Messages

if TYPE_CHECKING:
    from gradcam_cli.engines import EngineName
    from gradcam_cli.methods import MethodChoice
    from gradcam_cli.runs.method_survey import Survey


@dataclass(frozen=True)
class SurveyOptions:
    """For which model, if for any."""

    model: str | None
    layer: str | None
    engine: EngineName
    offline: bool

    def survey(self, methods: list[MethodChoice], reading: ModelFileOptions) -> Survey:
        """What `methods` are for the model."""
        from gradcam_cli.runs.available import OpeningOptions
        from gradcam_cli.runs.method_survey import survey

        assert self.model is not None
        messages = Messages()
        selection = reading.select_file(self.model, messages, self.layer)
        for guess in selection.guesses:
            messages(guess)
        with messages.download_bar() as progress:
            model = selection.open(offline=self.offline, progress=progress, note=messages)
        opening = OpeningOptions(self.engine, offline=self.offline)
        with messages.methods_bar() as progress:
            return survey(model, self.layer, methods, opening, messages, progress)


@click.command(
    cls=SectionedCommand,
    sections={
        "Model": "--model --layer --engine",
        "A model in a file": FILE_OPTIONS,
        "Outputs": "--json",
        "Behaviour": "--offline --debug --help",
    },
    epilog="""\b
    Examples:
      gradcam methods
      gradcam methods integrated-gradients
      gradcam methods --model mine.onnx
      gradcam methods --json | jq -r '.methods[].name'
    """,
)
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_methods)
@grouped_options(
    "question",
    SurveyOptions,
    click.option(
        "-m",
        "--model",
        metavar="NAME|FILE",
        shell_complete=complete_models_and_files,
        help="Tell what each method is for this model: whether it can be had, how many passes and "
        "seconds a picture takes, and which methods give one map.",
    ),
    layer_option,
    engine_option,
    offline_option,
)
@model_file_options
@json_option
@debug_option
@click.pass_context
def methods(
    context: click.Context,
    names: tuple[str, ...],
    question: SurveyOptions,
    reading: ModelFileOptions,
    as_json: bool,
) -> None:
    """List the methods, or those called NAME; of one, tell all: what it needs, costs and takes."""
    from gradcam_cli.methods.choice import parse_methods
    from gradcam_cli.methods.table import METHODS
    from gradcam_cli.reports.methods import print_method, print_methods, print_survey

    choices = list(parse_methods(names or list(METHODS)))
    # Not a model that every command is set to: to open it takes long.
    surveys = context.get_parameter_source("model") is ParameterSource.COMMANDLINE
    if not surveys and context.get_parameter_source("layer") is ParameterSource.COMMANDLINE:
        raise UsageError("--layer is of no use without --model", "Pass both, or none.")
    found = question.survey(choices, reading) if surveys else None
    if as_json:
        from gradcam_cli.reports.methods import methods_object
        from gradcam_cli.results.json_line import dumps

        click.echo(dumps(methods_object([choice.method for choice in choices], found)))
    elif found is not None:
        print_survey(found)
    elif len(names) == 1:
        print_method(choices[0].method)
    else:
        print_methods(choice.method for choice in choices)
