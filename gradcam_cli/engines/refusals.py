"""What both engines refuse, in the same words."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.errors import UsageError
from gradcam_cli.passes import BIASES, INPUT, NO_LAYERS, RULE_PARAMETERS, Pass, Rules
from gradcam_cli.suggestions import closest, did_you_mean

Scalar = NDArray[np.float32]

_COMPILED_PLACES = NO_LAYERS - {INPUT}


def check_places(what: Pass, layers: Collection[str], model: str) -> None:
    """Raise UsageError where `what` is at a layer that is none of `layers`, those of `model`.

    `ATTENTION` and `BLOCK_ATTENTION` are among `layers` where it has them.
    """
    for place in what.at:
        if place in layers or (place in (INPUT, BIASES) and what.kind == "gradients"):
            continue
        if place in NO_LAYERS - {INPUT, BIASES}:
            raise without_attention(model)
        suggestion = did_you_mean(
            closest(place, [name for name in layers if name not in NO_LAYERS])
        )
        raise UsageError(
            f"expected a layer of {model}, got {place!r}",
            f"{suggestion} `gradcam layers` lists those that can be explained.".strip(),
        )


def is_compiled_only(what: Pass) -> bool:
    """True of what the engine tensorflow never has: relevance, and what is not at a layer."""
    return what.rules in ("relevance", "linearized") or not _COMPILED_PLACES.isdisjoint(what.at)


def without_relu(model: str) -> UsageError:
    """The error for guided gradients of a model in which they are the plain ones."""
    return UsageError(
        f"guided gradients need a model with ReLUs, and {model} has none between its input and "
        "its scores",
        "Choose another method, or another model with --model.",
    )


def without_attention(model: str) -> UsageError:
    """The error for the attention of a model in which none is known."""
    return UsageError(
        f"{model} has no attention layers that look at all tokens of a picture, as a vision "
        "transformer has; attention in windows does not count",
        "Choose another method, or another model with --model.",
    )


def without_relevance(model: str) -> UsageError:
    """The error for relevance of a model that TensorFlow runs, whose gradients it is not."""
    return UsageError(
        f"only the engine openvino propagates relevance, and TensorFlow runs {model}",
        "Choose another method, or leave --engine at auto for a model that is not in memory.",
    )


def rule_parameters(rules: Rules, parameters: Mapping[str, float]) -> dict[str, Scalar]:
    """All parameters of `rules`, those of `parameters` in place of their defaults.

    Raises
    ------
    UsageError
        Where `rules` have no such parameter.
    """
    defaults = RULE_PARAMETERS.get(rules, {})
    for name in parameters.keys() - defaults.keys():
        known = ", ".join(defaults) or "none"
        raise UsageError(
            f"expected parameters of the rules {rules}, got {name!r}", f"They have {known}."
        )
    return {name: np.array(value, np.float32) for name, value in {**defaults, **parameters}.items()}


def check_rows(activations: int, batch: int) -> None:
    """Raise UsageError unless a batch has one row, or one for each row of activations."""
    if batch not in (1, activations):
        raise UsageError(
            f"expected one input, or one for each of {activations} rows of activations, "
            f"got {batch}",
            "Pass the inputs that the activations came from.",
        )
