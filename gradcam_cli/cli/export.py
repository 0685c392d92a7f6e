"""`gradcam export`: a model ready to be explained, in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import click

from gradcam_cli.cli.completion_values import complete_folders, complete_models_and_files
from gradcam_cli.cli.model_options import ModelOptions, model_options
from gradcam_cli.cli.options import debug_option, offline_option
from gradcam_cli.reports.lines import print_path
from gradcam_cli.reports.messages import Messages


@click.command(
    epilog="""\b
    Examples:
      gradcam export mine.onnx --labels labels.txt -o explainer/
      gradcam explain photo.jpg --model explainer/
    """
)
@click.argument("name", required=False, metavar="[MODEL]", shell_complete=complete_models_and_files)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    shell_complete=complete_folders,
    help="The folder to make.",
)
@click.option("-l", "--layer", metavar="NAME", help="The layer that is going to be the default.")
@model_options
@offline_option
@click.option("-q", "--quiet", is_flag=True, help="Print the folder's path and errors only.")
@debug_option
@click.pass_context
def export(
    context: click.Context,
    name: str | None,
    output: Path,
    layer: str | None,
    model: ModelOptions,
    offline: bool,
    quiet: bool,
) -> None:
    """Write MODEL, a name or a file, to a folder that --model opens anywhere, offline.

    In it are the graph with its weights, the labels, the preprocessing, the default layer, and
    checksums of the files. Whoever opens it needs no TensorFlow.
    """
    from gradcam_cli.engines.selection import open_engine
    from gradcam_cli.models.about import place_of
    from gradcam_cli.models.explainer_folder import export as write_folder

    messages = Messages(quiet=quiet)
    selection = model.named(context, name).select(messages, layer)
    for guess in selection.guesses:
        messages(guess)
    with messages.download_bar() as progress:
        opened = selection.open(offline=offline, progress=progress, note=messages)
    _, default = open_engine(opened, layer, engine_name="openvino", note=messages)
    write_folder(opened, place_of(opened.name, opened.digest()), default, output)
    print_path(output)
