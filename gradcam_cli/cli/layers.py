"""`gradcam layers`: what can be explained in a model."""

from __future__ import annotations

import click
from click.core import ParameterSource

from gradcam_cli.cli.completion_values import complete_models_and_auto
from gradcam_cli.cli.options import debug_option, json_option, model_option
from gradcam_cli.errors import UsageError
from gradcam_cli.reports.messages import Messages


@click.command(
    epilog="""\b
    Examples:
      gradcam layers vgg16
      gradcam layers resnet50 --json | jq -r '.layers[].name'
    """
)
@click.argument("name", required=False, metavar="[MODEL]", shell_complete=complete_models_and_auto)
@model_option
@json_option
@debug_option
@click.pass_context
def layers(context: click.Context, name: str | None, model: str, as_json: bool) -> None:
    """List the layers of a model that can be explained, the default one marked.

    No weights are needed. Under auto it is VGG16 where its weights are cached, else the bundled
    model.
    """
    if name is not None:
        if context.get_parameter_source("model") is ParameterSource.COMMANDLINE:
            raise UsageError(
                f"there are two models, {name!r} and --model {model!r}", "Pass one of them."
            )
        model = name
    from gradcam_cli.models.selection import AUTO, select_model

    selection = select_model(model)
    source = selection.without_fetching()
    if selection.name == AUTO:
        Messages()(f"--model auto: these are the layers of {source.info.name}.")
    listed = source.layers()
    if as_json:
        from dataclasses import asdict

        from gradcam_cli.results.json_line import dumps

        click.echo(
            dumps({"model": source.info.name, "layers": [asdict(layer) for layer in listed]})
        )
    else:
        from gradcam_cli.reports.terminal import print_layers

        print_layers(listed, source.info.name)
