"""Small graphs of OpenVINO's operations, one or more for each rule of the backward pass.

Inputs are drawn from a normal distribution where only a shape is given; where slopes jump, they are
`spaced`, so that no difference that is taken reaches from one side of a jump to the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from openvino import opset1, opset2, opset16

from gradcam_cli.engines.openvino.runtime import ops
from tests.engines.openvino.vjp_moving_operations import MOVING, SLICING
from tests.engines.openvino.vjp_values import (
    MAP,
    ROWS,
    Graph,
    Input,
    drawn,
    in_half_precision,
    number,
    positive,
    spaced,
    whole,
)
from tests.engines.openvino.vjp_window_operations import CONVOLUTIONS, POOLS, RESIZING


def clipped(x: Any) -> Any:
    return ops.clamp(x, -1, 1)


def layer_norm(x: Any) -> Any:
    """As torch exports it."""
    centred = ops.subtract(x, ops.reduce_mean(x, whole([-1]), keep_dims=True))
    variance = ops.reduce_mean(ops.power(centred, number(2)), whole([-1]), keep_dims=True)
    normalized = ops.divide(centred, ops.sqrt(ops.add(variance, number(1e-3))))
    return ops.add(ops.multiply(normalized, ops.constant(drawn(4))), ops.constant(drawn(4)))


def large_weights_read_twice(x: Any) -> Any:
    """By a dense layer and by another operation: (2, 1) -> (2, 512)."""
    weights = ops.constant(drawn(512, 512) / 16)
    rows = ops.sin(ops.add(x, ops.constant(drawn(1, 512))))
    means = ops.reduce_mean(weights, whole([0]))
    return ops.add(ops.matmul(rows, weights, False, False), means)


def gelu_by_erf(x: Any) -> Any:
    share = ops.add(ops.erf(ops.divide(x, number(2**0.5))), number(1))
    return ops.multiply(ops.multiply(x, share), number(0.5))


def gelu_by_tanh(x: Any) -> Any:
    cube = ops.multiply(ops.power(x, number(3)), number(0.044715))
    s = ops.tanh(ops.multiply(ops.add(x, cube), number((2 / np.pi) ** 0.5)))
    return ops.multiply(ops.multiply(x, number(0.5)), ops.add(s, number(1)))


def attention_of_one_product(x: Any) -> Any:
    """Query, key and value, split from one product: (1, 3, 4) -> (1, 3, 4)."""
    joined = ops.matmul(x, ops.constant(drawn(4, 12)), False, False)
    query, key, value = ops.split(joined, whole(2), 3).outputs()
    scores = ops.multiply(ops.matmul(query, key, False, True), number(0.5))
    return ops.matmul(ops.softmax(scores, -1), value, False, False)


def attention_by_gather(x: Any) -> Any:
    """The same, with an axis for the three, of which each is gathered."""
    joined = ops.matmul(x, ops.constant(drawn(4, 12)), False, False)
    stacked = ops.transpose(ops.reshape(joined, whole([1, 3, 3, 4]), False), whole([2, 0, 1, 3]))
    query, key, value = (ops.gather(stacked, whole(i), whole(0)) for i in range(3))
    return ops.scaled_dot_product_attention(query, key, value)


ATTENDED = [(2, 3, 4), (2, 5, 4), (2, 5, 3)]
FACTORS = (number(1.3), number(0.4))
BATCH_NORM = [positive(2), drawn(2), drawn(2, seed=1), positive(2)]

ELEMENTWISE: dict[str, tuple[Graph, list[Input]]] = {
    "absolute": (ops.abs, [spaced(3, 4)]),
    "add": (ops.add, [ROWS, (3, 1)]),
    "convert to double precision and back": (
        lambda x: ops.convert(ops.multiply(c := ops.convert(x, "f64"), c), "f32"),
        [ROWS],
    ),
    "convert like": (lambda x, z: ops.multiply(ops.convert_like(x, z), z), [ROWS, ROWS]),
    "cosine": (ops.cos, [ROWS]),
    "divide": (ops.divide, [ROWS, positive(3, 1)]),
    "erf": (ops.erf, [ROWS]),
    "exponential": (ops.exp, [ROWS]),
    "floored remainder": (lambda x: ops.floor_mod(x, number(2)), [spaced(3, 4)]),
    "identity": (lambda x: ops.sin(opset16.identity(x)), [ROWS]),
    "logarithm": (ops.log, [positive(3, 4)]),
    "maximum": (ops.maximum, [spaced(3, 4), spaced(4, seed=1) + 0.125]),
    "minimum": (ops.minimum, [spaced(3, 1), spaced(2, 1, 4, seed=1) + 0.125]),
    "multiply": (ops.multiply, [ROWS, (4,)]),
    "negative": (lambda x: ops.negative(ops.exp(x)), [ROWS]),
    "power": (lambda x: ops.power(x, number(3)), [ROWS]),
    "power of halves": (lambda x: ops.power(x, number(0.5)), [positive(3, 4)]),
    "remainder": (lambda x: ops.mod(x, number(2)), [spaced(3, 4)]),
    "select by a constant": (
        lambda x, z: ops.select(ops.constant(np.arange(4) % 2 == 0), x, z),
        [ROWS, (3, 1)],
    ),
    "select by what is computed": (
        lambda x, z: ops.select(ops.greater(x, number(0)), ops.exp(x), ops.multiply(z, z)),
        [spaced(3, 4), (1,)],
    ),
    "sine": (ops.sin, [ROWS]),
    "square root": (ops.sqrt, [positive(3, 4)]),
    "squared difference": (ops.squared_difference, [ROWS, (2, 1, 4)]),
    "steps have no slope": (
        lambda x: ops.multiply(ops.floor(x), ops.add(x, ops.add(ops.sign(x), ops.ceil(x)))),
        [spaced(3, 4)],
    ),
    "round has no slope": (
        lambda x: ops.multiply(ops.round(x), x),
        [spaced(3, 4)],
    ),
    "subtract": (ops.subtract, [(3, 1), ROWS]),
}

ACTIVATIONS: dict[str, tuple[Graph, list[Input]]] = {
    "clamp": (clipped, [spaced(3, 4)]),
    "elu": (lambda x: ops.elu(x, 0.7), [spaced(3, 4)]),
    "gelu": (lambda x: ops.gelu(x, "erf"), [ROWS]),
    "gelu of opset 2": (opset2.gelu, [ROWS]),
    "gelu by tanh": (lambda x: ops.gelu(x, "tanh"), [ROWS]),
    "gelu assembled": (gelu_by_erf, [ROWS]),
    "gelu by tanh assembled": (gelu_by_tanh, [ROWS]),
    "hard sigmoid": (lambda x: ops.hard_sigmoid(x, number(0.2), number(0.45)), [3 * spaced(3, 4)]),
    "hard sigmoid by six": (ops.hsigmoid, [3 * spaced(3, 4)]),
    "hard swish": (ops.hswish, [3 * spaced(3, 4)]),
    "logarithm of softmax": (lambda x: ops.log_softmax(x, 1), [ROWS]),
    "logarithm of softmax, last axis": (lambda x: ops.log_softmax(x, -1), [ROWS]),
    "mish": (ops.mish, [3 * drawn(3, 4)]),
    "leaky relu by channel": (
        lambda x: ops.prelu(x, ops.constant(drawn(2))),
        [spaced(1, 2, 3, 4)],
    ),
    "leaky relu by column": (
        lambda x: ops.prelu(x, ops.constant(drawn(4))),
        [spaced(1, 2, 3, 4)],
    ),
    "leaky relu": (lambda x: ops.prelu(x, number(0.2)), [spaced(3, 4)]),
    "relu": (ops.relu, [spaced(3, 4)]),
    "selu": (lambda x: ops.selu(x, number(1.67), number(1.05)), [spaced(3, 4)]),
    "sigmoid": (ops.sigmoid, [ROWS]),
    "softmax": (lambda x: ops.softmax(x, 1), [ROWS]),
    "softmax, last axis": (lambda x: ops.softmax(x, -1), [ROWS]),
    "softplus": (ops.softplus, [3 * drawn(3, 4)]),
    "softsign": (ops.softsign, [spaced(3, 4)]),
    "swish": (ops.swish, [ROWS]),
    "swish with a beta": (lambda x: ops.swish(x, number(1.7)), [ROWS]),
    "tanh": (ops.tanh, [ROWS]),
}

PRODUCTS: dict[str, tuple[Graph, list[Input]]] = {
    "product": (lambda a, b: ops.matmul(a, b, False, False), [ROWS, (4, 2)]),
    "product, transposed": (lambda a, b: ops.matmul(a, b, True, True), [ROWS, (5, 3)]),
    "vector times vector": (lambda a, b: ops.matmul(a, b, False, False), [(4,), (4,)]),
    "vector times matrices": (lambda a, b: ops.matmul(a, b, False, False), [(3,), ROWS]),
    "vector times transposed matrices": (
        lambda a, b: ops.matmul(a, b, True, True),
        [(4,), ROWS],
    ),
    "matrices times vector": (lambda a, b: ops.matmul(a, b, False, False), [ROWS, (4,)]),
    "transposed matrices times vector": (
        lambda a, b: ops.matmul(a, b, True, True),
        [ROWS, (3,)],
    ),
    "sum over named axes": (
        lambda a, b: ops.einsum([a, b], "nij,njk->nki"),
        [ROWS, (2, 4, 2)],
    ),
    "product with weights in half precision": (
        lambda x: ops.matmul(x, in_half_precision(16, 16), False, False),
        [(3, 16)],
    ),
    "product with large weights that others read": (large_weights_read_twice, [(2, 1)]),
    "sum over named axes, one of them in one factor": (
        lambda a, b: ops.einsum([a, b], "nij,jk->nk"),
        [ROWS, (4, 2)],
    ),
    "sum over named axes, one of them of one element": (
        lambda a, b: ops.einsum([a, b], "ij,jk->ik"),
        [(2, 1), (3, 4)],
    ),
    "attention": (ops.scaled_dot_product_attention, ATTENDED),
    "attention with a mask": (
        lambda q, k, v: ops.scaled_dot_product_attention(q, k, v, ops.constant(drawn(3, 5))),
        ATTENDED,
    ),
    "attention with a mask that is computed": (
        ops.scaled_dot_product_attention,
        [*ATTENDED, (3, 1)],
    ),
    "attention with a mask of booleans": (
        lambda q, k, v: ops.scaled_dot_product_attention(
            q, k, v, ops.constant(np.arange(15).reshape(3, 5) % 4 != 1)
        ),
        ATTENDED,
    ),
    "attention to what came before": (
        lambda q, k, v: ops.scaled_dot_product_attention(q, k, v, causal=True),
        ATTENDED,
    ),
    "attention with a scale": (
        lambda q, k, v: ops.scaled_dot_product_attention(
            q, k, v, ops.constant(drawn(2, 3, 5)), number(0.3)
        ),
        ATTENDED,
    ),
    "attention with shared heads": (
        ops.scaled_dot_product_attention,
        [(1, 2, 3, 4), (1, 1, 5, 4), (1, 1, 5, 3)],
    ),
    "attention to itself": (
        lambda x: ops.scaled_dot_product_attention(x, x, x),
        [ROWS],
    ),
    "attention assembled, of one product": (attention_of_one_product, [(1, 3, 4)]),
    "attention by gathered parts": (attention_by_gather, [(1, 3, 4)]),
}

REDUCTIONS: dict[str, tuple[Graph, list[Input]]] = {
    "sum of sizes": (lambda x: ops.reduce_l1(x, whole([0, -1])), [spaced(2, 3, 4)]),
    "length": (lambda x: ops.reduce_l2(x, whole([1]), keep_dims=True), [ROWS]),
    "greatest": (lambda x: ops.reduce_max(x, whole([0, -1])), [spaced(2, 3, 4)]),
    "greatest, kept": (lambda x: ops.reduce_max(x, whole([1]), keep_dims=True), [spaced(*ROWS)]),
    "least": (lambda x: ops.reduce_min(x, whole([1])), [spaced(2, 3, 4)]),
    "mean": (lambda x: ops.reduce_mean(x, whole([0, -1])), [ROWS]),
    "sum": (lambda x: ops.reduce_sum(x, whole(1)), [ROWS]),
    "the two greatest": (
        lambda x: ops.topk(x, whole(2), -2, "max", "value").output(0),
        [spaced(*ROWS)],
    ),
}

NORMALIZATION: dict[str, tuple[Graph, list[Input]]] = {
    "batch normalization": (
        lambda x: ops.batch_norm_inference(x, *map(ops.constant, BATCH_NORM), 1e-3),
        [MAP],
    ),
    "batch normalization of opset 1": (
        lambda x: opset1.batch_norm_inference(x, *map(ops.constant, BATCH_NORM), 1e-3),
        [MAP],
    ),
    "batch normalization of vectors": (
        lambda x: ops.batch_norm_inference(x, *map(ops.constant, BATCH_NORM), 1e-3),
        [(3, 2)],
    ),
    "group normalization": (
        lambda x: ops.group_normalization(
            x, ops.constant(drawn(4)), ops.constant(drawn(4)), 2, 0.01
        ),
        [(2, 4, 2, 2)],
    ),
    "group normalization with what is computed": (
        lambda x, scale, offset: ops.group_normalization(x, scale, offset, 2, 0.01),
        [(2, 4, 2), (4,), (4,)],
    ),
    "layer normalization assembled": (layer_norm, [ROWS]),
    "local response": (lambda x: ops.lrn(x, whole([1]), 0.7, 0.6, 2, 3), [(1, 5, 2, 2)]),
    "local response over places": (
        lambda x: ops.lrn(x, whole([2, 3]), 0.7, 0.6, 2, 3),
        [MAP],
    ),
    "mean and variance": (lambda x: ops.mvn(x, whole([1, -1]), True, 0.1, "inside_sqrt"), [ROWS]),
    "mean and root of variance": (
        lambda x: ops.mvn(x, whole([2, 3]), True, 0.1, "outside_sqrt"),
        [MAP],
    ),
    "mean only": (lambda x: ops.mvn(x, whole([2]), False, 0.1, "inside_sqrt"), [ROWS]),
    "mean and variance of opset 2": (lambda x: opset2.mvn(x, False, True, 0.1), [MAP]),
    "mean and variance across channels": (lambda x: opset2.mvn(x, True, True, 0.1), [MAP]),
    "vectors of length 1": (lambda x: ops.normalize_l2(x, whole([1]), 0.1, "add"), [ROWS]),
    "vectors of length 1, or shorter": (
        lambda x: ops.normalize_l2(x, whole([1, 2]), 0.1, "max"),
        [ROWS],
    ),
}

OPERATIONS = {
    **ELEMENTWISE,
    **ACTIVATIONS,
    **CONVOLUTIONS,
    **PRODUCTS,
    **POOLS,
    **REDUCTIONS,
    **NORMALIZATION,
    **MOVING,
    **SLICING,
    **RESIZING,
}
