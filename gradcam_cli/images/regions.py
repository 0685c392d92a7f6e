"""The hot regions of a heatmap."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HOT = 0.2
"""Of the largest value; what is above belongs to a hot region, as in Zhou et al. (2016)."""


class Region(NamedTuple):
    """A part of a picture: `mask` is (h, w) bool, its upper left pixel at `left` and `top`."""

    left: int
    top: int
    mask: NDArray[np.bool_]


def hot_box(heatmap: NDArray[np.float32], hot: float = HOT) -> tuple[int, int, int, int] | None:
    """The box around the largest connected region that is hot.

    As class activation maps are turned into boxes by Zhou et al. (2016), Learning deep features for
    discriminative localization, arXiv:1512.04150, section 3.2.

    Parameters
    ----------
    heatmap : (H, W) float32, at least 0
    hot : float, 0..1
        The threshold, as a share of the largest value.

    Returns
    -------
    (left, top, width, height), or None where there is no heat
    """
    import cv2
    import numpy as np

    peak = float(heatmap.max())
    if peak <= 0:
        return None
    is_hot = (heatmap > hot * peak).astype(np.uint8)
    _, _, regions, _ = cv2.connectedComponentsWithStats(is_hot, connectivity=8)
    largest = max(regions[1:], key=lambda region: region[cv2.CC_STAT_AREA])
    left, top, width, height = (int(value) for value in largest[:4])
    return left, top, width, height


def hot_regions(heat: NDArray[np.float32], threshold: float = HOT) -> list[Region]:
    """The connected regions that are hot, by scikit-image; pixels that touch at corners connect.

    Parameters
    ----------
    heat : (H, W) float32, at least 0
    threshold : float, 0..1
        As a share of the largest value; what is above it is hot, as in `hot_box`.

    Returns
    -------
    list of Region
        The largest first, of equals the upper one, then the left one; none where there is no heat.
    """
    from skimage.measure import label, regionprops

    labels = label(heat > threshold * float(heat.max()), connectivity=2)
    regions = [
        Region(int(found.bbox[1]), int(found.bbox[0]), found.image) for found in regionprops(labels)
    ]
    return sorted(regions, key=lambda region: (-region.mask.sum(), region.top, region.left))
