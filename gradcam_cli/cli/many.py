"""`gradcam explain` over many sources: what is left to do, the run, and what is said of it."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradcam_cli.cli.options import Notes
from gradcam_cli.errors import ExitCode, ImageError, UsageError
from gradcam_cli.interrupts import on_interrupt
from gradcam_cli.reports.lines import print_note, print_path

if TYPE_CHECKING:
    from gradcam_cli.batch import Outcome, Settings
    from gradcam_cli.explainer import Explainer
    from gradcam_cli.listing import Item
    from gradcam_cli.manifest import Manifest
    from gradcam_cli.models.loading import Choice
    from gradcam_cli.records import EngineName, Score

LOCK = ".gradcam.lock"

_MOST_FAILURES = 20


@dataclass(frozen=True)
class Wanted:
    """What is asked of a run besides what its outputs depend on.

    Attributes
    ----------
    layer, score, engine
        As `gradcam explain` has them.
    force : bool
        Explain anew what is done already.
    max_errors : int or None
        Stop once so many sources have failed.
    as_json, show, open_it : bool
        Print JSON Lines; draw each overlay; open the report or the folder at the end.
    csv, report : Path or None
        Files to write at the end.
    """

    layer: str | None
    score: Score
    engine: EngineName
    force: bool
    max_errors: int | None
    as_json: bool
    show: bool
    open_it: bool
    csv: Path | None
    report: Path | None


@dataclass
class _Tally:
    """How far a run is."""

    total: int
    before: int
    explained: int = 0
    failures: list[str] = field(default_factory=list)
    failed: int = 0
    interrupted: bool = False
    seconds: float = 0.0

    @property
    def done(self) -> int:
        return self.before + self.explained + self.failed


def explain_many(
    items: list[Item],
    settings: Settings,
    wanted: Wanted,
    choose: Callable[[], Choice],
    notes: Notes,
) -> int:
    """Explain those of `items` that are not done yet, and answer with the exit code."""
    from gradcam_cli import batch

    if not items:
        raise ImageError("there is no picture among the sources", "Try --recursive or --include.")
    _check_places(wanted, items, settings.folder)
    with _alone(settings.folder):
        choice = choose()
        digest = settings.digest(
            choice, layer=wanted.layer, score=wanted.score, engine=wanted.engine
        )
        done = {} if wanted.force else batch.done_before(settings.folder)
        rest = batch.to_do(items, done, digest, settings.folder)
        tally = _Tally(len(items), len(items) - len(rest))
        if rest:
            _work(rest, settings, wanted, choice, digest, notes, tally)
        _conclude(items, settings.folder, wanted, notes, tally)
    if tally.interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.INPUT if tally.failed else ExitCode.DONE


def _check_places(wanted: Wanted, items: list[Item], folder: Path) -> None:
    """Find out before a long run, not after it, what cannot be written."""
    sources = [Path(item.source) for item in items]
    if wanted.csv is not None:
        from gradcam_cli.images.writing import check_writable

        check_writable(wanted.csv, sources=sources, to_come=folder)
    if wanted.report is not None:
        from gradcam_cli.reports.html import check_report

        check_report(wanted.report, sources=sources, to_come=folder)


def _work(
    rest: list[Item],
    settings: Settings,
    wanted: Wanted,
    choice: Choice,
    digest: str,
    notes: Notes,
    tally: _Tally,
) -> None:
    from gradcam_cli.batch import Batch
    from gradcam_cli.explainer import Explainer
    from gradcam_cli.manifest import Manifest
    from gradcam_cli.reports.progress import progress

    explainer: Explainer = Explainer.load(
        choice, layer=wanted.layer, score=wanted.score, engine=wanted.engine, note=notes
    )
    batch = Batch(rest, explainer, settings, digest=digest, fallback=choice.fallback)
    start = time.monotonic()

    def stop() -> None:
        tally.interrupted = True
        batch.close()

    with (
        Manifest(settings.folder) as manifest,
        _stderr_of_our_own(),
        on_interrupt(stop),
        progress(tally.total, tally.before, notes.say) as tell,
    ):
        for outcome in batch:
            _take(outcome, manifest, wanted, notes, tally)
            tell(tally.done, tally.failed)
            if wanted.max_errors is not None and tally.failed >= wanted.max_errors:
                batch.close()
    tally.seconds = time.monotonic() - start


def _take(
    outcome: Outcome, manifest: Manifest, wanted: Wanted, notes: Notes, tally: _Tally
) -> None:
    """Record an outcome and say what is to be said of it at once."""
    record = outcome.record
    manifest.add(record)
    if record.result is None:
        tally.failed += 1
        tally.failures = [*tally.failures, record.error][:_MOST_FAILURES]
        if wanted.as_json:
            _print_json({"source": record.source, "error": record.error})
        return
    tally.explained += 1
    for note in record.result["notes"]:
        notes(f"{record.result['source']}: {note}")
    if wanted.as_json:
        _print_json(record.result)
    elif notes.quiet:
        for each in record.result["explanations"]:
            print_path(each["overlay"])
    if wanted.show:
        _show(outcome)


def _print_json(fields: dict[str, Any]) -> None:
    from gradcam_cli.reports.as_json import dumps

    click.echo(dumps(fields))


def _show(outcome: Outcome) -> None:
    from gradcam_cli.images.reading import read_image
    from gradcam_cli.reports.in_terminal import show

    assert outcome.record.result is not None
    for told, heatmap in zip(outcome.record.result["explanations"], outcome.heatmaps, strict=True):
        print_path(told["overlay"])
        show(read_image(told["overlay"]).pixels, heatmap)


def _conclude(items: list[Item], folder: Path, wanted: Wanted, notes: Notes, tally: _Tally) -> None:
    """Say how it went, and write what was asked for; both from the manifest."""
    if tally.interrupted:
        notes(f"interrupted: {tally.done:,} of {tally.total:,} are done. Run it again to go on.")
        return
    from gradcam_cli.batch import of_these
    from gradcam_cli.reports.summary import Summary, print_summary, write_csv

    summary = Summary()
    for record in of_these(folder, items):
        summary.add(record)
    if not wanted.as_json and not notes.quiet:
        print_summary(summary)
    if wanted.csv is not None:
        write_csv(wanted.csv, of_these(folder, items))
    if wanted.report is not None:
        from gradcam_cli.reports.html import write_report

        write_report(folder, wanted.report, notes)
    _say(notes, tally, summary.without_evidence)
    if wanted.open_it:
        open_in_viewer(wanted.report or folder, notes)


def _say(notes: Notes, tally: _Tally, without_evidence: int) -> None:
    for failure in tally.failures:
        print_note(failure)
    if (more := tally.failed - len(tally.failures)) > 0:
        print_note(f"{more:,} more failed; the manifest has them all.")
    parts = [f"{tally.explained:,} explained"]
    if tally.before:
        parts.append(f"{tally.before:,} done before")
    if tally.failed:
        parts.append(f"{tally.failed:,} failed")
    if left := tally.total - tally.done:
        parts.append(f"{left:,} not tried")
    if without_evidence:
        parts.append(f"{without_evidence:,} without evidence")
    if tally.explained:
        parts.append(f"{tally.explained / tally.seconds:.1f} a second")
    notes.say(f"{', '.join(parts)}.")


def open_in_viewer(path: Path, notes: Notes) -> None:
    """Open `path` with what the system has for it, or say that it could not be."""
    if click.launch(os.fsdecode(path)) != 0:
        notes(f"{path} could not be opened in a viewer.")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the output folder, which two runs must not write to at once."""
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UsageError(
            f"another run is writing to {folder}", "Wait for it, or choose another with -o."
        ) from error
    except OSError as error:
        raise UsageError(
            f"cannot write to {folder}: {error.strerror or error}", "Choose another with -o."
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _stderr_of_our_own() -> Iterator[None]:
    """Have Python's stderr be a copy of the process's.

    While some pictures are decoded, the process's own is turned away from C libraries.
    """
    stream = sys.stderr
    try:
        copied = os.dup(stream.fileno())
    except (AttributeError, OSError, io.UnsupportedOperation):  # it is no file, as in a notebook
        yield
        return
    with open(  # noqa: PTH123 - of a descriptor
        copied, "w", encoding=stream.encoding, errors=stream.errors, buffering=1
    ) as ours:
        sys.stderr = ours
        try:
            yield
        finally:
            sys.stderr = stream
