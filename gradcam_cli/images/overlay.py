"""Between pictures and a model's input or heatmap: resizing, colour maps and the blend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from gradcam_cli.images.drawing import UPSAMPLINGS
from gradcam_cli.images.framing import Frame, checked_frame, resized, whole
from gradcam_cli.images.upsampling import upsampled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gradcam_cli.images.drawing import Upsampling

COLORMAPS = (
    *("autumn", "bone", "jet", "winter", "rainbow", "ocean", "summer", "spring", "cool", "hsv"),
    *("pink", "hot", "parula", "magma", "inferno", "plasma", "viridis", "cividis", "twilight"),
    *("twilight_shifted", "turbo", "deepgreen"),
)
"""OpenCV's colour maps, each at its OpenCV number; named here so that `--help` loads no OpenCV."""

_BAND_PIXELS = 1 << 16
"""What is blended at a time stays in a core's cache."""


def model_input(
    image: NDArray[np.uint8], shape: tuple[int, int, int], frame: Frame | None = None
) -> NDArray[np.uint8]:
    """What is in `frame`, squashed to `shape` by cubic interpolation.

    Parameters
    ----------
    image : (H, W, 3) uint8 RGB, 0..255
        Left as it is.
    shape : (h, w, 3) or (h, w, 1)
        That of the result: RGB, or its luma, 0.299 R + 0.587 G + 0.114 B.
    frame : Frame, optional
        As `images.framing.frame_of` gives it; by default the whole picture.

    Returns
    -------
    (h, w, 3) or (h, w, 1) uint8, 0..255
        Black where there is no picture.
    """
    import cv2
    import numpy as np

    height, width, channels = shape
    pixels = resized(image, frame or whole(*image.shape[:2]), height, width)
    if channels != 1:
        return pixels
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., np.newaxis].astype("uint8", copy=False)


def overlay(
    image: NDArray[np.uint8],
    heatmap: NDArray[np.float32],
    *,
    frame: tuple[int, int, int, int] | None = None,
    alpha: float = 0.5,
    colormap: str = "jet",
    upsample: Upsampling = "linear",
) -> NDArray[np.uint8]:
    """`image` blended with the coloured `heatmap`.

    Parameters
    ----------
    image : (H, W, 3) uint8 RGB, 0..255
        Left as it is; it may be read-only or a view.
    heatmap : (h, w) float32 or float64, 0..1
        Of any resolution; it is resized to the frame's. Where it is zero everywhere there is
        nothing to show, and the result is the plain image.
    frame : (left, top, width, height), optional
        What the heatmap covers, in pixels of the image: the `frame` of an explanation; by default,
        and where that is None, the whole image. What is outside it stays as it is.
    alpha : float, 0..1
        The share of the colours; the image has the rest.
    colormap : str
        One of `COLORMAPS`.
    upsample : "linear", "cubic" or "guided"
        How the heatmap is resized; see `images.upsampling.upsampled`.

    Returns
    -------
    (H, W, 3) uint8 RGB, 0..255
        A new array.

    Raises
    ------
    UsageError
        Where an argument is not as above.
    """
    import numpy as np

    from gradcam_cli.arguments import check_image, check_share, check_word, checked_heatmap

    check_image(image)
    heatmap = checked_heatmap(heatmap)
    check_share("alpha", alpha)
    check_word("a colour map", colormap, COLORMAPS)
    check_word("a way to upsample", upsample, UPSAMPLINGS)
    height, width = image.shape[:2]
    covered = whole(height, width) if frame is None else checked_frame(frame)
    region = covered.over(height, width)
    if not heatmap.any() or not image[region].size:
        return image.copy()
    levels = (upsampled(heatmap, covered, image, upsample) * 255).astype(np.uint8)
    blended = np.empty_like(image) if levels.shape == (height, width) else image.copy()
    _blend(levels, palette(colormap), float(alpha), image[region], blended[region])
    return blended


def thumbnail(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """`image`, (H, W, 3) uint8 RGB, with a longest side of at most `side` pixels, by areas."""
    import cv2

    scale = side / max(image.shape[:2])
    if scale >= 1:
        return image
    width, height = (max(1, round(each * scale)) for each in image.shape[1::-1])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(
        "uint8", copy=False
    )


def _blend(
    levels: NDArray[np.uint8],
    colors_of: NDArray[np.uint8],
    alpha: float,
    image: NDArray[np.uint8],
    blended: NDArray[np.uint8],
) -> None:
    """Write the colours of `levels` and the image, of one height and width, to `blended`."""
    import cv2

    height, width = levels.shape
    step = max(1, _BAND_PIXELS // width)
    for top in range(0, height, step):
        rows = slice(top, top + step)
        colors = cv2.applyColorMap(levels[rows], colors_of)
        blended[rows] = cv2.addWeighted(colors, alpha, image[rows], 1 - alpha, 0)


def bands(height: int, width: int) -> Iterator[slice]:
    """The rows of a picture of this size, a few at a time."""
    step = max(1, _BAND_PIXELS // width)
    return (slice(top, top + step) for top in range(0, height, step))


@cache
def palette(colormap: str) -> NDArray[np.uint8]:
    """The colours of the levels 0 to 255: (256, 1, 3) uint8 RGB."""
    import cv2
    import numpy as np

    levels = np.arange(256, dtype=np.uint8)[:, np.newaxis]
    bgr = cv2.applyColorMap(levels, COLORMAPS.index(colormap))
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


@contextmanager
def single_threaded_opencv() -> Iterator[None]:
    """Keep OpenCV from threads of its own, for whoever resizes and blends in several already."""
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
