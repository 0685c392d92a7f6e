"""The graph of the bundled model, made of its weights alone; no TensorFlow has a part in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcam_cli.engines.openvino.graphs import LOGITS, fold, output_name
from gradcam_cli.engines.openvino.runtime import openvino, ops
from gradcam_cli.engines.openvino.views import view_of
from gradcam_cli.engines.openvino.vjp.ports import Port, constant
from gradcam_cli.models import efficientnet_lite
from gradcam_cli.models.efficientnet_lite import SIZE, Step

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CHANNELS_FIRST, _CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)


def forward_graph() -> Any:
    """The network as an `openvino.Model`, with an output for each layer and for the scores.

    (N, 224, 224, 3) float32 -> (N, h, w, C) for each layer, (N, 1000).

    Raises
    ------
    ModelError
        Where the package with the weights is missing or damaged.
    """
    weights = efficientnet_lite.read_weights()
    image = ops.parameter(openvino.PartialShape([-1, SIZE, SIZE, 3]), np.float32, "image")
    port = ops.transpose(image, constant(_CHANNELS_FIRST, np.int64)).output(0)
    ports: dict[str, Port] = {}
    for step in efficientnet_lite.steps():
        inputs = [port, ports[step.other]] if step.other else [port]
        port = ports[step.name] = _output(step, inputs, weights[step.name])
    results = [
        _result(view_of(ports[layer], _CHANNELS_LAST), output_name(layer))
        for layer in efficientnet_lite.layer_names()
    ]
    model = openvino.Model([*results, _result(port, LOGITS)], [image], efficientnet_lite.NAME)
    fold(model)
    return model


def _result(port: Port, name: str) -> Any:
    result = ops.result(port)
    result.set_friendly_name(name)
    return result


def _output(step: Step, inputs: list[Port], weights: list[NDArray[Any]]) -> Port:
    """What `step` gives, its maps channels first."""
    match step.kind:
        case "Conv2D" | "DepthwiseConv2D":
            node = _convolution(step, inputs[0], weights[0])
        case "BatchNormalization":
            node = _normalization(inputs[0], *weights)
        case "ReLU":
            node = ops.clamp(inputs[0], 0.0, 6.0)
        case "Add":
            node = ops.add(*inputs)
        case "GlobalAveragePooling2D":
            node = ops.reduce_mean(inputs[0], constant([2, 3], np.int64))
        case _:  # Dense
            kernel, bias = map(ops.constant, weights)
            product = ops.matmul(inputs[0], kernel, False, True)
            product.set_friendly_name(step.name)
            node = ops.add(product, bias)
    return node.output(0)


def _convolution(step: Step, port: Port, kernel: NDArray[Any]) -> Any:
    strides, none = [step.stride, step.stride], [0, 0]
    if step.kind == "DepthwiseConv2D":  # (channels, 1, h, w) to (groups, outputs, inputs, h, w)
        kernel, convolve = kernel[:, None], ops.group_convolution
    else:
        convolve = ops.convolution
    node = convolve(port, ops.constant(kernel), strides, none, none, [1, 1], "same_upper")
    node.set_friendly_name(step.name)
    return node


def _normalization(port: Port, *weights: NDArray[Any]) -> Any:
    """As TensorFlow computes it, in the same order; `fold` makes two constants of it."""
    gamma, beta, mean, variance = (ops.constant(array[None, :, None, None]) for array in weights)
    deviation_power, epsilon = constant(-0.5), constant(efficientnet_lite.BN_EPSILON)
    scale = ops.multiply(ops.power(ops.add(variance, epsilon), deviation_power), gamma)
    shift = ops.subtract(beta, ops.multiply(mean, scale))
    return ops.add(ops.multiply(port, scale), shift)
