"""What rules are written with: outputs of nodes, constants, and a few operations on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradcam_cli.engines.openvino.runtime import ops

Node = Any
Port = Any
"""An output of a node: `openvino.Output`."""

Vjp = Callable[[Node, Port, int], Port]
"""(operation, dy/d its output, number of an input) -> dy/d that input."""

Rules = Mapping[str, Vjp]
"""The rule of each type of operation."""


class NotDifferentiableError(Exception):
    """An operation between the layer and the scores has no rule, or not for this use of it."""


def constant(array: Any, dtype: Any = np.float32) -> Node:
    """A constant, of float32 by default."""
    return ops.constant(np.asarray(array, dtype))


def shape_of(port: Port) -> list[int]:
    """The shape of an output, which is static."""
    return list(port.get_shape())


def fixed_value(node: Node, number: int) -> Any:
    """The value of an input that must be constant."""
    source = node.input_value(number).get_node()
    if source.get_type_name() != "Constant":
        raise NotDifferentiableError(f"{node.get_type_name()} with a computed input {number}")
    return source.data


def only_input(node: Node, number: int, allowed: int = 0) -> None:
    """Raise NotDifferentiableError unless the gradient is that of the input `allowed`."""
    if number != allowed:
        raise NotDifferentiableError(f"{node.get_type_name()} by its input {number}")


def reshaped(port: Port, shape: list[int]) -> Port:
    """The same elements in another shape."""
    return ops.reshape(port, constant(shape, np.int64), special_zero=False).output(0)


def unbroadcast(port: Port, shape: list[int]) -> Port:
    """Sum over the axes along which an input of `shape` was repeated."""
    actual = shape_of(port)
    padded = [1] * (len(actual) - len(shape)) + shape
    axes = [axis for axis, (a, b) in enumerate(zip(actual, padded, strict=True)) if a != b]
    if axes:
        port = ops.reduce_sum(port, constant(axes, np.int64), keep_dims=True).output(0)
    return port if shape_of(port) == shape else reshaped(port, shape)


def times(g: Port, factor: Any) -> Port:
    """A gradient times a slope."""
    return ops.multiply(g, factor).output(0)


def where(condition: Any, g: Port) -> Port:
    """`g` where `condition` holds, else 0."""
    return ops.select(condition, g, constant(0)).output(0)


def output_padding(node: Node, g: Port, sides: Sequence[int]) -> list[int]:
    """The rows and columns that strides left over, for the transposed convolution of `g`.

    `node` is a convolution or a pooling whose windows have `sides`, with dilations counted in.
    """
    window = node.get_attributes()
    strides, begin, end = window["strides"], window["pads_begin"], window["pads_end"]
    shape, windows = shape_of(node.input_value(0))[2:], shape_of(g)[2:]
    return [
        shape[i] + begin[i] + end[i] - strides[i] * (windows[i] - 1) - sides[i]
        for i in range(len(strides))
    ]


def sliced(port: Port, ranges: dict[int, tuple[int, int]]) -> Port:
    """A part of `port`: from where to where, for each axis that is cut."""
    shape = shape_of(port)
    cut = {axis: span for axis, span in ranges.items() if span != (0, shape[axis])}
    if not cut:
        return port
    starts, stops = zip(*cut.values(), strict=True)
    return ops.slice(
        port,
        constant(starts, np.int64),
        constant(stops, np.int64),
        constant([1] * len(cut), np.int64),
        constant(list(cut), np.int64),
    ).output(0)
