"""SOURCE, any number of times, and the pictures that it stands for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gradcam_cli.cli.completion_values import complete_files
from gradcam_cli.cli.model_options import grouped_options
from gradcam_cli.errors import ImageError, UsageError

if TYPE_CHECKING:
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


@dataclass(frozen=True)
class SourceOptions:
    """Which pictures the sources stand for."""

    recursive: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    from_file: str | None
    null: bool

    def is_single(self, sources: tuple[str, ...]) -> bool:
        """True where the sources name a single picture.

        Raises
        ------
        UsageError
            Where there is no source at all.
        """
        if not sources and self.from_file is None:
            raise UsageError("there is no SOURCE", "See `gradcam explain --help`.")
        from gradcam_cli.images.source_kinds import is_single

        return self.from_file is None and is_single(sources)


source_options = grouped_options(
    "listing",
    SourceOptions,
    click.option("-r", "--recursive", is_flag=True, help="Take folders with all that is in them."),
    click.option(
        "--include",
        multiple=True,
        metavar="PATTERN",
        help="Of folders, take the files that match, whatever their extension; may be repeated.",
    ),
    click.option(
        "--exclude",
        multiple=True,
        metavar="PATTERN",
        help="Of folders, leave out the files and folders that match; may be repeated.",
    ),
    click.option(
        "--from-file",
        metavar="LIST",
        shell_complete=complete_files,
        help="Take sources from a file as well, one a line; - for standard input.",
    ),
    click.option(
        "-0",
        "--null",
        is_flag=True,
        help="The list has NUL between sources, and so have the paths that -q prints.",
    ),
)


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
