"""The options of `gradcam explain`, each kind of them one value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradcam_cli.cli.completion_values import (
    complete_classes,
    complete_files,
    complete_layers,
    complete_methods,
)
from gradcam_cli.cli.model_options import grouped_options
from gradcam_cli.cli.options import (
    engine_option,
    json_option,
    offline_option,
    precision_option,
)
from gradcam_cli.errors import UsageError
from gradcam_cli.images import MAX_PIXELS
from gradcam_cli.images.framing import RESIZES
from gradcam_cli.methods.modifiers import FUSIONS, MOST_SMOOTH, Modifiers

if TYPE_CHECKING:
    from gradcam_cli.engines import EngineName
    from gradcam_cli.images.drawing import Drawing
    from gradcam_cli.images.framing import Resize
    from gradcam_cli.methods.modifiers import Fusion
    from gradcam_cli.models.selection import Selection
    from gradcam_cli.passes import Precision
    from gradcam_cli.reports.outcomes import PrintOptions
    from gradcam_cli.runs.recording import RunOptions
    from gradcam_cli.runs.settings import Outputs, Settings
    from gradcam_cli.targets import Score

DEFAULT_CLASS = "837"
DEFAULT_METHOD = "grad-cam"


@dataclass(frozen=True)
class ExplainOptions:
    """What is explained, and by which model."""

    classes: tuple[str, ...]
    versus: str | None
    counterfactual: bool
    methods: tuple[str, ...]
    options: tuple[str, ...]
    layers: tuple[str, ...]
    fuse: Fusion
    smooth: int
    augment: bool
    score: Score
    engine: EngineName
    precision: Precision
    top: int
    max_pixels: int
    offline: bool
    resize: Resize
    trust: bool

    @property
    def layer(self) -> str | None:
        """The first layer, where one was named."""
        return self.layers[0] if self.layers else None

    @property
    def modifiers(self) -> Modifiers:
        """What is done around each method."""
        further = tuple(dict.fromkeys(self.layers[1:]))
        return Modifiers(self.smooth, self.augment, further, self.fuse)

    def settings(self, selection: Selection, *, default_class: bool) -> Settings:
        """What these options mean for a model, each checked before a picture is read.

        Where nobody chose the class it is 837 of ImageNet, and the predicted one of models with
        other classes.

        Raises
        ------
        UsageError
            For a class, model, method or layer that is not known.
        """
        from gradcam_cli.methods.choice import parse_methods, with_options
        from gradcam_cli.models.labels import TOP_WORD, imagenet_labels
        from gradcam_cli.passes import FORWARD
        from gradcam_cli.runs.settings import Settings

        if self.trust and (self.versus is not None or self.counterfactual):
            raise UsageError(
                "--trust tests the map of a class, and not of a contrast or a counterfactual",
                "Drop --trust, or --vs and --counterfactual.",
            )
        methods = with_options(parse_methods(self.methods), self.options)
        if self.layer is not None and not any(method.method.uses_layer for method in methods):
            method = methods[0].method
            raise UsageError(
                f"--layer {self.layer} is of no use: {method.name} looks at the {method.looks_at}",
                "Drop --layer, or pass another --method.",
            )
        labels = selection.labels
        of_imagenet = default_class and labels == imagenet_labels()
        classes = self.classes if of_imagenet or not default_class else (TOP_WORD,)
        targets = labels.targets(classes, self.versus, counterfactual=self.counterfactual)
        return Settings(
            tuple(dict.fromkeys(targets)),
            tuple(method.text for method in methods),
            self.layer,
            self.score,
            self.engine,
            self.top,
            self.max_pixels,
            self.offline,
            of_imagenet,
            self.resize,
            passes=(FORWARD,) if self.trust else (),
            trust=self.trust,
            precision=self.precision,
            modifiers=self.modifiers,
        )


layer_option = click.option(
    "-l",
    "--layer",
    metavar="NAME",
    shell_complete=complete_layers,
    help="The layer to explain at, one of `gradcam layers`.  [default: the model's last "
    "convolutional activation, block5_conv3 on VGG16]",
)
resize_option = click.option(
    "--resize",
    type=click.Choice(RESIZES, case_sensitive=False),
    default="squash",
    show_default=True,
    help="How a picture comes to the shape of the model's input: squashed, cropped to its "
    "middle, or whole between black bars.",
)
max_pixels_option = click.option(
    "--max-pixels",
    type=click.IntRange(1),
    default=MAX_PIXELS,
    show_default=True,
    metavar="N",
    help="Refuse larger images before decoding them.",
)

explain_options = grouped_options(
    "question",
    ExplainOptions,
    click.option(
        "-c",
        "--class",
        "classes",
        multiple=True,
        default=[DEFAULT_CLASS],
        metavar="CLASS",
        shell_complete=complete_classes,
        help="The class to explain: an index, a WordNet id, a name, or `top` for the predicted "
        "one; may be repeated.  [default: 837, sunglasses, or of models with other classes the "
        "predicted one]",
    ),
    click.option(
        "--vs",
        "versus",
        metavar="CLASS",
        shell_complete=complete_classes,
        help="Explain the class and not this one: the difference of their scores.",
    ),
    click.option(
        "--counterfactual",
        is_flag=True,
        help="Explain what speaks against the class.",
    ),
    click.option(
        "--method",
        "methods",
        multiple=True,
        default=[DEFAULT_METHOD],
        show_default=DEFAULT_METHOD,
        metavar="METHOD",
        shell_complete=complete_methods,
        help="One of `gradcam methods`; may be repeated, for an overlay each.",
    ),
    click.option(
        "--option",
        "options",
        multiple=True,
        metavar="NAME=VALUE",
        help="Set an option of the methods that have it, as METHOD:NAME=VALUE does of one; "
        "`gradcam methods METHOD` lists them. May be repeated.",
    ),
    click.option(
        "-l",
        "--layer",
        "layers",
        multiple=True,
        metavar="NAME",
        shell_complete=complete_layers,
        help="The layer to explain at, one of `gradcam layers`; may be repeated, for a map of "
        "several.  [default: the model's last convolutional activation, block5_conv3 on VGG16]",
    ),
    click.option(
        "--fuse",
        type=click.Choice(FUSIONS, case_sensitive=False),
        default="mean",
        show_default=True,
        help="How the maps of several layers become one.",
    ),
    click.option(
        "--smooth",
        type=click.IntRange(0, MOST_SMOOTH),
        default=0,
        show_default="off",
        metavar="N",
        help="Average each map over N inputs with noise, as SmoothGrad does.",
    ),
    click.option(
        "--augment",
        is_flag=True,
        help="Average each map over the input and its mirror image, each at three sizes.",
    ),
    click.option(
        "--score",
        type=click.Choice(["logit", "probability"]),
        default="logit",
        show_default=True,
        help="What is differentiated: the class's score before the softmax, or after it.",
    ),
    engine_option,
    precision_option,
    click.option(
        "--top",
        type=click.IntRange(1),
        default=5,
        show_default=True,
        metavar="N",
        help="How many classes the table has.",
    ),
    resize_option,
    click.option(
        "--trust",
        is_flag=True,
        help="Test each heatmap: is it better than random ones, does it depend on the weights, and "
        "on the class?",
    ),
    max_pixels_option,
    offline_option,
)


@dataclass(frozen=True)
class OutputOptions:
    """What is written for each picture, and what is printed."""

    output: str | None
    save_heatmap: str | None
    drawing: Drawing
    as_json: bool
    show: bool
    open_it: bool
    quiet: bool

    def check(self) -> None:
        """Refuse options that exclude each other, with a UsageError."""
        if self.show and self.as_json:
            raise UsageError("--show and --json both write to standard output", "Drop one of them.")

    def for_single(self, settings: Settings) -> Outputs:
        """Where the outputs of a single picture go."""
        from gradcam_cli.images.writing import heatmap_destination, overlay_destination
        from gradcam_cli.runs.settings import Outputs

        several = len(settings.targets) * len(settings.methods) > 1
        overlays = overlay_destination(self.output, several=several)
        heatmaps = self.save_heatmap and heatmap_destination(self.save_heatmap, several=several)
        return Outputs(overlays, heatmaps or None, self.drawing)

    def for_many(self) -> Outputs:
        """Where the outputs of many go."""
        from gradcam_cli.images.writing import OVERLAY_SUFFIX, Destination, folder_for_many
        from gradcam_cli.runs.settings import Outputs

        overlays = Destination(folder_for_many(self.output), OVERLAY_SUFFIX)
        heatmaps = self.save_heatmap and Destination(
            folder_for_many(self.save_heatmap, option="--save-heatmap"), ".npy"
        )
        return Outputs(overlays, heatmaps or None, self.drawing)

    def printing(self, record: RecordOptions, *, null: bool) -> PrintOptions:
        """What is printed, and written at the end."""
        from gradcam_cli.reports.outcomes import PrintOptions

        return PrintOptions(
            self.as_json, self.show, self.open_it, self.quiet, null, record.csv, record.report
        )


output_options = grouped_options(
    "output",
    OutputOptions,
    click.option(
        "-o",
        "--output",
        metavar="PATH",
        shell_complete=complete_files,
        help="A file (.jpg, .png, .webp), or a folder (an existing one, or a name that ends in /). "
        " [default: <name of the source>.gradcam.jpg in the working folder, or gradcam-out/ for "
        "many]",
    ),
    click.option(
        "--save-heatmap",
        metavar="FILE.npy",
        shell_complete=complete_files,
        help="Also save the heatmap, float32 in 0..1, at the layer's own resolution.",
    ),
    json_option,
    click.option("--show", is_flag=True, help="Draw the overlay in the terminal."),
    click.option(
        "--open", "open_it", is_flag=True, help="Open the outcome in the system's viewer."
    ),
    click.option("-q", "--quiet", is_flag=True, help="Print the outputs' paths and errors only."),
)


@dataclass(frozen=True)
class RecordOptions:
    """How a run over many goes on, when it stops, and what is written at its end."""

    stream: bool
    force: bool
    verify: bool
    fail_fast: bool
    most_errors: int | None
    csv: Path | None
    report: Path | None

    @property
    def max_errors(self) -> int | None:
        """After how many failures to stop."""
        return 1 if self.fail_fast else self.most_errors

    def options(self) -> RunOptions:
        """How the run goes on, and when it stops."""
        from gradcam_cli.runs.recording import RunOptions

        return RunOptions(self.force, self.verify, self.max_errors)

    @property
    def are_requested(self) -> bool:
        """True where one of them is set, which makes a recorded run even of a single picture."""
        values = (self.csv, self.report, self.max_errors)
        return self.force or self.verify or any(value is not None for value in values)


record_options = grouped_options(
    "record",
    RecordOptions,
    click.option(
        "--stream",
        is_flag=True,
        help="Explain each path on standard input when it comes, and print its result before the "
        "next is read: one process for a shell's loop.",
    ),
    click.option("--force", is_flag=True, help="Explain anew what an earlier run has done."),
    click.option(
        "--verify",
        is_flag=True,
        help="Compare the content of what an earlier run has done, not only its size, and redo "
        "what differs.",
    ),
    click.option("--fail-fast", is_flag=True, help="Stop at the first source that fails."),
    click.option(
        "--max-errors",
        "most_errors",
        type=click.IntRange(1),
        metavar="N",
        help="Stop once N sources have failed.",
    ),
    click.option(
        "--csv",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="At the end, write a row for each explained class.",
    ),
    click.option(
        "--report",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE.html",
        help="At the end, write a page that shows all; see `gradcam report`.",
    ),
)
