"""What a check prints and writes at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradcam_cli.errors import UsageError
from gradcam_cli.images.writing import check_writable
from gradcam_cli.reports.check.baseline import read_baseline
from gradcam_cli.reports.check.github import print_workflow_commands
from gradcam_cli.reports.check.junit import write_junit
from gradcam_cli.reports.check.objects import check_object, rows_of
from gradcam_cli.reports.check.sentences import failure_sentences, proposed_options
from gradcam_cli.reports.html import check_report, write_report
from gradcam_cli.reports.lines import print_errors, print_note
from gradcam_cli.reports.page.check_view import check_view
from gradcam_cli.reports.summary import write_rows
from gradcam_cli.results.check_summary import (
    Baseline,
    CheckResult,
    Judgement,
    Threshold,
    changes,
    judge,
)
from gradcam_cli.results.json_line import dumps
from gradcam_cli.results.shortcuts import CheckFindings, find_shortcuts
from gradcam_cli.runs.check_items import expected_pairs

if TYPE_CHECKING:
    from gradcam_cli.images.listing import Item
    from gradcam_cli.reports.messages import Messages
    from gradcam_cli.results.manifest import Manifest


@dataclass(frozen=True)
class Requirements:
    """What has to hold.

    Attributes
    ----------
    thresholds : list of Threshold
    per_class : bool
        Each class has to reach them, too.
    baseline : Path or None
        The JSON of an earlier check, than which nothing may be worse.
    most_shortcuts : int or None
        How many shortcuts may be found; None where any.
    """

    thresholds: list[Threshold]
    per_class: bool = False
    baseline: Path | None = None
    most_shortcuts: int | None = None


@dataclass(frozen=True)
class CheckFiles:
    """What is printed, and which files are written.

    Attributes
    ----------
    as_json, quiet, calibrate : bool
        Print JSON in place of tables; neither; and gates that would hold.
    csv, junit, report : Path or None
    """

    as_json: bool = False
    quiet: bool = False
    calibrate: bool = False
    csv: Path | None = None
    junit: Path | None = None
    report: Path | None = None


class CheckReports:
    """Everything that is told of a check at its end.

    What cannot be read or written is found out when this is made, before a long run.

    Parameters
    ----------
    data : Path
        The data set.
    requirements : Requirements
    files : CheckFiles
    messages : Messages

    Raises
    ------
    UsageError
        Where the baseline cannot be read, or a file not be written.
    """

    def __init__(
        self, data: Path, requirements: Requirements, files: CheckFiles, messages: Messages
    ) -> None:
        self._data, self._requirements = data, requirements
        self._files, self._messages = files, messages
        for path in (files.csv, files.junit):
            if path is not None:
                check_writable(path, sources=[data])
        if files.report is not None:
            check_report(files.report, sources=[data])
        baseline = requirements.baseline
        self._before = None if baseline is None else read_baseline(baseline)

    def check_items(self, items: Sequence[Item]) -> None:
        """Refuse to write over a picture, and say what cannot be compared with the baseline.

        Raises
        ------
        UsageError
            Where a file is one of the pictures, or none of these is in the baseline.
        """
        sources = [Path(item.source) for item in items]
        for path in (self._files.csv, self._files.junit):
            if path is not None:
                check_writable(path, sources=sources)
        if self._before is not None:
            self._check_baseline(self._before, expected_pairs(items))

    def _check_baseline(self, before: Baseline, pictures: set[tuple[str, int]]) -> None:
        both = len(before.keys() & pictures)
        if not both:
            raise UsageError(
                f"no picture of {self._data} is in the baseline {self._requirements.baseline}",
                "Run both in the same folder, for pictures are known by their paths.",
            )
        if gone := len(before) - both:
            self._messages(f"{gone:,} pictures of the baseline are not in {self._data}.")
        if new := len(pictures) - both:
            self._messages(f"{new:,} pictures of {self._data} are not in the baseline.")

    def write(self, manifest: Manifest, keys: Sequence[str]) -> bool:
        """Tell all of it.

        Parameters
        ----------
        manifest : Manifest
            What was measured.
        keys : sequence of str
            Of which pictures.

        Returns
        -------
        bool
            Whether everything holds that has to.
        """
        with manifest.reader() as reader:
            result = CheckResult.of(reader.ordered(keys))
        shortcuts, needed = find_shortcuts(result), self._requirements
        judgement = Judgement(
            list(judge(result, needed.thresholds, needed.per_class)),
            [] if self._before is None else list(changes(self._before, result)),
            len(shortcuts.alarms),
            needed.most_shortcuts,
        )
        findings = CheckFindings(result, judgement, shortcuts)
        self._write_files(manifest, findings)
        self._print_result(findings)
        self._print_failures(result)
        for sentence in failure_sentences(judgement):
            print_note(sentence)
        print_workflow_commands(result, judgement)
        return judgement.holds

    def _write_files(self, manifest: Manifest, findings: CheckFindings) -> None:
        files, result, judgement = self._files, findings.result, findings.judgement
        if files.csv is not None:
            write_rows(files.csv, *rows_of(result))
        if files.junit is not None:
            write_junit(files.junit, result, judgement)
        if files.report is not None:
            write_report(
                manifest, files.report, self._messages, check_view(findings, manifest.folder)
            )

    def _print_result(self, findings: CheckFindings) -> None:
        if self._files.as_json:
            click.echo(dumps(check_object(self._data, findings)))
        elif findings.result.images and not self._files.quiet:
            from gradcam_cli.reports.check.tables import print_tables  # loads rich

            print_tables(findings)
        if self._files.calibrate:
            options = " ".join(proposed_options(findings.result))
            self._messages(f"these hold for this model and {self._data}: {options}")

    def _print_failures(self, result: CheckResult) -> None:
        print_errors([failed.error for failed in result.failures])
        counts = [f"{result.images:,} {'picture' if result.images == 1 else 'pictures'} checked"]
        if result.failures:
            counts.append(f"{len(result.failures):,} failed")
        self._messages(f"{', '.join(counts)}.")
