"""How heatmaps are drawn, as one value. Nothing here needs NumPy, for the sake of `--help`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from gradcam_cli.errors import UsageError
from gradcam_cli.images.regions import HOT

Style = Literal["blend", "figure", "side-by-side", "contour", "mask"]
Upsampling = Literal["linear", "cubic", "guided"]
Scale = Literal["own", "shared"]
Regions = Literal["largest", "all"]

STYLES: tuple[Style, ...] = get_args(Style)
UPSAMPLINGS: tuple[Upsampling, ...] = get_args(Upsampling)
SCALES: tuple[Scale, ...] = get_args(Scale)
REGIONS: tuple[Regions, ...] = get_args(Regions)

_ALPHAS = {"figure": 0.7, "side-by-side": 0.7}
_COLORMAPS = {"blend": "jet", "contour": "turbo"}

DIVERGING = "blue-red"
"""The colour map of signed maps; see `images.overlay.palette`."""

WITH_CAPTION: tuple[Style, ...] = ("figure", "side-by-side")
"""Styles with a colour bar and a caption; the others have the picture's own size."""


@dataclass(frozen=True)
class Drawing:
    """How a heatmap is drawn.

    Attributes
    ----------
    style : str
        One of `STYLES`, which `images.styles` describes.
    alpha : float, 0..1, or None
        The share of the colours; in "figure" and "side-by-side", where it is hottest. None for 0.5,
        and 0.7 in these two.
    colormap : str or None
        One of `images.overlay.COLORMAPS`. None for "jet" in "blend", "turbo" in "contour", whose
        lines are all bright, and else "plasma", in which equal steps of heat look equal, and
        more heat is always brighter.
    upsample : str
        One of `UPSAMPLINGS`, which `images.upsampling` describes.
    scale : "own" or "shared"
        What is drawn hottest: the maximum of each heatmap, or that of all of a picture that are by
        one method at one layer. Between methods values have no common unit.
    boxes : bool
        Draw boxes around hot regions.
    box_threshold : float, 0..1
        How hot these are, and what "mask" shows, as a share of the largest heat.
    box_regions : "largest" or "all"
        Around which of them.
    signed : bool
        Show what speaks against the target as well: the colours are those of -1 to 1, on a scale
        that is as long below zero as above. The default colours are then "blue-red".
    """

    style: Style = "blend"
    alpha: float | None = None
    colormap: str | None = None
    upsample: Upsampling = "linear"
    scale: Scale = "own"
    boxes: bool = False
    box_threshold: float = HOT
    box_regions: Regions = "largest"
    signed: bool = False

    @property
    def opacity(self) -> float:
        """The share of the colours."""
        return _ALPHAS.get(self.style, 0.5) if self.alpha is None else self.alpha

    @property
    def colors(self) -> str:
        """The name of the colour map."""
        usual = DIVERGING if self.signed else _COLORMAPS.get(self.style, "plasma")
        return self.colormap or usual

    def check(self) -> None:
        """Raise UsageError where an attribute is not as above."""
        from gradcam_cli.arguments import check_share, check_word
        from gradcam_cli.images.overlay import COLORMAPS

        check_word("a style", self.style, STYLES)
        check_word("a way to upsample", self.upsample, UPSAMPLINGS)
        check_word("a scale", self.scale, SCALES)
        check_word("the regions for boxes", self.box_regions, REGIONS)
        check_word("a colour map", self.colors, (*COLORMAPS, DIVERGING))
        check_share("alpha", self.opacity)
        check_share("box_threshold", self.box_threshold)
        self.check_signed()

    def check_signed(self) -> None:
        """Raise UsageError where signs are asked of a style that has no colours."""
        if self.signed and self.style == "mask":
            raise UsageError(
                "signs are shown by colours, and the style mask has none", "Choose another style."
            )
