"""Show and measure what an image classifier looks at.

    from gradcam_cli import Explainer, overlay, read_image

    picture = read_image("photo.jpg")
    explanation = Explainer.load("efficientnet-lite0").explain(picture.pixels)
    blended = overlay(picture.pixels, explanation.targets[0].heatmap)

Nothing heavy is loaded until a name is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Explainer": "gradcam_cli.explainer",
    "Explanation": "gradcam_cli.records",
    "GradcamError": "gradcam_cli.errors",
    "TOP": "gradcam_cli.records",
    "overlay": "gradcam_cli.images.overlay",
    "read_image": "gradcam_cli.images.reading",
}

__all__ = [*_HOMES, "__version__"]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
