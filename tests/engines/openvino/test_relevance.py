"""Relevance by hand, by its formulas written plainly, and that none of it is lost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcam_cli.engines.openvino.runtime import ops
from gradcam_cli.engines.openvino.vjp import STANDARD, NotDifferentiableError, relevance_rules
from gradcam_cli.passes import RULE_PARAMETERS
from tests.engines.openvino.test_vjp_operations import assert_close, forward_and_backward
from tests.engines.openvino.vjp_values import drawn, number, whole

EPSILON, GAMMA = RULE_PARAMETERS["relevance"].values()


def rules_of(epsilon: float = EPSILON, gamma: float = GAMMA) -> Any:
    return relevance_rules(number(epsilon).output(0), number(gamma).output(0))


ZERO, DEFAULT = rules_of(0, 0), rules_of()
NONE = [0, 0]


def dense(x: Any, weights: Any) -> Any:
    return ops.matmul(x, ops.constant(np.asarray(weights, np.float32)), False, False)


def conv(x: Any, kernel: Any, pads: Any = NONE) -> Any:
    convolve = ops.convolution if kernel.ndim == 4 else ops.group_convolution
    return convolve(x, ops.constant(kernel.astype(np.float32)), [1, 1], pads, pads, [1, 1])


def below(x: Any) -> Any:
    """`x` after a dense layer that changes nothing, so that a convolution of it is no first one."""
    channels = x.get_shape()[1]
    rows = ops.transpose(x, whole([0, 2, 3, 1]))
    return ops.transpose(dense(rows, np.eye(channels)), whole([0, 3, 1, 2]))


def relevance(graph: Any, x: Any, arriving: Any = None, rules: Any = ZERO) -> tuple[Any, Any]:
    """y and the relevance of `x`, where y's is `arriving`, or else y itself."""
    x = np.asarray(x, np.float32)
    if arriving is None:
        run, _ = forward_and_backward(graph, [x])
        arriving = run([x])[0]
    run, _ = forward_and_backward(graph, [x], np.asarray(arriving, np.float32), rules)
    y, found = run([x]).values()
    return y, found


# By hand -----------------------------------------------------------------------------------------


def test_a_dense_network_by_hand() -> None:
    # z = (3, 3), y = 2·3 + 1·3 = 9. The units get 6 and 3. Of the first unit's 6, 1/3 goes to x_1
    # and 2/3 to x_2; of the other's 3, -1/3 and 4/3.
    y, found = relevance(
        lambda x: dense(ops.relu(dense(x, [[1, -1], [1, 2]])), [[2], [1]]), [[1, 2]]
    )
    assert y.tolist() == [[9]]
    assert_close(found, [[1, 8]])


@pytest.mark.parametrize(
    ("kernel", "arriving", "expected"),
    [
        # x·w = (3, -1), z = 2. What is positive counts twice: 6/5 and -1/5 of 2.
        ([1, -1], 2, [2.4, -0.4]),
        # z = -2, and what is negative counts twice.
        ([-1, 1], -2, [-2.4, 0.4]),
        # z = 0 of (3, -3): it has no sign, and sizes decide.
        ([1, -3], 1, [0.5, 0.5]),
    ],
)
def test_a_convolution_by_hand(kernel: list[int], arriving: int, expected: list[float]) -> None:
    weights = np.reshape(kernel, (1, 2, 1, 1))
    x = np.reshape([3, 1], (1, 2, 1, 1))
    rules = rules_of(epsilon=0, gamma=1)
    _, found = relevance(lambda x: conv(below(x), weights), x, [[[[arriving]]]], rules)
    assert_close(found.ravel(), expected)


def test_the_first_convolution_goes_by_its_weights_alone() -> None:
    # w² = 1 and 4 share 5, whatever the input is.
    weights = np.reshape([1, -2], (1, 2, 1, 1))
    for x in ([7, 1], [0, -3]):
        _, found = relevance(lambda x: conv(x, weights), np.reshape(x, (1, 2, 1, 1)), [[[[5]]]])
        assert_close(found.ravel(), [1, 4])


def test_pools_by_hand() -> None:
    x = np.reshape([1, 3, 2, 4], (1, 1, 2, 2))
    arriving = [[[[5]]]]
    average = lambda x: ops.reduce_mean(x, whole([2, 3]), True)  # noqa: E731
    _, found = relevance(average, x, arriving)
    assert_close(found.ravel(), [0.5, 1.5, 1, 2])  # by what each gave
    maximum = lambda x: ops.max_pool(x, [2, 2], [1, 1], NONE, NONE, [2, 2]).output(0)  # noqa: E731
    _, found = relevance(maximum, x, arriving)
    assert_close(found.ravel(), [0, 0, 0, 5])


def test_branches_share_by_size() -> None:
    # |3| and |-1|, of 8.
    _, found = relevance(lambda x: ops.add(x, dense(x, [[-1 / 3]])), [[3]], [[8]])
    assert_close(found, [[8]])
    graph = lambda x: ops.add(dense(x, [[1], [0]]), dense(x, [[0], [1]]))  # noqa: E731
    _, found = relevance(graph, [[3, -1]], [[8]])
    assert_close(found, [[6, 2]])


def test_gates_get_none() -> None:
    _, found = relevance(
        lambda x: ops.multiply(dense(x, [[1], [0]]), ops.sigmoid(dense(x, [[0], [1]]))),
        [[3, 2]],
        [[8]],
    )
    assert_close(found, [[8, 0]])


# By formula --------------------------------------------------------------------------------------


def by_gamma(x: Any, weights: Any, arriving: Any, gamma: float) -> Any:
    """R_j of one unit after another, x (inputs,) and weights (inputs, units)."""
    shares = np.zeros(len(x))
    for k in range(weights.shape[1]):
        contributions = x * weights[:, k]
        sign = np.sign(contributions.sum())
        extra = np.where(np.sign(contributions) == sign, gamma * contributions, 0)
        total = contributions.sum() + extra.sum()
        shares += (contributions + extra) / total * arriving[k]
    return shares


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.25, 1.0, 10.0]))
def test_gamma_is_as_its_formula(seed: int, gamma: float) -> None:
    x, weights, arriving = drawn(5, seed=seed), drawn(5, 3, seed=seed + 1), drawn(3, seed=seed + 2)
    if np.abs(x @ weights).min() < 0.1:
        return  # LRP-0 of what is all but 0 says nothing
    kernel = weights.T[:, :, None, None]
    _, found = relevance(
        lambda x: conv(below(x), kernel),
        x.reshape(1, 5, 1, 1),
        arriving.reshape(1, 3, 1, 1),
        rules_of(epsilon=0, gamma=gamma),
    )
    assert_close(found.ravel(), by_gamma(x, weights, arriving, gamma))


def test_epsilon_is_as_its_formula() -> None:
    x, weights, arriving = drawn(2, 5), drawn(5, 3, seed=1), drawn(2, 3, seed=2)
    z = x @ weights
    epsilon = 0.1 * np.sqrt((z**2).mean(axis=1, keepdims=True))
    expected = x * ((arriving / (z + epsilon * np.sign(z))) @ weights.T)
    _, found = relevance(lambda x: dense(x, weights), x, arriving, rules_of(epsilon=0.1))
    assert_close(found, expected)


# Properties --------------------------------------------------------------------------------------


def network(x: Any, *, bias: float = 0.0) -> Any:
    """Convolutions, one of them depthwise, a residual branch, pools and two dense layers."""
    first = ops.relu(ops.add(conv(x, drawn(6, 2, 3, 3), [1, 1]), number(bias)))
    depthwise = conv(first, drawn(6, 1, 1, 3, 3, seed=1), [1, 1])
    normalized = ops.add(ops.multiply(depthwise, number(-2)), number(bias))
    branch = conv(ops.clamp(normalized, 0, 6), drawn(6, 6, 1, 1, seed=2))
    total = ops.relu(ops.add(first, branch))
    pooled = ops.max_pool(total, [2, 2], [1, 1], NONE, NONE, [2, 2]).output(0)
    vector = ops.reduce_mean(ops.concat([pooled, pooled], 1), whole([2, 3]), False)
    return dense(ops.relu(dense(vector, drawn(12, 7, seed=3))), drawn(7, 3, seed=4))


@pytest.mark.parametrize("gamma", [0.25, 1.0])
@pytest.mark.parametrize("target", [0, 1, 2])
def test_relevance_is_neither_made_nor_lost(gamma: float, target: int) -> None:
    x = drawn(1, 2, 6, 8, seed=5)
    run, _ = forward_and_backward(network, [x])
    y = run([x])[0] * np.eye(3)[target]
    assert abs(y.sum()) > 0.1
    _, found = relevance(network, x, y, rules_of(gamma=gamma))
    assert found.sum() == pytest.approx(y.sum(), rel=0.01)


def test_biases_of_convolutions_get_none_of_it() -> None:
    x, graph = drawn(1, 2, 6, 8, seed=5), lambda x: network(x, bias=0.5)
    y, found = relevance(graph, x, [[0, 1, 0]], DEFAULT)
    assert not np.allclose(y, relevance(network, x, rules=DEFAULT)[0], rtol=0.01)
    assert found.sum() == pytest.approx(1, rel=0.01)


def test_a_bias_of_a_dense_layer_gets_its_share() -> None:
    # x·w = (2, 3), and 1 more: of 6, the inputs get 2 and 3.
    _, found = relevance(lambda x: ops.add(dense(x, [[2], [1]]), number(1)), [[1, 3]], [[6]])
    assert_close(found, [[2, 3]])


def test_so_does_the_bias_of_a_gemm() -> None:
    # As OpenVINO reads ONNX's Gemm with alpha = 1: the product, times ones, and the bias.
    def gemm(x: Any) -> Any:
        return ops.add(ops.multiply(dense(x, [[2], [1]]), number(1)), number(1))

    _, found = relevance(gemm, [[1, 3]], [[6]])
    assert_close(found, [[2, 3]])


def test_a_product_and_its_multiple_have_biases_of_their_own() -> None:
    # 2·(2 + 3) + 2 = 12, of which the bias gets nothing: what is not times one is another layer.
    def twice(x: Any) -> Any:
        return ops.add(ops.multiply(dense(x, [[2], [1]]), number(2)), number(2))

    _, found = relevance(twice, [[1, 3]], [[12]])
    assert_close(found, [[4.8, 7.2]])


def test_readers_of_unknown_shapes_are_no_biases() -> None:
    readers = []  # which exist as long as they are kept

    def graph(x: Any) -> Any:
        product = dense(x, [[2], [1]])
        readers.append(ops.non_zero(product))
        return ops.add(product, number(1))

    _, found = relevance(graph, [[1, 3]], [[6]])
    assert readers[0].get_output_partial_shape(0).is_dynamic
    assert_close(found, [[2, 3]])


def test_lrp_0_of_dense_layers_with_biases_is_input_times_gradient() -> None:
    def relus(x: Any) -> Any:
        hidden = ops.relu(ops.add(dense(x, drawn(5, 30)), ops.constant(drawn(30, seed=1))))
        return ops.add(dense(hidden, drawn(30, 1, seed=2)), number(0.5))

    x = drawn(3, 5, seed=5)
    run, _ = forward_and_backward(relus, [x], np.ones((3, 1), np.float32), STANDARD)
    _, gradient = run([x]).values()
    _, found = relevance(relus, x)
    assert_close(found, x * gradient)


def test_lrp_0_is_input_times_gradient_of_a_network_of_relus_without_biases() -> None:
    def relus(x: Any) -> Any:
        hidden = ops.relu(
            conv(ops.relu(conv(below(x), drawn(4, 2, 3, 3))), drawn(5, 4, 3, 3, seed=1))
        )
        return dense(ops.reshape(hidden, whole([1, -1]), False), drawn(40, 1, seed=2))

    x = drawn(1, 2, 6, 8, seed=5)
    run, _ = forward_and_backward(relus, [x], np.ones((1, 1), np.float32), STANDARD)
    _, gradient = run([x]).values()
    _, found = relevance(relus, x)
    assert_close(found, x * gradient)


def test_rows_do_not_mix() -> None:
    x, arriving = drawn(3, 5), drawn(3, 4, seed=1)
    graph = lambda x: dense(ops.relu(dense(x, drawn(5, 6, seed=2))), drawn(6, 4, seed=3))  # noqa: E731
    _, together = relevance(graph, x, arriving, DEFAULT)
    for row in range(3):
        _, alone = relevance(graph, x[row : row + 1], arriving[row : row + 1], DEFAULT)
        assert_close(together[row], alone[0], 1e-5)


def test_nothing_divides_by_zero() -> None:
    for rules in (ZERO, DEFAULT):
        _, found = relevance(network, np.zeros((1, 2, 6, 8)), np.ones((1, 3)), rules)
        assert not found.any()


# Refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        (lambda x: ops.multiply(x, x), "the operation Multiply of several computed inputs"),
        (lambda x: ops.divide(x, ops.exp(x)), "the operation Divide of several computed inputs"),
        (lambda x: ops.matmul(x, x, False, True), "the operation MatMul of several computed"),
        (lambda x: ops.softmax(x, 1), "no rule for the operation Softmax"),
        (lambda x: ops.mvn(x, whole([1]), True, 0.5, "outside_sqrt"), "no rule .* MVN"),
    ],
)
def test_what_has_no_rule_is_refused(graph: Any, reason: str) -> None:
    with pytest.raises(NotDifferentiableError, match=reason):
        relevance(graph, [[1, 2]], rules=DEFAULT, arriving=np.ones((1, 2)))


def test_there_are_no_rules_of_other_operations() -> None:
    assert set(DEFAULT) < set(STANDARD)
