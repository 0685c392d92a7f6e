"""The options of `gradcam explain` that are about many sources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gradcam_cli.cli.completion_values import complete_files
from gradcam_cli.errors import UsageError

if TYPE_CHECKING:
    from gradcam_cli.cli.options import Notes
    from gradcam_cli.images.listing import Item

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Many:
    """What was asked for about many sources; see `many_options`."""

    recursive: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    from_file: str | None
    null: bool
    force: bool
    verify: bool
    fail_fast: bool
    most_errors: int | None
    csv: Path | None
    report: Path | None

    @property
    def max_errors(self) -> int | None:
        """After how many failures to stop."""
        return 1 if self.fail_fast else self.most_errors

    def asked_for(self, sources: tuple[str, ...]) -> bool:
        """True where the run is one over many; False where it is about a single picture.

        Raises
        ------
        UsageError
            Where there is no source at all.
        """
        if not sources and self.from_file is None:
            raise UsageError("there is no SOURCE", "See `gradcam explain --help`.")
        from gradcam_cli.images.listing import is_single

        of_many = (self.from_file, self.csv, self.report, self.max_errors)
        return (
            not is_single(sources)
            or self.force
            or self.verify
            or any(each is not None for each in of_many)
        )

    def listed(self, sources: tuple[str, ...], notes: Notes) -> list[Item]:
        """The items that the sources come to."""
        from gradcam_cli.images.listing import from_file, listed

        if self.from_file is not None:
            sources = (*sources, *from_file(self.from_file, null=self.null))
        listing = listed(
            sources, recursive=self.recursive, include=self.include, exclude=self.exclude
        )
        if listing.skipped_outputs:
            notes.say(f"{listing.skipped_outputs:,} outputs of earlier runs are no sources.")
        return listing.items


def sources_argument(function: _F) -> _F:
    """Add SOURCE, any number of times."""
    return click.argument(
        "sources",
        nargs=-1,
        metavar="SOURCE...",
        callback=_checked_sources,
        shell_complete=complete_files,
    )(function)


def _checked_sources(
    context: click.Context, parameter: click.Parameter, sources: tuple[str, ...]
) -> tuple[str, ...]:
    """The sources, unless one is an option that came after ``--`` and no file is called so."""
    options = {name for each in context.command.params for name in each.opts}
    for source in sources:
        if source.partition("=")[0] in options and not Path(source).exists():
            raise UsageError(
                f"{source} comes after --, where all is taken for sources",
                "Put the options before the --.",
            )
    return sources


def many_options(function: _F) -> _F:
    """Add the options, which arrive as one `Many` called `many`."""

    @wraps(function)
    def gathered(**given: Any) -> Any:
        names = Many.__dataclass_fields__
        many = Many(**{name: given.pop(name) for name in names})
        return function(many=many, **given)

    for option in reversed(_OPTIONS):
        gathered = option(gathered)
    return gathered  # type: ignore[return-value]


_OPTIONS = (
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
    click.option("--force", is_flag=True, help="Explain anew what an earlier run has done."),
    click.option(
        "--verify",
        is_flag=True,
        help="Compare the content of what an earlier run has done, not only its size, and redo "
        "what differs.",
    ),
    click.option("--fail-fast", is_flag=True, help="Stop at the first source that fails."),
    click.option(
        "--max-errors",
        "most_errors",
        type=click.IntRange(1),
        metavar="N",
        help="Stop once N sources have failed.",
    ),
    click.option(
        "--csv",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="At the end, write a row for each explained class.",
    ),
    click.option(
        "--report",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE.html",
        help="At the end, write a page that shows all; see `gradcam report`.",
    ),
)
