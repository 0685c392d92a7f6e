"""Show and measure what an image classifier looks at.

    from gradcam_cli import Explainer, overlay, read_image

    picture = read_image("photo.jpg")
    explainer = Explainer.load("efficientnet-lite0")
    explanation = explainer.explain(picture, "Egyptian cat")
    blended = overlay(picture.pixels, explanation.targets[0].heatmap)

Nothing heavy is loaded until a name is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradcam_cli.errors import GradcamError, ImageError, ModelError, UsageError
    from gradcam_cli.explainer import Explainer
    from gradcam_cli.images.overlay import COLORMAPS, overlay
    from gradcam_cli.images.reading import Picture, read_image
    from gradcam_cli.models.selection import select_model
    from gradcam_cli.results.explanation import (
        ClassLabel,
        Explanation,
        Prediction,
        TargetExplanation,
    )
    from gradcam_cli.targets import TOP, Target

__version__ = "0.1.0"

_HOMES = {
    "COLORMAPS": "gradcam_cli.images.overlay",
    "ClassLabel": "gradcam_cli.results.explanation",
    "Explainer": "gradcam_cli.explainer",
    "Explanation": "gradcam_cli.results.explanation",
    "GradcamError": "gradcam_cli.errors",
    "ImageError": "gradcam_cli.errors",
    "ModelError": "gradcam_cli.errors",
    "Picture": "gradcam_cli.images.reading",
    "Prediction": "gradcam_cli.results.explanation",
    "TOP": "gradcam_cli.targets",
    "Target": "gradcam_cli.targets",
    "TargetExplanation": "gradcam_cli.results.explanation",
    "UsageError": "gradcam_cli.errors",
    "overlay": "gradcam_cli.images.overlay",
    "read_image": "gradcam_cli.images.reading",
    "select_model": "gradcam_cli.models.selection",
}

__all__ = [
    "COLORMAPS",
    "TOP",
    "ClassLabel",
    "Explainer",
    "Explanation",
    "GradcamError",
    "ImageError",
    "ModelError",
    "Picture",
    "Prediction",
    "Target",
    "TargetExplanation",
    "UsageError",
    "__version__",
    "overlay",
    "read_image",
    "select_model",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
