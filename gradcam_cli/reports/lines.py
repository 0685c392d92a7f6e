"""Lines for people: notes on stderr, paths on stdout. Light, for every command prints some."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

import click

from gradcam_cli.text import encodable, printable

if TYPE_CHECKING:
    from rich.progress import Progress

_MOST_ERRORS = 20

_bars: list[Progress] = []  # the one made last


def print_note(text: str) -> None:
    """`text` as one line on stderr, above a bar that is drawn there."""
    line = _displayable(f"gradcam: {text}", sys.stderr)
    if (bar := drawn_bar()) is not None:
        bar.console.print(line, soft_wrap=True)
    else:
        click.echo(line, err=True)


def print_traceback(error: BaseException) -> None:
    """Where `error` comes from, on stderr."""
    for line in "".join(traceback.format_exception(error)).rstrip().split("\n"):
        click.echo(_displayable(line, sys.stderr), err=True)


def print_path(path: str | os.PathLike[str], *, null: bool = False) -> None:
    """`path` on a line of stdout: as it is for a script, escaped on a terminal.

    `null` ends it with a NUL in place of a line end, and is for scripts alone.
    """
    if null or not sys.stdout.isatty():
        click.echo(os.fsencode(path) + (b"\0" if null else b"\n"), nl=False)
        return
    line = _displayable(os.fspath(path), sys.stdout)
    if (bar := drawn_bar()) is not None:
        bar.console.print(line, soft_wrap=True)
    else:
        click.echo(line)


def _displayable(text: str, stream: TextIO) -> str:
    return encodable(printable(text), getattr(stream, "encoding", None) or "utf-8")


def drawn_bar() -> Progress | None:
    """The bar that is on stderr at this moment; what its console prints goes above it."""
    return _bars[0] if _bars and _bars[0].live.is_started else None


def set_drawn_bar(bar: Progress) -> None:
    """Have `drawn_bar` answer with `bar` while that is drawn."""
    _bars[:] = [bar]


def print_errors(errors: Sequence[str]) -> None:
    """The first of `errors` on stderr, each in a line, and how many more there are."""
    for error in errors[:_MOST_ERRORS]:
        print_note(error)
    if (rest := len(errors) - _MOST_ERRORS) > 0:
        print_note(f"{rest:,} more failed; --json has them all.")
