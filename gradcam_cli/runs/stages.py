"""What is done with one picture, in three stages: read, explain, write.

Item ─▶ read ─▶ Loaded ─▶ explain ─▶ Explanation ─▶ write ─▶ Outcome
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gradcam_cli.callbacks import Progress, no_progress
from gradcam_cli.errors import GradcamError, ImageError, UsageError
from gradcam_cli.images.reading import Picture, read_image
from gradcam_cli.images.writing import encoded_heatmap, encoded_image, write_checked
from gradcam_cli.results.rendering import render, with_boxes
from gradcam_cli.runs.opening import ModelOpener
from gradcam_cli.runs.settings import Outputs, Settings, sources_of, tag_of
from gradcam_cli.storage.files import is_disk_failure
from gradcam_cli.storage.http import is_url

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gradcam_cli.images.listing import Item
    from gradcam_cli.results.evaluations import Evaluation
    from gradcam_cli.results.explanation import Explanation
    from gradcam_cli.results.manifest import Stamp
    from gradcam_cli.results.measures import Measures


@dataclass(frozen=True)
class OutputFile:
    """A file that was written, its size in bytes and its SHA-256."""

    path: Path
    size: int
    sha256: str


@dataclass(frozen=True)
class Outcome:
    """What became of a picture.

    Attributes
    ----------
    item : Item
        What was to be read.
    stamp : (int, int) or None
        The size and time of its file when it was read; None for a URL.
    explanation : Explanation or None
        The result, with the paths of the outputs; None where it failed.
    error : GradcamError or None
        Why it failed.
    overlays, heatmaps : tuple of OutputFile
        One for each explained target and method. They are whole, but where `Stages` does not
        sync they may not outlive a loss of power yet.
    measures : tuple of Measures
        Of a `gradcam check`, what was measured of each explained class.
    evaluations : tuple of Evaluation
        Of a `gradcam evaluate`, what was measured of each heatmap.
    """

    item: Item
    stamp: Stamp | None
    explanation: Explanation | None = None
    error: GradcamError | None = None
    overlays: tuple[OutputFile, ...] = ()
    heatmaps: tuple[OutputFile, ...] = ()
    measures: tuple[Measures, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()

    @property
    def files(self) -> tuple[OutputFile, ...]:
        """All outputs."""
        return (*self.overlays, *self.heatmaps)


@dataclass(frozen=True)
class Loaded:
    """A picture that was read, and what the model takes for it."""

    item: Item
    stamp: Stamp | None
    picture: Picture
    input: NDArray[np.float32]


@dataclass(frozen=True)
class Stages:
    """What is done with each picture.

    Attributes
    ----------
    opener : ModelOpener
        Gives the model once the first picture is to be explained.
    settings, outputs
        How pictures are explained, and what is written.
    rows : int or None
        How many inputs the engine runs at a time; None for what suits it.
    synced : bool
        Outputs outlive a loss of power as soon as they are written.
    progress : callable
        See `Question.progress`.
    """

    opener: ModelOpener
    settings: Settings
    outputs: Outputs
    rows: int | None = None
    synced: bool = False
    progress: Progress = no_progress

    def read(self, item: Item) -> Loaded | Outcome:
        """The picture of `item`, once it is sure that its outputs can be written."""
        stamp, settings = stamp_of(item), self.settings
        try:
            if item.error:
                raise ImageError(f"could not read {item.name}: {item.error}")
            picture = read_image(
                item.source, max_pixels=settings.max_pixels, offline=settings.offline
            )
            single_output = len(settings.targets) * len(settings.methods) == 1
            self.outputs.check(
                item.output_stem or picture.stem, picture, single_output=single_output
            )
        except GradcamError as error:
            return self._failed_outcome(item, stamp, error)
        return Loaded(item, stamp, picture, self.opener.explainer.input_of(picture.pixels))

    def explain(self, group: list[Loaded]) -> list[Explanation]:
        """The explanation of each of `group`."""
        explainer, settings = self.opener.explainer, self.settings
        explained = explainer.explain_inputs(
            [loaded.input for loaded in group],
            settings.targets,
            top=settings.top,
            rows=self.rows or explainer.engine.rows,
            progress=self.progress,
        )
        if not settings.trust:
            return explained
        tests = self.opener.trust_tests
        return [
            tests.tested(explanation, loaded.input, loaded.picture.pixels)
            for explanation, loaded in zip(explained, group, strict=True)
        ]

    def write(self, loaded: Loaded, explanation: Explanation) -> Outcome:
        """Write the outputs of a picture."""
        default_class = self.settings.default_class and self.rows == 1
        frame = self.opener.explainer.frame_of(loaded.picture.pixels)
        explanation = explanation.of_picture(loaded.picture, frame, default_class=default_class)
        if self.outputs.drawing.boxes:
            explanation = with_boxes(explanation, loaded.picture.pixels, self.outputs.drawing)
        numbers = range(len(explanation.targets))
        try:
            files = [self._write_outputs(loaded, explanation, number) for number in numbers]
        except UsageError as error:
            return self._failed_outcome(loaded.item, loaded.stamp, error)
        overlays = tuple(overlay for overlay, _ in files)
        heatmaps = tuple(heatmap for _, heatmap in files if heatmap)
        targets = [
            target.with_paths(str(overlay.path), str(heatmap.path) if heatmap else None)
            for target, (overlay, heatmap) in zip(explanation.targets, files, strict=True)
        ]
        explanation = explanation.with_targets(targets)
        return Outcome(loaded.item, loaded.stamp, explanation, overlays=overlays, heatmaps=heatmaps)

    def _write_outputs(
        self, loaded: Loaded, explanation: Explanation, number: int
    ) -> tuple[OutputFile, OutputFile | None]:
        """The files of one target and method."""
        outputs, picture, target = self.outputs, loaded.picture, explanation.targets[number]
        stem = loaded.item.output_stem or picture.stem
        path, heatmap_path = outputs.paths(stem, tag_of(target, self.settings))
        drawn = render(explanation, number, picture.pixels, outputs.drawing)
        overlay_file = self._write_file(
            path, encoded_image(drawn, outputs.overlays.format), picture
        )
        if heatmap_path is None:
            return overlay_file, None
        return overlay_file, self._write_file(
            heatmap_path, encoded_heatmap(target.heatmap), picture
        )

    def _write_file(self, path: Path, data: bytes, picture: Picture) -> OutputFile:
        write_checked(path, data, sources=sources_of(picture), synced=self.synced)
        return OutputFile(path, len(data), hashlib.sha256(data).hexdigest())

    @staticmethod
    def _failed_outcome(item: Item, stamp: Stamp | None, error: GradcamError) -> Outcome:
        if is_disk_failure(error):  # what keeps one file from being written keeps all
            raise error
        return Outcome(item, stamp, error=error)


def stamp_of(item: Item) -> Stamp | None:
    """The size and time of the file of `item`; None where there is none."""
    if is_url(item.source):
        return None
    try:
        stat = os.stat(item.source)  # noqa: PTH116 - of Path, it takes 100,000 files longer
    except (OSError, ValueError):
        return None
    return stat.st_size, stat.st_mtime_ns
