"""What the inputs of graphs are called."""

from __future__ import annotations

IMAGE, ACTIVATIONS, WEIGHTS, TOP, PROBABILITY = (
    "image",
    "activations",
    "weights",
    "top",
    "probability",
)
TARGET_INPUTS = (WEIGHTS, TOP, PROBABILITY)
"""The inputs that say what is differentiated."""
GRADIENT_INPUTS = (IMAGE, *TARGET_INPUTS)
"""The inputs of a graph of gradients, in their order."""
