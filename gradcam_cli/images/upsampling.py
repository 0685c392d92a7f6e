"""From a heatmap's cells to a picture's pixels: linear, cubic, or guided by the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcam_cli.images.framing import Frame, upsampled_over, whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gradcam_cli.images.drawing import Upsampling

_TAPS = (-1, 0, 1, 2)
_SMOOTHNESS = 0.04
"""The guided filter's epsilon, for pictures in 0..1: edges of a fifth of the range are kept."""


def heat_over(
    image: NDArray[np.uint8],
    heatmap: NDArray[np.float32],
    frame: tuple[int, int, int, int] | None = None,
    upsample: Upsampling = "linear",
) -> NDArray[np.float32]:
    """`heatmap` at the size of `image`, and zero outside `frame`.

    Parameters
    ----------
    image : (H, W, 3) uint8 RGB, 0..255
    heatmap : (h, w) float32 or float64, 0..1
    frame : (left, top, width, height), optional
        What the heatmap covers, in pixels of the image; by default all of it.
    upsample : "linear", "cubic" or "guided"
        See `upsampled`.

    Returns
    -------
    (H, W) of `heatmap`'s dtype, 0..1
    """
    import numpy as np

    height, width = image.shape[:2]
    covered = whole(height, width) if frame is None else Frame(*frame)
    region = covered.over(height, width)
    if not image[region].size:
        return np.zeros((height, width), heatmap.dtype)
    heat = upsampled(heatmap, covered, image, upsample)
    if heat.shape == (height, width):
        return heat
    spread = np.zeros((height, width), heat.dtype)
    spread[region] = heat
    return spread


def upsampled(
    heatmap: NDArray[np.float32],
    frame: Frame,
    image: NDArray[np.uint8],
    upsample: Upsampling = "linear",
) -> NDArray[np.float32]:
    """The part over `image` of `heatmap`, which is spread over `frame`.

    Parameters
    ----------
    heatmap : (h, w) float32 or float64, 0..1
    frame : Frame
    image : (H, W, 3) uint8 RGB, 0..255
    upsample : "linear", "cubic" or "guided"
        Bilinearly, as `upsampled_over` does. Or by cubic convolution (Keys, 1981, IEEE Trans.
        ASSP 29(6), eq. 15; a = -1/2), which has no creases along rows and columns of cells, cut to
        0..1, or to -1..1 where the heatmap has signs. Or by the latter and a guided filter
        (`guided_filter`) over a cell, so that the heat follows the edges of the picture.

    Returns
    -------
    (rows, columns) of `heatmap`'s dtype, 0..1
        Those of `frame.over(H, W)`, which are some.
    """
    import numpy as np

    height, width = image.shape[:2]
    if upsample == "linear":
        return upsampled_over(heatmap, frame, height, width)
    rows, columns = frame.over(height, width)
    wide = _cubic_rows(heatmap.T, frame.left, frame.width, columns).T
    heat = _cubic_rows(wide, frame.top, frame.height, rows)
    if upsample == "guided":
        cell = min(frame.height / heatmap.shape[0], frame.width / heatmap.shape[1])
        heat = guided_filter(heat, image[rows, columns], max(1, round(cell / 2)))
    return np.clip(heat, -1 if heatmap.min() < 0 else 0, 1, out=heat)


def _cubic_rows(
    heatmap: NDArray[np.float32], start: int, length: int, part: slice
) -> NDArray[np.float32]:
    """Of `heatmap` at `length` rows from `start` on, those of `part`; its edges go on beyond it."""
    import numpy as np

    centers = np.arange(part.start - start, part.stop - start) + 0.5
    places = centers * (len(heatmap) / length) - 0.5
    cells = np.floor(places)
    t = (places - cells)[:, np.newaxis].astype(heatmap.dtype)
    weights = (
        ((2 - t) * t - 1) * t / 2,
        (3 * t - 5) * t**2 / 2 + 1,
        ((4 - 3 * t) * t + 1) * t / 2,
        (t - 1) * t**2 / 2,
    )
    rows = np.zeros((len(places), heatmap.shape[1]), heatmap.dtype)
    for tap, weight in zip(_TAPS, weights, strict=True):
        rows += weight * heatmap[np.clip(cells + tap, 0, len(heatmap) - 1).astype(np.intp)]
    return rows


def guided_filter(
    heat: NDArray[np.float32], image: NDArray[np.uint8], radius: int
) -> NDArray[np.float32]:
    """`heat` smoothed, but not across the edges of `image`.

    He, Sun and Tang (2010), Guided image filtering, ECCV, eqs. 4 to 6: in each window the result is
    linear in the picture, q = a I + b, with a and b by ridge regression to the heat. I is the luma.

    Parameters
    ----------
    heat : (H, W) float32 or float64
    image : (H, W, 3) uint8 RGB, 0..255
    radius : int
        The windows have 2 radius + 1 pixels a side.

    Returns
    -------
    (H, W) of `heat`'s dtype
    """
    import cv2
    import numpy as np

    def mean(values: NDArray[Any]) -> NDArray[Any]:
        side = 2 * radius + 1
        return cv2.blur(values, (side, side), borderType=cv2.BORDER_REPLICATE)

    luma = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    guide = luma.astype(np.float32) / np.float32(255)
    mean_guide, mean_heat = mean(guide), mean(heat)
    variance = mean(guide * guide) - mean_guide * mean_guide
    slope = (mean(guide * heat) - mean_guide * mean_heat) / (variance + _SMOOTHNESS)
    offset = mean_heat - slope * mean_guide
    filtered: NDArray[np.float32] = mean(slope) * guide + mean(offset)
    return filtered
