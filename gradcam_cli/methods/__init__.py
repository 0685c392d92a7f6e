"""Methods: from a model's arrays to a raw signed map, in a table by name.

To add one: a function, an entry here, a test.
"""

from __future__ import annotations

from gradcam_cli.methods.cam import from_gradients, grad_cam
from gradcam_cli.methods.contract import Maps, Method, Question
from gradcam_cli.methods.normalize import normalize
from gradcam_cli.passes import LAYER_GRADIENTS

_ALL = (
    Method(
        name="grad-cam",
        title="Grad-CAM",
        summary="the maps of a layer, each weighted by its mean gradient",
        paper="Selvaraju et al., 2017, arXiv 1610.02391",
        needs=(LAYER_GRADIENTS,),
        cost="1 forward and 1 backward pass",
        signed=True,
        maps=from_gradients(grad_cam),
    ),
)

METHODS: dict[str, Method] = {method.name: method for method in _ALL}

__all__ = ["METHODS", "Maps", "Method", "Question", "grad_cam", "normalize"]
