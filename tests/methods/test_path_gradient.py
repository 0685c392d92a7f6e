"""Methods that follow the score from a baseline to the input."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcam_cli.engines.openvino.engine import OpenVINOEngine
from gradcam_cli.engines.tensorflow import TensorFlowEngine
from gradcam_cli.heads import target_scores
from gradcam_cli.methods import METHODS, Question, parse_method
from gradcam_cli.methods.path_gradient import drawn_points
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.passes import INPUT
from gradcam_cli.targets import TOP, Target
from tests.methods.conftest import Ask

TARGETS = [Target(1), Target(TOP, 3), Target(2, None, True)]


@pytest.fixture
def ask(ask: Ask, compiled: OpenVINOEngine) -> Ask:
    """A question to the engine that runs thousands of passes in a second."""
    return partial(ask, engine=compiled)


def differences(question: Question, maps: Any) -> Any:
    """y(x) less the mean of y(x') over the baselines, of the first row."""
    target = question.targets[0].resolved(int(maps.scores[0].argmax()))
    ends = question.engine.forward(np.stack([question.inputs[0], *question.path_starts]))
    y = target_scores(ends, [target], question.score)[:, 0]
    return y[0] - y[1:].mean()


def several(inputs: list[np.ndarray]) -> list[np.ndarray]:
    return [inputs[1], -inputs[2], 0.5 * inputs[0]]


@pytest.mark.parametrize("score", ["logit", "probability"])
@pytest.mark.parametrize("target", TARGETS)
def test_integrated_gradients_are_complete(score: str, target: Target, ask: Ask) -> None:
    question = ask([target], score=score)
    maps = parse_method("integrated-gradients:steps=1000").maps(question)
    assert maps.raw.sum() == pytest.approx(differences(question, maps), rel=1e-2)


def test_integrated_gradients_of_a_polynomial(ask: Ask, inputs: list[np.ndarray]) -> None:
    _, keras = tensorflow()
    image = keras.Input(inputs[0].shape)
    squares = keras.layers.Flatten()(keras.layers.Multiply()([image, image]))
    scores = keras.layers.Dense(2, use_bias=False, kernel_initializer="ones")(squares)
    question = ask(engine=TensorFlowEngine(keras.Model(image, scores)))
    # y = Σ x²: each value adds x² - x'², and the midpoint rule is exact for it with any steps.
    expected = (inputs[0] ** 2 - question.baseline**2).sum(axis=-1)
    for steps in (1, 7):
        raw = METHODS["integrated-gradients"].maps(question, steps=steps).raw[0]
        np.testing.assert_allclose(raw, expected, rtol=1e-4, atol=1e-4)


def test_several_baselines_are_averaged(ask: Ask, inputs: list[np.ndarray]) -> None:
    method, baselines = METHODS["integrated-gradients"], several(inputs)
    together = method.maps(ask(baselines=baselines), steps=5).raw
    each = [method.maps(ask(baseline=baseline), steps=5).raw for baseline in baselines]
    np.testing.assert_allclose(together, np.mean(each, axis=0), rtol=1e-4, atol=1e-5)


# Expected gradients ------------------------------------------------------------------------------


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("score", ["logit", "probability"])
def test_expected_gradients_are_complete(
    score: str, target: Target, ask: Ask, inputs: list[np.ndarray]
) -> None:
    question = ask([target], score=score, baselines=several(inputs))
    maps = parse_method("expected-gradients:samples=3000").maps(question)
    assert maps.raw.sum() == pytest.approx(differences(question, maps), rel=1e-2)


def test_expected_gradients_are_the_mean_of_their_samples(
    ask: Ask, inputs: list[np.ndarray]
) -> None:
    question = ask(baselines=several(inputs))
    expected = np.zeros(inputs[0].shape[:2])
    for number, alpha in drawn_points(3, 7, seed=5):
        start = question.baselines[number]
        point = start + np.float32(alpha) * (inputs[0] - start)
        computed = question.engine.gradients(point[np.newaxis], [Target(1)], [INPUT])
        expected += ((inputs[0] - start) * computed.gradients[INPUT][0]).sum(axis=-1) / 7
    found = METHODS["expected-gradients"].maps(question, samples=7, seed=5).raw[0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_expected_gradients_come_to_integrated_ones(ask: Ask, inputs: list[np.ndarray]) -> None:
    question = ask(baselines=several(inputs))
    expected = METHODS["integrated-gradients"].maps(question, steps=300).raw[0]
    errors = [
        np.abs(METHODS["expected-gradients"].maps(question, samples=samples).raw[0] - expected)
        for samples in (30, 900)
    ]
    assert errors[1].mean() < 0.2 * errors[0].mean()
    assert errors[1].max() < 0.02 * np.abs(expected).max()


def test_the_seed_decides_and_nothing_else_does(ask: Ask, inputs: list[np.ndarray]) -> None:
    method, question = METHODS["expected-gradients"], ask(baselines=several(inputs))
    first, again, other = (method.maps(question, samples=4, seed=s).raw for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    black = method.maps(replace(question, baselines=()), samples=4).raw
    alone = method.maps(replace(question, baselines=[question.baseline]), samples=4).raw
    np.testing.assert_array_equal(black, alone)


@given(st.integers(1, 40), st.integers(1, 200), st.integers(0, 2**32 - 1))
def test_samples_are_spread_evenly(baselines: int, samples: int, seed: int) -> None:
    points = drawn_points(baselines, samples, seed)
    assert len(points) == samples
    uses = Counter(number for number, _ in points)
    assert set(uses) <= set(range(baselines))
    assert max(uses.values()) - min(uses.values()) <= 1
    assert len(uses) == min(baselines, samples)
    for number, count in uses.items():
        parts = [int(share * count) for other, share in points if other == number]
        assert sorted(parts) == list(range(count))
