"""Graphs converted from TensorFlow, and their gradients by TensorFlow and by the backward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.engines.comparison import relative_difference
from gradcam_cli.engines.openvino.runtime import converter, openvino, ops
from gradcam_cli.engines.openvino.vjp import (
    STANDARD,
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
    """y and the gradients by `points`, from one graph as the engine has them.

    `seed` is an input of it: of a constant, OpenVINO would compute much of the way back itself.
    """
    start = ops.parameter(list(seed.shape), np.float32)
    backward = gradients(model.get_ordered_ops(), y, start.output(0), points, rules)
    both = openvino.Model([y, *backward], [*model.get_parameters(), start], "both")
    settled = {"INFERENCE_PRECISION_HINT": "f32"}
    results = openvino.Core().compile_model(both, "CPU", settled)([x, seed])
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
