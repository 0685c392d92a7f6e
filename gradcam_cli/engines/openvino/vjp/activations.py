"""Rules of activation functions, of each element and the softmax."""

from __future__ import annotations

import math
from typing import Any

from gradcam_cli.engines.openvino.runtime import ops
from gradcam_cli.engines.openvino.vjp.elementwise import elementwise
from gradcam_cli.engines.openvino.vjp.ports import (
    Expansion,
    Node,
    Port,
    Vjp,
    constant_as,
    fixed_value,
    only_input,
    reshaped,
    scaled,
    shape_of,
    summed,
    times,
    where,
)


def _relu(node: Node, g: Port, number: int) -> Port:
    return where(ops.greater(node.output(0), constant_as(g, 0)), g)


def guided_relu(node: Node, g: Port, number: int) -> Port:
    """As a ReLU passes a gradient, but only where it is positive."""
    return _relu(node, _positive(g), number)


def _positive(g: Port) -> Port:
    return ops.relu(g).output(0)


def _between(x: Any, low: Node, high: Node) -> Any:
    return ops.logical_and(ops.greater(x, low), ops.less(x, high))


def _clamp(node: Node, g: Port, number: int) -> Port:
    low, high = (constant_as(g, float(node.get_attributes()[key])) for key in ("min", "max"))
    return where(_between(node.output(0), low, high), g)


def guided_clamp(node: Node, g: Port, number: int) -> Port:
    """Guided where it is a ReLU with a ceiling."""
    return _clamp(node, _positive(g) if is_relu(node) else g, number)


def is_relu(node: Node) -> bool:
    """True for a ReLU, with a ceiling or none."""
    kind = node.get_type_name()
    return kind == "Relu" or (kind == "Clamp" and float(node.get_attributes()["min"]) == 0)


def _one_minus(share: Any, x: Port) -> Any:
    return ops.subtract(constant_as(x, 1), share)


def _sigmoid_slope(x: Port, y: Port, node: Node) -> Any:
    return ops.multiply(y, _one_minus(y, x))


def _tanh_slope(x: Port, y: Port, node: Node) -> Any:
    return _one_minus(ops.multiply(y, y), x)


def _swish_slope(x: Port, y: Port, node: Node) -> Any:
    """y = x·σ(βx): y' = σ + β·y·(1 − σ)."""
    beta = float(fixed_value(node, 1)) if len(node.inputs()) > 1 else 1.0
    sigmoid = ops.sigmoid(scaled(x, beta) if beta != 1 else x)
    slope_of_sigmoid = ops.multiply(y, _one_minus(sigmoid, x))
    if beta != 1:
        slope_of_sigmoid = ops.multiply(slope_of_sigmoid, constant_as(x, beta))
    return ops.add(sigmoid, slope_of_sigmoid)


def _within_three(x: Port) -> Any:
    return _between(x, constant_as(x, -3), constant_as(x, 3))


def _hard_sigmoid_by_six(node: Node, g: Port, number: int) -> Port:
    """y = min(max(x + 3, 0), 6) / 6."""
    return where(_within_three(node.input_value(0)), scaled(g, 1 / 6))


def _hard_sigmoid(node: Node, g: Port, number: int) -> Port:
    """y = min(max(αx + β, 0), 1)."""
    only_input(node, number)
    y, alpha = node.output(0), float(fixed_value(node, 1))
    return where(_between(y, constant_as(y, 0), constant_as(y, 1)), scaled(g, alpha))


def _hard_swish_slope(x: Port, y: Port, node: Node) -> Any:
    """y = x · min(max(x + 3, 0), 6) / 6: y' is 0, x/3 + 1/2, 1 from left to right."""
    one, zero = constant_as(x, 1), constant_as(x, 0)
    middle = ops.add(scaled(x, 1 / 3), constant_as(x, 0.5))
    outside = ops.select(ops.greater_equal(x, constant_as(x, 3)), one, zero)
    return ops.select(_within_three(x), middle, outside)


def _elu_slope(x: Port, y: Port, node: Node) -> Any:
    """y = x, or α·(exp(x) − 1) where x < 0: y' is 1 or y + α."""
    alpha = constant_as(x, node.get_attributes()["alpha"])
    return ops.select(ops.less(x, constant_as(x, 0)), ops.add(y, alpha), constant_as(x, 1))


def _selu_slope(x: Port, y: Port, node: Node) -> Any:
    """y = λx, or λα·(exp(x) − 1) where x < 0: y' is λ or y + λα."""
    alpha, scale = (float(fixed_value(node, number)) for number in (1, 2))
    below = ops.add(y, constant_as(x, alpha * scale))
    return ops.select(ops.less(x, constant_as(x, 0)), below, constant_as(x, scale))


def _leaky_relu(node: Node, g: Port, number: int) -> Port:
    """y = x, or s·x where x ≤ 0, with a slope s for all or for each channel."""
    only_input(node, number)
    x, slopes = node.input_value(0), node.input_value(1)
    if len(sides := shape_of(slopes)) == 1:  # that of the channels, which are axis 1
        slopes = reshaped(slopes, [*sides, *[1] * (len(shape_of(x)) - 2)])
    return ops.select(ops.greater(x, constant_as(x, 0)), g, ops.multiply(g, slopes)).output(0)


def _softplus_slope(x: Port, y: Port, node: Node) -> Any:
    return ops.sigmoid(x)


def _softsign_slope(x: Port, y: Port, node: Node) -> Any:
    """y = x / (1 + |x|): y' = 1 / (1 + |x|)²."""
    return ops.power(ops.add(ops.abs(x), constant_as(x, 1)), constant_as(x, -2))


def _mish(node: Node, inputs: list[Port]) -> Any:
    """x·tanh(ln(1 + exp(x)))."""
    return ops.multiply(inputs[0], ops.tanh(ops.softplus(inputs[0])))


def _gelu(node: Node, inputs: list[Port]) -> Any:
    """x·(1 + s) / 2 with s = erf(x/√2), or its approximation tanh(√(2/π)·(x + 0.044715·x³))."""
    x = inputs[0]
    if node.get_attributes().get("approximation_mode", "ERF").upper() == "TANH":
        cube = ops.power(x, constant_as(x, 3))
        bent = ops.add(x, ops.multiply(cube, constant_as(x, 0.044715)))
        s = ops.tanh(ops.multiply(bent, constant_as(x, math.sqrt(2 / math.pi))))
    else:
        s = ops.erf(scaled(x, math.sqrt(0.5)))
    return ops.multiply(scaled(x, 0.5), ops.add(s, constant_as(x, 1)))


def _axis_of(node: Node) -> int:
    axis = int(node.get_attributes()["axis"])
    return axis % len(shape_of(node.output(0)))


def _softmax(node: Node, g: Port, number: int) -> Port:
    """p = softmax(x): dy/dx_j = p_j · (g_j − Σ_i g_i·p_i)."""
    p = node.output(0)
    return times(p, ops.subtract(g, summed(times(g, p), [_axis_of(node)])))


def _log_softmax(node: Node, g: Port, number: int) -> Port:
    """l = log softmax(x): dy/dx_j = g_j − exp(l_j) · Σ_i g_i."""
    share = ops.multiply(ops.exp(node.output(0)), summed(g, [_axis_of(node)]))
    return ops.subtract(g, share).output(0)


ACTIVATIONS: dict[str, Vjp | Expansion] = {
    "Clamp": _clamp,
    "Elu": elementwise(_elu_slope),
    "Gelu": Expansion(_gelu),
    "HSigmoid": _hard_sigmoid_by_six,
    "HSwish": elementwise(_hard_swish_slope),
    "HardSigmoid": _hard_sigmoid,
    "LogSoftmax": _log_softmax,
    "Mish": Expansion(_mish),
    "PRelu": _leaky_relu,
    "Relu": _relu,
    "Selu": elementwise(_selu_slope),
    "Sigmoid": elementwise(_sigmoid_slope),
    "SoftPlus": elementwise(_softplus_slope),
    "SoftSign": elementwise(_softsign_slope),
    "Softmax": _softmax,
    "Swish": elementwise(_swish_slope),
    "Tanh": elementwise(_tanh_slope),
}
