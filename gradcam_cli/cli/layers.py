"""`gradcam layers`: what can be explained in a model."""

from __future__ import annotations

import click

from gradcam_cli.cli.completion_values import complete_models_and_files
from gradcam_cli.cli.model_options import ModelOptions, model_options
from gradcam_cli.cli.options import debug_option, json_option
from gradcam_cli.reports.messages import Messages


@click.command(
    epilog="""\b
    Examples:
      gradcam layers vgg16
      gradcam layers mine.onnx
      gradcam layers resnet50 --json | jq -r '.layers[].name'
    """
)
@click.argument("name", required=False, metavar="[MODEL]", shell_complete=complete_models_and_files)
@model_options
@json_option
@debug_option
@click.pass_context
def layers(context: click.Context, name: str | None, model: ModelOptions, as_json: bool) -> None:
    """List the layers of a model that can be explained, the default one marked.

    No weights are needed. Under auto it is VGG16 where its weights are cached, else the bundled
    model.
    """
    from gradcam_cli.models.selection import AUTO

    messages = Messages()
    selection = model.named(context, name).select(messages)
    source = selection.without_fetching()
    if selection.name == AUTO:
        messages(f"--model auto: these are the layers of {source.info.name}.")
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
