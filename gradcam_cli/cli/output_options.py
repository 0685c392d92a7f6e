"""The options of `gradcam explain` for what is written, printed and recorded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradcam_cli.cli.completion_values import complete_files
from gradcam_cli.cli.model_options import grouped_options
from gradcam_cli.cli.options import json_option
from gradcam_cli.errors import UsageError

if TYPE_CHECKING:
    from gradcam_cli.images.drawing import Drawing
    from gradcam_cli.reports.outcomes import PrintOptions
    from gradcam_cli.runs.recording import RunOptions
    from gradcam_cli.runs.settings import Outputs, Settings


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
