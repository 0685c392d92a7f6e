"""What the inputs of graphs are called."""

from __future__ import annotations

from gradcam_cli.passes import RULE_PARAMETERS, Rules

IMAGE, ACTIVATIONS, WEIGHTS, TOP, PROBABILITY = (
    "image",
    "activations",
    "weights",
    "top",
    "probability",
)
TARGET_INPUTS = (WEIGHTS, TOP, PROBABILITY)
"""The inputs that say what is differentiated."""


def gradient_inputs(rules: Rules) -> tuple[str, ...]:
    """The inputs of a graph of gradients by `rules`, in their order."""
    return (IMAGE, *TARGET_INPUTS, *RULE_PARAMETERS.get(rules, ()))
