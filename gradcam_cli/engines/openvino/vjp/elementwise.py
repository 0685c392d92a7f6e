"""Rules of operations that work on each element."""

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
    constant,
    fixed_value,
    only_input,
    reshaped,
    shape_of,
    times,
    unbroadcast,
    where,
)


def _elementwise(slope: Callable[[Port, Port, Node], Any]) -> Vjp:
    """A rule from `slope`(x, y, node), the derivative of y = f(x) at each element."""

    def vjp(node: Node, g: Port, number: int) -> Port:
        only_input(node, number)
        return times(g, slope(node.input_value(0), node.output(0), node))

    return vjp


def _relu(node: Node, g: Port, number: int) -> Port:
    return where(ops.greater(node.output(0), constant(0)), g)


def guided_relu(node: Node, g: Port, number: int) -> Port:
    """As a ReLU passes a gradient, but only where it is positive."""
    return _relu(node, _positive(g), number)


def _positive(g: Port) -> Port:
    return ops.relu(g).output(0)


def _clamp(node: Node, g: Port, number: int) -> Port:
    low, high = (float(node.get_attributes()[key]) for key in ("min", "max"))
    y = node.output(0)
    inside = ops.logical_and(ops.greater(y, constant(low)), ops.less(y, constant(high)))
    return where(inside, g)


def guided_clamp(node: Node, g: Port, number: int) -> Port:
    """Guided where it is a ReLU with a ceiling."""
    return _clamp(node, _positive(g) if is_relu(node) else g, number)


def is_relu(node: Node) -> bool:
    """True for a ReLU, with a ceiling or none."""
    kind = node.get_type_name()
    return kind == "Relu" or (kind == "Clamp" and float(node.get_attributes()["min"]) == 0)


def _sigmoid_slope(x: Port, y: Port, node: Node) -> Any:
    return ops.multiply(y, ops.subtract(constant(1), y))


def _swish_slope(x: Port, y: Port, node: Node) -> Any:
    """y = x·σ(x): y' = σ + y·(1 − σ)."""
    if len(node.inputs()) > 1 and float(fixed_value(node, 1)) != 1:
        raise NotDifferentiableError("Swish with a beta")
    sigmoid = ops.sigmoid(x)
    return ops.add(sigmoid, ops.multiply(y, ops.subtract(constant(1), sigmoid)))


def _within_three(x: Port) -> Any:
    return ops.logical_and(ops.greater(x, constant(-3)), ops.less(x, constant(3)))


def _hard_sigmoid(node: Node, g: Port, number: int) -> Port:
    """y = min(max(x + 3, 0), 6) / 6."""
    return where(_within_three(node.input_value(0)), times(g, constant(1 / 6)))


def _hard_swish_slope(x: Port, y: Port, node: Node) -> Any:
    """y = x · min(max(x + 3, 0), 6) / 6: y' is 0, x/3 + 1/2, 1 from left to right."""
    middle = ops.add(ops.multiply(x, constant(1 / 3)), constant(0.5))
    outside = ops.select(ops.greater_equal(x, constant(3)), constant(1), constant(0))
    return ops.select(_within_three(x), middle, outside)


def _erf_slope(x: Port, y: Port, node: Node) -> Any:
    return ops.multiply(ops.exp(ops.negative(ops.multiply(x, x))), constant(2 / math.sqrt(math.pi)))


def _exp_slope(x: Port, y: Port, node: Node) -> Any:
    return y


def _sqrt_slope(x: Port, y: Port, node: Node) -> Any:
    return ops.divide(constant(0.5), y)


def _tanh_slope(x: Port, y: Port, node: Node) -> Any:
    return ops.subtract(constant(1), ops.multiply(y, y))


def _elu_slope(x: Port, y: Port, node: Node) -> Any:
    """y = x, or α·(exp(x) − 1) where x < 0: y' is 1 or y + α."""
    alpha = constant(node.get_attributes()["alpha"])
    return ops.select(ops.less(x, constant(0)), ops.add(y, alpha), constant(1))


def _leaky_relu(node: Node, g: Port, number: int) -> Port:
    """y = x, or s·x where x ≤ 0, with a slope s for all or for each channel."""
    only_input(node, number)
    x, slopes = node.input_value(0), node.input_value(1)
    if len(sides := shape_of(slopes)) == 1:  # that of the channels, which are axis 1
        slopes = reshaped(slopes, [*sides, *[1] * (len(shape_of(x)) - 2)])
    return ops.select(ops.greater(x, constant(0)), g, ops.multiply(g, slopes)).output(0)


def _convert(node: Node, g: Port, number: int) -> Port:
    """From one floating type to another."""
    source = node.input_value(0).get_element_type()
    if not source.is_real():
        raise NotDifferentiableError(f"Convert from {source.get_type_name()}")
    return ops.convert(g, source.get_type_name()).output(0)


def _power(node: Node, g: Port, number: int) -> Port:
    only_input(node, number)
    exponent = np.asarray(fixed_value(node, 1), np.float32)
    lowered_power = ops.power(node.input_value(0), constant(exponent - 1))
    return times(g, ops.multiply(lowered_power, constant(exponent)))


def _broadcast_pair(rule: Callable[[Node, Port, int], Port]) -> Vjp:
    """A rule whose inputs are broadcast against each other."""

    def vjp(node: Node, g: Port, number: int) -> Port:
        return unbroadcast(rule(node, g, number), shape_of(node.input_value(number)))

    return vjp


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
    return times(g, ops.multiply(ops.subtract(operand, other_operand), constant(2)))


ELEMENTWISE: dict[str, Vjp] = {
    "Add": _broadcast_pair(lambda node, g, number: g),
    "Clamp": _clamp,
    "Convert": _convert,
    "Divide": _broadcast_pair(_divide),
    "Elu": _elementwise(_elu_slope),
    "Erf": _elementwise(_erf_slope),
    "Exp": _elementwise(_exp_slope),
    "HSigmoid": _hard_sigmoid,
    "HSwish": _elementwise(_hard_swish_slope),
    "Multiply": _broadcast_pair(_multiply),
    "PRelu": _leaky_relu,
    "Power": _broadcast_pair(_power),
    "Relu": _relu,
    "Sigmoid": _elementwise(_sigmoid_slope),
    "Sqrt": _elementwise(_sqrt_slope),
    "SquaredDifference": _broadcast_pair(_squared_difference),
    "Subtract": _broadcast_pair(_subtract),
    "Swish": _elementwise(_swish_slope),
    "Tanh": _elementwise(_tanh_slope),
}
