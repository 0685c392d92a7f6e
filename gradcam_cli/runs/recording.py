"""A run that is recorded in the folder of its outputs and, started again, goes on from there.

items ─▶ not done yet ─▶ run ─▶ in groups: outputs synced ─▶ a line each in the manifest
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from typing import TYPE_CHECKING

from gradcam_cli.callbacks import Note, no_note
from gradcam_cli.errors import ExitCode, UsageError
from gradcam_cli.process import on_interrupt, private_stderr
from gradcam_cli.results.manifest import Manifest, ManifestWriter
from gradcam_cli.runs.resume import digest_of, record_of, unfinished_items
from gradcam_cli.runs.run import run
from gradcam_cli.runs.stages import Outcome, Stages
from gradcam_cli.storage.files import is_disk_failure, sweep, sync, write_errors
from gradcam_cli.storage.locks import LockedError, exclusive_lock

if TYPE_CHECKING:
    from gradcam_cli.images.listing import Item

LOCK = ".gradcam.lock"

GROUP, GROUP_SECONDS = 32, 0.2
"""How many outcomes are recorded together, and for how long they are gathered, at most."""


@dataclass(frozen=True)
class RunOptions:
    """How a recorded run goes on, and when it stops.

    Attributes
    ----------
    force : bool
        Explain anew what is done already.
    verify : bool
        Compare the content of what is done, not only its size.
    max_errors : int or None
        Stop once so many sources have failed.
    """

    force: bool = False
    verify: bool = False
    max_errors: int | None = None


@dataclass
class Tally:
    """How far a run is: of `total` items, `done_before` were done by earlier ones."""

    total: int
    done_before: int
    explained: int = 0
    failed: int = 0
    interrupted: Signals | None = None
    seconds: float = 0.0

    @property
    def done(self) -> int:
        """How many are done, or have failed."""
        return self.done_before + self.explained + self.failed

    @property
    def exit_code(self) -> int:
        """What the process is to leave with."""
        if self.interrupted:
            return 128 + self.interrupted
        return ExitCode.INPUT if self.failed else ExitCode.DONE

    def add(self, outcome: Outcome) -> None:
        """Count `outcome`."""
        failed = outcome.error is not None
        self.failed += failed
        self.explained += not failed


class Stoppable(Iterator["Item"]):
    """Items that can be stopped."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = iter(items)
        self._stopped = False

    def stop(self) -> None:
        """Give no further item."""
        self._stopped = True

    def __next__(self) -> Item:
        if self._stopped:
            raise StopIteration
        return next(self._items)


class Recording:
    """A run over `items`, for as long as its output folder is held; see `recording`.

    Attributes
    ----------
    manifest : Manifest
        What it, and earlier runs, have done.
    tally : Tally
        How far it is.
    """

    def __init__(
        self,
        items: list[Item],
        stages: Stages,
        options: RunOptions,
        manifest: Manifest,
        digest: str,
    ) -> None:
        self.manifest = manifest
        self._stages = stages
        self._options = options
        self._digest = digest
        remaining = items
        if not options.force:
            with manifest.reader() as reader:
                remaining = unfinished_items(
                    items, reader, digest, manifest.folder, verify=options.verify
                )
        self.tally = Tally(len(items), len(items) - len(remaining))
        self._items = Stoppable(remaining)

    def outcomes(self) -> Generator[Outcome, None, None]:
        """The outcome of each item that was not done, once it is recorded.

        The first Ctrl-C or SIGTERM ends it when what is in flight is done.

        Raises
        ------
        UsageError
            Where a full or broken disk ends it; the message says how far it came.
        """
        if self.tally.done == self.tally.total:
            return
        start = time.monotonic()
        with (
            on_interrupt(self._interrupt),
            self.manifest.writer() as writer,
            self._progress_in_disk_errors(),
        ):
            for group in group_outcomes(run(self._items, self._stages)):
                self._record(group, writer)
                for outcome in group:
                    self.tally.add(outcome)
                    yield outcome
                if self.tally.failed >= (self._options.max_errors or self.tally.total + 1):
                    self._items.stop()
        self.tally.seconds = time.monotonic() - start

    def _record(self, group: list[Outcome], writer: ManifestWriter) -> None:
        """Add a line for each of `group`, once its files would outlive a loss of power."""
        with write_errors(self.manifest.folder):
            sync(file.path for outcome in group for file in outcome.files)
        for outcome in group:
            writer.add(record_of(outcome, self._digest, self.manifest.folder))

    def _interrupt(self, received: Signals) -> None:
        self.tally.interrupted = received
        self._items.stop()

    @contextmanager
    def _progress_in_disk_errors(self) -> Iterator[None]:
        try:
            yield
        except UsageError as error:
            if not is_disk_failure(error):
                raise
            raise UsageError(
                f"{error.what}; {self.tally.done:,} of {self.tally.total:,} are done",
                "Make room, and run it again to go on.",
            ) from error


@contextmanager
def recording(
    items: list[Item],
    stages: Stages,
    options: RunOptions,
    note: Note = no_note,
) -> Iterator[Recording]:
    """A run over `items` that no other run disturbs, for as long as the block takes.

    `note` is given what is damaged in the output folder.

    Raises
    ------
    UsageError
        Where another run holds the output folder, or it cannot be written.
    """
    folder = stages.outputs.overlays.folder
    with _locked_folder(folder), private_stderr():
        for destination in stages.outputs.destinations:
            sweep(destination.folder)
        digest = digest_of(stages.settings, stages.outputs, stages.opener.model)
        manifest = Manifest(folder)
        if manifest.damage:
            note(manifest.damage)
        yield Recording(items, stages, options, manifest, digest)


@contextmanager
def _locked_folder(folder: Path) -> Iterator[None]:
    """Hold the output folder, which two runs must not write to at once."""
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(exclusive_lock(folder / LOCK))
        except LockedError as error:
            raise UsageError(
                f"another run is writing to {folder}", "Wait for it, or choose another with -o."
            ) from error
        except OSError as error:
            raise UsageError(
                f"cannot write to {folder}: {error.strerror or error}", "Choose another with -o."
            ) from error
        yield


def group_outcomes(outcomes: Iterable[Outcome]) -> Iterator[list[Outcome]]:
    """Those that are done within a moment, together: to sync them one by one takes longer.

    A failure, which has no files, ends its group, so that it is known at once.
    """
    group: list[Outcome] = []
    start = time.monotonic()
    try:
        for outcome in outcomes:
            group.append(outcome)
            is_late = time.monotonic() - start >= GROUP_SECONDS
            if is_late or len(group) >= GROUP or not outcome.files:
                yield group
                group, start = [], time.monotonic()
    except Exception:
        yield group
        raise
    yield group
