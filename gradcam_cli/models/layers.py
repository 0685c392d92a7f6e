"""Which layers of a model can be explained."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gradcam_cli.errors import UsageError
from gradcam_cli.models import vgg
from gradcam_cli.models.known_layers import models_with
from gradcam_cli.passes import Pass, stages
from gradcam_cli.suggestions import closest, did_you_mean

if TYPE_CHECKING:
    from gradcam_cli.models.keras_network import KerasNetwork
    from gradcam_cli.models.keras_operations import OperationOutput

_NEVER_DEFAULT = ("Pool", "Padding", "Cropping", "Dropout")


@dataclass(frozen=True)
class LayerInfo:
    """A layer whose output is a stack of maps.

    Attributes
    ----------
    name, kind : str
        As Keras has them: "block5_conv3", "Conv2D"; of a layer in a nested model, its path:
        "resnet50/conv5_block3_out".
    shape : (h, w, C)
        Of its output for one image.
    default : bool
        True for the last convolutional activation.
    reason : str
        Of the default: why it is that one.
    """

    name: str
    kind: str
    shape: tuple[int, int, int]
    default: bool
    reason: str = ""


def vgg_layers(model: str) -> list[LayerInfo]:
    """What `explainable_layers` has for `model`, one of `vgg.MODELS`."""
    maps = [step for step in vgg.steps(model) if step.side]
    last = [step for step in maps if step.kind == "Conv2D"][-1]
    return [
        LayerInfo(
            step.name,
            step.kind,
            (step.side, step.side, step.outputs),
            step is last,
            LAST_ACTIVATION if step is last else "",
        )
        for step in maps
    ]


def explainable_layers(model: Any) -> list[LayerInfo]:
    """The layers with an output (h, w, C), h·w > 1, that the scores depend on, in their order.

    The default is the last one that is not a pooling, padding or dropout: what the classifier's
    head reads, at the finest resolution it still has. Additions written with ``+`` count, as in
    ConvNeXt; they are operations and not layers to Keras. A map for each class, which nothing but
    a pooling reads, is the head's own and no default.

    Parameters
    ----------
    model : KerasNetwork or keras.Model
    """
    from gradcam_cli.models.keras_network import KerasNetwork

    network = KerasNetwork.of(model)
    maps = [output for output in network.outputs if output.is_used and _is_map(output)]
    candidates = [output for output in maps if _may_be_default(output, network)]
    default = (candidates or maps)[-1:]
    return [
        LayerInfo(
            output.path,
            output.kind,
            (output.shape[0], output.shape[1], output.shape[2]),  # type: ignore[arg-type]
            output in default,
            _reason(output, maps, network) if output in default else "",
        )
        for output in maps
    ]


def passes_at(needs: Iterable[Pass], layers: Iterable[LayerInfo], layer: str) -> list[Pass]:
    """`needs` at `layer`, one of `layers`, and at the stages before it."""
    earlier = stages({info.name: info.shape for info in layers}, layer)
    return [need.at_layer(layer, earlier) for need in needs]


def find_layer(
    layers: list[LayerInfo], name: str | None, model_name: str, argument: str | None = None
) -> LayerInfo:
    """The layer called `name`, or the default one for None; for the others see `unknown_layer`.

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
    raise unknown_layer(name, [layer.name for layer in layers], model_name, argument)


def unknown_layer(
    name: str, known: list[str], model_name: str, argument: str | None = None
) -> UsageError:
    """The error for a layer that a model does not have, with the models known to have it.

    Parameters
    ----------
    name : str
        Of the layer.
    known : list of str
        The layers that there are.
    model_name : str
        What the model is called.
    argument : str, optional
        What it is called on the command line, where that is the path of a file.
    """
    what = f"{model_name} has no explainable layer called {name!r}"
    listing = f"`gradcam layers {shlex.quote(argument or model_name)}` lists all."
    if owners := models_with(name):
        what += f", which is a layer of {' and '.join(owners)}"
        return UsageError(what, f"Pass --model {owners[0]}, or another --layer: {listing}")
    return UsageError(what, f"{did_you_mean(closest(name, known))} {listing}".strip())


def _is_map(output: OperationOutput) -> bool:
    shape = output.shape
    if output.kind == "InputLayer" or len(shape) != 3 or None in shape:
        return False
    return shape[0] * shape[1] > 1  # type: ignore[operator]


def _may_be_default(output: OperationOutput, network: KerasNetwork) -> bool:
    is_named_so = any(word in output.kind for word in _NEVER_DEFAULT)
    return not (is_named_so or output.is_copy or _is_map_for_each_class(output, network))


def _is_map_for_each_class(output: OperationOutput, network: KerasNetwork) -> bool:
    return output.in_head and output.shape[-1] == network.units


LAST_ACTIVATION = "the last convolutional activation before the head"
"""Why a layer is the default, where it is what the head reads."""


def _reason(default: OperationOutput, maps: list[OperationOutput], network: KerasNetwork) -> str:
    after = maps[maps.index(default) + 1 :]
    for output in after:
        if _is_map_for_each_class(output, network):
            return f"the last activation before {output.path}, which gives a map for each class"
    return LAST_ACTIVATION
