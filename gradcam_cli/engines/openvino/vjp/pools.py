"""Rules of operations that make one of many: pools, means, sums, and the softmax."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcam_cli.engines.openvino.runtime import ops
from gradcam_cli.engines.openvino.vjp.ports import (
    Node,
    Port,
    Vjp,
    constant,
    fixed_value,
    output_padding,
    reshaped,
    shape_of,
    times,
    where,
)


def _max_pool(node: Node, g: Port, number: int) -> Port:
    """Each window's gradient goes to its maximum, to the first of several equal ones."""
    window = node.get_attributes()
    kernel, (height, width) = list(window["kernel"]), shape_of(node.input_value(0))[2:]
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
    x, y, remaining = node.input_value(0), node.output(0), g
    pixels = ops.split(
        ops.space_to_depth(x, "blocks_first", side), constant(1, np.int64), side * side
    )
    parts = []
    for pixel in pixels.outputs():
        hit = ops.equal(pixel, y)
        parts.append(where(hit, remaining))
        remaining = ops.select(hit, constant(0), remaining).output(0)
    return ops.depth_to_space(ops.concat(parts, 1), "blocks_first", side).output(0)


def _max_of_windows(node: Node, g: Port, window: dict[str, Any]) -> Port:
    """Where windows overlap or are padded: OpenVINO gives the index of each maximum, slowly."""
    x = node.input_value(0)
    n, c, h, w = shape_of(x)
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
    outputs = math.prod(shape_of(g)[2:])
    flat = ops.scatter_elements_update(
        ops.broadcast(constant(0), constant([n, c, h * w], np.int64)),
        reshaped(indices, [n, c, outputs]),
        reshaped(g, [n, c, outputs]),
        constant(2, np.int64),
        reduction="sum",
    ).output(0)
    return reshaped(flat, [n, c, h, w])


def _average_pool(node: Node, g: Port, number: int) -> Port:
    """Each window's gradient is shared out evenly among the pixels it averaged."""
    window = node.get_attributes()
    shape, strides, kernel = shape_of(node.input_value(0)), window["strides"], window["kernel"]
    begin = window["pads_begin"]
    counts = [
        _counts(
            shape[2 + i],
            shape_of(g)[2 + i],
            kernel[i],
            strides[i],
            begin[i],
            excluded=window["exclude-pad"],
        )
        for i in range(2)
    ]
    shares = ops.divide(g, constant(np.multiply.outer(*counts)))
    n, c, h, w = shape_of(g)
    spread = ops.convolution_backprop_data(
        reshaped(shares.output(0), [n * c, 1, h, w]),
        constant(np.ones((1, 1, *kernel))),
        strides=strides,
        pads_begin=begin,
        pads_end=window["pads_end"],
        dilations=[1, 1],
        output_padding=output_padding(node, g, kernel),
    )
    return reshaped(spread.output(0), shape)


def _counts(
    side: int, windows: int, kernel: int, stride: int, begin: int, *, excluded: bool
) -> Any:
    """How many pixels each window along one axis averages."""
    if not excluded:
        return np.full(windows, kernel)
    first = np.arange(windows) * stride - begin
    return np.minimum(first + kernel, side) - np.maximum(first, 0)


def _repeated(node: Node, g: Port) -> tuple[Port, int]:
    """The gradient of a reduction for each element it reduced, and how many each one came of."""
    shape = shape_of(node.input_value(0))
    axes = {int(axis) % len(shape) for axis in np.ravel(fixed_value(node, 1))}
    kept = [1 if axis in axes else side for axis, side in enumerate(shape)]
    return reshaped(g, kept), math.prod(shape[axis] for axis in axes)


def _spread(node: Node, g: Any) -> Port:
    shape = shape_of(node.input_value(0))
    return ops.broadcast(g, constant(shape, np.int64)).output(0)


def _reduce_mean(node: Node, g: Port, number: int) -> Port:
    kept, count = _repeated(node, g)
    return _spread(node, times(kept, constant(1 / count)))


def _reduce_sum(node: Node, g: Port, number: int) -> Port:
    return _spread(node, _repeated(node, g)[0])


def _softmax(node: Node, g: Port, number: int) -> Port:
    """p = _softmax(x): dy/dx_j = p_j · (g_j − Σ_i g_i·p_i)."""
    p, axis = node.output(0), constant([node.get_attributes()["axis"]], np.int64)
    mean = ops.reduce_sum(ops.multiply(g, p), axis, keep_dims=True)
    return times(p, ops.subtract(g, mean))


REDUCTIONS: dict[str, Vjp] = {
    "AvgPool": _average_pool,
    "MaxPool": _max_pool,
    "ReduceMean": _reduce_mean,
    "ReduceSum": _reduce_sum,
    "Softmax": _softmax,
}
