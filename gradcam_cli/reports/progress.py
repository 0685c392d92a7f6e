"""How far a run over many sources is, on stderr: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from gradcam_cli.reports.lines import remember_bar
from gradcam_cli.reports.terminal import console

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

LINE_SECONDS = 10.0
_WITHOUT_BARS = ("dumb", "unknown")
_LEAST_BAR, _MOST_BAR = 4, 40

Tell = Callable[[int, int], None]
"""Given how many are done and how many of those failed."""


@contextmanager
def progress(total: int, before: int, say: Callable[[str], None]) -> Iterator[Tell]:
    """A callable that shows how many of `total` are done, where `before` were done already."""
    if sys.stderr.isatty() and os.environ.get("TERM", "").lower() not in _WITHOUT_BARS:
        with _bar(total, before) as tell:
            yield tell
    else:
        yield _lines(total, before, say)


def _lines(total: int, before: int, say: Callable[[str], None]) -> Tell:
    start = said = time.monotonic()

    def tell(done: int, failed: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said < LINE_SECONDS:
            return
        said = now
        rate = (done - before) / (now - start)
        left = timedelta(seconds=round((total - done) / rate)) if rate else "unknown"
        say(f"{done:,} of {total:,} done, {failed:,} failed, {rate:.1f} a second, {left} left.")

    return tell


@contextmanager
def _bar(total: int, before: int) -> Iterator[Tell]:
    from rich.progress import TextColumn, TimeRemainingColumn

    width = len(f"{total:,}")
    columns = (
        BarText(TextColumn("{task.completed:,}/{task.total:,}"), 2 * width + 1, may_go=False),
        BarText(TimeRemainingColumn(), 7),
        BarText(TextColumn("{task.fields[rate]:.1f} a second"), 15),
        BarText(TextColumn("{task.fields[failed]:,} failed"), width + 7, may_go=False),
    )
    start = time.monotonic()
    with new_bar(columns) as bar:
        task = bar.add_task("", total=total, completed=before, rate=0.0, failed=0)

        def tell(done: int, failed: int) -> None:
            rate = (done - before) / max(time.monotonic() - start, 1e-3)
            bar.update(task, completed=done, rate=rate, failed=failed)

        yield tell


@dataclass(frozen=True)
class BarText:
    """What stands beside a bar: a `column` of `width` characters that `may_go` or not."""

    column: ProgressColumn
    width: int
    may_go: bool = True


def new_bar(columns: Sequence[BarText]) -> Progress:
    """A bar on stderr, not started yet, and beside it those of `columns` that the terminal holds.

    Where it is narrow, the bar is shorter or gone, and then what may go, from the right.
    """
    from rich.progress import BarColumn, Progress

    out = console(stderr=True)
    kept = list(columns)
    while (room := out.width - sum(text.width + 1 for text in kept)) < 0:
        spare = [text for text in kept if text.may_go]
        if not spare:
            break
        kept.remove(spare[-1])
    texts = [text.column for text in kept]
    if room >= _LEAST_BAR:
        texts.insert(0, BarColumn(bar_width=min(room, _MOST_BAR)))
    bar = Progress(
        *texts, console=out, transient=True, redirect_stdout=False, redirect_stderr=False
    )
    remember_bar(bar)
    return bar
