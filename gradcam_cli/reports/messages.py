"""Messages on stderr while a command works: notes, and progress bars."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from gradcam_cli.callbacks import Progress, no_progress
from gradcam_cli.reports.lines import print_note

if TYPE_CHECKING:
    from rich import progress as rich_progress

    from gradcam_cli.reports.progress import BarText


class Messages:
    """Prints notes and bars on stderr, or nothing where it is `quiet`."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet

    def __call__(self, text: str) -> None:
        """Print `text`, one sentence."""
        if not self.quiet:
            print_note(text)

    def download_bar(self) -> AbstractContextManager[Progress]:
        """A bar for (bytes done, bytes in all or None)."""
        return self._bar(_download_texts)

    def passes_bar(self) -> AbstractContextManager[Progress]:
        """A bar for (passes done, passes in all)."""
        return self._bar(lambda: _count_texts("passes"))

    def cells_bar(self) -> AbstractContextManager[Progress]:
        """A bar for (cells done, cells in all)."""
        return self._bar(lambda: _count_texts("cells"))

    def methods_bar(self) -> AbstractContextManager[Progress]:
        """A bar for (methods done, methods in all)."""
        return self._bar(lambda: _count_texts("methods"))

    @contextmanager
    def _bar(self, texts: Callable[[], tuple[BarText, ...]]) -> Iterator[Progress]:
        """A callable that draws a bar on a terminal once it is called: most often it is not."""
        if self.quiet or not sys.stderr.isatty():
            yield no_progress
            return
        bars: list[rich_progress.Progress] = []

        def show(done: int, total: int | None) -> None:
            if not bars:
                bars.append(_start_bar(texts(), total))
            bars[0].update(bars[0].task_ids[0], completed=done, total=total)

        try:
            yield show
        finally:
            for bar in bars:
                bar.stop()


def _start_bar(texts: tuple[BarText, ...], total: int | None) -> rich_progress.Progress:
    from gradcam_cli.reports.progress import new_bar

    bar = new_bar(texts)
    bar.add_task("", total=total)
    bar.start()
    return bar


def _download_texts() -> tuple[BarText, ...]:
    from rich.progress import DownloadColumn, TimeRemainingColumn, TransferSpeedColumn

    from gradcam_cli.reports.progress import BarText

    size = BarText(DownloadColumn(), 14, optional=False)
    return size, BarText(TransferSpeedColumn(), 10), BarText(TimeRemainingColumn(), 7)


def _count_texts(what: str) -> tuple[BarText, ...]:
    from rich.progress import TextColumn, TimeRemainingColumn

    from gradcam_cli.reports.progress import BarText

    counts = TextColumn(f"{{task.completed:,}}/{{task.total:,}} {what}")
    return BarText(counts, 20, optional=False), BarText(TimeRemainingColumn(), 7)
