"""`gradcam models`: the catalogue, and fetching weights ahead of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gradcam_cli.cli.options import Notes, debug_option, json_option, offline_option
from gradcam_cli.reports.lines import print_path

if TYPE_CHECKING:
    from gradcam_cli.models.catalog import ModelSpec


@click.group(invoke_without_command=True)
@json_option
@debug_option
@click.pass_context
def models(context: click.Context, as_json: bool) -> None:
    """List the models and where their weights are: bundled, cached, or to fetch.

    \b
    Examples:
      gradcam models
      gradcam models pull resnet50
    """
    if context.invoked_subcommand is not None:
        return
    from gradcam_cli.models.catalog import models as catalogue

    rows = [(spec, _state(spec)) for spec in catalogue().values()]
    if as_json:
        from gradcam_cli.reports.as_json import dumps

        listed = [
            {
                "name": spec.name,
                "input": [spec.side, spec.side],
                "parameters": spec.parameters,
                "weights": state,
            }
            for spec, state in rows
        ]
        click.echo(dumps({"models": listed}))
    else:
        from gradcam_cli.reports.terminal import print_models

        print_models(rows)


def _state(spec: ModelSpec) -> str:
    from gradcam_cli.models.weights import find

    if spec.weights is None:
        return "bundled"
    return "to fetch" if find(spec.weights) is None else "cached"


@models.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--force", is_flag=True, help="Fetch them again even if they are cached.")
@offline_option
@click.option("-q", "--quiet", is_flag=True, help="Print the files' paths and errors only.")
@debug_option
def pull(names: tuple[str, ...], force: bool, offline: bool, quiet: bool) -> None:
    """Fetch the weights of each NAME into the cache, and print where they are.

    \b
    Example:
      gradcam models pull vgg16 resnet50
    """
    from gradcam_cli.models.catalog import find_model
    from gradcam_cli.models.weights import ensure

    notes = Notes(quiet=quiet)
    for spec in [find_model(name) for name in names]:
        if spec.weights is None:
            notes(f"{spec.name} is bundled; there is nothing to fetch.")
            continue
        with notes.progress() as progress:
            path, _ = ensure(
                spec.weights,
                name=spec.name,
                offline=offline,
                force=force,
                progress=progress,
                note=notes,
            )
        print_path(path)
