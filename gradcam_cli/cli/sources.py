"""SOURCE, any number of times, and the pictures that it stands for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gradcam_cli.cli.completion_values import complete_files
from gradcam_cli.errors import ImageError, UsageError

if TYPE_CHECKING:
    from gradcam_cli.cli.explain_options import SourceOptions
    from gradcam_cli.images.listing import Item
    from gradcam_cli.reports.messages import Messages

_F = TypeVar("_F", bound=Callable[..., Any])


def sources_argument(function: _F) -> _F:
    """Add SOURCE, any number of times."""
    return click.argument(
        "sources",
        nargs=-1,
        metavar="SOURCE...",
        callback=_checked_sources,
        shell_complete=complete_files,
    )(function)


def listed_items(
    sources: tuple[str, ...], options: SourceOptions, messages: Messages, *, single: bool
) -> list[Item]:
    """The items that the sources stand for; with `single`, that of the only one.

    Raises
    ------
    ImageError
        Where there is none.
    UsageError
        Where a list cannot be read, or standard input is among them.
    """
    from gradcam_cli.images.listing import list_items, read_source_list, single_item

    if single:
        return [single_item(sources[0])]
    if options.from_file is not None:
        sources = (*sources, *read_source_list(options.from_file, null=options.null))
    listing = list_items(
        sources, recursive=options.recursive, include=options.include, exclude=options.exclude
    )
    if listing.skipped_outputs:
        messages(f"{listing.skipped_outputs:,} outputs of earlier runs are no sources.")
    if not listing.items:
        raise ImageError("there is no picture among the sources", "Try --recursive or --include.")
    return listing.items


def _checked_sources(
    context: click.Context, parameter: click.Parameter, sources: tuple[str, ...]
) -> tuple[str, ...]:
    """The sources, unless one is an option that came after ``--`` and no file is called so."""
    options = {name for option in context.command.params for name in option.opts}
    for source in sources:
        if source.partition("=")[0] in options and not Path(source).exists():
            raise UsageError(
                f"{source} comes after --, where all is taken for sources",
                "Put the options before the --.",
            )
    return sources
