"""Small graphs of OpenVINO's operations, one or more for each rule of the backward pass.

Inputs are drawn from a normal distribution where only a shape is given; where slopes jump, they are
`spaced`, so that no difference that is taken reaches from one side of a jump to the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from openvino import opset1, opset2, opset4, opset11, opset14, opset16

from gradcam_cli.engines.openvino.runtime import ops

Graph = Callable[..., Any]
"""Outputs of parameters -> the end of the graph, a node or an output."""

Input = tuple[int, ...] | NDArray[np.float32]
"""A shape, or values."""

MAP = (1, 2, 4, 5)
ROWS = (2, 3, 4)


def drawn(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def spaced(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    """Values of which no two are closer than 1/4, and none closer to a multiple of that than 1/8."""
    count = int(np.prod(shape))
    values = (np.random.default_rng(seed).permutation(count) - count // 2 + 0.5) / 4
    return values.astype(np.float32).reshape(shape)


def positive(*shape: int) -> NDArray[np.float32]:
    return np.abs(drawn(*shape)) + 0.5


def number(value: float) -> Any:
    return ops.constant(np.float32(value))


def whole(values: Any) -> Any:
    return ops.constant(np.asarray(values, np.int64))


def clipped(x: Any) -> Any:
    return ops.clamp(x, -1, 1)


def strided(
    x: Any, begin: list[int], end: list[int], strides: list[int], **masks: list[int]
) -> Any:
    """A StridedSlice with those masks that are given; the others are 0."""
    names = ("begin_mask", "end_mask", "new_axis_mask", "shrink_axis_mask", "ellipsis_mask")
    flags = [masks.get(name, [0] * len(begin)) for name in names]
    return ops.strided_slice(x, whole(begin), whole(end), whole(strides), *flags)


def interpolated(x: Any, mode: str, sides: list[int], **options: Any) -> Any:
    return ops.interpolate(x, whole(sides), mode, "sizes", axes=whole([2, 3]), **options)


def layer_norm(x: Any) -> Any:
    """As torch exports it."""
    centred = ops.subtract(x, ops.reduce_mean(x, whole([-1]), keep_dims=True))
    variance = ops.reduce_mean(ops.power(centred, number(2)), whole([-1]), keep_dims=True)
    normalized = ops.divide(centred, ops.sqrt(ops.add(variance, number(1e-3))))
    return ops.add(ops.multiply(normalized, ops.constant(drawn(4))), ops.constant(drawn(4)))


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


def parts_read_differently(x: Any) -> Any:
    """Of four parts one is read twice, one once, one with another, one not at all."""
    first, second, third, _ = ops.split(x, whole(1), 4).outputs()
    return ops.multiply(ops.multiply(first, ops.sigmoid(first)), ops.add(second, third))


def uneven_parts(x: Any) -> Any:
    first, _, third = ops.variadic_split(x, whole(1), whole([1, 1, 2])).outputs()
    return ops.add(ops.tanh(third), first)


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

CONVOLUTIONS: dict[str, tuple[Graph, list[Input]]] = {
    "convolution": (
        lambda x: ops.convolution(
            x, ops.constant(drawn(3, 2, 3, 2)), [2, 1], [1, 0], [0, 1], [1, 2]
        ),
        [MAP],
    ),
    "convolution, padded by itself": (
        lambda x: ops.convolution(
            x, ops.constant(drawn(3, 2, 3, 3)), [2, 2], [0, 0], [0, 0], [1, 1], "same_lower"
        ),
        [MAP],
    ),
    "convolution of a row": (
        lambda x: ops.convolution(x, ops.constant(drawn(3, 2, 3)), [2], [1], [0], [1]),
        [(1, 2, 8)],
    ),
    "convolution of a block": (
        lambda x: ops.convolution(
            x, ops.constant(drawn(2, 1, 2, 2, 2)), [2, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 1]
        ),
        [(1, 1, 3, 3, 3)],
    ),
    "grouped convolution": (
        lambda x: ops.group_convolution(
            x, ops.constant(drawn(2, 2, 1, 3, 3)), [2, 2], [1, 1], [1, 1], [1, 1]
        ),
        [MAP],
    ),
    "grouped convolution of one group": (
        lambda x: ops.group_convolution(
            x, ops.constant(drawn(1, 3, 2, 3, 3)), [1, 1], [0, 0], [0, 0], [1, 1]
        ),
        [MAP],
    ),
    "transposed convolution": (
        lambda x: ops.convolution_backprop_data(x, ops.constant(drawn(2, 3, 3, 3)), [2, 2]),
        [(1, 2, 3, 4)],
    ),
    "transposed convolution, cut and dilated": (
        lambda x: ops.convolution_backprop_data(
            x,
            ops.constant(drawn(2, 3, 3, 3)),
            [2, 1],
            pads_begin=[1, 0],
            pads_end=[0, 2],
            dilations=[1, 2],
            output_padding=[1, 0],
        ),
        [(1, 2, 3, 4)],
    ),
    "transposed convolution to a size, more at the end": (
        lambda x: ops.convolution_backprop_data(
            x, ops.constant(drawn(2, 3, 3, 3)), [2, 2], whole([6, 7]), auto_pad="same_upper"
        ),
        [(1, 2, 3, 4)],
    ),
    "transposed convolution to a size, more at the beginning": (
        lambda x: ops.convolution_backprop_data(
            x, ops.constant(drawn(2, 3, 4, 4)), [2, 2], whole([5, 8]), auto_pad="same_lower"
        ),
        [(1, 2, 3, 4)],
    ),
    "transposed convolution of a row": (
        lambda x: ops.convolution_backprop_data(x, ops.constant(drawn(2, 3, 4)), [2]),
        [(1, 2, 5)],
    ),
    "grouped transposed convolution": (
        lambda x: ops.group_convolution_backprop_data(
            x, ops.constant(drawn(2, 1, 2, 3, 3)), [2, 2], output_padding=[1, 1]
        ),
        [(1, 2, 3, 4)],
    ),
    "grouped transposed convolution of one group": (
        lambda x: ops.group_convolution_backprop_data(
            x, ops.constant(drawn(1, 2, 3, 2, 2)), [2, 2]
        ),
        [(1, 2, 3, 4)],
    ),
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

POOLS: dict[str, tuple[Graph, list[Input]]] = {
    "max pool": (
        lambda x: ops.max_pool(x, [2, 1], [1, 1], [1, 0], [0, 1], [3, 2]).output(0),
        [spaced(*MAP)],
    ),
    "max pool of opset 1": (
        lambda x: opset1.max_pool(x, [2, 2], [0, 0], [0, 0], [2, 2], "ceil"),
        [spaced(*MAP)],
    ),
    "max pool of tiles": (
        lambda x: ops.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2]).output(0),
        [spaced(1, 2, 4, 4)],
    ),
    "dilated max pool": (
        lambda x: ops.max_pool(x, [1, 2], [2, 2], [1, 1], [1, 1], [2, 2]).output(0),
        [spaced(*MAP)],
    ),
    "dilated max pool of tiles": (
        lambda x: ops.max_pool(x, [2, 2], [2, 1], [0, 0], [1, 0], [2, 2]).output(0),
        [spaced(1, 2, 4, 4)],
    ),
    "max pool, rounded up": (
        lambda x: ops.max_pool(x, [2, 2], [1, 1], [1, 0], [1, 0], [3, 2], "ceil").output(0),
        [spaced(*MAP)],
    ),
    "max pool, rounded up as in torch": (
        lambda x: opset14.max_pool(
            x, [3, 3], [1, 1], [1, 1], [1, 1], [3, 3], "ceil_torch"
        ).output(0),
        [spaced(*MAP)],
    ),
    "max pool, padded by itself": (
        lambda x: ops.max_pool(
            x, [2, 2], [1, 1], [0, 0], [0, 0], [3, 3], "floor", "same_upper"
        ).output(0),
        [spaced(*MAP)],
    ),
    "max pool of a row": (
        lambda x: ops.max_pool(x, [2], [1], [1], [0], [3]).output(0),
        [spaced(1, 2, 8)],
    ),
    "max pool of a block": (
        lambda x: ops.max_pool(x, [1, 2, 1], [1, 1, 1], [0, 0, 0], [0, 0, 0], [2, 2, 2]).output(0),
        [spaced(1, 1, 3, 4, 3)],
    ),
    "adaptive max pool": (
        lambda x: ops.adaptive_max_pool(x, whole([2, 3])).output(0),
        [spaced(*MAP)],
    ),
    "average pool": (
        lambda x: ops.avg_pool(x, [2, 1], [1, 0], [0, 1], [3, 2], False),
        [MAP],
    ),
    "average pool without what is around": (
        lambda x: ops.avg_pool(x, [2, 1], [1, 0], [0, 1], [3, 2], True),
        [MAP],
    ),
    "average pool, rounded up": (
        lambda x: ops.avg_pool(x, [2, 2], [0, 1], [0, 1], [3, 2], False, "ceil"),
        [MAP],
    ),
    "average pool without what is around, rounded up": (
        lambda x: ops.avg_pool(x, [2, 2], [0, 1], [0, 1], [3, 2], True, "ceil"),
        [MAP],
    ),
    "average pool, rounded up as in torch": (
        lambda x: opset14.avg_pool(x, [3, 3], [1, 1], [1, 1], [3, 3], False, "ceil_torch"),
        [MAP],
    ),
    "average pool, padded by itself": (
        lambda x: ops.avg_pool(x, [2, 2], [0, 0], [0, 0], [3, 3], True, "floor", "same_upper"),
        [MAP],
    ),
    "dilated average pool": (
        lambda x: opset16.avg_pool(x, [1, 2], [0, 1], [0, 1], [2, 2], True, dilations=[2, 1]),
        [MAP],
    ),
    "average pool of a row": (
        lambda x: ops.avg_pool(x, [2], [1], [0], [3], False),
        [(1, 2, 8)],
    ),
    "average pool of a block": (
        lambda x: ops.avg_pool(x, [1, 2, 1], [0, 1, 0], [0, 0, 0], [2, 2, 2], True),
        [(1, 1, 3, 4, 3)],
    ),
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
        lambda x: ops.group_normalization(x, ops.constant(drawn(4)), ops.constant(drawn(4)), 2, 0.01),
        [(2, 4, 2, 2)],
    ),
    "group normalization with what is computed": (
        lambda x, scale, offset: ops.group_normalization(x, scale, offset, 2, 0.01),
        [(2, 4, 2), (4,), (4,)],
    ),
    "layer normalization assembled": (layer_norm, [ROWS]),
    "local response": (lambda x: ops.lrn(x, whole([1]), 0.7, 0.6, 1.2, 3), [(1, 5, 2, 2)]),
    "local response over places": (
        lambda x: ops.lrn(x, whole([2, 3]), 0.7, 0.6, 1.2, 3),
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

MOVING: dict[str, tuple[Graph, list[Input]]] = {
    "batch to space": (
        lambda x: ops.batch_to_space(x, whole([1, 1, 2, 2]), whole([0, 0, 0, 1]), whole([0, 0, 1, 0])),
        [(4, 1, 2, 3)],
    ),
    "space to batch": (
        lambda x: ops.space_to_batch(x, whole([1, 1, 2, 2]), whole([0, 0, 0, 1]), whole([0, 0, 1, 0])),
        [(1, 2, 3, 5)],
    ),
    "broadcast": (lambda x: ops.broadcast(x, whole([2, 2, 3, 4])), [(3, 1)]),
    "broadcast in both directions": (
        lambda x: ops.broadcast(x, whole([2, 1, 4]), broadcast_spec="BIDIRECTIONAL"),
        [(3, 1)],
    ),
    "broadcast along given axes": (
        lambda x: ops.broadcast(x, whole([3, 2, 4, 2]), whole([0, 2]), "EXPLICIT"),
        [(3, 4)],
    ),
    "concat": (lambda x, z: ops.concat([x, z, x], -1), [ROWS, (2, 3, 1)]),
    "depth to space, blocks first": (
        lambda x: ops.depth_to_space(x, "blocks_first", 2),
        [(1, 8, 2, 1)],
    ),
    "depth to space, depth first": (
        lambda x: ops.depth_to_space(x, "depth_first", 2),
        [(1, 8, 2, 1)],
    ),
    "space to depth, blocks first": (
        lambda x: ops.space_to_depth(x, "blocks_first", 2),
        [(1, 2, 4, 2)],
    ),
    "space to depth, depth first": (
        lambda x: ops.space_to_depth(x, "depth_first", 2),
        [(1, 2, 4, 2)],
    ),
    "reshape": (lambda x: ops.reshape(x, whole([0, -1]), True), [ROWS]),
    "roll": (lambda x: ops.roll(x, whole([1, -3]), whole([0, -1])), [(3, 2, 4)]),
    "shuffled channels": (lambda x: ops.shuffle_channels(x, 1, 3), [(1, 6, 2, 2)]),
    "shuffled columns": (lambda x: ops.shuffle_channels(x, -1, 2), [(2, 1, 6)]),
    "split": (parts_read_differently, [(2, 8, 2)]),
    "split in one": (lambda x: ops.split(x, whole(1), 1).output(0), [ROWS]),
    "split unevenly": (uneven_parts, [(2, 4, 3)]),
    "squeeze": (lambda x: ops.squeeze(x, whole([0, -1])), [(1, 3, 4, 1)]),
    "squeeze all": (lambda x: ops.squeeze(x), [(1, 3, 4, 1)]),
    "tile": (lambda x: ops.tile(x, whole([2, 1, 3])), [ROWS]),
    "tile with new axes": (lambda x: ops.tile(x, whole([2, 2, 3])), [(2, 3)]),
    "tile fewer axes": (lambda x: ops.tile(x, whole([2])), [ROWS]),
    "transpose": (lambda x: ops.transpose(x, whole([1, 2, 0])), [ROWS]),
    "transpose all": (lambda x: ops.transpose(x, ops.constant(np.zeros(0, np.int64))), [ROWS]),
    "unsqueeze": (lambda x: ops.unsqueeze(x, whole([0, -1])), [ROWS]),
}

PADS = (whole([0, 2, 1]), whole([0, 0, 2]))

SLICING: dict[str, tuple[Graph, list[Input]]] = {
    "gather one": (lambda x: ops.gather(x, whole(1), whole(1)), [ROWS]),
    "gather the last": (lambda x: ops.gather(x, whole(-1), whole(-1)), [ROWS]),
    "gather some": (lambda x: ops.gather(x, whole([2, 0]), whole(1)), [ROWS]),
    "gather some twice": (lambda x: ops.gather(x, whole([2, 0, 2, 2]), whole(1)), [ROWS]),
    "gather one many times": (lambda x: ops.gather(x, whole([1] * 10), whole(0)), [ROWS]),
    "gather by a table": (lambda x: ops.gather(x, whole([[2, 0], [1, 2]]), whole(1)), [ROWS]),
    "gather of opset 1": (lambda x: opset1.gather(x, whole([2, 0]), whole(1)), [ROWS]),
    "pad": (lambda x: ops.pad(x, *PADS, "constant", number(1)), [ROWS]),
    "pad by less than nothing": (
        lambda x: ops.pad(x, whole([0, -1, 2]), whole([0, 1, -1]), "constant"),
        [ROWS],
    ),
    "pad by edges": (lambda x: ops.pad(x, *PADS, "edge"), [ROWS]),
    "pad by reflection": (lambda x: ops.pad(x, *PADS, "reflect"), [ROWS]),
    "pad by reflection with the edge": (lambda x: ops.pad(x, *PADS, "symmetric"), [ROWS]),
    "slice": (
        lambda x: ops.slice(x, whole([1, 0]), whole([99, -1]), whole([1, 1]), whole([-1, 1])),
        [ROWS],
    ),
    "slice of all axes": (
        lambda x: ops.slice(x, whole([0, 1, 1]), whole([2, 3, 3]), whole([1, 1, 1])),
        [ROWS],
    ),
    "slice with steps": (
        lambda x: ops.slice(x, whole([1, 0]), whole([6, 5]), whole([2, 3]), whole([1, 2])),
        [(2, 6, 5)],
    ),
    "slice backwards": (
        lambda x: ops.slice(x, whole([-1, 4]), whole([-99, 0]), whole([-1, -2]), whole([1, 2])),
        [(2, 3, 5)],
    ),
    "strided slice": (lambda x: strided(x, [0, 1], [2, 4], [1, 2]), [(2, 5, 3)]),
    "strided slice backwards": (
        lambda x: strided(x, [0, -1], [2, 0], [1, -2], end_mask=[1, 1], begin_mask=[0, 1]),
        [(2, 5, 3)],
    ),
    "strided slice of one place": (
        lambda x: strided(x, [0, -2], [2, 99], [1, 1], shrink_axis_mask=[0, 1]),
        [(2, 5, 3)],
    ),
    "strided slice with a new axis": (
        lambda x: strided(
            x, [0, 0, 1], [2, 1, 3], [1, 1, 1], new_axis_mask=[0, 1, 0], begin_mask=[1, 0, 0]
        ),
        [ROWS],
    ),
    "strided slice with a rest": (
        lambda x: strided(
            x,
            [1, 0, 0, 1],
            [2, 0, 1, 4],
            [1, 1, 1, 2],
            ellipsis_mask=[0, 1, 0, 0],
            new_axis_mask=[0, 0, 1, 0],
            shrink_axis_mask=[1, 0, 0, 0],
        ),
        [(2, 2, 3, 4)],
    ),
}

RESIZING: dict[str, tuple[Graph, list[Input]]] = {
    "adaptive average pool": (lambda x: ops.adaptive_avg_pool(x, whole([3, 2])), [MAP]),
    "adaptive average pool of a row": (lambda x: ops.adaptive_avg_pool(x, whole([3])), [(1, 2, 7)]),
    "nearest, twice as large": (lambda x: interpolated(x, "nearest", [8, 15]), [MAP]),
    "nearest, half as large": (lambda x: interpolated(x, "nearest", [2, 3]), [MAP]),
    "nearest, of opset 4": (
        lambda x: opset4.interpolate(
            x,
            whole([8, 10]),
            ops.constant(np.float32([2, 2])),
            "nearest",
            "scales",
            axes=whole([2, 3]),
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        ),
        [MAP],
    ),
    "linear as in ONNX": (lambda x: interpolated(x, "linear_onnx", [7, 3]), [MAP]),
    "linear by corners": (
        lambda x: interpolated(
            x, "linear_onnx", [8, 10], coordinate_transformation_mode="align_corners"
        ),
        [MAP],
    ),
    "linear by scales": (
        lambda x: ops.interpolate(
            x,
            ops.constant(np.float32([1.6, 0.7])),
            "linear_onnx",
            "scales",
            axes=whole([2, 3]),
            coordinate_transformation_mode="pytorch_half_pixel",
        ),
        [MAP],
    ),
    "linear, smaller without aliasing": (
        lambda x: interpolated(x, "linear", [2, 3], antialias=True),
        [MAP],
    ),
    "linear of channels last": (
        lambda x: ops.interpolate(x, whole([7, 3]), "linear_onnx", "sizes", axes=whole([1, 2])),
        [(1, 4, 5, 2)],
    ),
    "linear of a row": (
        lambda x: ops.interpolate(x, whole([7]), "linear_onnx", "sizes", axes=whole([2])),
        [(1, 2, 4)],
    ),
    "cubic": (lambda x: interpolated(x, "cubic", [6, 7]), [MAP]),
    "all axes given": (
        lambda x: opset11.interpolate(x, whole([1, 2, 8, 10]), "linear_onnx", "sizes"),
        [MAP],
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
