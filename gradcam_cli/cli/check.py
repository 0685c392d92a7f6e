"""`gradcam check`: a data set in; whether the model looks at the objects, and an exit code, out."""

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
from gradcam_cli.cli.completion_values import complete_files
from gradcam_cli.cli.help import SectionedCommand
from gradcam_cli.cli.model_options import (
    FILE_OPTIONS,
    ModelOptions,
    grouped_options,
    model_options,
)
from gradcam_cli.cli.options import debug_option, json_option
from gradcam_cli.cli.recorded_runs import run_recorded
from gradcam_cli.reports.messages import Messages

if TYPE_CHECKING:
    from gradcam_cli.reports.check.writing import Requirements

FOLDER = "gradcam-check"


@dataclass(frozen=True)
class GateOptions:
    """What has to hold."""

    min_top1: float | None
    min_top5: float | None
    min_lift: float | None
    min_pointing: float | None
    min_object_drop: float | None
    max_empty: float | None
    max_shortcuts: int | None
    per_class: bool
    calibrate: bool
    baseline: Path | None

    def requirements(self) -> Requirements:
        """What has to hold."""
        from gradcam_cli.reports.check.writing import Requirements
        from gradcam_cli.results.check_summary import Threshold

        values = {
            "top1": self.min_top1,
            "top5": self.min_top5,
            "lift": self.min_lift,
            "pointing": self.min_pointing,
            "object_drop": self.min_object_drop,
            "empty": self.max_empty,
        }
        thresholds = [Threshold(name, each) for name, each in values.items() if each is not None]
        return Requirements(thresholds, self.per_class, self.baseline, self.max_shortcuts)


@dataclass(frozen=True)
class CheckOutputs:
    """What is written and printed."""

    output: str | None
    as_json: bool
    csv: Path | None
    junit: Path | None
    report: Path | None
    quiet: bool
    force: bool


def _gate(name: str, help_text: str, low: float, high: float | None) -> Callable[[Any], Any]:
    return click.option(name, type=click.FloatRange(low, high), metavar="X", help=help_text)


@click.command(
    cls=SectionedCommand,
    sections={
        "Data": "--images --category",
        "What has to hold": "--min-top1 --min-top5 --min-lift --min-pointing --min-object-drop "
        "--max-empty --max-shortcuts --per-class --calibrate --baseline",
        "Model": "--model --weights --engine --precision",
        "A model in a file": FILE_OPTIONS,
        "Measuring": "--method --layer --resize --object-drop --max-pixels",
        "Outputs": "--output --json --csv --junit --report --quiet --force",
        "Behaviour": "--offline --debug --help",
    },
    epilog="""\b
    Examples:
      gradcam check sample_images/annotations.json --model efficientnet-lite0
      gradcam check val/ --model mine.onnx --labels labels.txt --min-top1 0.9
      gradcam check coco.json --images val2017/ --category person=0 --min-lift 1.5 --per-class
      gradcam check val.csv --calibrate
      gradcam check val.csv --json > before.json
      gradcam check val.csv --model new.onnx --baseline before.json
    """,
)
@click.argument("data", type=click.Path(path_type=Path), shell_complete=complete_files)
@model_options
@data_options
@grouped_options(
    "gates",
    GateOptions,
    _gate("--min-top1", "At least this share of pictures is classified right.", 0, 1),
    _gate("--min-top5", "In this share the expected class is among the first five.", 0, 1),
    _gate("--min-lift", "How many times more heat is on the object than by chance.", 0, None),
    _gate("--min-pointing", "In this share the peak of the heat is on the object.", 0, 1),
    _gate("--min-object-drop", "What the object is worth, in probability.", -1, 1),
    _gate("--max-empty", "At most this share has no evidence for the class.", 0, 1),
    click.option(
        "--max-shortcuts",
        type=click.IntRange(0),
        metavar="N",
        help="At most so many alarms that something besides the objects gives classes away.",
    ),
    click.option("--per-class", is_flag=True, help="Each class has to hold these, too."),
    click.option("--calibrate", is_flag=True, help="Propose values for these from DATA."),
    click.option(
        "--baseline",
        type=click.Path(path_type=Path),
        metavar="FILE.json",
        shell_complete=complete_files,
        help="What --json printed of an earlier run; nothing may be worse, but by noise.",
    ),
)
@measure_options
@grouped_options(
    "output",
    CheckOutputs,
    click.option(
        "-o",
        "--output",
        metavar="DIR",
        shell_complete=complete_files,
        help=f"The folder for overlays and the record of the run.  [default: {FOLDER}]",
    ),
    json_option,
    click.option(
        "--csv",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Write a row for each expected class of each picture.",
    ),
    click.option(
        "--junit",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE.xml",
        help="Write a test case for each gate and each picture, as CI systems show them.",
    ),
    click.option(
        "--report",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE.html",
        help="Write a page of the pictures, the most suspicious first, and of all tables.",
    ),
    click.option("-q", "--quiet", is_flag=True, help="Print errors only."),
    click.option("--force", is_flag=True, help="Measure anew what an earlier run has done."),
)
@debug_option
def check(
    data: Path,
    model: ModelOptions,
    source: DataOptions,
    gates: GateOptions,
    measuring: MeasureOptions,
    output: CheckOutputs,
) -> int:
    """Measure whether a model looks at the objects in DATA, and fail where it does not.

    DATA is a folder of folders that are named after classes, a CSV file (path,class[,x,y,w,h]),
    COCO's JSON, a folder of Pascal VOC's XML, a folder in YOLO's form, or a folder with images/ and
    masks/. Exit code 1 says that a gate is missed.
    """
    from gradcam_cli.images.writing import folder_for_many
    from gradcam_cli.reports.check.writing import CheckFiles, CheckReports
    from gradcam_cli.runs.recording import RunOptions

    messages = Messages(quiet=output.quiet)
    files = CheckFiles(
        output.as_json, output.quiet, gates.calibrate, output.csv, output.junit, output.report
    )
    reports = CheckReports(data, gates.requirements(), files, messages)
    annotations = source.read(data)
    selection = model.select(messages, measuring.layer)
    for guess in selection.guesses:
        messages(guess)
    items = source.items(annotations, selection, counterfactual=measuring.object_drop)
    reports.check_items(items)
    stages = measuring.stages(selection, folder_for_many(output.output or FOLDER), messages)
    options = RunOptions(force=output.force)
    return run_recorded(items, stages, options, messages, reports.write)
