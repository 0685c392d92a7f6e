"""The backward pass of OpenVINO's operations, against differences of the forward pass itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gradcam_cli.engines.openvino.runtime import openvino, ops
from gradcam_cli.engines.openvino.vjp import (
    GUIDED,
    STANDARD,
    NotDifferentiableError,
    gradients,
    missing_rules,
)
from tests.engines.openvino.vjp_operations import OPERATIONS, attention_of_one_product
from tests.engines.openvino.vjp_values import Graph, Input, drawn, number, spaced, whole
from tests.engines.openvino.vjp_window_operations import interpolated

STEP, TOLERANCE = 1 / 64, 1e-3

CORE = openvino.Core()


def compiled(outputs: list[Any], parameters: list[Any]) -> Any:
    model = openvino.Model(outputs, parameters, "graph")
    return CORE.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def parameters_for(inputs: list[NDArray[np.float32]]) -> list[Any]:
    return [ops.parameter(list(values.shape), np.float32) for values in inputs]


def port_of(built: Any) -> Any:
    return built.output(0) if isinstance(built, openvino.Node) else built


def forward_and_backward(
    graph: Graph, inputs: list[Any], seed: Any = None, rules: Any = STANDARD
) -> tuple[Any, Any]:
    """y and its gradients by all inputs, as a function of these, and the seed that they start from.

    The seed is an input as well: of a constant, OpenVINO would compute most of the way back while
    it compiles, and by other code.
    """
    parameters = parameters_for(inputs)
    y = port_of(graph(*(each.output(0) for each in parameters)))
    seed = drawn(*y.get_shape(), seed=2) if seed is None else seed
    operations = openvino.Model([y], parameters, "forward").get_ordered_ops()
    points = [each.output(0) for each in parameters]
    (start,) = parameters_for([seed])
    backward = gradients(operations, y, start.output(0), points, rules)
    network = compiled([y, *backward], [*parameters, start])
    return lambda arrays: network([*arrays, seed]), seed


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
    for i, values in enumerate(inputs):
        slopes = [slope(run, seed, inputs, i, place) for place in range(values.size)]
        assert_close(found[i], np.reshape(slopes, values.shape))


def operations_of(graph: Graph, given: list[Input]) -> set[str]:
    parameters = parameters_for([values_of(each, 0) for each in given])
    y = port_of(graph(*(each.output(0) for each in parameters)))
    operations = openvino.Model([y], parameters, "forward").get_ordered_ops()
    return {each.get_type_name() for each in operations}


def test_every_rule_has_a_graph() -> None:
    assert (
        set(STANDARD) - set().union(*(operations_of(*each) for each in OPERATIONS.values()))
        == set()
    )


@pytest.mark.parametrize("rules", [STANDARD, GUIDED], ids=["standard", "guided"])
def test_guided_backpropagation_is_that_of_relus_only(rules: Any) -> None:
    relus = [name for name, each in OPERATIONS.items() if operations_of(*each) & {"Relu", "Clamp"}]
    assert set(GUIDED) == set(STANDARD)
    for name in ("mish", "hard sigmoid", "gelu by tanh", "mean and root of variance"):
        assert name not in relus
        graph, given = OPERATIONS[name]
        inputs = [values_of(each, 0) for each in given]
        _, expected = forward_and_backward(graph, inputs)[0](inputs).values()
        _, found = forward_and_backward(graph, inputs, rules=rules)[0](inputs).values()
        np.testing.assert_array_equal(found, expected)


# Where slopes jump -------------------------------------------------------------------------------

KINKS: dict[str, tuple[Graph, list[list[float]], list[list[float]]]] = {
    # What comes in, and the gradients by it of the sum of what goes out.
    "absolute": (ops.abs, [[-2, 0, 3]], [[-1, 0, 1]]),
    "maximum": (ops.maximum, [[1, 2, 3], [2, 2, 2]], [[0, 1, 1], [1, 0, 0]]),
    "minimum": (ops.minimum, [[1, 2, 3], [2, 2, 2]], [[1, 1, 0], [0, 0, 1]]),
    "maximum of itself": (lambda x: ops.maximum(x, x), [[1, 2]], [[1, 1]]),
    "greatest": (lambda x: ops.reduce_max(x, whole([0])), [[3, 1, 3, 2]], [[0.5, 0, 0.5, 0]]),
    "least": (lambda x: ops.reduce_min(x, whole([0])), [[1, 1, 1, 2]], [[1 / 3, 1 / 3, 1 / 3, 0]]),
    "hard sigmoid": (
        lambda x: ops.hard_sigmoid(x, number(0.5), number(0.5)),
        [[-2, -1, 0, 1, 2]],
        [[0, 0, 0.5, 0, 0]],
    ),
    "selu": (lambda x: ops.selu(x, number(1.5), number(2)), [[0]], [[2]]),
    "softsign": (ops.softsign, [[0, 1]], [[1, 0.25]]),
    "sizes": (lambda x: ops.reduce_l1(x, whole([0])), [[-1, 0, 2]], [[-1, 0, 1]]),
    "length": (lambda x: ops.reduce_l2(x, whole([0])), [[3, 4]], [[0.6, 0.8]]),
    "length of nothing": (lambda x: ops.reduce_l2(x, whole([0])), [[0, 0]], [[0, 0]]),
    "root of what gets no gradient": (
        lambda x: ops.multiply(ops.sqrt(x), ops.constant(np.float32([0, 1]))),
        [[0, 4]],
        [[0, 0.25]],
    ),
    "root, as a power": (
        lambda x: ops.multiply(ops.power(x, number(0.5)), ops.constant(np.float32([0, 1]))),
        [[0, 4]],
        [[0, 0.25]],
    ),
    "deviation of the same": (
        lambda x: ops.mvn(x, whole([0]), True, 0.5, "outside_sqrt"),
        [[1, 1, 1]],
        [[0, 0, 0]],
    ),
    "remainder": (lambda x: ops.floor_mod(x, number(2)), [[-0.5, 2, 5]], [[1, 1, 1]]),
    "select": (
        lambda x: ops.select(ops.greater(x, number(1)), ops.multiply(x, x), x),
        [[0, 1, 2]],
        [[1, 1, 4]],
    ),
    "a step beside a path": (lambda x: ops.add(ops.round(x), x), [[0.2, 3]], [[1, 1]]),
    "indices and what they are of": (
        lambda x: ops.add(
            (top := ops.topk(x, whole(1), 0, "max", "value")).output(0),
            ops.convert(top.output(1), "f32"),
        ),
        [[1, 3, 2]],
        [[0, 1, 0]],
    ),
    "the first of equal ones": (
        lambda x: ops.topk(x, whole(1), 0, "max", "value").output(0),
        [[1, 3, 3]],
        [[0, 1, 0]],
    ),
    "only what the type is like": (ops.convert_like, [[1, 2]] * 2, [[1, 1]]),
}


@pytest.mark.parametrize("name", KINKS)
def test_slopes_where_they_jump(name: str) -> None:
    graph, given, expected = KINKS[name]
    inputs = [np.float32(values) for values in given]
    parameters = parameters_for(inputs)
    y = port_of(graph(*(each.output(0) for each in parameters)))
    operations = openvino.Model([y], parameters, "forward").get_ordered_ops()
    seed = ops.constant(np.ones(list(y.get_shape()), np.float32)).output(0)
    points = [each.output(0) for each in parameters[: len(expected)]]
    _, *found = compiled([y, *gradients(operations, y, seed, points)], parameters)(inputs).values()
    for by_input, slopes in zip(found, expected, strict=True):
        np.testing.assert_allclose(by_input, slopes, atol=1e-6)


# Several outputs, several paths ------------------------------------------------------------------


def test_outputs_of_one_operation_are_points_of_their_own() -> None:
    x = drawn(1, 3, 4)
    (image,) = parameters_for([x])
    y = attention_of_one_product(image.output(0)).output(0)
    operations = openvino.Model([y], [image], "forward").get_ordered_ops()
    (split,) = (node for node in operations if node.get_type_name() == "Split")
    seed = ops.constant(drawn(1, 3, 4, seed=2)).output(0)
    points = [split.output(2), image.output(0), split.output(0), split.input_value(0)]
    found = compiled(gradients(operations, y, seed, points), [image])([x])
    value, by_image, query, joined = found.values()
    assert by_image.shape == (1, 3, 4)
    np.testing.assert_array_equal(joined[..., 8:], value)
    np.testing.assert_array_equal(joined[..., :4], query)
    assert_close(by_image, joined @ drawn(4, 12).T, 1e-5)


def test_a_point_behind_one_output_is_no_point_behind_another() -> None:
    (image,) = parameters_for([drawn(2, 4)])
    first, second = ops.split(image, whole(1), 2).outputs()
    y = ops.exp(first).output(0)
    operations = openvino.Model([y, second], [image], "forward").get_ordered_ops()
    seed = ops.constant(drawn(2, 2)).output(0)
    with pytest.raises(NotDifferentiableError, match="the scores do not depend on the layer"):
        gradients(operations, y, seed, [second])


def test_gradients_in_half_precision() -> None:
    def graph(x: Any) -> Any:
        x = ops.relu(ops.convert(x, "f16"))
        for name in ("max pool", "average pool", "gelu by tanh", "softmax"):
            x = port_of(OPERATIONS[name][0](x))
        x = ops.swish(x, ops.constant(np.float16(1.5)))
        x = ops.pad(x, whole([0, 0, 1, 1]), whole([0, 0, 0, 1]), "edge")
        x = ops.mvn(ops.sqrt(ops.abs(x)), whole([1, 2]), True, 0.1, "inside_sqrt")
        return ops.convert(ops.clamp(ops.reduce_max(x, whole([3])), -3, 3), "f32")

    x = spaced(1, 2, 6, 7) / 20
    run, seed = forward_and_backward(graph, [x])
    _, found = run([x]).values()
    slopes = [slope(run, seed, [x], 0, place) for place in range(x.size)]
    assert np.abs(found).max() > 0
    assert_close(found, np.reshape(slopes, x.shape), 0.05)


# What has no rule --------------------------------------------------------------------------------


def refusal(graph: Graph, x: Input) -> str:
    with pytest.raises(NotDifferentiableError) as caught:
        forward_and_backward(graph, [values_of(x, 0)])
    return str(caught.value)


def quantized(x: Any) -> Any:
    return ops.fake_quantize(x, *map(number, (-1, 1, -1, 1)), 256)


def test_quantized_activations_are_refused_as_such() -> None:
    message = "quantized activations have no gradient"
    assert message in refusal(lambda x: ops.relu(quantized(x)), (2, 3))
    integers = refusal(lambda x: ops.convert(ops.convert(quantized(x), "u8"), "f32"), (2, 3))
    assert integers == f"Convert from u8: {message}"


@pytest.mark.parametrize(
    ("graph", "x", "message"),
    [
        (lambda x: ops.cum_sum(x, whole(0)), (2, 3), "no rule for the operation CumSum"),
        (lambda x: ops.floor(ops.exp(x)), (2, 3), "the scores do not depend on the layer"),
        (lambda x: ops.mod(number(3), x), (2, 3), "Mod by its input 1"),
        (lambda x: ops.swish(number(3), x), (), "Swish by its input 1"),
        (lambda x: ops.swish(x, ops.reduce_sum(x, whole([0]))), (3,), "Swish with a computed"),
        (lambda x: ops.gather(x, whole([[0], [1]]), whole(1), 1), (2, 3), "Gather with batch_dims"),
        (lambda x: ops.einsum([x, x], "...i,jk->...i"), (2, 3), "Einsum of ...i,jk->...i"),
        (lambda x: ops.einsum([x], "ii->i"), (2, 2), "Einsum of ii->i"),
        (
            lambda x: ops.matmul(
                x, ops.normalize_l2(ops.constant(drawn(3, 2)), whole(0), 0.1, "add"), False, False
            ),
            (2, 3),
            "weights that the operation NormalizeL2 computes",
        ),
        (
            lambda x: interpolated(x, "linear", [2, 3], antialias=True),
            (1, 1, 4, 5),
            "Interpolate of the mode linear with antialiasing",
        ),
        (
            lambda x: interpolated(x, "nearest", [4, 4], pads_end=[0, 0, 1, 0]),
            (1, 1, 2, 2),
            "Interpolate with padding",
        ),
        (
            lambda x: ops.selu(x, ops.constant(np.float32([1, 2])), number(1)),
            (2,),
            "Selu with 2 values as its input 1",
        ),
        (lambda x: ops.convert(x, "i32"), (2, 3), "Convert to i32"),
    ],
)
def test_what_is_refused(graph: Graph, x: Input, message: str) -> None:
    assert message in refusal(graph, x)


def test_missing_rules_are_those_on_the_way() -> None:
    (image,) = parameters_for([drawn(2, 3)])
    before = ops.cum_sum(image, whole(0))
    middle = ops.relu(quantized(before))
    y = ops.add(middle, ops.cosh(middle)).output(0)
    aside = ops.acos(middle).output(0)
    operations = openvino.Model([y, aside], [image], "forward").get_ordered_ops()
    assert missing_rules(operations, y, [image.output(0)]) == ("Cosh", "CumSum", "FakeQuantize")
    assert missing_rules(operations, y, [before.output(0)]) == ("Cosh", "FakeQuantize")
    assert missing_rules(operations, y, [middle.output(0)]) == ("Cosh",)
    assert missing_rules(operations, y, [y]) == ()
    assert missing_rules(operations, aside, [middle.output(0)], {}) == ("Acos",)
