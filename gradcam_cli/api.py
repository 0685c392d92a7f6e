"""What takes one line: a picture in, an explanation out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.explainer import Explainer
from gradcam_cli.images.reading import Source
from gradcam_cli.models.labels import Classes
from gradcam_cli.models.model import Model
from gradcam_cli.models.selection import ModelName, Selection
from gradcam_cli.results.explanation import Explanation
from gradcam_cli.targets import TOP


def explain(
    source: Source | NDArray[np.uint8],
    *,
    model: ModelName | Selection | Model = "auto",
    target: Classes = TOP,
    method: str | Sequence[str] = "grad-cam",
    layer: str | None = None,
    top: int = 5,
    offline: bool = False,
) -> Explanation:
    """Explain one picture in one line; for several, load an `Explainer` once.

    Parameters
    ----------
    source, top
        As `image` and `top` of `Explainer.explain`.
    model, layer, offline
        As in `Explainer.load`.
    target : str, int, Target, or iterable of them
        One class or several; by default the predicted one.
    method : str, or sequence of str
        One of `gradcam methods`, or several.

    Raises
    ------
    UsageError, ImageError, ModelError
        As `Explainer.load` and `Explainer.explain`.

    Examples
    --------
    >>> explanation = explain("cat.jpg", model="efficientnet-lite0", target="Egyptian cat")
    >>> explanation.heatmap.shape
    (7, 7)
    """
    explainer = Explainer.load(model, layer=layer, methods=method, offline=offline)
    return explainer.explain(source, target, top=top)
