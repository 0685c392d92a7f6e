"""What `gradcam evaluate` measures of one heatmap."""

from __future__ import annotations

import msgspec


class Evaluation(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How faithful, stable and simple a heatmap is.

    Attributes
    ----------
    values : dict of str to float
        By the names of `metrics.table`.
    deletion_curve, insertion_curve : tuple of float
        The class's probability at equal shares of the pixels; empty where not measured.
    """

    values: dict[str, float]
    deletion_curve: tuple[float, ...] = ()
    insertion_curve: tuple[float, ...] = ()
