"""`gradcam models`: the catalogue, and fetching weights ahead of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gradcam_cli.cli.completion_values import complete_models
from gradcam_cli.cli.options import debug_option, json_option, offline_option
from gradcam_cli.errors import UsageError
from gradcam_cli.reports.lines import print_path
from gradcam_cli.reports.messages import Messages

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from gradcam_cli.models.sources.contract import ModelSource


class NamesOrCommand(click.Group):
    """A group that takes names, as `names`, where the first word is none of its commands."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take what is left after the options for names, unless it starts with a command."""
        first = next((word for word in args if not word.startswith("-")), None)
        if first in self.commands:
            ctx.params["names"] = ()
            return super().parse_args(ctx, args)
        ctx.allow_interspersed_args = True
        ctx.params["names"] = tuple(click.Command.parse_args(self, ctx, args))
        ctx.args = []
        return []

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Complete commands and options, as every group does, and models."""
        from click.shell_completion import CompletionItem

        items = super().shell_complete(ctx, incomplete)
        if not incomplete.startswith("-"):
            items += [CompletionItem(name) for name in complete_models(ctx, None, incomplete)]
        return items


@click.group(
    cls=NamesOrCommand,
    invoke_without_command=True,
    subcommand_metavar="[NAME]... | COMMAND [ARGS]...",
    epilog="""\b
    Examples:
      gradcam models
      gradcam models resnet50 vgg19 --json
      gradcam models pull resnet50
    """,
)
@json_option
@debug_option
@click.pass_context
def models(context: click.Context, names: tuple[str, ...], as_json: bool) -> None:
    """List all models, or each NAME, and where their weights are: bundled, cached, or to fetch."""
    if context.invoked_subcommand is not None:
        return
    rows = [(source, source.state()) for source in _sources(names)]
    if as_json:
        from gradcam_cli.results.json_line import dumps

        listed = [
            {
                "name": source.info.name,
                "input": [source.info.input.width, source.info.input.height],
                "parameters": source.info.parameters,
                "weights": state,
            }
            for source, state in rows
        ]
        click.echo(dumps({"models": listed}))
    else:
        from gradcam_cli.reports.terminal import print_models

        print_models(rows)


def _sources(names: tuple[str, ...]) -> list[ModelSource]:
    """The models called `names`, or all; a misspelt subcommand is no name of a model."""
    from gradcam_cli.models.catalog import find_model
    from gradcam_cli.models.catalog import models as catalogue
    from gradcam_cli.suggestions import closest, did_you_mean

    if names and (near := closest(names[0], models.commands)):
        raise UsageError(f"there is no model and no command {names[0]!r}", did_you_mean(near))
    return list({name: find_model(name) for name in names}.values()) or list(catalogue().values())


@models.command(
    epilog="""\b
    Example:
      gradcam models pull vgg16 resnet50
    """
)
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete_models)
@click.option("--force", is_flag=True, help="Fetch them again even if they are cached.")
@offline_option
@click.option("-q", "--quiet", is_flag=True, help="Print the files' paths and errors only.")
@debug_option
def pull(names: tuple[str, ...], force: bool, offline: bool, quiet: bool) -> None:
    """Fetch the weights of each NAME into the cache, and print where they are."""
    from gradcam_cli.models.catalog import find_model

    messages = Messages(quiet=quiet)
    for source in [find_model(name) for name in names]:
        with messages.download_bar() as progress:
            paths = source.pull(offline=offline, force=force, progress=progress, note=messages)
        for path in paths:
            print_path(path)
