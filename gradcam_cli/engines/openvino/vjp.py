"""Reverse-mode differentiation of an OpenVINO graph: the backward pass, built from the forward one.

Each operation has one rule, its vector-Jacobian product (VJP): from the gradient of a scalar y
with respect to the operation's output, the gradient with respect to one of its inputs. Walking
from y back to a layer and summing where paths meet is backpropagation (Rumelhart, Hinton and
Williams, 1986). Shapes must be static; the forward pass is not touched.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gradcam_cli.engines.openvino.runtime import ops

Node = Any
Port = Any
"""An output of a node: `openvino.Output`."""

Vjp = Callable[[Node, Port, int], Port]
"""(operation, dy/d its output, number of an input) -> dy/d that input."""


class NotDifferentiableError(Exception):
    """An operation between the layer and the scores has no rule, or not for this use of it."""


def gradient(operations: list[Node], y: Port, seed: Port, point: Port) -> Port:
    """The gradient with respect to `point`, where `seed` is that with respect to `y`.

    Parameters
    ----------
    operations : list of openvino.Node
        All of the graph, each after the operations it reads.
    y, seed : openvino.Output
        The end of the forward pass, and a gradient of the same shape to start from.
    point : openvino.Output
        Where to stop; an output that `y` depends on.

    Raises
    ------
    NotDifferentiableError
        Where an operation on the way has no rule, or `y` does not depend on `point`.
    """
    start = point.get_node().get_name()
    between = _dependents(operations, point)
    found: dict[str, Port] = {y.get_node().get_name(): seed}
    for node in reversed(operations):
        name = node.get_name()
        if name == start or name not in between or name not in found:
            continue
        vjp = VJPS.get(node.get_type_name())
        if vjp is None:
            raise NotDifferentiableError(f"no rule for the operation {node.get_type_name()}")
        for number, source in enumerate(_sources(node)):
            if source not in between:
                continue
            part = vjp(node, found[name], number)
            found[source] = ops.add(found[source], part).output(0) if source in found else part
    if start not in found:
        raise NotDifferentiableError("the scores do not depend on the layer")
    return found[start]


def _dependents(operations: list[Node], point: Port) -> set[str]:
    """The names of the operation of `point` and of all that depend on it."""
    names = {point.get_node().get_name()}
    for node in operations:
        of_values = node.get_type_name() != "ShapeOf"  # of its shape only, which is fixed
        if of_values and not names.isdisjoint(_sources(node)):
            names.add(node.get_name())
    return names


def _sources(node: Node) -> list[str]:
    return [each.get_source_output().get_node().get_name() for each in node.inputs()]


def _constant(array: Any, dtype: Any = np.float32) -> Node:
    return ops.constant(np.asarray(array, dtype))


def _shape(port: Port) -> list[int]:
    return list(port.get_shape())


def _fixed(node: Node, number: int) -> Any:
    """The value of an input that must be constant."""
    source = node.input_value(number).get_node()
    if source.get_type_name() != "Constant":
        raise NotDifferentiableError(f"{node.get_type_name()} with a computed input {number}")
    return source.data


def _only(node: Node, number: int, allowed: int = 0) -> None:
    if number != allowed:
        raise NotDifferentiableError(f"{node.get_type_name()} by its input {number}")


def _reshaped(port: Port, shape: list[int]) -> Port:
    return ops.reshape(port, _constant(shape, np.int64), special_zero=False).output(0)


def _unbroadcast(port: Port, shape: list[int]) -> Port:
    """Sum over the axes along which an input of `shape` was repeated."""
    given = _shape(port)
    padded = [1] * (len(given) - len(shape)) + shape
    axes = [axis for axis, (a, b) in enumerate(zip(given, padded, strict=True)) if a != b]
    if axes:
        port = ops.reduce_sum(port, _constant(axes, np.int64), keep_dims=True).output(0)
    return port if _shape(port) == shape else _reshaped(port, shape)


def _times(g: Port, factor: Any) -> Port:
    return ops.multiply(g, factor).output(0)


def _where(condition: Any, g: Port) -> Port:
    """`g` where `condition` holds, else 0."""
    return ops.select(condition, g, _constant(0)).output(0)


# Elementwise, one input --------------------------------------------------------------------------


def _elementwise(slope: Callable[[Port, Port, Node], Any]) -> Vjp:
    """A rule from `slope`(x, y, node), the derivative of y = f(x) at each element."""

    def vjp(node: Node, g: Port, number: int) -> Port:
        _only(node, number)
        return _times(g, slope(node.input_value(0), node.output(0), node))

    return vjp


def _relu(node: Node, g: Port, number: int) -> Port:
    return _where(ops.greater(node.output(0), _constant(0)), g)


def _clamp(node: Node, g: Port, number: int) -> Port:
    low, high = (float(node.get_attributes()[key]) for key in ("min", "max"))
    y = node.output(0)
    inside = ops.logical_and(ops.greater(y, _constant(low)), ops.less(y, _constant(high)))
    return _where(inside, g)


def _sigmoid_slope(x: Port, y: Port, node: Node) -> Any:
    return ops.multiply(y, ops.subtract(_constant(1), y))


def _swish_slope(x: Port, y: Port, node: Node) -> Any:
    """y = x·σ(x): y' = σ + y·(1 − σ)."""
    if len(node.inputs()) > 1 and float(_fixed(node, 1)) != 1:
        raise NotDifferentiableError("Swish with a beta")
    sigmoid = ops.sigmoid(x)
    return ops.add(sigmoid, ops.multiply(y, ops.subtract(_constant(1), sigmoid)))


def _within_three(x: Port) -> Any:
    return ops.logical_and(ops.greater(x, _constant(-3)), ops.less(x, _constant(3)))


def _hard_sigmoid(node: Node, g: Port, number: int) -> Port:
    """y = min(max(x + 3, 0), 6) / 6."""
    return _where(_within_three(node.input_value(0)), _times(g, _constant(1 / 6)))


def _hard_swish_slope(x: Port, y: Port, node: Node) -> Any:
    """y = x · min(max(x + 3, 0), 6) / 6: y' is 0, x/3 + 1/2, 1 from left to right."""
    middle = ops.add(ops.multiply(x, _constant(1 / 3)), _constant(0.5))
    outside = ops.select(ops.greater_equal(x, _constant(3)), _constant(1), _constant(0))
    return ops.select(_within_three(x), middle, outside)


def _erf_slope(x: Port, y: Port, node: Node) -> Any:
    return ops.multiply(
        ops.exp(ops.negative(ops.multiply(x, x))), _constant(2 / math.sqrt(math.pi))
    )


def _power(node: Node, g: Port, number: int) -> Port:
    _only(node, number)
    exponent = np.asarray(_fixed(node, 1), np.float32)
    lowered = ops.power(node.input_value(0), _constant(exponent - 1))
    return _times(g, ops.multiply(lowered, _constant(exponent)))


# Elementwise, two inputs -------------------------------------------------------------------------


def _two(part: Callable[[Node, Port, int], Port]) -> Vjp:
    """A rule whose inputs are broadcast against each other."""

    def vjp(node: Node, g: Port, number: int) -> Port:
        return _unbroadcast(part(node, g, number), _shape(node.input_value(number)))

    return vjp


def _subtract(node: Node, g: Port, number: int) -> Port:
    return ops.negative(g).output(0) if number else g


def _multiply(node: Node, g: Port, number: int) -> Port:
    return _times(g, node.input_value(1 - number))


def _squared_difference(node: Node, g: Port, number: int) -> Port:
    this, other = node.input_value(number), node.input_value(1 - number)
    return _times(g, ops.multiply(ops.subtract(this, other), _constant(2)))


# Convolutions and products -----------------------------------------------------------------------


def _convolution(node: Node, g: Port, number: int) -> Port:
    """The transposed convolution, with the rows and columns that strides left over put back."""
    _only(node, number)
    window = node.get_attributes()
    strides, dilations = window["strides"], window["dilations"]
    begin, end = window["pads_begin"], window["pads_end"]
    sides = _shape(node.input_value(1))[-len(strides) :]
    spatial = range(len(strides))
    reached = [
        strides[i] * (_shape(g)[2 + i] - 1) + (sides[i] - 1) * dilations[i] + 1 - begin[i] - end[i]
        for i in spatial
    ]
    kernel = _own(node.input_value(1))
    transposed = ops.convolution_backprop_data
    if node.get_type_name() == "GroupConvolution":
        if _shape(kernel.output(0))[0] > 1:
            transposed = ops.group_convolution_backprop_data
        else:  # one group is none, and the CPU plugin has no primitive for it
            kernel = ops.squeeze(kernel, _constant([0], np.int64))
    return transposed(
        g,
        kernel,
        strides=strides,
        pads_begin=begin,
        pads_end=end,
        dilations=dilations,
        output_padding=[_shape(node.input_value(0))[2 + i] - reached[i] for i in spatial],
    ).output(0)


def _own(kernel: Port) -> Any:
    """A copy of a constant kernel.

    In the CPU plugin of OpenVINO 2026.4 a convolution and its transposed one that share a
    constant share its packed form as well, which is right for one of them.
    """
    node = kernel.get_node()
    return ops.constant(np.array(node.data)) if node.get_type_name() == "Constant" else node


def _matmul(node: Node, g: Port, number: int) -> Port:
    """y = x·K, or x·Kᵀ where K is stored transposed."""
    _only(node, number)
    flags = node.get_attributes()
    if flags["transpose_a"]:
        raise NotDifferentiableError("MatMul of a transposed input")
    back = ops.matmul(g, node.input_value(1), False, not flags["transpose_b"]).output(0)
    return _unbroadcast(back, _shape(node.input_value(0)))


# Pools -------------------------------------------------------------------------------------------


def _max_pool(node: Node, g: Port, number: int) -> Port:
    """Each window's gradient goes to its maximum, to the first of several equal ones."""
    window = node.get_attributes()
    kernel, (height, width) = list(window["kernel"]), _shape(node.input_value(0))[2:]
    tiles = (
        list(window["strides"]) == kernel
        and kernel[0] == kernel[1]
        and not any(window["pads_begin"])
    )
    if tiles and height % kernel[0] == width % kernel[1] == 0:
        return _max_of_tiles(node, g, kernel[0])
    return _max_of_windows(node, g, window)


def _max_of_tiles(node: Node, g: Port, side: int) -> Port:
    """Where windows tile the map: compare the pixels of all tiles at once, one place at a time."""
    x, y, left = node.input_value(0), node.output(0), g
    places = ops.split(
        ops.space_to_depth(x, "blocks_first", side), _constant(1, np.int64), side * side
    )
    parts = []
    for place in places.outputs():
        hit = ops.equal(place, y)
        parts.append(_where(hit, left))
        left = ops.select(hit, _constant(0), left).output(0)
    return ops.depth_to_space(ops.concat(parts, 1), "blocks_first", side).output(0)


def _max_of_windows(node: Node, g: Port, window: dict[str, Any]) -> Port:
    """Where windows overlap or are padded: OpenVINO tells the index of each maximum, slowly."""
    x = node.input_value(0)
    n, c, h, w = _shape(x)
    indices = ops.max_pool(
        x,
        window["strides"],
        window["dilations"],
        window["pads_begin"],
        window["pads_end"],
        window["kernel"],
        window["rounding_type"],
        window["auto_pad"],
        index_element_type="i32",
        axis=2,
    ).output(1)
    outputs = math.prod(_shape(g)[2:])
    flat = ops.scatter_elements_update(
        ops.broadcast(_constant(0), _constant([n, c, h * w], np.int64)),
        _reshaped(indices, [n, c, outputs]),
        _reshaped(g, [n, c, outputs]),
        _constant(2, np.int64),
        reduction="sum",
    ).output(0)
    return _reshaped(flat, [n, c, h, w])


def _average_pool(node: Node, g: Port, number: int) -> Port:
    """Each window's gradient is shared out evenly among the pixels it averaged."""
    window = node.get_attributes()
    shape, strides, kernel = _shape(node.input_value(0)), window["strides"], window["kernel"]
    begin, end = window["pads_begin"], window["pads_end"]
    counts = [
        _counts(
            shape[2 + i],
            _shape(g)[2 + i],
            kernel[i],
            strides[i],
            begin[i],
            excluded=window["exclude-pad"],
        )
        for i in range(2)
    ]
    shares = ops.divide(g, _constant(np.multiply.outer(*counts)))
    n, c, h, w = _shape(g)
    reached = [strides[i] * ((h, w)[i] - 1) + kernel[i] - begin[i] - end[i] for i in range(2)]
    spread = ops.convolution_backprop_data(
        _reshaped(shares.output(0), [n * c, 1, h, w]),
        _constant(np.ones((1, 1, *kernel))),
        strides=strides,
        pads_begin=begin,
        pads_end=end,
        dilations=[1, 1],
        output_padding=[shape[2 + i] - reached[i] for i in range(2)],
    )
    return _reshaped(spread.output(0), shape)


def _counts(
    side: int, windows: int, kernel: int, stride: int, begin: int, *, excluded: bool
) -> Any:
    """How many pixels each window along one axis averages."""
    if not excluded:
        return np.full(windows, kernel)
    first = np.arange(windows) * stride - begin
    return np.minimum(first + kernel, side) - np.maximum(first, 0)


def _reduce_mean(node: Node, g: Port, number: int) -> Port:
    shape = _shape(node.input_value(0))
    axes = {int(axis) % len(shape) for axis in np.ravel(_fixed(node, 1))}
    kept = [1 if axis in axes else side for axis, side in enumerate(shape)]
    share = _constant(1 / math.prod(shape[axis] for axis in axes))
    even = _times(_reshaped(g, kept), share)
    return ops.broadcast(even, _constant(shape, np.int64)).output(0)


# Moving things around ----------------------------------------------------------------------------


def _reshape(node: Node, g: Port, number: int) -> Port:
    return _reshaped(g, _shape(node.input_value(0)))


def _transpose(node: Node, g: Port, number: int) -> Port:
    return ops.transpose(g, _constant(np.argsort(_fixed(node, 1)), np.int64)).output(0)


def _concat(node: Node, g: Port, number: int) -> Port:
    axis = node.get_attributes()["axis"]
    sides = [_shape(node.input_value(i))[axis] for i in range(len(node.inputs()))]
    start = sum(sides[:number])
    return _sliced(g, {axis: (start, start + sides[number])})


def _pad(node: Node, g: Port, number: int) -> Port:
    _only(node, number)
    if node.get_attributes()["pad_mode"] != "constant":
        raise NotDifferentiableError("Pad that repeats pixels")
    shape = _shape(node.input_value(0))
    begin = [int(each) for each in _fixed(node, 1)]
    return _sliced(g, {i: (begin[i], begin[i] + shape[i]) for i in range(len(shape))})


def _strided_slice(node: Node, g: Port, number: int) -> Port:
    """Where it took every element of a box, put the gradient there and zeros around it."""
    _only(node, number)
    shape, taken = _shape(node.input_value(0)), _shape(node.output(0))
    strides = [int(each) for each in _fixed(node, 3)] if len(node.inputs()) > 3 else [1]
    flags = node.get_attributes()
    reshaping = ("new_axis_mask", "shrink_axis_mask", "ellipsis_mask")
    if set(strides) != {1} or any(any(flags[mask]) for mask in reshaping):
        raise NotDifferentiableError("StridedSlice with strides or other than a box")
    masked = {axis for axis, flag in enumerate(flags["begin_mask"]) if flag}
    begin = [0] * len(shape)
    for axis, value in enumerate(_fixed(node, 1)):
        if axis not in masked:
            begin[axis] = slice(int(value), None).indices(shape[axis])[0]
    end = [side - start - part for side, start, part in zip(shape, begin, taken, strict=True)]
    return ops.pad(
        g, _constant(begin, np.int64), _constant(end, np.int64), "constant", _constant(0)
    ).output(0)


def _sliced(port: Port, ranges: dict[int, tuple[int, int]]) -> Port:
    shape = _shape(port)
    cut = {axis: span for axis, span in ranges.items() if span != (0, shape[axis])}
    if not cut:
        return port
    starts, stops = zip(*cut.values(), strict=True)
    return ops.slice(
        port,
        _constant(starts, np.int64),
        _constant(stops, np.int64),
        _constant([1] * len(cut), np.int64),
        _constant(list(cut), np.int64),
    ).output(0)


VJPS: dict[str, Vjp] = {
    "Add": _two(lambda node, g, number: g),
    "AvgPool": _average_pool,
    "Clamp": _clamp,
    "Concat": _concat,
    "Convolution": _convolution,
    "Erf": _elementwise(_erf_slope),
    "GroupConvolution": _convolution,
    "HSigmoid": _hard_sigmoid,
    "HSwish": _elementwise(_hard_swish_slope),
    "MatMul": _matmul,
    "MaxPool": _max_pool,
    "Multiply": _two(_multiply),
    "Pad": _pad,
    "Power": _two(_power),
    "ReduceMean": _reduce_mean,
    "Relu": _relu,
    "Reshape": _reshape,
    "Sigmoid": _elementwise(_sigmoid_slope),
    "SquaredDifference": _two(_squared_difference),
    "Squeeze": _reshape,
    "StridedSlice": _strided_slice,
    "Subtract": _two(_subtract),
    "Swish": _elementwise(_swish_slope),
    "Transpose": _transpose,
    "Unsqueeze": _reshape,
}
"""The rule of each operation that the catalogue's models have between a layer and the scores."""
