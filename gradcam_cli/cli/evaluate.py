"""`gradcam evaluate`: pictures and methods in; how faithful each method's heatmaps are, out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradcam_cli.cli.completion_values import complete_classes, complete_files, complete_methods
from gradcam_cli.cli.explain_options import layer_option, max_pixels_option, resize_option
from gradcam_cli.cli.help import SectionedCommand
from gradcam_cli.cli.model_options import (
    FILE_OPTIONS,
    ModelOptions,
    grouped_options,
    model_options,
)
from gradcam_cli.cli.options import (
    debug_option,
    engine_option,
    json_option,
    names_of,
    offline_option,
)
from gradcam_cli.cli.recorded_runs import run_recorded
from gradcam_cli.cli.sources import SourceOptions, listed_items, source_options, sources_argument
from gradcam_cli.errors import UsageError
from gradcam_cli.reports.messages import Messages

if TYPE_CHECKING:
    from gradcam_cli.engines import EngineName
    from gradcam_cli.images.framing import Resize
    from gradcam_cli.models.selection import Selection
    from gradcam_cli.reports.evaluation import EvaluationFiles
    from gradcam_cli.runs.evaluating import EvaluationOptions
    from gradcam_cli.runs.settings import Settings

FOLDER = "gradcam-evaluate"
_DEFAULT_METHODS = "grad-cam,hirescam,eigen-cam"


@dataclass(frozen=True)
class EvaluateOptions:
    """What is explained, and measured of it."""

    classes: tuple[str, ...]
    methods: str
    metrics: str | None
    steps: int
    removed: str
    seed: int
    layer: str | None
    engine: EngineName
    resize: Resize
    max_pixels: int
    offline: bool

    def settings(self, selection: Selection) -> Settings:
        """How pictures are explained: by each method, and by the control."""
        from gradcam_cli.methods.choice import parse_method
        from gradcam_cli.passes import FORWARD
        from gradcam_cli.results.evaluation_summary import CONTROL
        from gradcam_cli.runs.settings import Settings

        names = dict.fromkeys(parse_method(name).text for name in names_of(self.methods))
        return Settings(
            tuple(selection.labels.targets(self.classes)),
            tuple(names | {CONTROL: None}),
            self.layer,
            engine=self.engine,
            max_pixels=self.max_pixels,
            offline=self.offline,
            resize=self.resize,
            passes=(FORWARD,),
        )

    def evaluation(self) -> EvaluationOptions:
        """What is measured."""
        from gradcam_cli.metrics.table import DEFAULT, METRICS
        from gradcam_cli.runs.evaluating import EvaluationOptions
        from gradcam_cli.suggestions import closest

        known = [metric.name for metric in METRICS]
        given = DEFAULT if self.metrics is None else names_of(self.metrics)
        chosen = known if given == ["all"] else [name.replace("-", "_") for name in given]
        for name in chosen:
            if name not in known:
                raise UsageError(
                    f"there is no metric {name!r}",
                    f"The closest: {', '.join(closest(name, known))}.",
                )
        ordered = tuple(name for name in known if name in chosen)
        return EvaluationOptions(ordered, self.steps, self.removed == "black", self.seed)


@dataclass(frozen=True)
class EvaluateOutputs:
    """What is written and printed."""

    output: str | None
    as_json: bool
    csv: Path | None
    plot: Path | None
    report: Path | None
    quiet: bool
    force: bool

    def files(self) -> EvaluationFiles:
        """The same for the reports."""
        from gradcam_cli.reports.evaluation import EvaluationFiles

        return EvaluationFiles(self.as_json, self.quiet, self.csv, self.plot, self.report)


def _file(name: str, metavar: str, help_text: str) -> Callable[[Any], Any]:
    return click.option(
        name, type=click.Path(path_type=Path, dir_okay=False), metavar=metavar, help=help_text
    )


@click.command(
    cls=SectionedCommand,
    sections={
        "What to compare": "--methods --metrics --class --layer --steps --removed --seed",
        "Model": "--model --weights --engine",
        "A model in a file": FILE_OPTIONS,
        "Pictures": "--recursive --include --exclude --from-file --null --resize --max-pixels",
        "Outputs": "--output --json --csv --plot --report --quiet --force",
        "Behaviour": "--offline --debug --help",
    },
    epilog="""\b
    Examples:
      gradcam evaluate photos/*.jpg --methods grad-cam,hirescam,score-cam
      gradcam evaluate val/ --recursive --model mine.onnx --metrics all --report evaluation.html
      gradcam evaluate photo.jpg --methods grad-cam --metrics deletion,insertion --json
    """,
)
@sources_argument
@model_options
@source_options
@grouped_options(
    "question",
    EvaluateOptions,
    click.option(
        "--methods",
        default=_DEFAULT_METHODS,
        show_default=True,
        metavar="A,B,C",
        shell_complete=complete_methods,
        help="Some of `gradcam methods`, with commas between them; random comes by itself.",
    ),
    click.option(
        "--metrics",
        metavar="A,B,C",
        help="What to measure, or all.  [default: what takes no random removals]",
    ),
    click.option(
        "-c",
        "--class",
        "classes",
        multiple=True,
        default=("top",),
        show_default=True,
        metavar="CLASS",
        shell_complete=complete_classes,
        help="The class to explain; may be repeated.",
    ),
    layer_option,
    click.option(
        "--steps",
        type=click.IntRange(2, 1000),
        default=20,
        show_default=True,
        help="In how many steps deletion and insertion go.",
    ),
    click.option(
        "--removed",
        type=click.Choice(["blur", "black"]),
        default="blur",
        show_default=True,
        help="What takes the place of pixels that are removed.",
    ),
    click.option(
        "--seed",
        type=click.IntRange(0),
        default=0,
        show_default=True,
        help="Of what is drawn while measuring.",
    ),
    engine_option,
    resize_option,
    max_pixels_option,
    offline_option,
)
@grouped_options(
    "output",
    EvaluateOutputs,
    click.option(
        "-o",
        "--output",
        metavar="DIR",
        shell_complete=complete_files,
        help=f"The folder for overlays and the record of the run.  [default: {FOLDER}]",
    ),
    json_option,
    _file("--csv", "FILE", "Write a row for each picture and method."),
    _file("--plot", "FILE.png", "Draw curves and bars."),
    _file("--report", "FILE.html", "Write a page with the table, curves and bars."),
    click.option("-q", "--quiet", is_flag=True, help="Print errors only."),
    click.option("--force", is_flag=True, help="Measure anew what an earlier run has done."),
)
@debug_option
def evaluate(
    sources: tuple[str, ...],
    listing: SourceOptions,
    question: EvaluateOptions,
    model: ModelOptions,
    output: EvaluateOutputs,
) -> int:
    """Measure how faithful the heatmaps of methods are, on the pictures that SOURCE stands for.

    Pixels are taken away and put back where a heatmap says that they matter, and the class's
    probability is watched. Each method is compared with random maps, and with the others.
    """
    from gradcam_cli.images.writing import OVERLAY_SUFFIX, Destination, folder_for_many
    from gradcam_cli.reports.evaluation import report_evaluation
    from gradcam_cli.runs.evaluating import EvaluateStages, evaluate_items
    from gradcam_cli.runs.opening import ModelOpener
    from gradcam_cli.runs.recording import RunOptions
    from gradcam_cli.runs.settings import Outputs

    messages = Messages(quiet=output.quiet)
    options, files = question.evaluation(), output.files()
    listing.is_single(sources)  # which refuses none
    items = evaluate_items(listed_items(sources, listing, messages, single=False), options)
    files.check([Path(item.source) for item in items])
    selection = model.select(messages, question.layer)
    for guess in selection.guesses:
        messages(guess)
    settings = question.settings(selection)
    outputs = Outputs(Destination(folder_for_many(output.output or FOLDER), OVERLAY_SUFFIX))
    opener = ModelOpener(selection, settings, messages, messages.download_bar)
    stages = EvaluateStages(opener, settings, outputs, options=options)
    conclude = partial(report_evaluation, files=files, messages=messages)
    return run_recorded(items, stages, RunOptions(force=output.force), messages, conclude)
