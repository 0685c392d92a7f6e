"""The graphs of VGG16 and VGG19, made of their weights alone; no TensorFlow has a part in it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.engines.openvino.graphs import LOGITS, output_name
from gradcam_cli.engines.openvino.runtime import openvino, ops
from gradcam_cli.engines.openvino.views import view_of
from gradcam_cli.engines.openvino.vjp.ports import Port, constant
from gradcam_cli.models import vgg

_CHANNELS_FIRST, _CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)
_ROWS_AT_A_TIME = 512
_THREADS = 4


def forward_graph(model: str, weights: dict[str, Any]) -> Any:
    """The network as an `openvino.Model`, with an output for each layer and for the scores.

    (N, 224, 224, 3) float32 -> (N, h, w, C) for each layer, (N, 1000).

    Parameters
    ----------
    model : str
        One of `vgg.MODELS`.
    weights : dict
        See `vgg.opened_weights`.
    """
    image = ops.parameter(openvino.PartialShape([-1, vgg.SIDE, vgg.SIDE, 3]), np.float32, "image")
    port = ops.transpose(image, constant(_CHANNELS_FIRST, np.int64)).output(0)
    results, steps = [], vgg.steps(model)
    for step in steps:
        match step.kind:
            case "Conv2D":
                port = _convolution(step.name, port, *weights[step.name])
            case "MaxPooling2D":
                none, two = [0, 0], [2, 2]
                port = ops.max_pool(port, two, [1, 1], none, none, two).output(0)
            case _:
                port = _flat(port, step.inputs)
                port = _dense(step.name, port, *weights[step.name], last=step is steps[-1])
        if step.side:
            results.append(_result(view_of(port, _CHANNELS_LAST), output_name(step.name)))
    return openvino.Model([*results, _result(port, LOGITS)], [image], model)


def _convolution(name: str, port: Port, kernel: Any, bias: Any) -> Port:
    kernels = np.ascontiguousarray(kernel[()].transpose(3, 2, 0, 1))
    one, none = [1, 1], [0, 0]
    node = ops.convolution(port, _constant(kernels), one, none, none, one, "same_upper")
    node.set_friendly_name(name)
    return ops.relu(ops.add(node, _constant(bias[()].reshape(1, -1, 1, 1)))).output(0)


def _flat(port: Port, units: int) -> Port:
    """Maps as Keras flattens them, channels last; what is flat already as it is."""
    if len(port.get_partial_shape()) == 2:
        return port
    last = ops.transpose(port, constant(_CHANNELS_LAST, np.int64))
    return ops.reshape(last, constant([-1, units], np.int64), special_zero=False).output(0)


def _dense(name: str, port: Port, kernel: Any, bias: Any, *, last: bool) -> Port:
    node = ops.matmul(port, _constant(_transposed(kernel)), False, True)
    node.set_friendly_name(name)
    scores = ops.add(node, _constant(bias[()].reshape(1, -1)))
    return (scores if last else ops.relu(scores)).output(0)


def _transposed(kernel: Any) -> NDArray[np.float32]:
    """A matrix in a file, with its axes changed; a part at a time, for it may be large."""
    import cv2

    rows, columns = kernel.shape
    turned = np.empty((columns, rows), np.float32)

    def turn(start: int) -> None:
        part = kernel[start : start + _ROWS_AT_A_TIME]
        turned[:, start : start + len(part)] = cv2.transpose(part)

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(turn, range(0, rows, _ROWS_AT_A_TIME)))
    return turned


def _constant(array: NDArray[np.float32]) -> Any:
    return ops.constant(np.ascontiguousarray(array, np.float32), shared_memory=True)


def _result(port: Port, name: str) -> Any:
    result = ops.result(port)
    result.set_friendly_name(name)
    return result
