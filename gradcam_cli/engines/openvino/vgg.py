"""The graphs of VGG16 and VGG19, made of their weights alone; no TensorFlow has a part in it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.engines.openvino.graphs import LOGITS, output_name
from gradcam_cli.engines.openvino.runtime import openvino, ops
from gradcam_cli.engines.openvino.saving import Parts
from gradcam_cli.engines.openvino.views import view_of
from gradcam_cli.engines.openvino.vjp.ports import Port, constant
from gradcam_cli.models import vgg

_CHANNELS_FIRST, _CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)
_COLUMNS_AT_A_TIME = 64


class Graph(NamedTuple):
    """A network whose dense kernels are inputs, for they are large.

    Attributes
    ----------
    model : openvino.Model
        With an input for the picture and one for each dense kernel.
    kernels : dict of generators of float32 arrays
        The values of the latter by their names, as `saving.save` takes them.
    """

    model: Any
    kernels: dict[str, Parts]


def forward_graph(model: str, weights: dict[str, Any]) -> Graph:
    """The network, with an output for each layer and for the scores.

    (N, 224, 224, 3) float32 -> (N, h, w, C) for each layer, (N, 1000).

    Parameters
    ----------
    model : str
        One of `vgg.MODELS`.
    weights : dict
        See `vgg.opened_weights`; they are to stay open until the kernels are written.
    """
    image = ops.parameter(
        openvino.PartialShape([-1, vgg.SIDE, vgg.SIDE, 3]), np.float32, name="image"
    )
    port = ops.transpose(image, constant(_CHANNELS_FIRST, np.int64)).output(0)
    inputs, results, steps = [image], [], vgg.steps(model)
    kernels: dict[str, Parts] = {}
    for step in steps:
        match step.kind:
            case "Conv2D":
                port = _convolution(step.name, port, *weights[step.name])
            case "MaxPooling2D":
                none, two = [0, 0], [2, 2]
                port = ops.max_pool(port, two, [1, 1], none, none, two).output(0)
            case _:
                (values, bias), name = weights[step.name], f"{step.name}/kernel"
                kernels[name] = _transposed(values)
                inputs.append(ops.parameter(step.kernel_shape[::-1], np.float32, name=name))
                port = _dense(step, port, inputs[-1], bias, last=step is steps[-1])
        if step.side:
            results.append(_result(view_of(port, _CHANNELS_LAST), output_name(step.name)))
    return Graph(openvino.Model([*results, _result(port, LOGITS)], inputs, model), kernels)


def _convolution(name: str, port: Port, kernel: Any, bias: Any) -> Port:
    kernels = np.ascontiguousarray(kernel[()].transpose(3, 2, 0, 1))
    one, none = [1, 1], [0, 0]
    node = ops.convolution(port, _constant(kernels), one, none, none, one, "same_upper")
    node.set_friendly_name(name)
    return ops.relu(ops.add(node, _constant(bias[()].reshape(1, -1, 1, 1)))).output(0)


def _dense(step: vgg.Step, port: Port, kernel: Any, bias: Any, *, last: bool) -> Port:
    node = ops.matmul(_flat(port, step.inputs), kernel, False, True)
    node.set_friendly_name(step.name)
    scores = ops.add(node, _constant(bias[()].reshape(1, -1)))
    return (scores if last else ops.relu(scores)).output(0)


def _flat(port: Port, units: int) -> Port:
    """Maps as Keras flattens them, channels last; what is flat already as it is."""
    if len(port.get_partial_shape()) == 2:
        return port
    last = ops.transpose(port, constant(_CHANNELS_LAST, np.int64))
    return ops.reshape(last, constant([-1, units], np.int64), special_zero=False).output(0)


def _transposed(kernel: Any) -> Parts:
    """A matrix in a file, with its axes changed, a part at a time."""
    import cv2

    matrix = _mapped(kernel)
    for start in range(0, matrix.shape[1], _COLUMNS_AT_A_TIME):
        yield cv2.transpose(matrix[:, start : start + _COLUMNS_AT_A_TIME])


def _mapped(kernel: Any) -> NDArray[np.float32]:
    """What an h5py dataset has, without a copy where it is in one piece, of numbers as we have."""
    offset = kernel.id.get_offset()
    if offset is None or kernel.dtype != np.dtype("<f4"):
        return np.asarray(kernel[()], np.float32)
    return np.memmap(kernel.file.filename, np.float32, "r", offset, kernel.shape)


def _constant(array: NDArray[np.float32]) -> Any:
    return ops.constant(np.ascontiguousarray(array, np.float32), shared_memory=True)


def _result(port: Port, name: str) -> Any:
    result = ops.result(port)
    result.set_friendly_name(name)
    return result
