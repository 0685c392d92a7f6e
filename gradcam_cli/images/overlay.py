"""Between pictures and a model's input or heatmap: resizing, colour maps and the blend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from math import cos, radians, sin
from typing import TYPE_CHECKING

from gradcam_cli.images.drawing import DIVERGING, UPSAMPLINGS
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

_GREY = (96, 0, 0)
_BLUE, _RED = ((45, 75 * cos(radians(hue)), 75 * sin(radians(hue))) for hue in (290, 40))
"""Ends of `DIVERGING` in CIELAB: of one lightness and chroma, so that both signs look as strong."""

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
    signed: bool = False,
) -> NDArray[np.uint8]:
    """`image` blended with the coloured `heatmap`.

    Parameters
    ----------
    image : (H, W, 3) uint8 RGB, 0..255
        Left as it is; it may be read-only or a view.
    heatmap : (h, w) float32 or float64, 0..1, or -1..1 of a signed one
        Of any resolution; it is resized to the frame's. Where it is zero everywhere there is
        nothing to show, and the result is the plain image.
    frame : (left, top, width, height), optional
        What the heatmap covers, in pixels of the image: the `frame` of an explanation; by default,
        and where that is None, the whole image. What is outside it stays as it is.
    alpha : float, 0..1
        The share of the colours; the image has the rest.
    colormap : str
        One of `COLORMAPS`, or "blue-red", for signed heatmaps.
    upsample : "linear", "cubic" or "guided"
        How the heatmap is resized; see `images.upsampling.upsampled`.
    signed : bool
        The colours are those of -1 to 1, as "blue-red" has them.

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
    heatmap = checked_heatmap(heatmap, low=-1 if signed else 0)
    check_share("alpha", alpha)
    check_word("a colour map", colormap, (*COLORMAPS, DIVERGING))
    check_word("a way to upsample", upsample, UPSAMPLINGS)
    height, width = image.shape[:2]
    covered = whole(height, width) if frame is None else checked_frame(frame)
    region = covered.over(height, width)
    if not heatmap.any() or not image[region].size:
        return image.copy()
    levels = levels_of(upsampled(heatmap, covered, image, upsample), signed=signed)
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


def levels_of(heat: NDArray[np.float32], *, signed: bool = False) -> NDArray[np.uint8]:
    """Which of a palette's colours each value of `heat` has: uint8 of its shape.

    Of 0..1 they are 0 to 255; of -1..1, for `signed` ones, 1 to 255, with 128 for zero.
    """
    import numpy as np

    if signed:
        return (np.rint(heat * 127) + 128).astype(np.uint8)
    return (heat * 255).astype(np.uint8)


def bands(height: int, width: int) -> Iterator[slice]:
    """The rows of a picture of this size, a few at a time."""
    step = max(1, _BAND_PIXELS // width)
    return (slice(top, top + step) for top in range(0, height, step))


@cache
def palette(colormap: str) -> NDArray[np.uint8]:
    """The colours of the levels 0 to 255: (256, 1, 3) uint8 RGB.

    Those of "blue-red" go in equal steps of CIELAB from blue over a light grey, that of level 128,
    to red, both ends as dark and as vivid: what Kovesi (2015, arXiv 1509.03700) asks of a colour
    map that diverges.
    """
    import cv2
    import numpy as np

    if colormap == DIVERGING:
        places = (np.maximum(np.arange(256.0), 1) - 128) / 127
        axes = zip(_BLUE, _GREY, _RED, strict=True)
        lab = np.stack([np.interp(places, (-1, 0, 1), ends) for ends in axes], axis=-1)
        rgb = cv2.cvtColor(lab[:, np.newaxis].astype(np.float32), cv2.COLOR_LAB2RGB)
        return np.rint(rgb * 255).astype(np.uint8)
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
