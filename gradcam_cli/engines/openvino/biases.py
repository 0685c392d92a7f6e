"""The biases between a model's input and its scores, and what each adds to them.

Those of convolutions and dense layers are constants that are added, and so is what batch
normalization adds: β − γ·μ / √(σ² + ε), merged with its convolution or not. What is added to
tokens, and numbers that keep a divisor from 0, are no biases of channels, and left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcam_cli.engines.openvino.runtime import openvino, ops
from gradcam_cli.engines.openvino.vjp.ports import (
    Node,
    Port,
    constant_as,
    fixed_array,
    integers,
    is_computed,
    reshaped,
    shape_of,
    times,
)


@dataclass(frozen=True)
class Bias:
    """A constant of each channel that is added.

    Attributes
    ----------
    port : openvino.Output
        The sum.
    axis : int
        The channels' in it.
    values : (channels,) float array
    """

    port: Port
    axis: int
    values: Any

    def times(self, gradient: Port) -> Port:
        """b·dy/db at each place, (N, h, w, C), from the gradient at the sum."""
        order = [i for i in range(len(shape_of(gradient))) if i != self.axis]
        last = ops.transpose(gradient, integers([*order, self.axis])).output(0)
        if len(order) == 1:
            rows, channels = shape_of(last)
            last = reshaped(last, [rows, 1, 1, channels])
        return times(last, constant_as(last, self.values))


def biases_between(image: Node, scores: Port) -> list[Bias]:
    """All biases on the way from `image`, of static shapes, to `scores`, in their order."""
    axes: dict[str, int | None] = {image.get_name(): len(shape_of(image.output(0))) - 1}
    found = []
    for node in openvino.Model([scores], [image], "").get_ordered_ops():
        if node.get_name() in axes:
            continue
        axes[node.get_name()] = axis = _channel_axis(node, axes)
        if axis is not None and (values := _added(node, axis)) is not None:
            found.append(Bias(node.output(0), axis, values))
    return found


def times_bias(biases: Sequence[Bias], gradients: Sequence[Port]) -> list[Port]:
    """What each of `biases` adds to y, from dy/d the sum that it is part of."""
    return [bias.times(gradient) for bias, gradient in zip(biases, gradients, strict=True)]


def _channel_axis(node: Node, axes: dict[str, int | None]) -> int | None:
    """The axis of channels in what `node` gives, from those of what it reads; None if unknown."""
    shape = [] if not node.outputs() else shape_of(node.output(0))
    if len(shape) == 2 or node.get_type_name() in ("Convolution", "GroupConvolution"):
        return 1
    known = [
        (axes[port.get_node().get_name()], shape_of(port))
        for port in node.input_values()
        if axes.get(port.get_node().get_name()) is not None
    ]
    if len(shape) != 4 or not known or len(known[0][1]) != 4:
        return None
    if node.get_type_name() == "Transpose":
        return list(node.input_value(1).get_node().data).index(known[0][0])
    return known[0][0]


def _added(node: Node, axis: int) -> Any:
    """The constant of each channel that `node` adds to what is computed; None if it adds none."""
    kind = node.get_type_name()
    channels = shape_of(node.output(0))[axis]
    if kind == "BatchNormInference":
        return _of_batch_norm(node)
    computed = [is_computed(port) for port in node.input_values()]
    if kind not in ("Add", "Subtract") or sum(computed) != 1:
        return None
    number = computed.index(False)
    values = np.asarray(fixed_array(node.input_value(number)))
    sides = [1] * (len(shape_of(node.output(0))) - values.ndim) + list(values.shape)
    if not values.ndim or sides[axis] != channels or values.size != channels:
        return None
    return values.ravel() * (-1 if kind == "Subtract" and number else 1)


def _of_batch_norm(node: Node) -> Any:
    """β − γ·μ / √(σ² + ε)."""
    first = 0 if node.get_type_info().version_id == "opset1" else 1
    numbers = (first, first + 1, 3, 4)
    scale, offset, mean, variance = (fixed_array(node.input_value(i)) for i in numbers)
    return offset - scale * mean / np.sqrt(variance + node.get_attributes()["epsilon"])
