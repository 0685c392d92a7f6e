"""Printed outcomes: of a single picture its table, of a run over many its totals."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from signal import Signals
from typing import TYPE_CHECKING

import click

from gradcam_cli.images.writing import DEFAULT_FOLDER
from gradcam_cli.reports.lines import print_note, print_path
from gradcam_cli.reports.messages import Messages
from gradcam_cli.results.json_line import dumps
from gradcam_cli.results.trust import Trust

if TYPE_CHECKING:
    from gradcam_cli.images.listing import Item
    from gradcam_cli.reports.summary import Summary
    from gradcam_cli.results.explanation import Explanation
    from gradcam_cli.results.manifest import Manifest
    from gradcam_cli.runs.recording import Recording, Tally
    from gradcam_cli.runs.stages import Outcome, Stages

_MOST_FAILURES = 20
_MOST_NOTES = 20
_ENOUGH_IMAGES = 10
"""To say something of a model's scores."""


@dataclass(frozen=True)
class PrintOptions:
    """What is printed, written and opened besides the outputs of each picture.

    Attributes
    ----------
    as_json : bool
        Print JSON and nothing else on stdout.
    show, open_it : bool
        Draw each overlay in the terminal; open the outcome in the system's viewer.
    quiet, null : bool
        Print the paths of outputs only; end them with NUL.
    csv, report : Path or None
        Files to write at the end of a run over many.
    """

    as_json: bool = False
    show: bool = False
    open_it: bool = False
    quiet: bool = False
    null: bool = False
    csv: Path | None = None
    report: Path | None = None


def load_for_one(options: PrintOptions) -> None:
    """Import what `print_one` uses, for a caller who has to wait for something else meanwhile."""
    if not options.as_json and not options.quiet:
        import rich.console
        import rich.table  # noqa: F401

        import gradcam_cli.reports.terminal  # noqa: F401


def print_one(outcome: Outcome, options: PrintOptions, messages: Messages) -> None:
    """Print the explanation of a single picture.

    Raises
    ------
    GradcamError
        That of the outcome.
    """
    if outcome.error is not None:
        raise outcome.error
    assert outcome.explanation is not None
    explanation = outcome.explanation
    for note in explanation.notes:
        messages(note)
    if options.show:
        _draw(explanation)
    if options.as_json:
        click.echo(dumps(explanation.to_dict()))
    else:
        if not options.quiet:
            from gradcam_cli.reports.terminal import print_predictions

            print_predictions(explanation)
            for text in trust_lines(explanation):
                click.echo(text)
        _print_paths(outcome, options)
    if options.open_it:
        for file in outcome.overlays:
            open_in_viewer(file.path, messages)


def print_streamed(outcome: Outcome, options: PrintOptions, messages: Messages) -> None:
    """Print what came of one of many as soon as it is done: a line of JSON, or the paths.

    Of a failure it is an empty path, for whoever waits for one.
    """
    explanation = outcome.explanation
    if explanation is None:
        print_note(str(outcome.error))
        if options.as_json:
            click.echo(dumps({"source": outcome.item.name, "error": str(outcome.error)}))
        else:
            print_path("", null=options.null)
        return
    for note in (*explanation.notes, *trust_lines(explanation, doubts_only=True)):
        messages(f"{explanation.source}: {note}")
    if options.as_json:
        click.echo(dumps(explanation.to_dict()))
        return
    _print_paths(outcome, options)
    if options.show:
        _draw(explanation)


def trust_lines(explanation: Explanation, *, doubts_only: bool = False) -> list[str]:
    """What was found of each heatmap that was tested, in a line each."""
    tested = [(target, target.trust) for target in explanation.targets]
    return [
        f"{target.prediction.name} by {target.method}: {trust.text}"
        for target, trust in tested
        if isinstance(trust, Trust) and not (doubts_only and trust.verdict == "trust")
    ]


@dataclass
class RunPrinter:
    """Prints the outcomes of a run over many sources as they come, and totals at the end."""

    options: PrintOptions
    messages: Messages
    failures: list[str] = field(default_factory=list)
    notes: int = 0

    def check(self, items: Iterable[Item], folder: Path) -> None:
        """Find out before a long run, not after it, that its table or page cannot be written.

        Say where outputs go where nobody chose a folder.

        Raises
        ------
        UsageError
            Naming the file and the reason.
        """
        csv, report = self.options.csv, self.options.report
        sources = [] if csv is None and report is None else [Path(item.source) for item in items]
        if csv is not None:
            from gradcam_cli.images.writing import check_writable

            check_writable(csv, sources=sources, to_come=folder)
        if report is not None:
            from gradcam_cli.reports.html import check_report

            check_report(report, sources=sources, to_come=folder)
        if folder == DEFAULT_FOLDER:
            self.messages(f"Outputs go to {DEFAULT_FOLDER}/.")

    def add(self, outcome: Outcome) -> None:
        """Print what is to be printed of an outcome at once."""
        if outcome.explanation is None:
            self._add_failure(outcome)
            return
        self._add_notes(outcome.explanation)
        if self.options.as_json:
            click.echo(dumps(outcome.explanation.to_dict()))
        elif self.options.quiet:
            _print_paths(outcome, self.options)
        if self.options.show:
            for file in outcome.overlays:
                print_path(file.path)
            _draw(outcome.explanation)

    def _add_failure(self, outcome: Outcome) -> None:
        if len(self.failures) < _MOST_FAILURES:
            self.failures.append(str(outcome.error))
        if self.options.as_json:
            click.echo(dumps({"source": outcome.item.name, "error": str(outcome.error)}))

    def _add_notes(self, explanation: Explanation) -> None:
        doubts = trust_lines(explanation, doubts_only=True)
        for note in (*explanation.notes, *doubts):
            self.notes += 1
            if self.notes <= _MOST_NOTES:
                self.messages(f"{explanation.source}: {note}")

    def conclude(self, items: Iterable[Item], run: Recording, stages: Stages) -> None:
        """Print the totals and write the table and the page, if any, from the manifest."""
        manifest, tally = run.manifest, run.tally
        if tally.interrupted:
            ending = "interrupted" if tally.interrupted == Signals.SIGINT else "terminated"
            self.messages(
                f"{ending}: {tally.done:,} of {tally.total:,} are done. Run it again to go on."
            )
            return
        summary = self._summarize([item.recorded_key for item in items], manifest)
        self._add_notes_on_run(summary, stages)
        self._print_totals(tally, summary.without_evidence)
        if self.options.open_it:
            open_in_viewer(self.options.report or manifest.folder, self.messages)

    def _add_notes_on_run(self, summary: Summary, stages: Stages) -> None:
        from gradcam_cli.results.notes import default_class_note_on_run, near_uniform_note

        if stages.settings.default_class and summary.of_improbable_class:
            self.messages(default_class_note_on_run(summary.of_improbable_class))
        if summary.explained >= _ENOUGH_IMAGES and (model := stages.opener.model).guesses:
            probability, classes = summary.mean_probability, len(model.labels)
            if note := near_uniform_note(summary.explained, probability, classes):
                self.messages(note)

    def _summarize(self, keys: list[str], manifest: Manifest) -> Summary:
        from gradcam_cli.reports.summary import Summary, print_summary, write_csv

        summary = Summary()
        with manifest.reader() as reader:
            for record in reader.records(keys):
                summary.add(record)
            if not self.options.as_json and not self.options.quiet:
                print_summary(summary)
            if self.options.csv is not None:
                write_csv(self.options.csv, reader.ordered(keys))
        if self.options.report is not None:
            from gradcam_cli.reports.html import write_report

            write_report(manifest, self.options.report, self.messages)
        return summary

    def _print_totals(self, tally: Tally, without_evidence: int) -> None:
        for failure in self.failures:
            print_note(failure)
        if (not_shown := tally.failed - len(self.failures)) > 0:
            print_note(f"{not_shown:,} more failed; the manifest has them all.")
        if (not_shown := self.notes - _MOST_NOTES) > 0:
            self.messages(f"{not_shown:,} more notes stand in the manifest.")
        parts = (
            (tally.done_before, "done before"),
            (tally.failed, "failed"),
            (tally.total - tally.done, "not tried"),
            (without_evidence, "without evidence"),
        )
        counts = [f"{count:,} {label}" for count, label in parts if count]
        if tally.explained:
            counts.append(f"{tally.explained / tally.seconds:.1f} a second")
        self.messages(f"{', '.join([f'{tally.explained:,} explained', *counts])}.")


def open_in_viewer(path: Path, messages: Messages) -> None:
    """Open `path` with what the system has for it, or say that it could not be."""
    if click.launch(os.fsdecode(path)) != 0:
        messages(f"{path} could not be opened in a viewer.")


def _print_paths(outcome: Outcome, options: PrintOptions) -> None:
    for file in outcome.overlays:
        print_path(file.path, null=options.null)


def _draw(explanation: Explanation) -> None:
    from gradcam_cli.images.reading import read_image
    from gradcam_cli.reports.terminal_image import show

    for target in explanation.targets:
        assert target.overlay_path is not None
        show(read_image(target.overlay_path).pixels, target.heatmap)
