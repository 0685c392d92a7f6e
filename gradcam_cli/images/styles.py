"""Pictures with their heat, in every style.

picture + heatmap ─▶ heat at its size ─▶ painted in a style ─▶ boxes ─▶ colour bar and caption
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gradcam_cli.images.captions import Caption, captioned, enlarged, repeated
from gradcam_cli.images.drawing import WITH_CAPTION, Drawing
from gradcam_cli.images.framing import Frame
from gradcam_cli.images.lines import draw_lines, draw_regions
from gradcam_cli.images.overlay import bands, levels_of, overlay, palette
from gradcam_cli.images.regions import Region
from gradcam_cli.images.upsampling import heat_over

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]
    Heat = NDArray[np.float32]
    Box = tuple[int, int, int, int]

LEVELS = (0.25, 0.5, 0.75)
"""Where "contour" has its lines."""

_DIMMED = 0.25
"""The share of its brightness that "mask" leaves of what is not hot."""


def draw(
    image: Pixels,
    heatmap: Heat,
    drawing: Drawing,
    frame: Box | None = None,
    *,
    regions: Iterable[Region] = (),
    caption: Caption | None = None,
    end: float = 1.0,
) -> Pixels:
    """`image` with its heat.

    Parameters
    ----------
    image : (H, W, 3) uint8 RGB, 0..255
        Left as it is.
    heatmap : (h, w) float32, 0..1, or -1..1 where `drawing.signed`
        Of any resolution, and with any maximum.
    drawing : Drawing
        Of its styles, "blend" is `images.overlay.overlay`. In "figure" the heat is as opaque as it
        is hot, beside it stands a colour bar, below it the caption; "side-by-side" has the picture
        to the left of that. In "contour" lines at a quarter, half and three quarters of the scale
        are drawn on the picture, on both sides of zero. In "mask" all is dimmed that is not hotter
        than `drawing.box_threshold`.
    frame : (left, top, width, height), optional
        What the heatmap covers, in pixels of the image; by default all of it.
    regions : iterable of Region
        What is drawn a box around, in pixels of the image.
    caption : Caption, optional
        Of the styles that have one.

    end : float, above 0
        What the colour bar says that heat of 1 is.

    Returns
    -------
    (H, W, 3) uint8 RGB, 0..255
        A new array; "figure" and "side-by-side" are larger than the image.
    """
    if drawing.style not in WITH_CAPTION:
        painted = _painted(image, heatmap, drawing, frame)
        draw_regions(painted, regions)
        return painted
    photo, times = enlarged(image)
    scaled_frame = None if frame is None else Frame(*(times * value for value in frame))
    painted = _painted(photo, heatmap, drawing, scaled_frame)
    draw_regions(painted, [_scaled(region, times) for region in regions])
    panels = [painted] if drawing.style == "figure" else [photo, painted]
    ends = (-end if drawing.signed else 0.0, end)
    return captioned(panels, colors_of(drawing), caption or Caption(), ends)


def _scaled(region: Region, times: int) -> Region:
    return Region(region.left * times, region.top * times, repeated(region.mask, times))


def _painted(image: Pixels, heatmap: Heat, drawing: Drawing, frame: Box | None) -> Pixels:
    """`image` with its heat, at its own size."""
    if drawing.style == "blend":
        return overlay(
            image,
            heatmap,
            frame=frame,
            alpha=drawing.opacity,
            colormap=drawing.colors,
            upsample=drawing.upsample,
            signed=drawing.signed,
        )
    heat = heat_over(image, heatmap, frame, drawing.upsample)
    if drawing.style == "mask":
        return masked(image, heat, drawing.box_threshold)
    if drawing.style == "contour":
        return with_contours(image, heat, drawing)
    return with_glow(image, heat, drawing)


def with_glow(image: Pixels, heat: Heat, drawing: Drawing) -> Pixels:
    """`image` under the coloured `heat`, which is as opaque as opacity × heat.

    Signed heat is all in the two colours of its ends, as opaque as opacity × |heat|, so that on
    white equal steps look equal.
    """
    import cv2
    import numpy as np

    levels = levels_of(heat, signed=drawing.signed)
    opacities = np.linspace(0, drawing.opacity, 256, dtype=np.float32)
    colors_of_levels = palette(drawing.colors)
    if drawing.signed:
        opacities = np.abs(np.arange(-128, 128)).astype(np.float32) * (drawing.opacity / 127)
        colors_of_levels = colors_of_levels[[1] * 128 + [255] * 128]
    drawn = np.empty_like(image, order="C")
    for rows in bands(*levels.shape):
        colors = cv2.applyColorMap(levels[rows], colors_of_levels)
        opacity = opacities[levels[rows]]
        drawn[rows] = cv2.blendLinear(
            colors, np.ascontiguousarray(image[rows]), opacity, 1 - opacity
        )
    return drawn


def colors_of(drawing: Drawing) -> Pixels:
    """What heat from 0 to 1, or from -1, looks like on white: (256, 1, 3) uint8 RGB."""
    import numpy as np

    white = np.full((256, 1, 3), 255, np.uint8)
    heat = np.linspace(-int(drawing.signed), 1, 256, dtype=np.float32)[:, np.newaxis]
    return with_glow(white, heat, drawing)


def masked(image: Pixels, heat: Heat, threshold: float) -> Pixels:
    """`image`, dimmed where `heat` is not above `threshold`."""
    import numpy as np

    dimmed = (image * np.float32(_DIMMED)).astype(np.uint8)
    return np.where((heat > threshold)[..., np.newaxis], image, dimmed)


def with_contours(image: Pixels, heat: Heat, drawing: Drawing) -> Pixels:
    """`image` with lines where `heat` passes `LEVELS`, in their colours, found by scikit-image."""
    import numpy as np
    from skimage.measure import find_contours

    drawn = image.copy(order="C")
    padded = np.pad(heat, 1, mode="edge")  # so that it has two rows and columns at least
    signs = (-1, 1) if drawing.signed else (1,)
    for level in (sign * level for sign in signs for level in LEVELS):
        lines = [line[:, ::-1] - 1 for line in find_contours(padded, level)]
        number = 128 + round(127 * level) if drawing.signed else round(255 * level)
        draw_lines(drawn, lines, palette(drawing.colors)[number, 0].tolist())
    return drawn


def signed_heatmap(raw: Heat, others: Iterable[Heat] = ()) -> Heat:
    """`raw` with its signs, divided by its largest absolute value.

    Parameters
    ----------
    raw : (h, w) float32
        As a method gives it.
    others : iterable of (h, w) float32
        Maps on the same scale, whose values count too.

    Returns
    -------
    (h, w) float32, -1..1
        Zero stays zero. All zero where a value is not finite.

    Raises
    ------
    UsageError
        Unless `raw` has such a shape, and floats.

    Examples
    --------
    >>> import numpy as np
    >>> signed_heatmap(np.array([[-4, 2], [0, 1]], np.float32)).tolist()
    [[-1.0, 0.5], [0.0, 0.25]]
    """
    import numpy as np

    from gradcam_cli.arguments import check_raw_heatmap

    check_raw_heatmap(raw)
    finite = [each for each in (raw, *others) if np.isfinite(each).all()]
    largest = max((float(np.abs(each).max()) for each in finite), default=0.0)
    if not largest or not np.isfinite(raw).all():
        return np.zeros(raw.shape, np.float32)
    return (raw.astype(np.float64) / largest).astype(np.float32)


def clipped(heatmap: Heat, percentile: float, others: Iterable[Heat] = ()) -> tuple[Heat, float]:
    """`heatmap` with its scale ending at a percentile of its sizes, and where that is.

    Parameters
    ----------
    heatmap : (h, w) float32, -1..1
    percentile : float, above 0 and at most 100
        Where it falls between two values, the larger one counts.
    others : iterable of (h, w) float32, -1..1
        Maps on the same scale, whose values count too.

    Returns
    -------
    heatmap : (h, w) float32, -1..1
        Divided by `end`, and cut.
    end : float, 0..1
        The percentile. Where that is 0, or the largest size, nothing is changed, and it is 1.

    Examples
    --------
    >>> import numpy as np
    >>> heatmap, end = clipped(np.array([[-1, 0.5], [0.25, 0]], np.float32), 60)
    >>> heatmap.tolist(), end
    ([[-1.0, 1.0], [0.5, 0.0]], 0.5)
    """
    import numpy as np

    sizes = np.abs(np.concatenate([each.ravel() for each in (heatmap, *others)]))
    end = float(np.percentile(sizes, percentile, method="higher"))
    if end in (0.0, float(sizes.max())):
        return heatmap, 1.0
    return np.clip(heatmap / np.float32(end), -1, 1), end
