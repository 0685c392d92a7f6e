"""Reverse-mode differentiation of an OpenVINO graph: the backward pass, built from the forward one.

Each operation has one rule, its vector-Jacobian product (VJP): from the gradient of a scalar y
with respect to the operation's output, the gradient with respect to one of its inputs. Walking
from y back to a layer and summing where paths meet is backpropagation (Rumelhart, Hinton and
Williams, 1986). Shapes must be static; the forward pass is not touched.
"""

from __future__ import annotations

from gradcam_cli.engines.openvino.vjp.activations import is_relu
from gradcam_cli.engines.openvino.vjp.ports import NotDifferentiableError
from gradcam_cli.engines.openvino.vjp.relevance import relevance_rules
from gradcam_cli.engines.openvino.vjp.tables import GUIDED, LINEARIZED, STANDARD
from gradcam_cli.engines.openvino.vjp.walk import gradients, missing_rules

__all__ = [
    "GUIDED",
    "LINEARIZED",
    "STANDARD",
    "NotDifferentiableError",
    "gradients",
    "is_relu",
    "missing_rules",
    "relevance_rules",
]
