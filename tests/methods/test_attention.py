"""Methods of attention: by hand, by their papers' formulas, and what holds for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from gradcam_cli.engines.openvino.engine import OpenVINOEngine
from gradcam_cli.engines.openvino.model_files.preparing import write_graph
from gradcam_cli.errors import UsageError
from gradcam_cli.methods import METHODS, Method, Question
from gradcam_cli.methods.attention import (
    attention_rollout,
    generic_attention,
    le_grad,
    transformer_attribution,
)
from gradcam_cli.models.model_file import ModelFile
from gradcam_cli.passes import ATTENTION, BLOCK_ATTENTION, TokenGrid
from gradcam_cli.targets import TOP, Target
from tests import tiny_transformer as tiny

OF_ATTENTION = [method for method in METHODS.values() if method.looks_at == "attention"]
GRID = TokenGrid(2, 3, 1)

each_method = pytest.mark.parametrize("method", OF_ATTENTION, ids=[m.name for m in OF_ATTENTION])


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> OpenVINOEngine:
    folder = tmp_path_factory.mktemp("tiny")
    write_graph(ModelFile(tiny.save(folder / "tiny.xml")), folder / "model.xml")
    return OpenVINOEngine(folder / "model.xml")


@pytest.fixture(scope="module")
def ask(engine: OpenVINOEngine) -> Callable[..., Question]:
    random = np.random.default_rng(5)
    inputs = list(random.standard_normal((3, tiny.HEIGHT, tiny.WIDTH, 3)).astype(np.float32))

    def question(targets: list[Target], which: list[int], **others: object) -> Question:
        chosen = [inputs[number] for number in which]
        asked = Question(engine, chosen, targets, "none", "logit", 0 * inputs[0])
        return replace(asked, **others)  # type: ignore[arg-type]

    return question


def arrays(seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Attention of 4 blocks and 3 heads between 7 tokens, and gradients of what reads the first."""
    random = np.random.default_rng(seed)
    a = random.random((4, 3, 7, 7)).astype(np.float32)
    g = random.standard_normal((4, 3, 7, 7)).astype(np.float32)
    g[-1, :, 1:] = 0
    return a / a.sum(axis=-1, keepdims=True), g


def test_rollout_of_two_blocks_by_hand() -> None:
    # Tokens: the class, and two of the picture. The halves of A + I are
    # [[3/4, 1/4, 0], [0, 1, 0], [0, 1/2, 1/2]], then [[1/2, 0, 1/2], [0, 1, 0], [0, 0, 1]].
    first = [[0.5, 0.5, 0], [0, 1, 0], [0, 1, 0]]
    second = [[0, 0, 1], [0, 1, 0], [0, 0, 1]]
    attention = np.array([[first], [second]], np.float32)
    # The class's row: 1/2 · (3/4, 1/4, 0) + 1/2 · (0, 1/2, 1/2)
    raw = attention_rollout(attention, TokenGrid(2, 1, 1))
    assert raw.tolist() == [[0.375], [0.25]]
    assert raw.dtype == np.float32


def test_rollout_is_the_product_of_its_paper() -> None:
    a, _ = arrays()
    rolled = np.eye(7)
    for block in a.astype(np.float64):
        rolled = (0.5 * block.mean(axis=0) + 0.5 * np.eye(7)) @ rolled
    np.testing.assert_allclose(attention_rollout(a, GRID).ravel(), rolled[0, 1:], rtol=1e-5)
    without_class = attention_rollout(a, TokenGrid(7, 1, 0)).ravel()
    np.testing.assert_allclose(without_class, rolled.mean(axis=0), rtol=1e-5)
    assert without_class.sum() == pytest.approx(1)


def test_generic_attention_by_hand() -> None:
    # One block, two heads: ReLU(G ⊙ A) has the rows (0, 1, 0) and (0, 0, 2) of the class.
    attention = np.array([[[[0, 0.5, 0.5]] * 3, [[0, 0.5, 0.5]] * 3]], np.float32)
    gradients = np.zeros_like(attention)
    gradients[0, 0, 0] = [9, 2, -3]
    gradients[0, 1, 0] = [9, -2, 4]
    raw = generic_attention(attention, gradients, TokenGrid(1, 2, 1))
    assert raw.tolist() == [[0.5, 1]]


def test_generic_attention_is_the_product_of_its_paper() -> None:
    a, g = arrays()
    relevance = np.eye(7)
    for block, slopes in zip(a.astype(np.float64), g.astype(np.float64), strict=True):
        relevance = relevance + np.maximum(block * slopes, 0).mean(axis=0) @ relevance
    found = generic_attention(a, g, GRID)
    np.testing.assert_allclose(found.ravel(), relevance[0, 1:], rtol=1e-4)


def test_generic_attention_reads_the_rows_that_the_score_does() -> None:
    a, g = arrays()
    g[-1] = arrays(1)[1][0]
    g[-1, :, [0, 3]] = 0  # the class token, and one more
    relevance = np.eye(7)
    for block, slopes in zip(a.astype(np.float64), g.astype(np.float64), strict=True):
        relevance = relevance + np.maximum(block * slopes, 0).mean(axis=0) @ relevance
    expected = (relevance - np.eye(7))[[1, 2, 4, 5, 6]].mean(axis=0)[1:]
    np.testing.assert_allclose(generic_attention(a, g, GRID).ravel(), expected, rtol=1e-4)
    assert not generic_attention(a, 0 * g, GRID).any()


def test_transformer_attribution_is_the_product_of_its_paper() -> None:
    (a, g), (linearized, _) = arrays(), arrays(1)
    rollout = np.eye(7)
    for block, slopes, shares in zip(a, g, linearized, strict=True):
        relevance = block.astype(np.float64) * shares
        rollout = (np.eye(7) + np.maximum(slopes * relevance, 0).mean(axis=0)) @ rollout
    found = transformer_attribution(a, g, linearized, GRID)
    np.testing.assert_allclose(found.ravel(), rollout[0, 1:], rtol=1e-4)


def test_le_grad_is_the_mean_of_its_paper() -> None:
    _, g = arrays()
    of_blocks = [np.mean([np.maximum(head, 0).mean(axis=0) for head in block], 0) for block in g]
    found = le_grad(g, GRID)
    np.testing.assert_allclose(found.ravel(), np.mean(of_blocks, axis=0)[1:], rtol=1e-5)
    assert found.shape == (2, 3)


def test_tokens_after_the_grid_are_left_aside() -> None:
    a, g = arrays()
    grid = TokenGrid(2, 2, 2)
    whole = le_grad(g, GRID).ravel()
    np.testing.assert_array_equal(le_grad(g, grid).ravel(), whole[1:5])
    assert attention_rollout(a, grid).shape == (2, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        np.zeros((3, 7, 7), np.float32),
        np.zeros((1, 3, 7, 6), np.float32),
        np.zeros((1, 3, 6, 6), np.float32),
        np.zeros((0, 3, 7, 7), np.float32),
        np.zeros((1, 3, 7, 7), np.int64),
    ],
)
def test_what_is_no_attention_is_refused(wrong: object) -> None:
    right = np.ones((1, 3, 7, 7), np.float32)
    calls: list[Callable[[], object]] = [
        lambda: attention_rollout(wrong, GRID),  # type: ignore[arg-type]
        lambda: generic_attention(right, wrong, GRID),  # type: ignore[arg-type]
        lambda: le_grad(wrong, GRID),  # type: ignore[arg-type]
    ]
    for call in calls:
        with pytest.raises(UsageError, match="expected attention of"):
            call()


# What holds for each of them, on a transformer of two blocks


@each_method
@pytest.mark.parametrize("score", ["logit", "probability"])
@pytest.mark.parametrize("target", [Target(1), Target(TOP), Target(1, 2), Target(2, None, True)])
def test_a_map_is_of_the_grid_and_not_negative(
    method: Method, score: str, target: Target, ask: Callable[..., Question]
) -> None:
    maps = method.maps(ask([target], [0], score=score))
    assert maps.raw.shape == (1, tiny.HEIGHT, tiny.WIDTH)
    assert maps.raw.dtype == maps.scores.dtype == np.float32
    assert maps.raw.min() >= 0
    assert maps.raw.std() > 0


@each_method
@pytest.mark.parametrize("rows", [1, 2, 4])
def test_a_row_is_what_it_is_alone(method: Method, rows: int, ask: Callable[..., Question]) -> None:
    targets, which = [Target(1), Target(0), Target(TOP), Target(1)], [0, 0, 1, 2]
    question = ask(targets, which, rows=rows)
    before = [array.copy() for array in question.inputs]
    together = method.maps(question)
    np.testing.assert_array_equal(question.inputs, before)
    for row, (target, number) in enumerate(zip(targets, which, strict=True)):
        alone = method.maps(ask([target], [number]))
        np.testing.assert_allclose(together.raw[row], alone.raw[0], rtol=1e-4)
        np.testing.assert_allclose(together.scores[row], alone.scores[0], rtol=1e-4)
    np.testing.assert_array_equal(method.maps(question).raw, together.raw)


@each_method
def test_the_target_matters_where_it_is_used(method: Method, ask: Callable[..., Question]) -> None:
    one, other = method.maps(ask([Target(1), Target(2)], [0, 0])).raw
    assert np.array_equal(one, other) != method.uses_target


def test_each_is_its_function_of_what_the_engine_gives(ask: Callable[..., Question]) -> None:
    question = ask([Target(1)], [0])
    found = question.engine.gradients(
        question.inputs[0][np.newaxis], [Target(1)], [ATTENTION, BLOCK_ATTENTION]
    )
    a, tokens = found.activations[ATTENTION][0], found.tokens
    assert tokens is not None
    linear = question.engine.gradients(
        question.inputs[0][np.newaxis], [Target(1)], [ATTENTION], rules="linearized"
    ).gradients[ATTENTION][0]
    g = found.gradients[ATTENTION][0]
    expected = {
        "attention-rollout": attention_rollout(a, tokens),
        "generic-attention": generic_attention(a, g, tokens),
        "transformer-attribution": transformer_attribution(a, g, linear, tokens),
        "le-grad": le_grad(found.gradients[BLOCK_ATTENTION][0], tokens),
    }
    assert set(expected) == {method.name for method in OF_ATTENTION}
    for method in OF_ATTENTION:
        raw = method.maps(question).raw[0]
        np.testing.assert_allclose(raw, expected[method.name], rtol=1e-4)
