"""The options that `gradcam check` and `gradcam diff` share: which data, and how it is measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradcam_cli.cli.completion_values import complete_files, complete_methods
from gradcam_cli.cli.explain_options import (
    DEFAULT_METHOD,
    layer_option,
    max_pixels_option,
    resize_option,
)
from gradcam_cli.cli.model_options import grouped_options
from gradcam_cli.cli.options import engine_option, offline_option, precision_option
from gradcam_cli.errors import UsageError

if TYPE_CHECKING:
    from gradcam_cli.annotations.contract import Annotations
    from gradcam_cli.engines import EngineName
    from gradcam_cli.images.framing import Resize
    from gradcam_cli.images.listing import Item
    from gradcam_cli.models.selection import Selection
    from gradcam_cli.passes import Precision
    from gradcam_cli.reports.messages import Messages
    from gradcam_cli.runs.checking import CheckStages
    from gradcam_cli.runs.settings import Settings


@dataclass(frozen=True)
class DataOptions:
    """What is expected in which pictures."""

    images: Path | None
    categories: tuple[str, ...]

    def read(self, data: Path) -> Annotations:
        """What `data` says."""
        from gradcam_cli.annotations.reading import read_annotations

        return read_annotations(data, self.images)

    def items(
        self, annotations: Annotations, selection: Selection, *, counterfactual: bool
    ) -> list[Item]:
        """The pictures, with the classes of the model."""
        from gradcam_cli.runs.check_items import check_items

        return check_items(
            annotations, selection.labels, self._given(), counterfactual=counterfactual
        )

    def _given(self) -> dict[str, str]:
        """The classes of categories, by their names."""
        pairs = [each.rpartition("=") for each in self.categories]
        for name, equals, label in pairs:
            if not name or not equals or not label:
                raise UsageError(
                    f"expected --category NAME=CLASS, got {name + equals + label!r}",
                    "Pass the data set's name, then the model's class.",
                )
        return {name: label for name, _, label in pairs}


@dataclass(frozen=True)
class MeasureOptions:
    """How pictures are explained and measured."""

    method: str
    layer: str | None
    engine: EngineName
    precision: Precision
    resize: Resize
    object_drop: bool
    max_pixels: int
    offline: bool

    def stages(self, selection: Selection, folder: Path, messages: Messages) -> CheckStages:
        """What is done with each picture; overlays go to `folder`."""
        from gradcam_cli.images.writing import OVERLAY_SUFFIX, Destination
        from gradcam_cli.runs.checking import CheckStages
        from gradcam_cli.runs.opening import ModelOpener
        from gradcam_cli.runs.settings import Outputs

        settings = self._settings()
        opener = ModelOpener(selection, settings, messages, messages.download_bar)
        return CheckStages(opener, settings, Outputs(Destination(folder, OVERLAY_SUFFIX)))

    def _settings(self) -> Settings:
        from gradcam_cli.methods.choice import parse_method
        from gradcam_cli.passes import FORWARD
        from gradcam_cli.runs.settings import Settings
        from gradcam_cli.targets import TOP, Target

        return Settings(
            (Target(TOP),),
            (parse_method(self.method).text,),
            self.layer,
            engine=self.engine,
            precision=self.precision,
            max_pixels=self.max_pixels,
            offline=self.offline,
            resize=self.resize,
            passes=(FORWARD,) if self.object_drop else (),
        )


data_options = grouped_options(
    "source",
    DataOptions,
    click.option(
        "--images",
        type=click.Path(path_type=Path),
        metavar="DIR",
        shell_complete=complete_files,
        help="Where the paths in DATA start.  [default: its own folder, or images/ there or "
        "beside it]",
    ),
    click.option(
        "--category",
        "categories",
        multiple=True,
        metavar="NAME=CLASS",
        help="The model's class for a category of DATA; may be repeated.  [default: the class of "
        "that name, or number]",
    ),
)

measure_options = grouped_options(
    "measuring",
    MeasureOptions,
    click.option(
        "--method",
        default=DEFAULT_METHOD,
        show_default=True,
        metavar="METHOD",
        shell_complete=complete_methods,
        help="One of `gradcam methods`.",
    ),
    layer_option,
    engine_option,
    precision_option,
    resize_option,
    click.option(
        "--object-drop/--no-object-drop",
        default=True,
        show_default=True,
        help="Also score each picture with the object blurred, and with all else blurred.",
    ),
    max_pixels_option,
    offline_option,
)
