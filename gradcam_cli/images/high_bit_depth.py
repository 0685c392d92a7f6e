"""Pictures of more than 8 bits a channel: through OpenCV, then scaled to 0..255.

Pillow would cut 16-bit colour down to its upper 8 bits, and opens few TIFF files of deep colour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gradcam_cli.images.fetching import Origin
from gradcam_cli.images.orientation import fill_upright

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Samples:
    """A picture of more than 8 bits, as stored.

    Attributes
    ----------
    colour : (H, W, 1 or 3) of any number type of more than 8 bits, gray or RGB
    alpha : (H, W, 1) of the same type, or None
    premultiplied : bool
        Colours are multiplied by alpha already.
    white_is_zero : bool
        Gray where 0 is white; OpenCV does not turn it over.
    transparent_gray : int or None
        The gray that is transparent.
    """

    colour: NDArray[Any]
    alpha: NDArray[Any] | None = None
    premultiplied: bool = False
    white_is_zero: bool = False
    transparent_gray: int | None = None


def decode_by_opencv(data: bytes) -> Samples:
    """Views on the samples of an encoded picture. A TIFF comes upright, a PNG as stored.

    Raises
    ------
    ValueError or cv2.error
        Where OpenCV cannot decode it.
    """
    import cv2
    import numpy as np

    stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None:
        raise ValueError("OpenCV could not decode it")
    if stored.ndim == 2:
        return Samples(stored[..., None])
    return Samples(stored[..., 2::-1], stored[..., 3:] if stored.shape[2] == 4 else None)


def to_eight_bit(
    origin: Origin, samples: Samples, orientation: int
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """`samples` from their full range to 0..255, rounded, over white, upright; and the notes."""
    import numpy as np

    low, high, notes = _range(origin, samples)
    half = high / 2 - low / 2  # halves, so that no finite range overflows

    def band(top: int, bottom: int) -> NDArray[np.uint8]:
        stored = samples.colour[top:bottom]
        shown = stored.astype(np.float64) / 2 - low / 2
        shown *= 255 / half if half > 1e-300 else 0.0
        if samples.white_is_zero:
            shown = 255 - shown
        if samples.transparent_gray is not None:
            shown[stored == samples.transparent_gray] = 255
        if samples.alpha is not None:
            alpha = _opacity(samples.alpha[top:bottom])
            if not samples.premultiplied:
                shown *= alpha
            shown += 255 * (1 - alpha)
        return np.clip(np.rint(shown), 0, 255).astype(np.uint8)

    height, width = samples.colour.shape[:2]
    return fill_upright(height, width, orientation, band), notes


def _opacity(alpha: NDArray[Any]) -> NDArray[np.float64]:
    import numpy as np

    full = 1.0 if alpha.dtype.kind == "f" else float(np.iinfo(alpha.dtype).max)
    opacity: NDArray[np.float64] = np.clip(alpha.astype(np.float64) / full, 0, 1)
    return opacity


def _range(origin: Origin, samples: Samples) -> tuple[float, float, tuple[str, ...]]:
    """What stands for black and for white, with a note where that was taken from the pixels."""
    import numpy as np

    if samples.colour.dtype == np.uint16:
        return 0.0, 65535.0, ()
    low, high = float(samples.colour.min()), float(samples.colour.max())
    finite = np.isfinite((low, high)).all()
    if not finite or (samples.alpha is not None and not np.isfinite(samples.alpha.sum())):
        raise origin.refuse(
            "some of its pixels are not finite numbers", "Replace its NaN and infinite pixels."
        )
    floats = samples.colour.dtype.kind == "f"
    full = 1.0 if floats else 65535.0
    if low >= 0 and high <= full:
        return 0.0, full, ()
    numbers = f"{'float' if floats else 'integer'} pixels"
    note = f"its {numbers} are not within 0..{full:g}: stretched from {low:g}..{high:g} to 0..255"
    return low, high, (note,)
