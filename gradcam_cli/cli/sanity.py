"""`gradcam sanity`: pictures and methods in; whether heatmaps depend on the weights, out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradcam_cli.cli.completion_values import complete_classes, complete_methods
from gradcam_cli.cli.explain_options import (
    DEFAULT_METHOD,
    layer_option,
    max_pixels_option,
    resize_option,
)
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
from gradcam_cli.cli.sources import SourceOptions, listed_items, source_options, sources_argument
from gradcam_cli.errors import ExitCode
from gradcam_cli.reports.messages import Messages

if TYPE_CHECKING:
    from gradcam_cli.engines import EngineName
    from gradcam_cli.images.framing import Resize
    from gradcam_cli.models.selection import Selection
    from gradcam_cli.runs.settings import Settings


@dataclass(frozen=True)
class SanityOptions:
    """What is explained, and how often anew."""

    classes: tuple[str, ...]
    methods: str
    levels: int
    seed: int
    layer: str | None
    engine: EngineName
    resize: Resize
    max_pixels: int
    offline: bool

    def settings(self, selection: Selection) -> Settings:
        """How pictures are explained."""
        from gradcam_cli.methods.choice import parse_method
        from gradcam_cli.runs.settings import Settings

        names = dict.fromkeys(parse_method(name).text for name in names_of(self.methods))
        return Settings(
            tuple(selection.labels.targets(self.classes)),
            tuple(names),
            self.layer,
            engine=self.engine,
            max_pixels=self.max_pixels,
            offline=self.offline,
            resize=self.resize,
        )


@dataclass(frozen=True)
class SanityOutputs:
    """What is written and printed."""

    as_json: bool
    plot: Path | None
    quiet: bool


@click.command(
    cls=SectionedCommand,
    sections={
        "What to test": "--methods --class --layer --levels --seed",
        "Model": "--model --weights --engine",
        "A model in a file": FILE_OPTIONS,
        "Pictures": "--recursive --include --exclude --from-file --null --resize --max-pixels",
        "Outputs": "--json --plot --quiet",
        "Behaviour": "--offline --debug --help",
    },
    epilog="""\b
    Examples:
      gradcam sanity photos/*.jpg --methods grad-cam,eigen-cam,guided-backprop
      gradcam sanity photo.jpg --model mine.onnx --levels 12 --plot sanity.png
    """,
)
@sources_argument
@model_options
@source_options
@grouped_options(
    "question",
    SanityOptions,
    click.option(
        "--methods",
        default=DEFAULT_METHOD,
        show_default=True,
        metavar="A,B,C",
        shell_complete=complete_methods,
        help="Some of `gradcam methods`, with commas between them.",
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
        help="The class to explain; may be repeated; top is what the model as it is predicts.",
    ),
    layer_option,
    click.option(
        "--levels",
        type=click.IntRange(2, 1000),
        default=8,
        show_default=True,
        help="At how many depths weights are shuffled.",
    ),
    click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of that."),
    engine_option,
    resize_option,
    max_pixels_option,
    offline_option,
)
@grouped_options(
    "output",
    SanityOutputs,
    json_option,
    click.option(
        "--plot",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE.png",
        help="Draw the correlations.",
    ),
    click.option("-q", "--quiet", is_flag=True, help="Print errors and failures only."),
)
@debug_option
def sanity(
    sources: tuple[str, ...],
    listing: SourceOptions,
    question: SanityOptions,
    model: ModelOptions,
    output: SanityOutputs,
) -> int:
    """Test whether the heatmaps of methods depend on the model's weights, and on the class.

    The kernels of the model are shuffled from the scores down, more and more, and the pictures that
    SOURCE stands for are explained anew. A map that stays the same says nothing of the model: the
    exit code is 1. Pictures are few, for each is explained at every level.
    """
    from gradcam_cli.images.writing import check_writable
    from gradcam_cli.reports.sanity import report_sanity
    from gradcam_cli.runs.opening import ModelOpener
    from gradcam_cli.runs.sanity import read_subjects, sanity_of

    messages = Messages(quiet=output.quiet)
    listing.is_single(sources)  # which refuses none
    items = listed_items(sources, listing, messages, single=False)
    if output.plot is not None:
        check_writable(output.plot, sources=[Path(item.source) for item in items])
    selection = model.select(messages, question.layer)
    for guess in selection.guesses:
        messages(guess)
    settings = question.settings(selection)
    explainer = ModelOpener(selection, settings, messages, messages.download_bar).explainer
    subjects = read_subjects(explainer, items, settings.targets, settings.max_pixels)
    if not subjects.inputs:
        raise subjects.failures[0][1]
    with messages.passes_bar() as progress:
        result = sanity_of(
            explainer, subjects, levels=question.levels, seed=question.seed, progress=progress
        )
    report_sanity(result, as_json=output.as_json, quiet=output.quiet, plot=output.plot)
    if not result.passed:
        return ExitCode.CHECK_FAILED
    return ExitCode.INPUT if result.failures else ExitCode.DONE
