"""Rules of operations that make one of many along some axes."""

from __future__ import annotations

import math
from typing import Any

from gradcam_cli.engines.openvino.runtime import ops
from gradcam_cli.engines.openvino.vjp.ports import (
    Node,
    Port,
    Vjp,
    constant_as,
    fixed_integers,
    integers,
    only_input,
    reshaped,
    scaled,
    shape_of,
    summed,
    times,
    where,
    zeros,
)


def _axes(node: Node) -> list[int]:
    rank = len(shape_of(node.input_value(0)))
    return [axis % rank for axis in fixed_integers(node, 1)]


def _kept(node: Node, reduced: Port) -> Port:
    """What a reduction gave, or its gradient, with the reduced axes as axes of one element."""
    shape, axes = shape_of(node.input_value(0)), _axes(node)
    return reshaped(reduced, [1 if axis in axes else side for axis, side in enumerate(shape)])


def _spread(node: Node, g: Any) -> Port:
    return ops.broadcast(g, integers(shape_of(node.input_value(0)))).output(0)


def _mean(node: Node, g: Port, number: int) -> Port:
    shape = shape_of(node.input_value(0))
    count = math.prod(shape[axis] for axis in set(_axes(node)))
    return _spread(node, scaled(_kept(node, g), 1 / count))


def _sum(node: Node, g: Port, number: int) -> Port:
    return _spread(node, _kept(node, g))


def _extremum(node: Node, g: Port, number: int) -> Port:
    """To the greatest, or least, and evenly to several equal ones, as in TensorFlow."""
    x = node.input_value(0)
    hits = ops.equal(x, _kept(node, node.output(0)))
    count = summed(where(hits, _spread(node, constant_as(x, 1))), _axes(node))
    return where(hits, _spread(node, ops.divide(_kept(node, g), count)))


def _sum_of_sizes(node: Node, g: Port, number: int) -> Port:
    return times(_kept(node, g), ops.sign(node.input_value(0)))


def _length(node: Node, g: Port, number: int) -> Port:
    """y = √Σx²: g·x / y, and 0 where y is."""
    y = _kept(node, node.output(0))
    none = ops.equal(y, constant_as(y, 0))
    share = ops.divide(_kept(node, g), ops.select(none, constant_as(y, 1), y))
    return times(share.output(0), node.input_value(0))


def _top(node: Node, g: Port, number: int) -> Port:
    """Each of the greatest, or least, gets its gradient back in its place."""
    only_input(node, number)
    axis = int(node.get_attributes()["axis"])
    return ops.scatter_elements_update(
        zeros(node.input_value(0)), node.output(1), g, integers(axis), reduction="sum"
    ).output(0)


REDUCTIONS: dict[str, Vjp] = {
    "ReduceL1": _sum_of_sizes,
    "ReduceL2": _length,
    "ReduceMax": _extremum,
    "ReduceMean": _mean,
    "ReduceMin": _extremum,
    "ReduceSum": _sum,
    "TopK": _top,
}
