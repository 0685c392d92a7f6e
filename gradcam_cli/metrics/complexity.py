"""How simple a heatmap is, whatever the model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.metrics.similarity import correlation

Array = NDArray[np.float32]


def sparsity(heatmap: Array) -> float:
    """The Gini index of the map's absolute values, 0..1: 0 is even, 1 a single pixel.

    Chalasani et al., 2020 (arXiv 1810.06583), equation 8, as in Quantus. More is sparser, which is
    neither right nor wrong. A map without heat has 0.

    Examples
    --------
    >>> import numpy as np
    >>> sparsity(np.array([[0, 0], [0, 1]], "f"))
    0.75
    """
    values = np.sort(np.abs(heatmap.ravel()).astype(np.float64))
    total = float(values.sum())
    if not total:
        return 0.0
    ranks = np.arange(len(values), 0, -1) - 0.5
    return 1 - 2 * float(values @ ranks) / (total * len(values))


def complexity(heatmap: Array) -> float:
    """The entropy of the shares of the map's absolute values ÷ that of an even map, 0..1.

    Bhatt et al., 2020 (arXiv 2005.00631), definition 4; in Quantus it is not divided, so that it
    grows with the number of pixels. Less is simpler. A map without heat has 0.
    """
    values = np.abs(heatmap.ravel()).astype(np.float64)
    total = float(values.sum())
    if not total or len(values) < 2:
        return 0.0
    shares = values[values > 0] / total
    return float(-(shares * np.log(shares)).sum() / np.log(len(values)))


def coherency(heatmap: Array, heatmap_of_masked: Array) -> float:
    """How alike the map is to that of the input which shows only what is hot, 0..1.

    Poppi et al., 2021 (arXiv 2104.10252), equation 5: Pearson's correlation, -1..1, moved to 0..1.
    """
    first, second = (each.ravel().astype(np.float64) for each in (heatmap, heatmap_of_masked))
    return (1 + correlation(first, second)) / 2


def composite(coherent: float, spread: float, faithful: float) -> float:
    """The harmonic mean of coherency, 1 - spread and faithfulness, 0..1; more is better.

    With faithfulness 1 - `average_drop` it is the ADCC of Poppi et al., 2021, equation 7. With that
    of ROAD, moved to 0..1 by adding 1/2, it is ARCC (Domeniconi et al., 2026, arXiv 2605.14641);
    their code has the parts but not the sum, so that how ROAD is moved is our reading.

    Parameters
    ----------
    coherent : float, 0..1
        `coherency`.
    spread : float, 0..1
        What both papers call complexity: the mean of the map, which is 0..1 (Poppi et al.,
        equation 6).
    faithful : float, 0..1
    """
    parts = (coherent, 1 - spread, faithful)
    return 3 / sum(1 / part for part in parts) if min(parts) > 0 else 0.0
