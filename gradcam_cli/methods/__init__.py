"""Methods: from a model's arrays to a raw map, in a table by name.

To add one: a function, a record in `table`, a test. NumPy is loaded where a function is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gradcam_cli.methods.choice import MethodChoice, parse_method
from gradcam_cli.methods.contract import Maps, Method, Option, Question
from gradcam_cli.methods.table import METHODS

if TYPE_CHECKING:
    from gradcam_cli.methods.cam import (
        grad_cam,
        grad_cam_elementwise,
        grad_cam_plus_plus,
        hires_cam,
        layer_cam,
        xgrad_cam,
    )
    from gradcam_cli.methods.input_gradient import guided_grad_cam, input_x_gradient, saliency
    from gradcam_cli.methods.normalization import normalize
    from gradcam_cli.methods.principal_components import eigen_cam, eigen_grad_cam, kpca_cam

_HOMES = {
    "eigen_cam": "principal_components",
    "eigen_grad_cam": "principal_components",
    "grad_cam": "cam",
    "grad_cam_elementwise": "cam",
    "grad_cam_plus_plus": "cam",
    "guided_grad_cam": "input_gradient",
    "hires_cam": "cam",
    "input_x_gradient": "input_gradient",
    "kpca_cam": "principal_components",
    "layer_cam": "cam",
    "normalize": "normalization",
    "saliency": "input_gradient",
    "xgrad_cam": "cam",
}

__all__ = [
    "METHODS",
    "Maps",
    "Method",
    "MethodChoice",
    "Option",
    "Question",
    "eigen_cam",
    "eigen_grad_cam",
    "grad_cam",
    "grad_cam_elementwise",
    "grad_cam_plus_plus",
    "guided_grad_cam",
    "hires_cam",
    "input_x_gradient",
    "kpca_cam",
    "layer_cam",
    "normalize",
    "parse_method",
    "saliency",
    "xgrad_cam",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
