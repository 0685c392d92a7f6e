"""What a run is to do with each picture, and what it writes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gradcam_cli.images import MAX_PIXELS
from gradcam_cli.images.drawing import Drawing
from gradcam_cli.images.writing import (
    Destination,
    check_inside,
    check_size,
    check_writable,
    make_folder,
)
from gradcam_cli.methods.modifiers import UNMODIFIED, Modifiers
from gradcam_cli.targets import Score, Target

if TYPE_CHECKING:
    from gradcam_cli.engines import EngineName
    from gradcam_cli.images.baselines import BaselineFile
    from gradcam_cli.images.framing import Resize
    from gradcam_cli.images.reading import Picture
    from gradcam_cli.passes import Pass, Precision
    from gradcam_cli.results.explanation import TargetExplanation


@dataclass(frozen=True)
class Settings:
    """How each picture is read and explained.

    Attributes
    ----------
    targets : tuple of Target
        What to explain.
    methods : tuple of str
        By which methods.
    layer, score, engine, top, max_pixels, offline, resize, precision
        As `gradcam explain` has them.
    modifiers : Modifiers
        How maps are averaged, or fused of several layers.
    default_class : bool
        Nobody chose the class.
    passes : tuple of Pass
        What the engine does besides what the methods need.
    trust : bool
        Test each heatmap.
    baselines : tuple of BaselineFile
        What pictures are compared with; none for the black one.
    """

    targets: tuple[Target, ...]
    methods: tuple[str, ...] = ("grad-cam",)
    layer: str | None = None
    score: Score = "logit"
    engine: EngineName = "auto"
    top: int = 5
    max_pixels: int = MAX_PIXELS
    offline: bool = False
    default_class: bool = False
    resize: Resize = "squash"
    passes: tuple[Pass, ...] = ()
    trust: bool = False
    precision: Precision = "f32"
    modifiers: Modifiers = UNMODIFIED
    baselines: tuple[BaselineFile, ...] = ()


@dataclass(frozen=True)
class Outputs:
    """Which files are written, and how overlays look.

    Attributes
    ----------
    overlays : Destination
        Where overlays go.
    heatmaps : Destination or None
        Where heatmaps go, if they are saved.
    drawing : Drawing
        How overlays look.
    """

    overlays: Destination
    heatmaps: Destination | None = None
    drawing: Drawing = field(default_factory=Drawing)

    @property
    def destinations(self) -> tuple[Destination, ...]:
        """Where files go."""
        return (self.overlays,) if self.heatmaps is None else (self.overlays, self.heatmaps)

    def check(self, stem: str, picture: Picture, *, single_output: bool) -> None:
        """Find out before any work is done what cannot be written, and make the folders.

        Parameters
        ----------
        stem : str
            How outputs are called, without a tag and a suffix.
        picture : Picture
            What they are made of, and must not replace.
        single_output : bool
            There is one output of a kind, so that its name is known.

        Raises
        ------
        UsageError
            Naming the path and the reason.
        """
        check_size(self.overlays.format, picture.pixels)
        for destination in self.destinations:
            path = destination.path(stem)
            check_inside(destination.folder, path.parent)
            if not destination.file:
                make_folder(path.parent)
            if single_output:
                check_writable(path, sources=sources_of(picture))

    def paths(self, stem: str, tag: str) -> tuple[Path, Path | None]:
        """The overlay's and, where it is saved, the heatmap's."""
        heatmap = None if self.heatmaps is None else self.heatmaps.path(stem, tag)
        return self.overlays.path(stem, tag), heatmap


def tag_of(explained: TargetExplanation, settings: Settings) -> str:
    """The part of its outputs' names that no other target and method has."""
    return explained.tag(target=len(settings.targets) > 1, method=len(settings.methods) > 1)


def sources_of(picture: Picture) -> tuple[Path, ...]:
    """The file that `picture` was read from, which no output must replace."""
    return () if picture.path is None else (picture.path,)
