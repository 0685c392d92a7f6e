"""Pictures with a part blurred, to see what a model makes of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLUR = 1 / 12
"""The standard deviation of the blur, as a share of the longer side: 19 pixels of 224, with which
what an object is cannot be told any more, though its mean colour can."""


def blurred_where(image: NDArray[np.uint8], mask: NDArray[np.float32]) -> NDArray[np.uint8]:
    """`image`, blurred where `mask` is 1.

    Parameters
    ----------
    image : (H, W, C) uint8
        Left as it is.
    mask : (H, W) float32, 0..1
        In between, the two are mixed.

    Returns
    -------
    (H, W, C) uint8
    """
    import cv2
    import numpy as np

    height, width, channels = image.shape
    blurred = cv2.GaussianBlur(image, (0, 0), BLUR * max(height, width))
    blurred = blurred.reshape(height, width, channels)
    share = mask[..., np.newaxis]
    return np.rint(blurred * share + image * (1 - share)).astype(np.uint8)
