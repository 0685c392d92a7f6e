"""Rules of operations that move elements to other places."""

from __future__ import annotations

import numpy as np

from gradcam_cli.engines.openvino.runtime import ops
from gradcam_cli.engines.openvino.vjp.ports import (
    Node,
    NotDifferentiableError,
    Port,
    Vjp,
    constant,
    fixed_value,
    only_input,
    reshaped,
    shape_of,
    sliced,
)


def _reshape(node: Node, g: Port, number: int) -> Port:
    return reshaped(g, shape_of(node.input_value(0)))


def _transpose(node: Node, g: Port, number: int) -> Port:
    return ops.transpose(g, constant(np.argsort(fixed_value(node, 1)), np.int64)).output(0)


def _concat(node: Node, g: Port, number: int) -> Port:
    axis = node.get_attributes()["axis"]
    sides = [shape_of(node.input_value(i))[axis] for i in range(len(node.inputs()))]
    start = sum(sides[:number])
    return sliced(g, {axis: (start, start + sides[number])})


def _pad(node: Node, g: Port, number: int) -> Port:
    only_input(node, number)
    if node.get_attributes()["pad_mode"] != "constant":
        raise NotDifferentiableError("Pad that repeats pixels")
    shape = shape_of(node.input_value(0))
    begin = [int(value) for value in fixed_value(node, 1)]
    return sliced(g, {i: (begin[i], begin[i] + shape[i]) for i in range(len(shape))})


def _strided_slice(node: Node, g: Port, number: int) -> Port:
    """Where it took every element of a box, put the gradient there and zeros around it."""
    only_input(node, number)
    shape = shape_of(node.input_value(0))
    strides = [int(value) for value in fixed_value(node, 3)] if len(node.inputs()) > 3 else [1]
    flags = node.get_attributes()
    reshaping = ("new_axis_mask", "shrink_axis_mask", "ellipsis_mask")
    if set(strides) != {1} or any(any(flags[mask]) for mask in reshaping):
        raise NotDifferentiableError("StridedSlice with strides or other than a box")
    masked = {axis for axis, flag in enumerate(flags["begin_mask"]) if flag}
    begin = [0] * len(shape)
    for axis, value in enumerate(fixed_value(node, 1)):
        if axis not in masked:
            begin[axis] = slice(int(value), None).indices(shape[axis])[0]
    return _pad_to_shape(g, shape, dict(enumerate(begin)))


def _slice(node: Node, g: Port, number: int) -> Port:
    only_input(node, number)
    starts, steps = (np.ravel(fixed_value(node, i)).tolist() for i in (1, 3))
    if set(steps) != {1}:
        raise NotDifferentiableError("Slice with steps")
    shape = shape_of(node.input_value(0))
    axes = np.ravel(fixed_value(node, 4)).tolist() if len(node.inputs()) > 4 else range(len(starts))
    first = {
        axis % len(shape): slice(start, None).indices(shape[axis])[0]
        for axis, start in zip(axes, starts, strict=True)
    }
    return _pad_to_shape(g, shape, first)


def _pad_to_shape(g: Port, shape: list[int], first: dict[int, int]) -> Port:
    """The gradient of a box, where it was cut out of `shape`, with zeros around it."""
    begin = [first.get(axis, 0) for axis in range(len(shape))]
    end = [side - start - part for side, start, part in zip(shape, begin, shape_of(g), strict=True)]
    return ops.pad(
        g, constant(begin, np.int64), constant(end, np.int64), "constant", constant(0)
    ).output(0)


MOVING: dict[str, Vjp] = {
    "Concat": _concat,
    "Pad": _pad,
    "Reshape": _reshape,
    "Slice": _slice,
    "Squeeze": _reshape,
    "StridedSlice": _strided_slice,
    "Transpose": _transpose,
    "Unsqueeze": _reshape,
}
