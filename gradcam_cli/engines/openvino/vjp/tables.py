"""The rule of each operation, by its type."""

from __future__ import annotations

from gradcam_cli.engines.openvino.vjp.activations import ACTIVATIONS, guided_clamp, guided_relu
from gradcam_cli.engines.openvino.vjp.convolutions import CONVOLUTIONS
from gradcam_cli.engines.openvino.vjp.elementwise import ELEMENTWISE
from gradcam_cli.engines.openvino.vjp.linearized import linearized
from gradcam_cli.engines.openvino.vjp.moving import MOVING
from gradcam_cli.engines.openvino.vjp.normalization import NORMALIZATION
from gradcam_cli.engines.openvino.vjp.pools import POOLS
from gradcam_cli.engines.openvino.vjp.ports import Rules
from gradcam_cli.engines.openvino.vjp.products import PRODUCTS
from gradcam_cli.engines.openvino.vjp.reductions import REDUCTIONS
from gradcam_cli.engines.openvino.vjp.resizing import RESIZING
from gradcam_cli.engines.openvino.vjp.slicing import SLICING

STANDARD: Rules = {
    **ELEMENTWISE,
    **ACTIVATIONS,
    **CONVOLUTIONS,
    **PRODUCTS,
    **POOLS,
    **REDUCTIONS,
    **NORMALIZATION,
    **MOVING,
    **SLICING,
    **RESIZING,
}
"""As calculus has it: what classifiers have between their input and the scores."""

GUIDED: Rules = {**STANDARD, "Relu": guided_relu, "Clamp": guided_clamp}
"""A gradient passes a ReLU only where it is positive itself (Springenberg et al., 2015)."""

LINEARIZED: Rules = linearized(STANDARD)
"""As if it were linear at each value: times the input it is AttnLRP (Achtibat et al., 2024)."""
