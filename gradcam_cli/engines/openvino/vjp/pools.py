"""Rules of pools."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import numpy as np

from gradcam_cli.engines.openvino.runtime import ops
from gradcam_cli.engines.openvino.vjp.ports import (
    Node,
    Port,
    Vjp,
    constant_as,
    integers,
    reshaped,
    shape_of,
    where,
    where_not,
)
from gradcam_cli.engines.openvino.vjp.windows import transposed_rest


def _max_pool(node: Node, g: Port, number: int) -> Port:
    """Each window's gradient goes to its maximum, to the first of several equal ones."""
    window = node.get_attributes()
    kernel, sides = list(window["kernel"]), shape_of(node.input_value(0))[2:]
    tiles = (
        list(window["strides"]) == kernel
        and len(kernel) == 2
        and kernel[0] == kernel[1]
        and not any(window["pads_begin"])
        and set(window.get("dilations", [1])) == {1}
    )
    if tiles and not any(side % kernel[0] for side in sides):
        return _max_of_tiles(node, g, kernel[0])
    return _max_of_windows(node, g, window)


def _max_of_tiles(node: Node, g: Port, side: int) -> Port:
    """Where windows tile the map: compare the pixels of all tiles at once, one place at a time."""
    x, y, remaining = node.input_value(0), node.output(0), g
    pixels = ops.split(ops.space_to_depth(x, "blocks_first", side), integers(1), side * side)
    parts = []
    for pixel in pixels.outputs():
        hit = ops.equal(pixel, y)
        parts.append(where(hit, remaining))
        remaining = where_not(hit, remaining)
    return ops.depth_to_space(ops.concat(parts, 1), "blocks_first", side).output(0)


def _max_of_windows(node: Node, g: Port, window: dict[str, Any]) -> Port:
    """Where windows overlap or are padded: OpenVINO gives the index of each maximum, slowly."""
    x = node.input_value(0)
    indices = ops.max_pool(
        x,
        window["strides"],
        window.get("dilations") or [1] * len(window["kernel"]),
        window["pads_begin"],
        transposed_rest(node, g, window["kernel"])[0],  # so that no window is left out
        window["kernel"],
        index_element_type="i32",
        axis=2,
    ).output(1)
    return _put_at(indices, g, shape_of(x))


def _adaptive_max_pool(node: Node, g: Port, number: int) -> Port:
    return _put_at(node.output(1), g, shape_of(node.input_value(0)))


def _put_at(indices: Port, g: Port, shape: list[int]) -> Port:
    """Maps of `shape`, with `g` where `indices` say, which count the pixels of a map."""
    n, c, *sides = shape
    flat = [n, c, math.prod(shape_of(g)[2:])]
    pixels = ops.scatter_elements_update(
        ops.broadcast(constant_as(g, 0), integers([n, c, math.prod(sides)])),
        reshaped(indices, flat),
        reshaped(g, flat),
        integers(2),
        reduction="sum",
    )
    return reshaped(pixels.output(0), shape)


def _average_pool(node: Node, g: Port, number: int) -> Port:
    """Each window's gradient is shared out evenly among the pixels it averaged."""
    window, shape = node.get_attributes(), shape_of(node.input_value(0))
    kernel = list(window["kernel"])
    counts = [_counts(node, axis) for axis in range(len(kernel))]
    shares = ops.divide(g, constant_as(g, reduce(np.multiply.outer, counts))).output(0)
    n, c, *windows = shape_of(g)
    end, left_over = transposed_rest(node, g, kernel)
    spread = ops.convolution_backprop_data(
        reshaped(shares, [n * c, 1, *windows]),
        constant_as(g, np.ones((1, 1, *kernel))),
        strides=window["strides"],
        pads_begin=window["pads_begin"],
        pads_end=end,
        dilations=window.get("dilations") or [1] * len(kernel),
        output_padding=left_over,
    )
    return reshaped(spread.output(0), shape)


def _counts(node: Node, axis: int) -> Any:
    """How many pixels each window along one axis averages, those around the map included or not."""
    window, side = node.get_attributes(), shape_of(node.input_value(0))[2 + axis]
    begin, end = (window[key][axis] for key in ("pads_begin", "pads_end"))
    dilation = (window.get("dilations") or [1] * 8)[axis]
    low, high = (0, side) if window["exclude-pad"] else (-begin, side + end)
    first = np.arange(shape_of(node.output(0))[2 + axis]) * window["strides"][axis] - begin
    pixels = first[:, None] + np.arange(window["kernel"][axis]) * dilation
    return ((pixels >= low) & (pixels < high)).sum(1)


POOLS: dict[str, Vjp] = {
    "AdaptiveMaxPool": _adaptive_max_pool,
    "AvgPool": _average_pool,
    "MaxPool": _max_pool,
}
