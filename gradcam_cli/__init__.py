"""Show and measure what an image classifier looks at.

    from gradcam_cli import Explainer, explain

    explain("photo.jpg", target="Egyptian cat").save("blended.jpg")

    explainer = Explainer.load("mine.keras", methods=["grad-cam", "hirescam"])
    for explanation in explainer.explain_many(["one.jpg", "two.jpg"]):
        print(explanation.source, explanation.predictions[0].name, explanation.heatmap.mean())

Nothing heavy is loaded until a name is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradcam_cli.api import explain
    from gradcam_cli.errors import GradcamError, ImageError, ModelError, UsageError
    from gradcam_cli.explainer import Explainer
    from gradcam_cli.images.overlay import COLORMAPS, overlay
    from gradcam_cli.images.reading import Picture, read_image
    from gradcam_cli.models.file_options import FileOptions
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
    "FileOptions": "gradcam_cli.models.file_options",
    "GradcamError": "gradcam_cli.errors",
    "ImageError": "gradcam_cli.errors",
    "ModelError": "gradcam_cli.errors",
    "Picture": "gradcam_cli.images.reading",
    "Prediction": "gradcam_cli.results.explanation",
    "TOP": "gradcam_cli.targets",
    "Target": "gradcam_cli.targets",
    "TargetExplanation": "gradcam_cli.results.explanation",
    "UsageError": "gradcam_cli.errors",
    "explain": "gradcam_cli.api",
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
    "FileOptions",
    "GradcamError",
    "ImageError",
    "ModelError",
    "Picture",
    "Prediction",
    "Target",
    "TargetExplanation",
    "UsageError",
    "__version__",
    "explain",
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
