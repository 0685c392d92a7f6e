"""The rule of each operation, by its type."""

from __future__ import annotations

from gradcam_cli.engines.openvino.vjp.elementwise import ELEMENTWISE, guided_clamp, guided_relu
from gradcam_cli.engines.openvino.vjp.moving import MOVING
from gradcam_cli.engines.openvino.vjp.pools import REDUCTIONS
from gradcam_cli.engines.openvino.vjp.ports import Rules
from gradcam_cli.engines.openvino.vjp.products import PRODUCTS

STANDARD: Rules = {**ELEMENTWISE, **PRODUCTS, **REDUCTIONS, **MOVING}
"""As calculus has it: what the catalogue's models have between their input and the scores."""

GUIDED: Rules = {**STANDARD, "Relu": guided_relu, "Clamp": guided_clamp}
"""A gradient passes a ReLU only where it is positive itself (Springenberg et al., 2015)."""
