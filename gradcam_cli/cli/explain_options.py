"""The options of `gradcam explain`, each kind of them one value."""

from __future__ import annotations

from dataclasses import dataclass
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
    offline_option,
    precision_option,
)
from gradcam_cli.errors import UsageError
from gradcam_cli.images import MAX_PIXELS
from gradcam_cli.images.framing import RESIZES
from gradcam_cli.methods.modifiers import FUSIONS, MOST_SMOOTH, Modifiers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcam_cli.engines import EngineName
    from gradcam_cli.images.baselines import BaselineFile
    from gradcam_cli.images.framing import Resize
    from gradcam_cli.methods import MethodChoice
    from gradcam_cli.methods.modifiers import Fusion
    from gradcam_cli.models.selection import Selection
    from gradcam_cli.passes import Precision
    from gradcam_cli.runs.settings import Settings
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
    baselines: tuple[str, ...]

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
            baselines=self._found_baselines(methods),
        )

    def _found_baselines(self, methods: Sequence[MethodChoice]) -> tuple[BaselineFile, ...]:
        if not self.baselines:
            return ()
        from gradcam_cli.images.baselines import find_baselines
        from gradcam_cli.methods.choice import check_baselines_used

        check_baselines_used(methods)
        return find_baselines(self.baselines)


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

versus_option = click.option(
    "--vs",
    "versus",
    metavar="CLASS",
    shell_complete=complete_classes,
    help="Explain the class and not this one: the difference of their scores.",
)
options_option = click.option(
    "--option",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set an option of the methods that have it, as METHOD:NAME=VALUE does of one; "
    "`gradcam methods METHOD` lists them. May be repeated.",
)
score_option = click.option(
    "--score",
    type=click.Choice(["logit", "probability"]),
    default="logit",
    show_default=True,
    help="What is differentiated: the class's score before the softmax, or after it.",
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
    versus_option,
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
    options_option,
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
    score_option,
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
    click.option(
        "--baseline",
        "baselines",
        multiple=True,
        metavar="PATH",
        shell_complete=complete_files,
        help="What the picture is compared with, by methods that compare: a picture, or a folder "
        "of some; may be repeated.  [default: a black picture]",
    ),
)
