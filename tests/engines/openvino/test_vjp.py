"""The backward pass of graphs converted from TensorFlow, against TensorFlow's own gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gradcam_cli.engines.comparison import relative_difference
from gradcam_cli.engines.openvino.runtime import converter, openvino, ops
from gradcam_cli.engines.openvino.vjp import (
    GUIDED,
    STANDARD,
    NotDifferentiableError,
    gradients,
)
from gradcam_cli.models.framework import tensorflow

TOLERANCE = 1e-5

Function = Callable[[Any, Any], Any]
"""(tensorflow, x) -> y, called with it so that collecting the tests does not import TensorFlow."""


def drawn(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def pixels(*shape: int) -> NDArray[np.float32]:
    return drawn(*shape, seed=1)


def few_integers(shape: tuple[int, ...], seed: int = 1) -> NDArray[np.float32]:
    """A map in which a window often has its maximum several times."""
    return np.random.default_rng(seed).integers(-1, 2, shape).astype(np.float32)


def converted(function: Function, shape: tuple[int, ...]) -> Any:
    """The graph of `function`, converted for any number of rows as models are, then fixed."""
    tf, _ = tensorflow()
    signature = [tf.TensorSpec((None, *shape[1:]), tf.float32)]
    traced = tf.function(
        lambda x: {"y": function(tf, x)}, input_signature=signature, autograph=False
    )
    model = converter()(traced.get_concrete_function())
    model.reshape(list(shape))
    return model


def x_of(model: Any) -> Any:
    return model.get_parameters()[0].output(0)


def y_of(model: Any) -> Any:
    # By name: what has a gradient of its own in TensorFlow, as swish has, has more results.
    return model.output("y").get_node().input_value(0)


def output_of(model: Any, operation: str) -> Any:
    """The output of the only operation of this type."""
    (node,) = (each for each in model.get_ordered_ops() if each.get_type_name() == operation)
    return node.output(0)


def operations_between(model: Any) -> set[str]:
    """The types of the operations that depend on the graph's input."""
    names, types = {x_of(model).get_node().get_name()}, set()
    for node in model.get_ordered_ops():
        sources = {each.get_source_output().get_node().get_name() for each in node.inputs()}
        if names & sources:
            names.add(node.get_name())
            types.add(node.get_type_name())
    return types - {"Result"}


def by_tensorflow(function: Function, x: Any) -> tuple[Any, Any, Any]:
    """y = f(x), random weights of its elements, and the gradient of their weighted sum."""
    tf, _ = tensorflow()
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(tf, x)
        seed = drawn(*y.shape, seed=2)
        total = tf.reduce_sum(y * seed)
    return y.numpy(), seed, tape.gradient(total, x).numpy()


def by_openvino(
    model: Any, points: list[Any], y: Any, seed: Any, x: Any, rules: Any = STANDARD
) -> list[Any]:
    """y and the gradients by `points`, from one graph as the engine has them."""
    start = ops.constant(seed).output(0)
    backward = gradients(model.get_ordered_ops(), y, start, points, rules)
    both = openvino.Model([y, *backward], model.get_parameters(), "both")
    settled = {"INFERENCE_PRECISION_HINT": "f32"}
    results = openvino.Core().compile_model(both, "CPU", settled)(x)
    return [results[number] for number in range(1 + len(points))]


def assert_close(found: Any, expected: Any) -> None:
    assert found.shape == expected.shape
    assert relative_difference(found, expected) <= TOLERANCE


def assert_as_tensorflow(function: Function, x: NDArray[np.float32]) -> None:
    y, seed, expected = by_tensorflow(function, x)
    model = converted(function, x.shape)
    found_y, found = by_openvino(model, [x_of(model)], y_of(model), seed, x)
    assert_close(found_y, y)
    assert_close(found, expected)


def hard_sigmoid(tf: Any, x: Any) -> Any:
    return tf.nn.relu6(x + 3.0) / 6.0


def hard_swish(tf: Any, x: Any) -> Any:
    return x * hard_sigmoid(tf, x)


def normalized(tf: Any, x: Any) -> Any:
    """Layer normalization, with one scale for each channel."""
    mean, variance = tf.nn.moments(x, [-1], keepdims=True)
    return (x - mean) * tf.math.rsqrt(variance + 1e-3) * drawn(x.shape[-1])


def squeezed_and_excited(tf: Any, x: Any) -> Any:
    """Each channel times a gate computed from the means of all, which passes through vectors."""
    channels = x.shape[-1]
    means = tf.reshape(tf.reduce_mean(x, [1, 2]), [tf.shape(x)[0], 1, 1, channels])
    kernel = drawn(1, 1, channels, channels)
    return x * tf.nn.sigmoid(tf.nn.conv2d(means, kernel, 1, "VALID"))


def attended(tf: Any, x: Any) -> Any:
    """One head of attention: products of what is computed."""
    query, key, value = (tf.matmul(x, drawn(4, 3, seed=seed)) for seed in range(3))
    return tf.matmul(tf.nn.softmax(tf.matmul(query, key, transpose_b=True)), value)


def batch_normalized(tf: Any, x: Any) -> Any:
    mean, variance, offset, scale = drawn(4, x.shape[-1])
    return tf.nn.batch_normalization(x, mean, variance**2 + 1, offset, scale, 1e-3)


def small_network(tf: Any, x: Any) -> Any:
    x = tf.pad(x, [[0, 0], [0, 1], [0, 1], [0, 0]])
    x = tf.nn.relu6(batch_normalized(tf, tf.nn.conv2d(x, drawn(3, 3, 3, 8), 2, "VALID")))
    aside = tf.nn.silu(tf.nn.depthwise_conv2d(x, drawn(3, 3, 8, 1), [1, 1, 1, 1], "SAME"))
    x = squeezed_and_excited(tf, aside) + x
    x = tf.concat([tf.nn.max_pool2d(x, 3, 2, "SAME"), tf.nn.avg_pool2d(x, 2, 2, "SAME")], -1)
    return tf.matmul(tf.reduce_mean(x, [1, 2]), drawn(16, 5))


MAP = (2, 6, 7, 4)
ON_SIDES = [[0, 0], [1, 1], [0, 2], [0, 0]]

CASES: dict[str, tuple[Function, tuple[int, ...]]] = {
    "crop on all sides, two axes given": (lambda tf, x: x[:, 1:-1, 1:-2], MAP),
    "crop from far before": (lambda tf, x: x[:, -100:], MAP),
    "dense by a stack of kernels": (lambda tf, x: tf.matmul(x, drawn(2, 4, 5)), (3, 4)),
    "power by a broadcast exponent": (lambda tf, x: tf.pow(x, [[1.0, 2.0, 3.0]]), (3, 1)),
    "dense at each place of a map": (lambda tf, x: tf.tensordot(x, drawn(4, 6), 1), MAP),
    "depthwise convolution of one channel": (
        lambda tf, x: tf.nn.depthwise_conv2d(x, drawn(3, 3, 1, 2), [1, 1, 1, 1], "SAME"),
        (2, 6, 7, 1),
    ),
    "relu": (lambda tf, x: tf.nn.relu(x), MAP),
    "relu6": (lambda tf, x: tf.nn.relu6(4 * x + 2), MAP),
    "sigmoid": (lambda tf, x: tf.nn.sigmoid(x), MAP),
    "swish": (lambda tf, x: tf.nn.silu(x), MAP),
    "swish in two steps": (lambda tf, x: x * tf.nn.sigmoid(x), MAP),
    "hard sigmoid": (lambda tf, x: hard_sigmoid(tf, 3 * x), MAP),
    "hard swish": (lambda tf, x: hard_swish(tf, 3 * x), MAP),
    "gelu": (lambda tf, x: tf.nn.gelu(x), MAP),
    "erf": (lambda tf, x: tf.math.erf(x), MAP),
    "cube": (lambda tf, x: tf.pow(x, 3.0), MAP),
    "square": (lambda tf, x: tf.square(x), MAP),
    "power by channel": (lambda tf, x: tf.pow(x * x + 1, [0.5, 1.0, -2.0, 3.0]), MAP),
    "inverse square root": (lambda tf, x: tf.math.rsqrt(x * x + 1), MAP),
    "convolution": (lambda tf, x: tf.nn.conv2d(x, drawn(3, 3, 4, 5), 2, "SAME"), MAP),
    "convolution of a padded map": (
        lambda tf, x: tf.nn.conv2d(tf.pad(x, ON_SIDES), drawn(3, 3, 4, 5), 2, "VALID"),
        MAP,
    ),
    "depthwise convolution": (
        lambda tf, x: tf.nn.depthwise_conv2d(x, drawn(3, 3, 4, 1), [1, 2, 2, 1], "SAME"),
        MAP,
    ),
    "separable convolution": (
        lambda tf, x: tf.nn.separable_conv2d(
            x, drawn(3, 3, 4, 2), drawn(1, 1, 8, 3), [1, 1, 1, 1], "SAME"
        ),
        MAP,
    ),
    "dense": (lambda tf, x: tf.matmul(x, drawn(4, 6)), (3, 4)),
    "dense, transposed": (
        lambda tf, x: tf.matmul(x, drawn(6, 4), transpose_b=True),
        (3, 4),
    ),
    "dense at each place": (lambda tf, x: tf.matmul(x, drawn(4, 6)), (2, 5, 4)),
    "max pool of tiles": (lambda tf, x: tf.nn.max_pool2d(x, 2, 2, "VALID"), (2, 6, 8, 4)),
    "max pool of tiles and a column": (lambda tf, x: tf.nn.max_pool2d(x, 2, 2, "VALID"), MAP),
    "max pool of tiles and a row": (
        lambda tf, x: tf.nn.max_pool2d(x, 2, 2, "VALID"),
        (2, 7, 6, 4),
    ),
    "max pool of shifted tiles": (
        lambda tf, x: tf.nn.max_pool2d(x, 2, 2, [[0, 0], [1, 1], [1, 1], [0, 0]]),
        (2, 6, 8, 4),
    ),
    "max pool of overlaps": (lambda tf, x: tf.nn.max_pool2d(x, 3, 2, "SAME"), MAP),
    "max pool of a padded map": (
        lambda tf, x: tf.nn.max_pool2d(tf.pad(x, ON_SIDES), 3, 2, "VALID"),
        MAP,
    ),
    "average pool": (lambda tf, x: tf.nn.avg_pool2d(x, 3, 2, "SAME"), MAP),
    # Here zeros around the map are averaged as well.
    "average pool of a padded map": (
        lambda tf, x: tf.nn.avg_pool2d(tf.pad(x, ON_SIDES), 3, 2, "VALID"),
        MAP,
    ),
    "mean over places": (lambda tf, x: tf.reduce_mean(x, [1, 2]), MAP),
    "mean over places, kept": (lambda tf, x: tf.reduce_mean(x, [-2, 1], keepdims=True), MAP),
    "mean over channels": (lambda tf, x: tf.reduce_mean(x, -1), MAP),
    "mean of all": (lambda tf, x: tf.reduce_mean(x), MAP),
    "reshape": (lambda tf, x: tf.reshape(x, [-1, 7, 6, 4]), MAP),
    "flatten": (lambda tf, x: tf.reshape(x, [tf.shape(x)[0], -1]), MAP),
    "squeeze": (lambda tf, x: tf.squeeze(x, [1, 2]), (2, 1, 1, 4)),
    "unsqueeze": (lambda tf, x: tf.expand_dims(tf.expand_dims(x, 1), 1), (2, 4)),
    "transpose": (lambda tf, x: tf.transpose(x, [0, 2, 3, 1]), MAP),
    "concat of three": (lambda tf, x: tf.concat([x, tf.nn.relu(x), x * x], -1), MAP),
    "concat of different sides": (
        lambda tf, x: tf.concat([x[:, 1:], tf.ones([2, 3, 7, 4]), tf.nn.relu(x)], 1),
        MAP,
    ),
    "concat of the same": (lambda tf, x: tf.concat([x, x], -1), MAP),
    "pad": (lambda tf, x: tf.pad(x, ON_SIDES), MAP),
    "pad with ones": (lambda tf, x: tf.pad(x, ON_SIDES, constant_values=1.0), MAP),
    "crop at the beginning": (lambda tf, x: x[:, 1:, 2:], MAP),
    "crop on all sides": (lambda tf, x: x[:, 1:-1, 1:-2, :], MAP),
    "crop from the end": (lambda tf, x: x[:, -4:, :-3], MAP),
    "crop with bounds that are masked": (
        lambda tf, x: tf.strided_slice(x, [1, 2, 1, 0], [1, 4, 5, 4], None, 0b1011, 0b1001),
        MAP,
    ),
    "layer normalization": (normalized, MAP),
    "batch normalization": (batch_normalized, MAP),
    "squeeze and excitation": (squeezed_and_excited, MAP),
    "shortcut": (
        lambda tf, x: x + tf.nn.conv2d(tf.nn.relu(x), drawn(3, 3, 4, 4), 1, "SAME") + x,
        MAP,
    ),
    "squared difference": (lambda tf, x: tf.math.squared_difference(x, tf.nn.sigmoid(x)), MAP),
    "difference": (lambda tf, x: drawn(4) - x, MAP),
    "quotient": (lambda tf, x: x / (x * x + drawn(4) ** 2 + 1), MAP),
    "quotient of a number": (lambda tf, x: 1 / (x * x + 1), MAP),
    "exponential": (lambda tf, x: tf.exp(x), MAP),
    "hyperbolic tangent": (lambda tf, x: tf.tanh(x), MAP),
    "elu": (lambda tf, x: tf.nn.elu(x), MAP),
    "leaky relu": (lambda tf, x: tf.nn.leaky_relu(x, 0.3), MAP),
    "softmax over channels": (lambda tf, x: tf.nn.softmax(x), MAP),
    "softmax over rows": (lambda tf, x: tf.nn.softmax(x, axis=1), MAP),
    "there and back to half precision": (
        lambda tf, x: tf.cast(tf.cast(x, tf.float64) * drawn(4).astype(np.float64), tf.float32),
        MAP,
    ),
    "sum over places": (lambda tf, x: tf.reduce_sum(x * x, [1, 2]), MAP),
    "a slice": (lambda tf, x: tf.slice(x, [0, 1, 2, 0], [-1, 3, 4, 4]), MAP),
    "a kernel times it": (lambda tf, x: tf.matmul(drawn(6, 3), x), (3, 4)),
    "a product of it transposed": (
        lambda tf, x: tf.matmul(x, drawn(3, 6), transpose_a=True),
        (3, 4),
    ),
    "a kernel times it transposed": (
        lambda tf, x: tf.matmul(drawn(6, 4), x, transpose_b=True),
        (3, 4),
    ),
    "all transposed": (
        lambda tf, x: tf.matmul(drawn(3, 6), x, transpose_a=True, transpose_b=True),
        (4, 3),
    ),
    "attention": (attended, (2, 5, 4)),
    "attention in two steps": (
        lambda tf, x: tf.nn.relu(tf.nn.softmax(tf.matmul(x, x, transpose_b=True))) @ x,
        (2, 5, 4),
    ),
    "small network": (small_network, (3, 15, 16, 3)),
    "every second row": (lambda tf, x: x[:, 1::2, ::-3], MAP),
    "one row": (lambda tf, x: x[:, 0], MAP),
    "a new axis": (lambda tf, x: x[:, None, ..., -1], MAP),
    "a reflected edge": (lambda tf, x: tf.pad(x, ON_SIDES, "REFLECT"), MAP),
    "a repeated edge": (lambda tf, x: tf.pad(x, ON_SIDES, "SYMMETRIC"), MAP),
    "swish with a beta": (lambda tf, x: x * tf.nn.sigmoid(2 * x), MAP),
    "parts": (lambda tf, x: tf.multiply(*tf.split(x, 2, -1)), MAP),
    "uneven parts": (lambda tf, x: tf.exp(tf.split(x, [1, 2, 1], -1)[1]), MAP),
    "taken by a table": (lambda tf, x: tf.gather(x, [[3, 1], [1, 1]], axis=2), MAP),
    "twice as large": (lambda tf, x: tf.image.resize(x, [12, 14], "nearest"), MAP),
    "larger": (lambda tf, x: tf.image.resize(x, [9, 11]), MAP),
    "transposed convolution": (
        lambda tf, x: tf.nn.conv2d_transpose(x, drawn(3, 3, 5, 4), [2, 12, 14, 5], 2, "SAME"),
        MAP,
    ),
    "transposed convolution, whole": (
        lambda tf, x: tf.nn.conv2d_transpose(x, drawn(3, 3, 5, 4), [2, 13, 15, 5], 2, "VALID"),
        MAP,
    ),
    "space to depth and back": (
        lambda tf, x: tf.nn.depth_to_space(tf.nn.relu(tf.nn.space_to_depth(x, 2)) ** 2, 2),
        (2, 6, 8, 4),
    ),
    "local response": (lambda tf, x: tf.nn.local_response_normalization(x, 2, 1, 0.3, 0.6), MAP),
    "length of 1": (lambda tf, x: tf.nn.l2_normalize(x, -1), MAP),
    "logarithm of softmax": (lambda tf, x: tf.nn.log_softmax(x), MAP),
    "exponential linear, softplus, softsign": (
        lambda tf, x: tf.nn.selu(x) + tf.nn.softplus(x) + tf.nn.softsign(x),
        MAP,
    ),
    "gelu by tanh": (lambda tf, x: tf.nn.gelu(x, approximate=True), MAP),
    "einsum": (lambda tf, x: tf.einsum("nhwc,cd->nwd", x, drawn(4, 3)), MAP),
    "repeated": (
        lambda tf, x: tf.tile(x, [1, 2, 1, 3]) + tf.roll(tf.tile(x, [1, 2, 1, 3]), 2, 1),
        MAP,
    ),
    "broadcast": (lambda tf, x: tf.broadcast_to(x, [2, 6, 7, 4]), (2, 1, 7, 1)),
    "condition": (lambda tf, x: tf.where(x > 0.5, x * x, tf.math.log(x * x + 1)), MAP),
    "dilated convolution by blocks": (
        lambda tf, x: tf.batch_to_space(
            tf.nn.relu(tf.space_to_batch(x, [2, 2], [[0, 0], [1, 0]])), [2, 2], [[0, 0], [1, 0]]
        ),
        MAP,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_those_of_tensorflow(name: str) -> None:
    function, shape = CASES[name]
    assert_as_tensorflow(function, pixels(*shape))


@pytest.mark.parametrize(
    "function",
    [
        lambda tf, x: tf.nn.relu(x),
        lambda tf, x: tf.nn.relu6(x),
        hard_sigmoid,
        hard_swish,
        lambda tf, x: tf.maximum(x, 2.0) + tf.minimum(3.0, x),
        lambda tf, x: tf.abs(x),
        lambda tf, x: tf.nn.selu(x),
        lambda tf, x: tf.reduce_max(tf.minimum(x, 5.0), -1) + tf.reduce_min(tf.abs(x)),
        lambda tf, x: tf.math.top_k(tf.minimum(x, 5.0), 3)[0],
    ],
    ids=[
        "relu",
        "relu6",
        "hard sigmoid",
        "hard swish",
        "maximum and minimum",
        "absolute",
        "selu",
        "greatest and least",
        "the three greatest",
    ],
)
def test_slopes_at_kinks_are_those_of_tensorflow(function: Function) -> None:
    assert_as_tensorflow(function, np.arange(-8, 8, dtype=np.float32).reshape(2, 8))


OTHERS: dict[str, Function] = {
    "a number": lambda tf, x: tf.constant(1.5),
    "each channel": lambda tf, x: tf.constant(drawn(4)),
    "each place": lambda tf, x: tf.constant(drawn(6, 7, 1)),
    "the whole": lambda tf, x: tf.nn.sigmoid(x),
    "its own means over places": lambda tf, x: tf.reduce_mean(x, [1, 2], keepdims=True),
    "its own means over channels": lambda tf, x: tf.reduce_mean(x, -1, keepdims=True),
    "its own means over all but channels": lambda tf, x: tf.reduce_mean(x, [0, 1, 2]),
    "itself": lambda tf, x: x,
}
ELEMENTWISE = ["add", "multiply", "subtract", "squared_difference"]


@pytest.mark.parametrize("operation", ELEMENTWISE)
@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("first", [True, False], ids=["first", "second"])
def test_either_input_may_be_broadcast(operation: str, other: str, first: bool) -> None:
    def function(tf: Any, x: Any) -> Any:
        pair = (x, OTHERS[other](tf, x))
        return getattr(tf.math, operation)(*(pair if first else pair[::-1]))

    assert_as_tensorflow(function, pixels(*MAP))


@pytest.mark.parametrize("operation", ELEMENTWISE)
@pytest.mark.parametrize("shape", [(1, 4), (3, 1), (1, 1, 7, 4), (3, 6, 1, 1)], ids=str)
def test_the_point_itself_may_be_broadcast(operation: str, shape: tuple[int, ...]) -> None:
    larger = drawn(3, 6, 7, 4) if len(shape) == 4 else drawn(2, 5, 3, 4)

    def function(tf: Any, x: Any) -> Any:
        return getattr(tf.math, operation)(tf.constant(larger), x)

    assert_as_tensorflow(function, pixels(*shape))


@pytest.mark.parametrize("side", [1, 3])
def test_forward_and_backward_pass_do_not_share_a_packed_kernel(side: int) -> None:
    # Where as many channels go out as come in, one packed form has the shape for both.
    kernel = drawn(side, side, 16, 16)
    assert_as_tensorflow(lambda tf, x: tf.nn.conv2d(x, kernel, 1, "SAME"), pixels(2, 7, 6, 16))


def test_the_gradient_stops_at_a_layer_inside_the_graph() -> None:
    def after(tf: Any, x: Any) -> Any:
        return tf.nn.sigmoid(tf.matmul(x, drawn(4, 6)))

    x = pixels(3, 4)
    model = converted(lambda tf, x: after(tf, tf.cumsum(x, 1)), x.shape)
    y, seed, expected = by_tensorflow(after, x.cumsum(1))
    point = output_of(model, "CumSum")
    found_y, found = by_openvino(model, [point], y_of(model), seed, x)
    assert_close(found_y, y)
    assert_close(found, expected)


def between_two(tf: Any, x: Any) -> tuple[Any, Any]:
    middle = tf.nn.relu(tf.matmul(x, drawn(4, 6)))
    return middle, tf.nn.sigmoid(tf.matmul(middle, drawn(6, 3))) * tf.reduce_sum(x)


def test_one_walk_serves_several_points_and_passes_through_them() -> None:
    x = pixels(3, 4)
    model = converted(lambda tf, x: between_two(tf, x)[1], x.shape)
    _, seed, by_x = by_tensorflow(lambda tf, x: between_two(tf, x)[1], x)
    middle = between_two(tensorflow()[0], x)[0].numpy()
    total = x.sum()
    _, _, by_middle = by_tensorflow(
        lambda tf, m: tf.nn.sigmoid(tf.matmul(m, drawn(6, 3))) * total, middle
    )
    points = [x_of(model), output_of(model, "Relu")]
    _, *several = by_openvino(model, points, y_of(model), seed, x)
    assert_close(several[0], by_x)
    assert_close(several[1], by_middle)
    for point, together in zip(points, several, strict=True):
        _, alone = by_openvino(model, [point], y_of(model), seed, x)
        np.testing.assert_array_equal(together, alone)


def test_a_point_further_on_may_stand_first_and_twice() -> None:
    x = pixels(3, 4)
    model = converted(lambda tf, x: between_two(tf, x)[1], x.shape)
    relu, image = output_of(model, "Relu"), x_of(model)
    _, *several = by_openvino(model, [relu, image, relu], y_of(model), drawn(3, 3), x)
    assert [each.shape for each in several] == [(3, 6), (3, 4), (3, 6)]
    np.testing.assert_array_equal(several[0], several[2])


# Guided ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("relu", ["relu", "relu6"])
def test_guided_gradients_pass_a_relu_where_they_are_positive(relu: str) -> None:
    x, kernel = 4 * pixels(3, 4), drawn(4, 5, seed=3)

    def function(tf: Any, x: Any) -> Any:
        return tf.matmul(getattr(tf.nn, relu)(x), kernel)

    model, seed = converted(function, x.shape), drawn(3, 5, seed=2)
    _, found = by_openvino(model, [x_of(model)], y_of(model), seed, x, GUIDED)
    arriving = seed @ kernel.T
    inside = (x > 0) & (x < (6 if relu == "relu6" else np.inf))
    assert (inside & (arriving < 0)).any()
    assert_close(found, np.where(inside & (arriving > 0), arriving, 0).astype(np.float32))


def test_a_clamp_that_is_no_relu_is_passed_as_calculus_has_it() -> None:
    x = pixels(3, 4)

    def function(tf: Any, x: Any) -> Any:
        return tf.clip_by_value(x, -1.0, 1.0) * drawn(4)

    model = converted(function, x.shape)
    assert "Clamp" in operations_between(model)
    _, seed, expected = by_tensorflow(function, x)
    assert (expected < 0).any()
    _, found = by_openvino(model, [x_of(model)], y_of(model), seed, x, GUIDED)
    assert_close(found, expected)


def test_the_gradient_by_the_scores_themselves_is_the_seed() -> None:
    model = converted(lambda tf, x: tf.nn.relu(tf.nn.sigmoid(x)), MAP)
    seed = ops.constant(drawn(*MAP)).output(0)
    y = output_of(model, "Relu")
    assert gradients(model.get_ordered_ops(), y, seed, [y])[0] is seed


def test_what_does_not_lead_to_the_scores_needs_no_rule() -> None:
    x = pixels(*MAP)
    _, seed, expected = by_tensorflow(lambda tf, x: tf.nn.sigmoid(x), x)
    model = converted(lambda tf, x: (tf.nn.sigmoid(x), tf.cumsum(x, 1)), MAP)
    _, found = by_openvino(model, [x_of(model)], output_of(model, "Sigmoid"), seed, x)
    assert_close(found, expected)


# What is refused ---------------------------------------------------------------------------------

REFUSED: dict[str, tuple[Function, tuple[int, ...], str]] = {
    "a sum of what came before": (
        lambda tf, x: tf.nn.relu(tf.cumsum(tf.nn.relu(x), 1)),
        MAP,
        "no rule for the operation CumSum",
    ),
    "a computed exponent": (
        lambda tf, x: tf.pow(x, tf.nn.relu(x)),
        MAP,
        "Power with a computed input 1|Power by its input 1",
    ),
    "an exponential": (lambda tf, x: tf.pow(2.0, x), MAP, "Power by its input 1"),
    "a conversion from integers": (
        lambda tf, x: tf.cast(tf.cast(x, tf.int32), tf.float32),
        MAP,
        "Convert from i32",
    ),
    "a convolution kernel": (
        lambda tf, x: tf.nn.conv2d(drawn(1, 6, 6, 4), x, 1, "SAME"),
        (3, 3, 4, 2),
        "Convolution by its input 1",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_rule_is_refused_by_name(name: str) -> None:
    function, shape, message = REFUSED[name]
    model = converted(function, shape)
    y = y_of(model)
    seed = ops.constant(drawn(*y.get_shape())).output(0)
    with pytest.raises(NotDifferentiableError, match=message):
        gradients(model.get_ordered_ops(), y, seed, [x_of(model)])


@pytest.mark.parametrize(
    "function",
    [
        lambda tf, x: (tf.nn.relu(x), tf.cumsum(x, 1)),
        lambda tf, x: tf.nn.relu(tf.cumsum(x, 1)),
    ],
    ids=["beside the scores", "after the scores"],
)
def test_a_layer_that_the_scores_do_not_depend_on_is_refused(function: Function) -> None:
    model = converted(function, MAP)
    y, point = output_of(model, "CumSum"), output_of(model, "Relu")
    seed = ops.constant(drawn(*MAP)).output(0)
    with pytest.raises(NotDifferentiableError, match="the scores do not depend on the layer"):
        gradients(model.get_ordered_ops(), y, seed, [point])
