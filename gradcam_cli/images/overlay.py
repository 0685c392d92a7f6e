"""Between pictures and a model's input or heatmap: resizing, colour maps and the blend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcam_cli.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COLORMAPS = (
    *("autumn", "bone", "jet", "winter", "rainbow", "ocean", "summer", "spring", "cool", "hsv"),
    *("pink", "hot", "parula", "magma", "inferno", "plasma", "viridis", "cividis", "twilight"),
    *("twilight_shifted", "turbo", "deepgreen"),
)
"""OpenCV's colour maps, each at its OpenCV number; named here so that `--help` loads no OpenCV."""

_BAND_ROWS = 512


def model_input(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The whole of `image`, (H, W, 3) uint8, squashed to (side, side, 3) by cubic interpolation."""
    import cv2

    size = (side, side)
    return cv2.resize(image, size, interpolation=cv2.INTER_CUBIC).astype("uint8", copy=False)


def overlay(
    image: NDArray[np.uint8],
    heatmap: NDArray[np.float32],
    *,
    alpha: float = 0.5,
    colormap: str = "jet",
) -> NDArray[np.uint8]:
    """`image` blended with the coloured `heatmap`.

    Parameters
    ----------
    image : (H, W, 3) uint8 RGB
        Left as it is.
    heatmap : (h, w) float32, 0..1
        Of any resolution; it is resized bilinearly to the image's. Where it is zero everywhere
        there is nothing to show, and the result is the plain image.
    alpha : float, 0..1
        The share of the colours; the image has the rest.
    colormap : str
        One of `COLORMAPS`.

    Returns
    -------
    (H, W, 3) uint8 RGB
    """
    import cv2
    import numpy as np

    if not heatmap.any():
        return image.copy()
    if colormap not in COLORMAPS:
        raise UsageError(f"there is no colour map {colormap!r}", f"One of: {', '.join(COLORMAPS)}.")
    height, width = image.shape[:2]
    levels = (cv2.resize(heatmap, (width, height)) * 255).astype(np.uint8)
    blended = np.empty_like(image)
    for top in range(0, height, _BAND_ROWS):  # the colours of 180 MP at once are 0.5 GB
        rows = slice(top, top + _BAND_ROWS)
        colors_bgr = cv2.applyColorMap(levels[rows], COLORMAPS.index(colormap))
        colors = cv2.cvtColor(colors_bgr, cv2.COLOR_BGR2RGB)
        blended[rows] = cv2.addWeighted(colors, alpha, image[rows], 1 - alpha, 0)
    return blended
