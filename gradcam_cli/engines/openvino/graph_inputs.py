"""What the inputs of graphs are called."""

from __future__ import annotations

IMAGE, ACTIVATIONS, WEIGHTS, TOP, PROBABILITY = (
    "image",
    "activations",
    "weights",
    "top",
    "probability",
)
GRADIENT_INPUTS = (IMAGE, WEIGHTS, TOP, PROBABILITY)
"""The inputs of a graph of gradients, in their order."""
