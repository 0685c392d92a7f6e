"""AttnLRP by hand, rule by rule, and of a whole transformer by its formulas written plainly.

What comes back, times the input, is the relevance of the input: of an output y that gets the
gradient g, the relevance is y·g.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcam_cli.engines.openvino.engine import OpenVINOEngine
from gradcam_cli.engines.openvino.model_files.preparing import write_graph
from gradcam_cli.engines.openvino.runtime import ops
from gradcam_cli.engines.openvino.vjp import LINEARIZED, STANDARD
from gradcam_cli.models.model_file import ModelFile
from gradcam_cli.passes import INPUT
from gradcam_cli.targets import Target
from tests import tiny_transformer as tiny
from tests.engines.openvino.test_relevance import dense, network
from tests.engines.openvino.test_vjp_operations import assert_close, forward_and_backward
from tests.engines.openvino.vjp_values import drawn, number, whole
from tests.zoo import zoo

SQRT_HALF = float(np.sqrt(0.5))


def relevance(graph: Any, inputs: Any, arriving: Any) -> list[Any]:
    """The relevance of each of `inputs`, where that of y is `arriving`."""
    arrays = [np.asarray(each, np.float32) for each in inputs]
    run, _ = forward_and_backward(graph, arrays)
    y = run(arrays)[0]
    run, _ = forward_and_backward(graph, arrays, np.float32(arriving / y), LINEARIZED)
    _, *found = run(arrays).values()
    return [array * gradient for array, gradient in zip(arrays, found, strict=True)]


# By hand -----------------------------------------------------------------------------------------


def test_a_bias_keeps_its_share() -> None:
    # x·w = (2, 3), and 1 more: of 6, the inputs get 2 and 3.
    (found,) = relevance(lambda x: ops.add(dense(x, [[2], [1]]), number(1)), [[[1, 3]]], [[6]])
    assert_close(found, [[2, 3]])


def test_branches_share_by_what_they_add() -> None:
    # 3 and -1 of 2: of 8, half as much again, and what was taken away.
    first, second = relevance(ops.add, [[[3]], [[-1]]], [[8]])
    assert_close(first, [[12]])
    assert_close(second, [[-4]])


def test_factors_get_half_each() -> None:
    first, second = relevance(ops.multiply, [[[3, 2]], [[-1, 4]]], [[8, 6]])
    assert_close(first, [[4, 3]])
    assert_close(second, [[4, 3]])
    # (1, 2)·(3, 4) = 3 + 8: of 22, halves of 6 and 16.
    product = lambda a, b: ops.matmul(a, b, False, True)  # noqa: E731
    for found in relevance(product, [[[1, 2]], [[3, 4]]], [[22]]):
        assert_close(found, [[3, 8]])
    parts = lambda x: ops.multiply(*(p for p in ops.split(x, whole(1), 2).outputs()))  # noqa: E731
    (found,) = relevance(parts, [[[3, -1]]], [[8]])  # a gated linear unit, without its sigmoid
    assert_close(found, [[4, 4]])


def test_a_softmax_by_hand() -> None:
    # p = (1/4, 3/4) of x = (log 2, log 6). R = (1, 3), all of it 4: x_i·(R_i - 4·p_i) is nothing;
    # of R = (2, 2) it is x_1·1 and x_2·-1.
    x = np.log([[2, 6]])
    for arriving, expected in (([[1, 3]], [[0, 0]]), ([[2, 2]], [[np.log(2), -np.log(6)]])):
        (found,) = relevance(lambda x: ops.softmax(x, 1), [x], arriving)
        np.testing.assert_allclose(found, expected, atol=1e-5)


WHOLE = {
    "relu": ops.relu,
    "tanh": ops.tanh,
    "sigmoid": ops.sigmoid,
    "clamp": lambda x: ops.clamp(x, 0, 0.5),
    "gelu": lambda x: ops.gelu(x, "erf"),
    "swish": ops.swish,
    "gelu written out": lambda x: ops.multiply(
        ops.multiply(x, number(0.5)),
        ops.add(ops.erf(ops.multiply(x, number(SQRT_HALF))), number(1)),
    ),
    "swish written out": lambda x: ops.multiply(ops.sigmoid(x), x),
    "square": lambda x: ops.multiply(x, x),
    "root mean square": lambda x: ops.divide(x, ops.sqrt(mean(ops.multiply(x, x)))),
    "the same by a power": lambda x: ops.multiply(
        x, ops.power(mean(ops.power(x, number(2))), number(-0.5))
    ),
    "a gate of the channels": lambda x: ops.multiply(x, ops.sigmoid(dense(x, np.eye(4)))),
}
"""What hands on all that it got, place by place."""


def mean(x: Any) -> Any:
    return ops.reduce_mean(x, whole([1]), keep_dims=True)


@pytest.mark.parametrize("name", WHOLE)
def test_what_passes_whole(name: str) -> None:
    arriving = [[1, -2, 3, 5]]
    (found,) = relevance(WHOLE[name], [[[1, 2.5, 0.25, 3]]], arriving)
    np.testing.assert_allclose(found, arriving, rtol=1e-4)


def written_out(x: Any) -> Any:
    centred = ops.subtract(x, mean(x))
    variance = mean(ops.power(centred, number(2)))
    return ops.divide(centred, ops.sqrt(ops.add(variance, number(1e-6))))


def merged(x: Any) -> Any:
    """As TensorFlow has it: x·s - μ·s."""
    variance = mean(ops.squared_difference(x, mean(x)))
    scale = ops.power(ops.add(variance, number(1e-6)), number(-0.5))
    return ops.subtract(ops.multiply(x, scale), ops.multiply(mean(x), scale))


@pytest.mark.parametrize(
    "normalize",
    [lambda x: ops.mvn(x, whole([1]), True, 1e-6, "inside_sqrt"), written_out, merged],
    ids=["one operation", "written out", "merged"],
)
def test_a_normalization_is_what_it_subtracts(normalize: Any) -> None:
    # z_k = Σ_j x_j·(δ_jk - 1/n), and R_j = Σ_k x_j·(δ_jk - 1/n) / z_k · R_k.
    x, arriving = np.array([1, 2.5, -0.25, 3.0]), np.array([1, -2, 3, 5.0])
    weights = np.eye(4) - 1 / 4
    expected = x * (weights @ (arriving / (x @ weights)))
    (found,) = relevance(normalize, [[x]], [arriving])
    np.testing.assert_allclose(found[0], expected, rtol=1e-4)
    assert found.sum() == pytest.approx(arriving.sum(), rel=1e-4)


# Properties --------------------------------------------------------------------------------------


def test_of_relus_it_is_the_gradient() -> None:
    x, seed = 0.01 * drawn(1, 2, 6, 8, seed=5), drawn(1, 3)  # small: none is cut at 6
    found, expected = (
        forward_and_backward(lambda x: network(x, bias=0.01), [x], seed, rules)[0]([x])
        for rules in (LINEARIZED, STANDARD)
    )
    assert_close(found[1], expected[1], 1e-5)


@pytest.mark.parametrize("name", ["vit_like", "deit_like", "swin_like", "swin_new", "convnext_new"])
def test_files_of_transformers_have_it(name: str, tmp_path: Path) -> None:
    write_graph(ModelFile(zoo.path(name)), tmp_path / "model.xml")
    engine = OpenVINOEngine(tmp_path / "model.xml")
    batch = np.random.default_rng(3).random((2, *zoo.NAMES[name].input), np.float32)
    linearized, plain = (
        engine.gradients(batch, [Target(1)] * 2, [INPUT], rules=rules).gradients[INPUT]
        for rules in ("linearized", "standard")
    )
    assert np.isfinite(linearized).all()
    assert np.abs(linearized - plain).max() > 0.1 * np.abs(plain).max()


def test_nothing_divides_by_zero() -> None:
    for graph in (ops.tanh, ops.sigmoid, WHOLE["gelu"], WHOLE["swish written out"], written_out):
        zeros = np.zeros((1, 4), np.float32)
        run, _ = forward_and_backward(graph, [zeros], np.ones((1, 4), np.float32), LINEARIZED)
        assert np.isfinite(run([zeros])[1]).all()


# A transformer -----------------------------------------------------------------------------------


def dense_shares(x: Any, w: Any, arriving: Any) -> Any:
    """Of z = x·w: R_j = Σ_k x_j·w_jk / z_k · R_k."""
    return x * ((arriving / (x @ w)) @ w.T)


def attention_shares(q: Any, k: Any, v: Any, arriving: Any) -> tuple[Any, Any, Any]:
    """Of softmax(q·kᵀ / √2)·v, for each head."""
    z = q @ k.T
    matrix = np.exp(z / np.sqrt(2))
    matrix /= matrix.sum(axis=1, keepdims=True)
    share = arriving / (2 * (matrix @ v))
    of_matrix, of_values = matrix * (share @ v.T), v * (matrix.T @ share)
    whole = of_matrix.sum(axis=1, keepdims=True)
    of_scores = z / np.sqrt(2) * (of_matrix - matrix * whole) / (2 * z)
    return q * (of_scores @ k), k * (of_scores.T @ q), of_values


def transformer_relevance(image: Any, target: int) -> Any:
    """AttnLRP of `tiny`, in the form of relevance: each rule a division."""
    w = {name: array.astype(np.float64) for name, array in tiny.weights().items()}
    tokens = [np.concatenate([w["class"][0], image.reshape(-1, 3) @ w["patches"]])]
    mixed, middle = [], []
    for block in range(tiny.BLOCKS):
        parts = [np.split(tokens[-1] @ w[f"{name}{block}"], tiny.HEADS, axis=1) for name in "qkv"]
        heads = []
        for q, k, v in zip(*parts, strict=True):
            matrix = np.exp(q @ k.T / np.sqrt(2))
            heads.append(matrix / matrix.sum(axis=1, keepdims=True) @ v)
        mixed.append((parts, np.concatenate(heads, axis=1)))
        middle.append(tokens[-1] + mixed[-1][1] @ w[f"o{block}"])
        inner = np.tanh(middle[-1] @ w[f"in{block}"])
        tokens.append(middle[-1] + inner @ w[f"out{block}"])
    arriving = np.zeros_like(tokens[-1])
    arriving[0] = tokens[-1][0] * w["head"][:, target]
    for block in reversed(range(tiny.BLOCKS)):
        inner = np.tanh(middle[block] @ w[f"in{block}"])
        branch = (inner @ w[f"out{block}"]) / tokens[block + 1] * arriving
        arriving = middle[block] / tokens[block + 1] * arriving
        branch = dense_shares(inner, w[f"out{block}"], branch)
        arriving = arriving + dense_shares(middle[block], w[f"in{block}"], branch)
        parts, joined = mixed[block]
        branch = dense_shares(
            joined, w[f"o{block}"], (joined @ w[f"o{block}"]) / middle[block] * arriving
        )
        arriving = tokens[block] / middle[block] * arriving
        shares = [
            attention_shares(*of_head)
            for of_head in zip(*parts, np.split(branch, tiny.HEADS, axis=1), strict=True)
        ]
        for name, heads in zip("qkv", zip(*shares, strict=True), strict=True):
            branch = np.concatenate(heads, axis=1)
            arriving = arriving + dense_shares(tokens[block], w[f"{name}{block}"], branch)
    pixels = image.reshape(-1, 3).astype(np.float64)
    return dense_shares(pixels, w["patches"], arriving[1:]).reshape(image.shape)


@pytest.mark.parametrize("fused", [False, True])
def test_a_transformer_is_as_its_formulas(fused: bool, tmp_path: Path) -> None:
    file = tiny.save(tmp_path / "tiny.xml", fused=fused)
    write_graph(ModelFile(file), tmp_path / "model.xml")
    engine = OpenVINOEngine(tmp_path / "model.xml")
    batch = drawn(3, tiny.HEIGHT, tiny.WIDTH, 3, seed=5)
    targets = [Target(0), Target(1), Target(2)]
    found = engine.gradients(batch, targets, [INPUT], rules="linearized").gradients[INPUT]
    for row, target in enumerate(targets):
        expected = transformer_relevance(batch[row], target.index)
        assert_close(batch[row] * found[row], expected, 1e-4)
