"""The backward pass of OpenVINO's operations, against differences of the forward pass itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gradcam_cli.engines.openvino.runtime import openvino, ops
from gradcam_cli.engines.openvino.vjp import STANDARD, gradients
from tests.engines.openvino.vjp_operations import OPERATIONS, Graph, Input, drawn

STEP, TOLERANCE = 1 / 64, 1e-3

CORE = openvino.Core()


def compiled(outputs: list[Any], parameters: list[Any]) -> Any:
    model = openvino.Model(outputs, parameters, "graph")
    return CORE.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def parameters_for(inputs: list[NDArray[np.float32]]) -> list[Any]:
    return [ops.parameter(list(values.shape), np.float32) for values in inputs]


def port_of(built: Any) -> Any:
    return built.output(0) if isinstance(built, openvino.Node) else built


def forward_and_backward(graph: Graph, inputs: list[Any], seed: Any = None, rules: Any = STANDARD):
    """The compiled y and its gradients by all inputs, and the seed that they start from."""
    parameters = parameters_for(inputs)
    y = port_of(graph(*(each.output(0) for each in parameters)))
    seed = drawn(*y.get_shape(), seed=2) if seed is None else seed
    operations = openvino.Model([y], parameters, "forward").get_ordered_ops()
    points = [each.output(0) for each in parameters]
    backward = gradients(operations, y, ops.constant(seed).output(0), points, rules)
    return compiled([y, *backward], parameters), seed


def slope(run: Any, seed: Any, inputs: list[Any], number: int, place: int) -> float:
    """The derivative of Σ seed·y by one element, by differences of the fourth order."""

    def total(steps: int) -> float:
        moved = [values.copy() for values in inputs]
        moved[number].flat[place] += steps * STEP
        return float((np.float64(seed) * run(moved)[0]).sum())

    return (8 * (total(1) - total(-1)) - (total(2) - total(-2))) / (12 * STEP)


def values_of(each: Input, seed: int) -> NDArray[np.float32]:
    return drawn(*each, seed=seed) if isinstance(each, tuple) else each


def assert_close(found: Any, expected: Any, tolerance: float = TOLERANCE) -> None:
    np.testing.assert_allclose(found, expected, atol=tolerance * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("name", OPERATIONS)
def test_gradients_are_the_slopes_of_the_forward_pass(name: str) -> None:
    graph, given = OPERATIONS[name]
    inputs = [values_of(each, 10 + number) for number, each in enumerate(given)]
    run, seed = forward_and_backward(graph, inputs)
    _, *found = run(inputs).values()
    for number, values in enumerate(inputs):
        slopes = [slope(run, seed, inputs, number, place) for place in range(values.size)]
        assert_close(found[number], np.reshape(slopes, values.shape))
