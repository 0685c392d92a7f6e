"""Which layers of a model can be explained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gradcam_cli.errors import UsageError
from gradcam_cli.models.known_layers import models_with
from gradcam_cli.suggestions import closest, did_you_mean

_NEVER_DEFAULT = ("Pool", "Padding", "Cropping", "Dropout")


@dataclass(frozen=True)
class LayerInfo:
    """A layer whose output is a stack of maps.

    Attributes
    ----------
    name, kind : str
        As Keras has them: "block5_conv3", "Conv2D".
    shape : (h, w, C)
        Of its output for one image.
    default : bool
        True for the last convolutional activation.
    """

    name: str
    kind: str
    shape: tuple[int, int, int]
    default: bool


def explainable_layers(model: Any) -> list[LayerInfo]:
    """The layers of the Keras `model` with an output (h, w, C), h·w > 1, from input to output.

    The default is the last one that is not a pooling, padding or dropout: what the classifier's
    head reads, at the finest resolution it still has. Additions written with ``+`` count, as in
    ConvNeXt; they are operations and not layers to Keras.
    """
    maps = [op for op in model.operations if _is_map(op)]
    candidates = [op for op in maps if not any(word in _kind(op) for word in _NEVER_DEFAULT)]
    default = (candidates or maps)[-1].name if maps else ""
    return [
        LayerInfo(op.name, _kind(op), tuple(op.output.shape[1:]), op.name == default) for op in maps
    ]


def find_layer(layers: list[LayerInfo], name: str | None, model_name: str) -> LayerInfo:
    """The layer called `name`, or the default one for None.

    Raises
    ------
    UsageError
        With the closest names where there is none.
    """
    for layer in layers:
        if layer.name == name or (name is None and layer.default):
            return layer
    if name is None:
        raise UsageError(f"{model_name} has no layer with maps to explain")
    raise unknown_layer(name, [layer.name for layer in layers], model_name)


def unknown_layer(name: str, known: list[str], model_name: str) -> UsageError:
    """The error for a layer that `model_name` does not have, with the models known to have it."""
    what = f"{model_name} has no explainable layer called {name!r}"
    listing = f"`gradcam layers {model_name}` lists all."
    if owners := models_with(name):
        what += f", which is a layer of {' and '.join(owners)}"
        return UsageError(what, f"Pass --model {owners[0]}, or another --layer: {listing}")
    return UsageError(what, f"{did_you_mean(closest(name, known))} {listing}".strip())


def _kind(operation: Any) -> str:
    return type(operation).__name__


def _is_map(operation: Any) -> bool:
    if _kind(operation) == "InputLayer":
        return False
    shape: tuple[Any, ...] = getattr(getattr(operation, "output", None), "shape", ())
    return len(shape) == 4 and None not in shape[1:] and shape[1] * shape[2] > 1
