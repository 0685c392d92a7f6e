"""Rules of products of matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcam_cli.engines.openvino.runtime import ops
from gradcam_cli.engines.openvino.vjp.ports import (
    Expansion,
    Node,
    NotDifferentiableError,
    Port,
    Vjp,
    constant,
    constant_as,
    integers,
    own_constant,
    reshaped,
    shape_of,
    unbroadcast,
)

_FED_BYTES = 1 << 20


def _matmul(node: Node, g: Port, number: int) -> Port:
    """y = a·b, either stored transposed or not: dy/da = g·bᵀ, dy/db = aᵀ·g."""
    (a, a_is_transposed), (b, b_is_transposed) = _matrices(node)
    g = _with_vector_axes(node, g)
    if number:
        gradient = (
            _product((g, True), (a, a_is_transposed))
            if b_is_transposed
            else _product((a, not a_is_transposed), (g, False))
        )
    else:
        gradient = (
            _product((b, b_is_transposed), (g, True))
            if a_is_transposed
            else _product((g, False), (b, not b_is_transposed))
        )
    matrix = (a, b)[number]
    return reshaped_to(unbroadcast(gradient, shape_of(matrix)), node.input_value(number))


def reshaped_to(gradient: Port, port: Port) -> Port:
    """A gradient in the shape of what it is of."""
    shape = shape_of(port)
    return gradient if shape_of(gradient) == shape else reshaped(gradient, shape)


def _matrices(node: Node) -> tuple[tuple[Port, bool], tuple[Port, bool]]:
    """Both factors, and whether they are stored transposed; a vector is one row, or one column."""
    flags = node.get_attributes()
    a, b = node.input_value(0), node.input_value(1)
    first = (a, bool(flags["transpose_a"]))
    second = (b, bool(flags["transpose_b"]))
    if len(shape_of(a)) == 1:
        first = (reshaped(a, [1, *shape_of(a)]), False)
    if len(shape_of(b)) == 1:
        second = (reshaped(b, [*shape_of(b), 1]), False)
    return first, second


def _with_vector_axes(node: Node, g: Port) -> Port:
    """The gradient with the axes of one row and one column that a product of vectors drops."""
    a, b = (len(shape_of(node.input_value(i))) for i in (0, 1))
    shape = shape_of(g)
    if b == 1:
        shape = [*shape, 1]
    if a == 1:
        shape = [*shape[:-1], 1, shape[-1]]
    return g if min(a, b) > 1 else reshaped(g, shape)


def _product(left: tuple[Port, bool], right: tuple[Port, bool]) -> Port:
    """The product of two matrices, each transposed or not."""
    of_rows = len(shape_of(left[0])) == 2
    a, b = (
        port if of_rows and is_fed(port.get_node()) else own_constant(port)
        for port, _ in (left, right)
    )
    return ops.matmul(a, b, left[1], right[1]).output(0)


def is_fed(node: Node) -> bool:
    """True for a constant that `compiled` makes an input of the graph, which is never packed.

    Those are the large matrices that nothing but dense layers read.
    """
    if node.get_type_name() != "Constant" or node.get_byte_size() < _FED_BYTES:
        return False
    readers = [reader_input.get_node() for reader_input in node.output(0).get_target_inputs()]
    return bool(readers) and all(_is_dense(reader) for reader in readers)


def _is_dense(node: Node) -> bool:
    if node.get_type_name() != "MatMul":
        return False
    rank = node.get_input_partial_shape(0).rank  # the number of rows may be open yet
    return bool(rank.is_static and rank.get_length() == 2)


def written_out_attention(node: Node, inputs: list[Port]) -> Any:
    """softmax(c·q·kᵀ + m)·v with a scale c and a mask m, of a ScaledDotProductAttention."""
    query, key, value, *others = inputs
    width = shape_of(query)[-1]
    scale = others[1] if len(others) > 1 else constant_as(query, 1 / math.sqrt(width))
    scores = _product((ops.multiply(query, scale).output(0), False), (key, True))
    if node.get_attributes()["causal"]:
        scores = _masked(
            scores, constant(np.tri(*shape_of(scores)[-2:], dtype=bool), bool).output(0)
        )
    elif others:
        scores = _masked(scores, others[0])
    return ops.matmul(ops.softmax(scores, len(shape_of(scores)) - 1), value, False, False)


def _masked(scores: Port, mask: Port) -> Port:
    """Scores with a mask added, or only those where one of booleans is true."""
    if mask.get_element_type().is_real():
        return ops.add(scores, mask).output(0)
    return ops.select(mask, scores, constant_as(scores, -np.inf)).output(0)


def _einsum(node: Node, g: Port, number: int) -> Port:
    """A sum of the same kind, of the gradient and the other factors."""
    terms, result = _named_axes(node)
    own, others = terms.pop(number), terms
    kept = "".join(label for label in own if label in "".join([result, *others]))
    factors = [own_constant(node.input_value(i)) for i in range(len(node.inputs())) if i != number]
    gradient = ops.einsum([g, *factors], f"{','.join([result, *others])}->{kept}").output(0)
    # What is summed over and stands in no other factor got the same gradient everywhere.
    sides = dict(zip(kept, shape_of(gradient), strict=True))
    shape = shape_of(node.input_value(number))
    gradient = reshaped(gradient, [sides.get(label, 1) for label in own])
    spread = ops.broadcast(gradient, integers(shape), broadcast_spec="BIDIRECTIONAL")
    return unbroadcast(spread.output(0), shape)


def _named_axes(node: Node) -> tuple[list[str], str]:
    """The labels of the axes of each factor, and of the result."""
    equation = node.get_attributes()["equation"].replace(" ", "")
    factors, arrow, result = equation.partition("->")
    terms = factors.split(",")
    repeated = any(len(set(term)) < len(term) for term in (result, *terms))
    if not arrow or repeated or "." in equation:
        raise NotDifferentiableError(f"Einsum of {equation}")
    return terms, result


PRODUCTS: dict[str, Vjp | Expansion] = {
    "Einsum": _einsum,
    "MatMul": _matmul,
    "ScaledDotProductAttention": Expansion(written_out_attention),
}
