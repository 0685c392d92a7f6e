"""The backward pass of graphs converted from TensorFlow, against TensorFlow's own gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcam_cli.engines.openvino.runtime import ops
from gradcam_cli.engines.openvino.vjp import (
    GUIDED,
    NotDifferentiableError,
    gradients,
)
from gradcam_cli.models.framework import tensorflow
from tests.engines.openvino.vjp_functions import CASES, MAP, hard_sigmoid, hard_swish
from tests.engines.openvino.vjp_tensorflow import (
    Function,
    assert_as_tensorflow,
    assert_close,
    by_openvino,
    by_tensorflow,
    converted,
    drawn,
    operations_between,
    output_of,
    pixels,
    x_of,
    y_of,
)


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
def test_either_input_may_be_broadcast(operation: str, other: str) -> None:
    def function(tf: Any, x: Any) -> Any:
        pair, calculate = (x, OTHERS[other](tf, x)), getattr(tf.math, operation)
        return calculate(*pair) + 3 * calculate(*reversed(pair))

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
