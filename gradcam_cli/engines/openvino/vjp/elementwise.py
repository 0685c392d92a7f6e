"""Rules of arithmetic on each element."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gradcam_cli.engines.openvino.runtime import ops
from gradcam_cli.engines.openvino.vjp.ports import (
    Node,
    NotDifferentiableError,
    Port,
    Vjp,
    constant_as,
    fixed_value,
    only_input,
    scaled,
    shape_of,
    times,
    unbroadcast,
    where,
    where_not,
)


def elementwise(slope: Callable[[Port, Port, Node], Any]) -> Vjp:
    """A rule from `slope`(x, y, node), the derivative of y = f(x) at each element."""

    def vjp(node: Node, g: Port, number: int) -> Port:
        only_input(node, number)
        return times(g, slope(node.input_value(0), node.output(0), node))

    return vjp


def _broadcast_pair(rule: Callable[[Node, Port, int], Port]) -> Vjp:
    """A rule whose inputs are broadcast against each other."""

    def vjp(node: Node, g: Port, number: int) -> Port:
        return unbroadcast(rule(node, g, number), shape_of(node.input_value(number)))

    return vjp


def _identity(node: Node, g: Port, number: int) -> Port:
    return g


def _negative(node: Node, g: Port, number: int) -> Port:
    return ops.negative(g).output(0)


def _erf_slope(x: Port, y: Port, node: Node) -> Any:
    factor = constant_as(x, 2 / math.sqrt(math.pi))
    return ops.multiply(ops.exp(ops.negative(ops.multiply(x, x))), factor)


def _exp_slope(x: Port, y: Port, node: Node) -> Any:
    return y


def _log_slope(x: Port, y: Port, node: Node) -> Any:
    return ops.divide(constant_as(x, 1), x)


def _sin_slope(x: Port, y: Port, node: Node) -> Any:
    return ops.cos(x)


def _cos_slope(x: Port, y: Port, node: Node) -> Any:
    return ops.negative(ops.sin(x))


def _abs_slope(x: Port, y: Port, node: Node) -> Any:
    """The sign, which is 0 at 0, as in TensorFlow."""
    return ops.sign(x)


def _sqrt(node: Node, g: Port, number: int) -> Port:
    """y = √x: g / 2y, and 0 where g is, even where y is 0, as in TensorFlow."""
    half = scaled(g, 0.5)
    return where_not(ops.equal(g, constant_as(g, 0)), ops.divide(half, node.output(0)).output(0))


def _convert(node: Node, g: Port, number: int) -> Port:
    """From one floating type to another."""
    source, target = (port.get_element_type() for port in (node.input_value(0), node.output(0)))
    for kind in (source, target):
        if not kind.is_real():
            name = kind.get_type_name()
            quantized = ": quantized activations have no gradient" if name in _QUANTIZED else ""
            direction = "from" if kind is source else "to"
            raise NotDifferentiableError(f"Convert {direction} {name}{quantized}")
    return ops.convert(g, source.get_type_name()).output(0)


_QUANTIZED = ("i4", "i8", "u4", "u8")


def _convert_like(node: Node, g: Port, number: int) -> Port:
    return _convert(node, g, number)


def _power(node: Node, g: Port, number: int) -> Port:
    only_input(node, number)
    x, exponent = node.input_value(0), np.asarray(fixed_value(node, 1))
    lowered_power = ops.power(x, constant_as(x, exponent - 1))
    return times(g, ops.multiply(lowered_power, constant_as(x, exponent)))


def _subtract(node: Node, g: Port, number: int) -> Port:
    return ops.negative(g).output(0) if number else g


def _multiply(node: Node, g: Port, number: int) -> Port:
    return times(g, node.input_value(1 - number))


def _divide(node: Node, g: Port, number: int) -> Port:
    """y = a / b: dy/da = 1 / b, dy/db = −y / b."""
    share = ops.divide(g, node.input_value(1)).output(0)
    return times(ops.negative(share).output(0), node.output(0)) if number else share


def _squared_difference(node: Node, g: Port, number: int) -> Port:
    operand, other_operand = node.input_value(number), node.input_value(1 - number)
    return times(g, ops.multiply(ops.subtract(operand, other_operand), constant_as(g, 2)))


def _maximum(node: Node, g: Port, number: int) -> Port:
    """To the greater of both, and to the first where they are equal, as in TensorFlow."""
    first_wins = ops.greater_equal(node.input_value(0), node.input_value(1))
    return where_not(first_wins, g) if number else where(first_wins, g)


def _minimum(node: Node, g: Port, number: int) -> Port:
    """To the lesser of both, and to the first where they are equal, as in TensorFlow."""
    first_wins = ops.less_equal(node.input_value(0), node.input_value(1))
    return where_not(first_wins, g) if number else where(first_wins, g)


def _remainder(node: Node, g: Port, number: int) -> Port:
    """y = a − k·b with a whole number k that only jumps."""
    only_input(node, number)
    return g


def _select(node: Node, g: Port, number: int) -> Port:
    condition = node.input_value(0)
    return where(condition, g) if number == 1 else where_not(condition, g)


ELEMENTWISE: dict[str, Vjp] = {
    "Abs": elementwise(_abs_slope),
    "Add": _broadcast_pair(_identity),
    "Convert": _convert,
    "ConvertLike": _convert_like,
    "Cos": elementwise(_cos_slope),
    "Divide": _broadcast_pair(_divide),
    "Erf": elementwise(_erf_slope),
    "Exp": elementwise(_exp_slope),
    "FloorMod": _broadcast_pair(_remainder),
    "Identity": _identity,
    "Log": elementwise(_log_slope),
    "Maximum": _broadcast_pair(_maximum),
    "Minimum": _broadcast_pair(_minimum),
    "Mod": _broadcast_pair(_remainder),
    "Multiply": _broadcast_pair(_multiply),
    "Negative": _negative,
    "Power": _broadcast_pair(_power),
    "Select": _broadcast_pair(_select),
    "Sin": elementwise(_sin_slope),
    "Sqrt": _sqrt,
    "SquaredDifference": _broadcast_pair(_squared_difference),
    "Subtract": _broadcast_pair(_subtract),
}
