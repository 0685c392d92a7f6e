"""The gradient of a model that is linear at each of its values: AttnLRP times its input.

Achtibat et al., 2024, arXiv 2402.05602. With x ⊙ the gradient by these rules, for each value x of
the graph, what comes back are their rules of relevance R, with ε = 0 and so without a division:

    y = Σ_j w_j·x_j + b      R_j = x_j·w_j / y · R         (equation 8)       the gradient
    y = f(x)                 R_x = R                       (equation 9)       y / x
    p = softmax(x)           R_i = x_i·(R_i − p_i·Σ_j R_j) (proposition 3.1)  the gradient
    y = a·b, or Σ_j a_j·b_j  R / 2 to either, by shares    (3.2 and 3.3)      half the gradient
    y = x / d(x)             R_x = R                       (proposition 3.4)  that for a fixed d

The last is of normalizations; what they subtract, multiply and add is as in equation 8. Biases,
embeddings and all else that is constant keep their shares of the sums that they are part of, and so
does what a softmax adds to its Taylor expansion: that is lost.
"""

from __future__ import annotations

import numpy as np

from gradcam_cli.engines.openvino.runtime import ops
from gradcam_cli.engines.openvino.vjp.activations import ACTIVATIONS
from gradcam_cli.engines.openvino.vjp.elementwise import ELEMENTWISE
from gradcam_cli.engines.openvino.vjp.ports import (
    Node,
    Port,
    Rules,
    Vjp,
    fixed_array,
    is_computed,
    only_input,
    scaled,
    times,
    zeros,
)
from gradcam_cli.engines.openvino.vjp.products import PRODUCTS
from gradcam_cli.engines.openvino.vjp.relevance import divided, root_mean_square

_SMALLEST = 1e-6
"""Below which share of their root mean square values count as 0 where they divide."""


def linearized(standard: Rules) -> Rules:
    """The rules, of which all but those below are `standard`."""
    return {
        **standard,
        **dict.fromkeys(ACTIVATIONS.keys() - {"LogSoftmax", "Softmax"}, _by_ratio),
        "Divide": _by_fixed_divisor,
        "Einsum": _halved("Einsum"),
        "MatMul": _halved("MatMul"),
        "Multiply": _shared,
        "Power": _unless_statistic(ELEMENTWISE["Power"]),
        "Sqrt": _unless_statistic(ELEMENTWISE["Sqrt"]),
    }


def _by_ratio(node: Node, g: Port, number: int) -> Port:
    """y / x, but where x is all but 0: y·x / (x² + δ²)."""
    only_input(node, number)
    x, y = node.input_value(0), node.output(0)
    smallest = scaled(root_mean_square(x), _SMALLEST)
    squares = ops.add(times(x, x), times(smallest, smallest)).output(0)
    return times(g, divided(times(y, x), squares))


def _by_fixed_divisor(node: Node, g: Port, number: int) -> Port:
    return zeros(node.input_value(1)) if number else ELEMENTWISE["Divide"](node, g, number)


def _halved(kind: str) -> Vjp:
    """Of two computed factors."""
    vjp = PRODUCTS[kind]
    assert callable(vjp)

    def rule(node: Node, g: Port, number: int) -> Port:
        several = all(is_computed(port) for port in node.input_values())
        return vjp(node, scaled(g, 0.5) if several else g, number)

    return rule


def _shared(node: Node, g: Port, number: int) -> Port:
    """Of a factor that says how large the other is, as in x·σ(x), the other has all."""
    factors = node.input_values()
    alive = [
        i for i in (0, 1) if _varies(factors[i]) and not _is_made_of(factors[i], factors[1 - i])
    ]
    if len(alive) != 1:
        return ELEMENTWISE["Multiply"](node, scaled(g, 0.5), number)
    return ELEMENTWISE["Multiply"](node, g, number) if number in alive else zeros(factors[number])


def _unless_statistic(vjp: Vjp) -> Vjp:
    def rule(node: Node, g: Port, number: int) -> Port:
        return zeros(node.input_value(0)) if _is_statistic(node) else vjp(node, g, number)

    return rule


def _is_statistic(node: Node) -> bool:
    """True for a root or a reciprocal: the scale of a normalization, which is held constant."""
    if node.get_type_name() != "Power":
        return bool(node.get_type_name() == "Sqrt")
    exponent = node.input_value(1)
    return not is_computed(exponent) and bool(np.all(fixed_array(exponent) < 0))


def _varies(port: Port) -> bool:
    """True where `port` depends on the input by more than statistics and divisors."""
    return _leads_to_input(port, set())


def _is_made_of(port: Port, other: Port) -> bool:
    """True where `port` is computed of `other` alone, or of what that is a multiple of."""
    source = _place(_unscaled(other))
    return _place(_unscaled(port)) != source and not _leads_to_input(port, {source})


def _unscaled(port: Port) -> Port:
    """What `port` is a constant multiple of."""
    while (node := port.get_node()).get_type_name() in ("Multiply", "Divide"):
        computed = [each for each in node.input_values() if is_computed(each)]
        if len(computed) != 1:
            break
        port = computed[0]
    return port


def _place(port: Port) -> tuple[str, int]:
    return port.get_node().get_name(), port.get_index()


def _leads_to_input(port: Port, passed: set[tuple[str, int]]) -> bool:
    """True where `port` depends on the input in another way than by the outputs `passed`."""
    pending, seen = [port], set(passed)
    while pending:
        port = pending.pop()
        node = port.get_node()
        if node.get_type_name() == "Parameter" and _place(port) not in passed:
            return True
        if _place(port) not in seen and not _is_statistic(node):
            seen.add(_place(port))
            count = 1 if node.get_type_name() == "Divide" else None
            pending += node.input_values()[:count][::-1]
    return False
