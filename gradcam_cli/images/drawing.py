"""How heatmaps are drawn, as one value. Nothing here needs NumPy, for the sake of `--help`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from gradcam_cli.errors import UsageError
from gradcam_cli.images.regions import HOT
from gradcam_cli.suggestions import closest, did_you_mean

Style = Literal["blend", "figure", "side-by-side", "contour", "mask"]
Upsampling = Literal["linear", "cubic", "guided"]
Scale = Literal["own", "shared"]
Regions = Literal["largest", "all"]

STYLES: tuple[Style, ...] = get_args(Style)
UPSAMPLINGS: tuple[Upsampling, ...] = get_args(Upsampling)
SCALES: tuple[Scale, ...] = get_args(Scale)
REGIONS: tuple[Regions, ...] = get_args(Regions)

CLIP_PERCENTILE = 99
"""Of maps of pixels in styles with a colour bar; of others nothing is cut."""
COARSE_VALUES = 10_000
"""A map of more values than a layer's usually has is one of pixels: in few of them is heat."""

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
    clip_percentile : float, above 0 and at most 100, or None
        What per cent of the values on a scale, by size, it is long enough for; what is beyond it is
        drawn as its end. None for 99 in "figure" and "side-by-side" where a map has more than
        10,000 values, as those at the input have, of which few are near the maximum; else 100.
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
    clip_percentile: float | None = None
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

    def percentile_of(self, values: int) -> float:
        """`clip_percentile` of a map of so many values."""
        if self.clip_percentile is not None:
            return self.clip_percentile
        is_clipped = self.style in WITH_CAPTION and values > COARSE_VALUES
        return CLIP_PERCENTILE if is_clipped else 100

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Drawing:
        """The drawing with these attributes.

        Raises
        ------
        UsageError
            Where there is no such attribute, or one is not as above.
        """
        names = [field.name for field in fields(cls)]
        for name in options:
            if name not in names:
                raise UsageError(
                    f"expected an option of a drawing, got {name!r}",
                    did_you_mean(closest(name, names)) or f"Pass some of: {', '.join(names)}.",
                )
        drawing = cls(**options)
        drawing.check()
        return drawing

    def check(self) -> None:
        """Raise UsageError where an attribute is not as above."""
        from gradcam_cli.arguments import check_boolean, check_percentile, check_share, check_word
        from gradcam_cli.images.overlay import COLORMAPS

        check_word("a style", self.style, STYLES)
        check_word("a way to upsample", self.upsample, UPSAMPLINGS)
        check_word("a scale", self.scale, SCALES)
        check_word("the regions for boxes", self.box_regions, REGIONS)
        check_word("a colour map", self.colors, (*COLORMAPS, DIVERGING))
        check_boolean("boxes", self.boxes)
        check_boolean("signed", self.signed)
        check_share("alpha", self.opacity)
        check_share("box_threshold", self.box_threshold)
        if self.clip_percentile is not None:
            check_percentile("clip_percentile", self.clip_percentile)
        self.check_signed()

    def check_signed(self) -> None:
        """Raise UsageError where signs are asked of a style that has no colours."""
        if self.signed and self.style == "mask":
            raise UsageError(
                "signs are shown by colours, and the style mask has none", "Choose another style."
            )
