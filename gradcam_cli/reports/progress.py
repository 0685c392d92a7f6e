"""The progress of a run over many sources: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from gradcam_cli.reports.lines import set_drawn_bar
from gradcam_cli.reports.terminal import console

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

LINE_SECONDS = 10.0
_WITHOUT_BARS = ("dumb", "unknown")
_LEAST_BAR, _MOST_BAR = 4, 40

ShowProgress = Callable[[int, int], None]
"""Called with how many are done and how many of those failed."""


@contextmanager
def progress(total: int, done_before: int, note: Callable[[str], None]) -> Iterator[ShowProgress]:
    """A callable that shows how many of `total` are done, where `done_before` were done already."""
    if sys.stderr.isatty() and os.environ.get("TERM", "").lower() not in _WITHOUT_BARS:
        with _progress_bar(total, done_before) as show:
            yield show
    else:
        yield _progress_lines(total, done_before, note)


def _progress_lines(total: int, done_before: int, note: Callable[[str], None]) -> ShowProgress:
    start = last_line = time.monotonic()

    def show(done: int, failed: int) -> None:
        nonlocal last_line
        now = time.monotonic()
        if now - last_line < LINE_SECONDS:
            return
        last_line = now
        rate = (done - done_before) / (now - start)
        remaining = timedelta(seconds=round((total - done) / rate)) if rate else "unknown"
        note(
            f"{done:,} of {total:,} done, {failed:,} failed, {rate:.1f} a second, {remaining} left."
        )

    return show


@contextmanager
def _progress_bar(total: int, done_before: int) -> Iterator[ShowProgress]:
    from rich.progress import TextColumn, TimeRemainingColumn

    width = len(f"{total:,}")
    columns = (
        BarText(TextColumn("{task.completed:,}/{task.total:,}"), 2 * width + 1, optional=False),
        BarText(TimeRemainingColumn(), 7),
        BarText(TextColumn("{task.fields[rate]:.1f} a second"), 15),
        BarText(TextColumn("{task.fields[failed]:,} failed"), width + 7, optional=False),
    )
    start = time.monotonic()
    with new_bar(columns) as bar:
        task = bar.add_task("", total=total, completed=done_before, rate=0.0, failed=0)

        def show(done: int, failed: int) -> None:
            rate = (done - done_before) / max(time.monotonic() - start, 1e-3)
            bar.update(task, completed=done, rate=rate, failed=failed)

        yield show


@dataclass(frozen=True)
class BarText:
    """Text beside a bar, `width` characters wide; `optional` text goes where there is no room."""

    column: ProgressColumn
    width: int
    optional: bool = True


def new_bar(columns: Sequence[BarText]) -> Progress:
    """A bar on stderr, not started yet, and beside it those of `columns` that the terminal holds.

    Where it is narrow, the bar is shorter or gone, and then optional text, from the right.
    """
    from rich.progress import BarColumn, Progress

    stderr_console = console(stderr=True)
    shown = list(columns)
    while (room := stderr_console.width - sum(text.width + 1 for text in shown)) < 0:
        removable = [text for text in shown if text.optional]
        if not removable:
            break
        shown.remove(removable[-1])
    texts = [text.column for text in shown]
    if room >= _LEAST_BAR:
        texts.insert(0, BarColumn(bar_width=min(room, _MOST_BAR)))
    bar = Progress(
        *texts, console=stderr_console, transient=True, redirect_stdout=False, redirect_stderr=False
    )
    set_drawn_bar(bar)
    return bar
