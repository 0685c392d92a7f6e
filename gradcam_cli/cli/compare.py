"""`gradcam compare`: pictures, methods, layers, classes and models in; a labelled grid, out."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradcam_cli.cli.check_options import DataOptions, data_options
from gradcam_cli.cli.completion_values import (
    ALL,
    complete_classes,
    complete_files,
    complete_layers,
    complete_methods_or_all,
    complete_models_and_files,
)
from gradcam_cli.cli.explain_options import (
    DEFAULT_METHOD,
    max_pixels_option,
    options_option,
    resize_option,
    score_option,
    versus_option,
)
from gradcam_cli.cli.help import SectionedCommand
from gradcam_cli.cli.model_options import (
    FILE_OPTIONS,
    ModelFileOptions,
    grouped_options,
    model_file_options,
    weights_option,
)
from gradcam_cli.cli.options import (
    OneText,
    check_signs,
    debug_option,
    engine_option,
    json_option,
    names_of,
    offline_option,
    precision_option,
)
from gradcam_cli.cli.sources import SourceOptions, listed_items, source_options, sources_argument
from gradcam_cli.errors import ExitCode, UsageError
from gradcam_cli.reports.messages import Messages
from gradcam_cli.results.comparison import AXES, Axes, Axis, choose_axes

if TYPE_CHECKING:
    from gradcam_cli.annotations.contract import Annotations
    from gradcam_cli.engines import EngineName
    from gradcam_cli.images.framing import Resize
    from gradcam_cli.images.listing import Item
    from gradcam_cli.methods import MethodChoice
    from gradcam_cli.models.selection import Selection
    from gradcam_cli.passes import Precision
    from gradcam_cli.results.comparison import Comparison
    from gradcam_cli.runs.checking import CheckItem
    from gradcam_cli.runs.comparing import ComparedModel, CompareOptions
    from gradcam_cli.targets import Score

FIGURE = "gradcam-compare.png"
_DEFAULT_METHODS = "grad-cam,grad-cam++,eigen-cam,saliency"


@dataclass(frozen=True)
class CompareQuestion:
    """What is compared."""

    rows: Axis | None
    columns: Axis | None
    methods: str | None
    options: tuple[str, ...]
    classes: tuple[str, ...]
    versus: str | None
    score: Score
    layers: tuple[str, ...]
    models: tuple[str, ...]
    weights: Path | None
    annotations: Path | None
    engine: EngineName
    precision: Precision
    resize: Resize
    max_pixels: int
    offline: bool

    def axes(self, pictures: int) -> tuple[Axes, tuple[MethodChoice, ...]]:
        """The sides of the grid, and the methods: by default one where both sides are others."""
        from gradcam_cli.methods.choice import parse_methods, with_options
        from gradcam_cli.methods.table import METHODS

        counts: dict[Axis, int] = {
            "pictures": pictures,
            "models": len(self.models),
            "classes": len(self.classes),
            "layers": len(self.layers),
            "methods": 1,
        }
        sides = {axis for axis in AXES if counts[axis] > 1} | {self.rows, self.columns}
        default = _DEFAULT_METHODS if len(sides - {None, "methods"}) < 2 else DEFAULT_METHOD
        names = names_of(default if self.methods is None else self.methods)
        chosen = parse_methods(list(METHODS) if names == [ALL] else names)
        methods = with_options(chosen, self.options)
        counts["methods"] = len(methods)
        return choose_axes(counts, self.rows, self.columns), methods

    def compare_options(
        self, methods: tuple[MethodChoice, ...], output: CompareOutputs
    ) -> CompareOptions:
        """How each cell is made."""
        from gradcam_cli.runs.available import OpeningOptions
        from gradcam_cli.runs.comparing import CompareOptions

        return CompareOptions(
            methods,
            self.layers or (None,),
            OpeningOptions(self.engine, self.resize, self.offline, self.score, self.precision),
            self.max_pixels,
            side=output.side,
            signed=output.signed,
        )


@dataclass(frozen=True)
class CompareOutputs:
    """What is written and printed."""

    output: Path
    signed: bool
    seconds: bool
    as_json: bool
    quiet: bool

    @property
    def is_page(self) -> bool:
        """True where a page is to be written, and no figure."""
        from gradcam_cli.reports.grid import PAGE

        return self.output.suffix.lower() == PAGE

    @property
    def side(self) -> int:
        """Pixels of the longer side of its pictures."""
        from gradcam_cli.reports.comparison_page import SIDE
        from gradcam_cli.runs.compared_pictures import FIGURE_SIDE

        return SIDE if self.is_page else FIGURE_SIDE

    def write(self, comparison: Comparison, sources: Sequence[Path]) -> None:
        """Write the figure or the page."""
        from gradcam_cli.images.writing import write_checked
        from gradcam_cli.reports.comparison_page import write_comparison_page
        from gradcam_cli.reports.grid import encoded_figure

        if self.is_page:
            write_comparison_page(comparison, self.output, seconds=self.seconds)
        else:
            figure = encoded_figure(comparison, self.output.suffix, seconds=self.seconds)
            write_checked(self.output, figure, sources=sources)


def _axis_option(name: str) -> Callable[[Any], Any]:
    return click.option(
        f"--{name}",
        type=click.Choice(AXES, case_sensitive=False),
        help=f"What the {name} are.  [default: what has several values]",
    )


@click.command(
    cls=SectionedCommand,
    sections={
        "What to compare": "--rows --columns --methods --option --class --vs --score --layer "
        "--model",
        "Boxes": "--annotations --images --category",
        "Model": "--weights --engine --precision",
        "A model in a file": FILE_OPTIONS,
        "Pictures": "--recursive --include --exclude --from-file --null --resize --max-pixels",
        "Outputs": "--output --signed --seconds --json --quiet",
        "Behaviour": "--offline --debug --help",
    },
    epilog="""\b
    Examples:
      gradcam compare photo.jpg --methods all -o methods.pdf
      gradcam compare photos/*.jpg --methods grad-cam,eigen-cam --annotations boxes.json
      gradcam compare photos/ --model old.onnx --model new.onnx -o grid.html
      gradcam compare photo.jpg --class cat --class dog --layer conv4 --layer conv5
      gradcam compare photo.jpg --model old.onnx --model new.onnx --labels labels.txt
    """,
)
@sources_argument
@grouped_options(
    "question",
    CompareQuestion,
    _axis_option("rows"),
    _axis_option("columns"),
    click.option(
        "--methods",
        metavar="A,B,C",
        shell_complete=complete_methods_or_all,
        help="Some of `gradcam methods`, with commas between them, or all.  "
        f"[default: {_DEFAULT_METHODS}, or {DEFAULT_METHOD} where both sides are others]",
    ),
    options_option,
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
    versus_option,
    score_option,
    click.option(
        "-l",
        "--layer",
        "layers",
        multiple=True,
        metavar="NAME",
        shell_complete=complete_layers,
        help="The layer to explain at, one of `gradcam layers`; may be repeated.  [default: the "
        "model's last convolutional activation]",
    ),
    click.option(
        "-m",
        "--model",
        "models",
        multiple=True,
        default=("auto",),
        show_default=True,
        envvar="GRADCAM_MODEL",
        type=OneText(),
        metavar="NAME|FILE",
        shell_complete=complete_models_and_files,
        help="A name of `gradcam models`, or a file; may be repeated.  [env: GRADCAM_MODEL]",
    ),
    weights_option,
    click.option(
        "--annotations",
        type=click.Path(path_type=Path),
        metavar="DATA",
        shell_complete=complete_files,
        help="Where the objects of classes are, as `gradcam check` takes it: each cell gets the "
        "share of the heat in their boxes.",
    ),
    engine_option,
    precision_option,
    resize_option,
    max_pixels_option,
    offline_option,
)
@model_file_options
@data_options
@source_options
@grouped_options(
    "output",
    CompareOutputs,
    click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path, dir_okay=False),
        default=FIGURE,
        show_default=True,
        metavar="FILE",
        shell_complete=complete_files,
        help="The figure, .png, .svg or .pdf; or a page, .html.",
    ),
    click.option(
        "--signed",
        is_flag=True,
        help="Show what speaks against the class as well, in blue, by the methods that tell.",
    ),
    click.option(
        "--seconds",
        is_flag=True,
        help="Write in each cell how long it took; such a figure or page differs from run to run.",
    ),
    json_option,
    click.option("-q", "--quiet", is_flag=True, help="Print the figure's path and errors only."),
)
@debug_option
def compare(
    sources: tuple[str, ...],
    question: CompareQuestion,
    reading: ModelFileOptions,
    source: DataOptions,
    listing: SourceOptions,
    output: CompareOutputs,
) -> int:
    """Draw a grid of heatmaps: methods, layers, classes, models or pictures, side by side.

    What a model or layer cannot have is marked, and why. Figures need the extra "figures"; a page,
    whose cells open at full size, does not.
    """
    from gradcam_cli.reports.comparison import report_comparison
    from gradcam_cli.reports.grid import check_figure
    from gradcam_cli.runs.comparing import Callbacks
    from gradcam_cli.runs.comparing import compare as compared

    messages = Messages(quiet=output.quiet)
    listing.is_single(sources)  # which refuses none
    items = listed_items(sources, listing, messages, single=False)
    paths = [Path(item.source) for item in items]
    check_figure(output.output, sources=paths)
    axes, methods = question.axes(len(items))
    if output.signed:
        check_signs(methods, "--methods")
    annotations = _expected(question, source, items, messages)
    models = _models(question, reading, source, annotations, messages)
    with messages.cells_bar() as progress:
        callbacks = Callbacks(messages.download_bar, messages, progress)
        comparison = compared(
            axes,
            models,
            items,
            question.classes,
            question.compare_options(methods, output),
            callbacks,
        )
    output.write(comparison, paths)
    report_comparison(comparison, output.output, as_json=output.as_json, quiet=output.quiet)
    return ExitCode.INPUT if comparison.failures else ExitCode.DONE


def _expected(
    question: CompareQuestion, source: DataOptions, items: Sequence[Item], messages: Messages
) -> Annotations | None:
    """What the annotations say of the pictures of `items`, and nothing else."""
    if question.annotations is None:
        if source.images is not None or source.categories:
            raise UsageError(
                "--images and --category are of no use without --annotations", "Drop them."
            )
        return None
    from gradcam_cli.annotations.contract import Annotations

    annotations = source.read(question.annotations)
    if count := len(annotations.problems):
        messages(f"{count:,} records of {question.annotations} are of no use; see `gradcam check`.")
    keys = {item.key for item in items}
    by_key = {os.path.abspath(each.path): each for each in annotations.pictures}  # noqa: PTH100
    pictures = [picture for key, picture in by_key.items() if key in keys]
    if not pictures:
        messages(f"{question.annotations} says nothing of these pictures.")
    return Annotations(pictures)


def _models(
    question: CompareQuestion,
    reading: ModelFileOptions,
    source: DataOptions,
    annotations: Annotations | None,
    messages: Messages,
) -> list[ComparedModel]:
    """The models, each with its own classes; a layer that the only one does not have is refused."""
    from gradcam_cli.models.selection import is_path
    from gradcam_cli.runs.comparing import ComparedModel

    if reading.file_options() is not None and not any(map(is_path, question.models)):
        raise UsageError(
            "--labels and the like are for a model in a file", "Drop them, or pass its path."
        )
    if question.weights is not None and len(question.models) > 1:
        raise UsageError(
            "--weights is for one model, and several are compared", "Pass one --model."
        )
    models = []
    layers = question.layers if len(question.models) == 1 else ()
    for name in question.models:
        for layer in layers or (None,):
            selection = reading.select_file(name, messages, layer, question.weights)
        for guess in selection.guesses:
            messages(guess)
        targets = selection.labels.targets(question.classes, question.versus)
        annotated = {} if annotations is None else _by_key(source, annotations, selection)
        models.append(ComparedModel(name, selection, targets, annotated))
    return models


def _by_key(
    source: DataOptions, annotations: Annotations, selection: Selection
) -> dict[str, CheckItem]:
    from gradcam_cli.runs.checking import CheckItem

    items = source.items(annotations, selection, counterfactual=False)
    return {item.key: item for item in items if isinstance(item, CheckItem)}
