"""From a raw heatmap to one in 0..1, and whether it says anything."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.arguments import check_raw_heatmap
from gradcam_cli.targets import Evidence


def normalize(raw: NDArray[np.float32]) -> tuple[NDArray[np.float32], Evidence]:
    """The positive part of `raw`, divided by its maximum.

    Parameters
    ----------
    raw : (h, w) float32
        As a method gives it.

    Returns
    -------
    heatmap : (h, w) float32, 0..1
        All zero where there is no evidence; never NaN.
    evidence : "positive" or "none"
        "none" where no value is positive, all are the same, or one is not finite.

    Raises
    ------
    UsageError
        Unless `raw` has such a shape, and floats.

    Examples
    --------
    >>> heatmap, evidence = normalize(np.array([[-3, 2], [0, 4]], np.float32))
    >>> heatmap.tolist(), evidence
    ([[0.0, 0.5], [0.0, 1.0]], 'positive')
    """
    check_raw_heatmap(raw)
    empty = np.zeros(raw.shape, np.float32)
    if not np.isfinite(raw).all() or raw.max() <= 0 or raw.max() == raw.min():
        return empty, "none"
    # Divided in float64: the maximum may be so small that float32 would overflow.
    heatmap = np.maximum(raw, 0).astype(np.float64) / float(raw.max())
    return heatmap.astype(np.float32), "positive"
