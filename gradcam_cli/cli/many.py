"""`gradcam explain` over many sources: what is left to do, the run, and what is said of it."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import Signals
from typing import TYPE_CHECKING, Any

import click

from gradcam_cli.cli.options import Notes
from gradcam_cli.errors import ExitCode, ImageError, UsageError
from gradcam_cli.images.writing import DEFAULT_FOLDER
from gradcam_cli.process import on_interrupt
from gradcam_cli.reports.lines import print_note, print_path
from gradcam_cli.results.notes import default_class_note_on_run

if TYPE_CHECKING:
    from gradcam_cli.images.listing import Item
    from gradcam_cli.models.model import Model
    from gradcam_cli.results.manifest import Manifest
    from gradcam_cli.runs.batch import Outcome, Settings

LOCK = ".gradcam.lock"

_MOST_FAILURES = 20
_MOST_NOTES = 20


@dataclass(frozen=True)
class Wanted:
    """What is asked of a run besides what its outputs depend on.

    Attributes
    ----------
    force : bool
        Explain anew what is done already.
    verify : bool
        Compare the content of what is done, not only its size.
    max_errors : int or None
        Stop once so many sources have failed.
    as_json, show, open_it : bool
        Print JSON Lines; draw each overlay; open the report or the folder at the end.
    null : bool
        End printed paths with NUL.
    default_class : bool
        The class is the default one.
    csv, report : Path or None
        Files to write at the end.
    """

    force: bool
    verify: bool
    max_errors: int | None
    as_json: bool
    show: bool
    open_it: bool
    null: bool
    default_class: bool
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
    notes: int = 0
    interrupted: Signals | None = None
    seconds: float = 0.0

    @property
    def done(self) -> int:
        return self.before + self.explained + self.failed


def explain_many(
    items: list[Item],
    settings: Settings,
    wanted: Wanted,
    open_model: Callable[[], Model],
    notes: Notes,
) -> int:
    """Explain those of `items` that are not done yet, and answer with the exit code."""
    from gradcam_cli.results.manifest import Manifest
    from gradcam_cli.runs import batch

    if not items:
        raise ImageError("there is no picture among the sources", "Try --recursive or --include.")
    _check_places(wanted, items, settings.folder)
    if settings.folder == DEFAULT_FOLDER:
        notes.say(f"Outputs go to {DEFAULT_FOLDER}/.")
    with _alone(settings):
        model = open_model()
        digest = settings.digest(model)
        manifest = Manifest(settings.folder)
        if manifest.damage:
            notes(manifest.damage)
        rest = items
        if not wanted.force:
            with manifest.reader() as done:
                rest = batch.to_do(items, done, digest, settings.folder, verify=wanted.verify)
        tally = _Tally(len(items), len(items) - len(rest))
        if rest:
            _work(rest, settings, wanted, model, digest, manifest, notes, tally)
        _conclude(items, manifest, wanted, notes, tally)
    if tally.interrupted:
        return 128 + tally.interrupted
    return ExitCode.INPUT if tally.failed else ExitCode.DONE


def _check_places(wanted: Wanted, items: list[Item], folder: Path) -> None:
    """Find out before a long run, not after it, what cannot be written."""
    if wanted.csv is None and wanted.report is None:
        return
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
    model: Model,
    digest: str,
    manifest: Manifest,
    notes: Notes,
    tally: _Tally,
) -> None:
    from gradcam_cli.explainer import Explainer
    from gradcam_cli.reports.progress import progress
    from gradcam_cli.runs.batch import Batch, add_records, in_groups

    explainer: Explainer = Explainer.load(
        model, layer=settings.layer, score=settings.score, engine=settings.engine, note=notes
    )
    batch = Batch(rest, explainer, settings, digest=digest, fallback=model.fallback)
    start = time.monotonic()

    def stop(signal: Signals) -> None:
        tally.interrupted = signal
        batch.close()

    with (
        manifest.writer() as writer,
        _stderr_of_our_own(),
        on_interrupt(stop),
        progress(tally.total, tally.before, notes.say) as tell,
        _how_far(tally),
    ):
        for group in in_groups(batch):
            add_records(group, writer, settings.folder)
            for outcome in group:
                _take(outcome, wanted, notes, tally)
            tell(tally.done, tally.failed)
            if wanted.max_errors is not None and tally.failed >= wanted.max_errors:
                batch.close()
    tally.seconds = time.monotonic() - start


@contextmanager
def _how_far(tally: _Tally) -> Iterator[None]:
    """Where a full disk ends the run, say how far it came."""
    from gradcam_cli.storage.files import is_disk_failure

    try:
        yield
    except UsageError as error:
        if not is_disk_failure(error):
            raise
        raise UsageError(
            f"{error.what}; {tally.done:,} of {tally.total:,} are done",
            "Make room, and run it again to go on.",
        ) from error


def _take(outcome: Outcome, wanted: Wanted, notes: Notes, tally: _Tally) -> None:
    """Say what is to be said of an outcome at once."""
    record = outcome.record
    if record.result is None:
        tally.failed += 1
        tally.failures = [*tally.failures, record.error][:_MOST_FAILURES]
        if wanted.as_json:
            _print_json({"source": record.source, "error": record.error})
        return
    tally.explained += 1
    for note in record.result.notes:
        tally.notes += 1
        if tally.notes <= _MOST_NOTES:
            notes(f"{record.result.source}: {note}")
    if wanted.as_json:
        _print_json(record.result.to_dict())
    elif notes.quiet:
        for explained in record.result.explanations:
            print_path(explained.overlay, null=wanted.null)
    if wanted.show:
        _show(outcome)


def _print_json(fields: dict[str, Any]) -> None:
    from gradcam_cli.results.as_json import dumps

    click.echo(dumps(fields))


def _show(outcome: Outcome) -> None:
    from gradcam_cli.images.reading import read_image
    from gradcam_cli.reports.terminal_image import show

    assert outcome.record.result is not None
    explanations = outcome.record.result.explanations
    for explained, heatmap in zip(explanations, outcome.heatmaps, strict=True):
        print_path(explained.overlay)
        show(read_image(explained.overlay).pixels, heatmap)


def _conclude(
    items: list[Item],
    manifest: Manifest,
    wanted: Wanted,
    notes: Notes,
    tally: _Tally,
) -> None:
    """Say how it went, and write what was asked for; both from the manifest."""
    if tally.interrupted:
        how = "interrupted" if tally.interrupted == Signals.SIGINT else "terminated"
        notes(f"{how}: {tally.done:,} of {tally.total:,} are done. Run it again to go on.")
        return
    from gradcam_cli.reports.summary import Summary, print_summary, write_csv
    from gradcam_cli.runs.batch import key_of

    summary = Summary()
    keys = list(map(key_of, items))
    with manifest.reader() as reader:
        for record in reader.records(keys):
            summary.add(record)
        if not wanted.as_json and not notes.quiet:
            print_summary(summary)
        if wanted.csv is not None:
            write_csv(wanted.csv, reader.ordered(keys))
    if wanted.report is not None:
        from gradcam_cli.reports.html import write_report

        write_report(manifest, wanted.report, notes)
    if wanted.default_class and summary.of_improbable_class:
        notes(default_class_note_on_run(summary.of_improbable_class))
    _say(notes, tally, summary.without_evidence)
    if wanted.open_it:
        open_in_viewer(wanted.report or manifest.folder, notes)


def _say(notes: Notes, tally: _Tally, without_evidence: int) -> None:
    for failure in tally.failures:
        print_note(failure)
    if (more := tally.failed - len(tally.failures)) > 0:
        print_note(f"{more:,} more failed; the manifest has them all.")
    if (more := tally.notes - _MOST_NOTES) > 0:
        notes.say(f"{more:,} more notes stand in the manifest.")
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
def _alone(settings: Settings) -> Iterator[None]:
    """Hold the output folder, which two runs must not write to at once, swept of what was left."""
    from gradcam_cli.storage.files import sweep
    from gradcam_cli.storage.locks import LockedError, exclusive_lock

    folder = settings.folder
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
        for place in filter(None, (folder, settings.heatmaps)):
            sweep(place)
        yield


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
