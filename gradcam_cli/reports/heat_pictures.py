"""The heatmap of a comparison's cell on its picture, as figures and pages show it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gradcam_cli.images.drawing import CLIP_PERCENTILE, COARSE_VALUES, DIVERGING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gradcam_cli.results.comparison import Comparison, Place

FULL_HEAT = CLIP_PERCENTILE / 100
"""Of maps of pixels, where heat is in few: the quantile that is drawn as the most."""
_COLOURS = "turbo"
_OPACITY = 0.7
_COARSE = 56
"""A map of fewer cells a side is smoothed to so many, or bilinear interpolation would show them."""
_LEAST_FULL = 0.05
"""Of the most heat; what has so little of it is not drawn as full heat, however rare more is."""


def with_heat(comparison: Comparison, place: Place) -> NDArray[np.uint8]:
    """The picture at `place`, more covered by colour the more heat there is: (H, W, 3) uint8.

    Where a comparison is signed, heat below zero has a colour of its own.
    """
    import numpy as np

    from gradcam_cli.images.framing import upsampled_over

    pixels, cell = comparison.pictures[place.pictures].pixels, comparison.cells[place]
    heatmap = cell.signed if comparison.signed else cell.heatmap
    if heatmap is None or not heatmap.any():
        return pixels
    height, width = pixels.shape[:2]
    frame = comparison.frames[place.pictures, place.models]
    heat = upsampled_over(_displayed(heatmap), frame, height, width)
    covered = pixels.astype(np.float32)
    region = frame.over(height, width)
    share = _OPACITY * np.sqrt(np.abs(heat))[..., np.newaxis]
    colours = coloured(heat, signed=comparison.signed)
    covered[region] += share * (255 * colours - covered[region])
    return np.rint(covered).astype(np.uint8)


def _displayed(heatmap: NDArray[np.float16]) -> NDArray[np.float32]:
    """The heatmap as it is drawn: a coarse one smoothed, the hottest pixels of a fine one alike."""
    import cv2
    import numpy as np

    heat = heatmap.astype(np.float32)
    if heat.size > COARSE_VALUES:
        sizes = np.abs(heat)
        heat /= max(float(np.quantile(sizes, FULL_HEAT)), float(sizes.max()) * _LEAST_FULL)
    elif max(heat.shape) < _COARSE:
        factor = math.ceil(_COARSE / max(heat.shape))
        size = (heat.shape[1] * factor, heat.shape[0] * factor)
        heat = cv2.resize(heat, size, interpolation=cv2.INTER_CUBIC).astype(np.float32, copy=False)
    displayed: NDArray[np.float32] = np.clip(heat, -1 if heatmap.min() < 0 else 0, 1)
    return displayed


def coloured(heat: NDArray[np.float32], *, signed: bool = False) -> NDArray[np.float32]:
    """The colour of each value of `heat`, 0..1 or, `signed`, -1..1: RGB in 0..1.

    Signed heat has two colours, of which there is the more the further it is from zero.
    """
    import numpy as np

    from gradcam_cli.images.overlay import levels_of, palette

    levels = np.where(heat < 0, 1, 255) if signed else levels_of(heat)
    colours: NDArray[np.uint8] = palette(DIVERGING if signed else _COLOURS)[levels, 0]
    return colours.astype(np.float32) / np.float32(255)
