"""`gradcam layers`: what can be explained in a model."""

from __future__ import annotations

import click

from gradcam_cli.cli.options import Notes, debug_option, json_option, model_option


@click.command()
@model_option
@json_option
@debug_option
def layers(model: str, as_json: bool) -> None:
    """List the layers of a model that can be explained, the default one marked.

    No weights are needed. Under auto it is VGG16 where its weights are cached, else the bundled
    model.

    \b
    Examples:
      gradcam layers --model vgg16
      gradcam layers --model resnet50 --json | jq -r '.layers[].name'
    """
    from gradcam_cli.models.catalog import AUTO
    from gradcam_cli.models.layers import explainable_layers
    from gradcam_cli.models.loading import build, choose_without_weights

    spec = choose_without_weights(model)
    if model.lower() == AUTO:
        Notes()(f"--model auto: these are the layers of {spec.name}.")
    found = explainable_layers(build(spec))
    if as_json:
        from dataclasses import asdict

        from gradcam_cli.reports.as_json import dumps

        click.echo(dumps({"model": spec.name, "layers": [asdict(layer) for layer in found]}))
    else:
        from gradcam_cli.reports.terminal import print_layers

        print_layers(found, spec.name)
