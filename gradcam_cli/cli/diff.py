"""`gradcam diff`: two models and a data set in; what is different, and an exit code, out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradcam_cli.cli.check_options import (
    DataOptions,
    MeasureOptions,
    data_options,
    measure_options,
)
from gradcam_cli.cli.completion_values import complete_files, complete_models_and_files
from gradcam_cli.cli.help import SectionedCommand
from gradcam_cli.cli.model_options import (
    FILE_OPTIONS,
    ModelFileOptions,
    grouped_options,
    model_file_options,
)
from gradcam_cli.cli.options import debug_option, json_option
from gradcam_cli.cli.recorded_runs import run_recorded
from gradcam_cli.errors import ExitCode
from gradcam_cli.reports.messages import Messages

if TYPE_CHECKING:
    from gradcam_cli.annotations.contract import Annotations
    from gradcam_cli.results.check_summary import CheckResult
    from gradcam_cli.results.manifest import Manifest

FOLDER = "gradcam-diff"


@dataclass(frozen=True)
class LimitOptions:
    """How different the new model may be."""

    max_changed: float | None
    max_broken: float | None
    max_moved: float | None
    max_lift_loss: float | None
    max_object_loss: float | None

    def limits(self) -> dict[str, float]:
        """Those that were given, by name."""
        values = {
            "changed": self.max_changed,
            "broken": self.max_broken,
            "moved": self.max_moved,
            "lift-loss": self.max_lift_loss,
            "object-loss": self.max_object_loss,
        }
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class DiffOutputs:
    """What is written and printed."""

    output: str | None
    as_json: bool
    report: Path | None
    quiet: bool
    force: bool


@dataclass(frozen=True)
class Run:
    """How each of the two models is checked."""

    reading: ModelFileOptions
    source: DataOptions
    measuring: MeasureOptions
    force: bool
    messages: Messages

    def check(self, model: str, annotations: Annotations, folder: Path) -> CheckResult | int:
        """What is measured of `model`; or, where that was interrupted, the exit code."""
        from gradcam_cli.results.check_summary import CheckResult
        from gradcam_cli.runs.recording import RunOptions

        measuring, results = self.measuring, []
        selection = self.reading.select_file(model, self.messages, measuring.layer)
        for guess in selection.guesses:
            self.messages(guess)
        items = self.source.items(annotations, selection, counterfactual=measuring.object_drop)
        stages = measuring.stages(selection, folder, self.messages)

        def keep(manifest: Manifest, keys: list[str]) -> bool:
            with manifest.reader() as reader:
                results.append(CheckResult.of(reader.ordered(keys)))
            return True

        code = run_recorded(items, stages, RunOptions(force=self.force), self.messages, keep)
        return results[0] if results else code


def _limit(name: str, high: float | None, help_text: str) -> Callable[[Any], Any]:
    return click.option(name, type=click.FloatRange(0, high), metavar="X", help=help_text)


@click.command(
    cls=SectionedCommand,
    sections={
        "Data": "--images --category",
        "What has to hold": "--max-changed --max-broken --max-moved --max-lift-loss "
        "--max-object-loss",
        "A model in a file": FILE_OPTIONS,
        "Measuring": "--engine --precision --method --layer --resize --object-drop --max-pixels",
        "Outputs": "--output --json --report --quiet --force",
        "Behaviour": "--offline --debug --help",
    },
    epilog="""\b
    Examples:
      gradcam diff old.onnx new.onnx val.csv --labels labels.txt
      gradcam diff old.keras new.keras coco.json --max-broken 0.01 --max-lift-loss 0.1
      gradcam diff old.onnx new.onnx val/ --report diff.html
    """,
)
@click.argument("models", nargs=2, metavar="OLD NEW", shell_complete=complete_models_and_files)
@click.argument("data", type=click.Path(path_type=Path), shell_complete=complete_files)
@model_file_options
@data_options
@grouped_options(
    "limits",
    LimitOptions,
    _limit("--max-changed", 1, "At most this share of predictions has changed."),
    _limit("--max-broken", 1, "At most this share was right and is wrong now."),
    _limit("--max-moved", 2, "How far heat has moved: 1 less the mean rank correlation."),
    _limit("--max-lift-loss", None, "By how much the mean lift is less."),
    _limit("--max-object-loss", 2, "By how much objects are worth less, in probability."),
)
@measure_options
@grouped_options(
    "output",
    DiffOutputs,
    click.option(
        "-o",
        "--output",
        metavar="DIR",
        shell_complete=complete_files,
        help="The folder for old/ and new/, the overlays and records of the two runs.  "
        f"[default: {FOLDER}]",
    ),
    json_option,
    click.option(
        "--report",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE.html",
        help="Write a page of the pictures, the worst first, with both overlays.",
    ),
    click.option("-q", "--quiet", is_flag=True, help="Print errors and missed limits only."),
    click.option("--force", is_flag=True, help="Measure anew what an earlier run has done."),
)
@debug_option
def diff(
    models: tuple[str, str],
    data: Path,
    reading: ModelFileOptions,
    source: DataOptions,
    limits: LimitOptions,
    measuring: MeasureOptions,
    output: DiffOutputs,
) -> int:
    """Compare the models OLD and NEW on DATA: what they predict, and where they look.

    Both are checked as by `gradcam check`, and compared picture by picture. DATA is what `gradcam
    check` takes. Exit code 1 says that a limit is passed.
    """
    from gradcam_cli.images.writing import folder_for_many
    from gradcam_cli.reports.difference import Models, report_difference
    from gradcam_cli.reports.html import check_report
    from gradcam_cli.results.model_difference import ModelDifference, judged

    messages = Messages(quiet=output.quiet)
    if output.report is not None:
        check_report(output.report, sources=[data])
    folder = folder_for_many(output.output or FOLDER)
    places = Models(*models, folder / "old", folder / "new")
    run = Run(reading, source, measuring, output.force, messages)
    annotations = source.read(data)
    results = []
    for name, place in zip(models, (places.old_folder, places.new_folder), strict=True):
        result = run.check(name, annotations, place)
        if isinstance(result, int):
            return result
        results.append(result)
    difference = ModelDifference.of(*results)
    gates = judged(difference, limits.limits())
    report_difference(
        difference, gates, places,
        as_json=output.as_json, quiet=output.quiet, report=output.report,
    )  # fmt: skip
    if not all(gate.passed for gate in gates):
        return ExitCode.CHECK_FAILED
    failed = any(result.failures for result in results)
    return ExitCode.INPUT if failed else ExitCode.DONE
