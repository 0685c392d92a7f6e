"""Methods that look at the input."""

from __future__ import annotations

import numpy as np
import pytest

from gradcam_cli.engines.tensorflow import TensorFlowEngine
from gradcam_cli.heads import target_scores
from gradcam_cli.methods import METHODS, parse_method
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.targets import TOP, Target
from tests.methods.conftest import Ask


@pytest.mark.parametrize("score", ["logit", "probability"])
@pytest.mark.parametrize("target", [Target(1), Target(TOP, 3), Target(2, None, True)])
def test_integrated_gradients_are_complete(score: str, target: Target, ask: Ask) -> None:
    question = ask([target], score=score)
    maps = parse_method("integrated-gradients:steps=1000").maps(question)
    resolved = target.resolved(int(maps.scores[0].argmax()))
    ends = question.engine.forward(np.stack([question.inputs[0], question.baseline]))
    at_input, at_baseline = target_scores(ends, [resolved], score)[:, 0]  # type: ignore[arg-type]
    assert maps.raw.sum() == pytest.approx(at_input - at_baseline, rel=1e-2)


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


def test_saliency_is_that_of_a_small_step(ask: Ask, inputs: list[np.ndarray]) -> None:
    question = ask()
    raw = METHODS["saliency"].maps(question).raw[0]
    step = 1e-3
    for i, j in ((0, 0), (4, 9), (9, 13)):
        slopes = []
        for channel in range(3):
            ends = np.stack([inputs[0], inputs[0]])
            ends[:, i, j, channel] += (step, -step)
            plus, minus = question.engine.forward(ends)[:, 1].astype(np.float64)
            slopes.append(abs(plus - minus) / (2 * step))
        assert max(slopes) == pytest.approx(raw[i, j], rel=2e-2, abs=1e-3)


def test_the_same_noise_for_the_same_input_and_target(ask: Ask) -> None:
    first, other, again = METHODS["random"].maps(ask([Target(1)] * 3, [0, 1, 0])).raw
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(first, again)
    seeded = parse_method("random:seed=1").maps(ask()).raw[0]
    assert not np.array_equal(first, seeded)
    assert first.min() >= 0
    assert 0.3 < first.mean() < 0.7


def test_guided_backprop_by_hand(ask: Ask, inputs: list[np.ndarray]) -> None:
    _, keras = tensorflow()
    layers = keras.layers
    image = keras.Input((1, 2, 1))
    hidden = layers.Conv2D(2, 1, activation="relu", use_bias=False)(image)
    single = layers.Conv2D(1, 1, activation="relu", use_bias=False)(hidden)
    model = keras.Model(image, layers.Dense(2, use_bias=False)(layers.Flatten()(single)))
    weights = ([[1, 2]], [[3], [-1]], [[5, 1], [5, 1]])
    shapes = (layer.shape for layer in model.get_weights())
    model.set_weights([np.reshape(w, shape) for w, shape in zip(weights, shapes, strict=True)])
    given = np.array([[[2], [-2]]], np.float32)
    question = ask([Target(0)], engine=TensorFlowEngine(model), inputs=[given], baseline=given * 0)
    # 5 comes back to the first ReLU as 15 and -5: dy/dx is 15·1 - 5·2, guided it is 15·1 alone;
    # where the input is negative nothing is active.
    np.testing.assert_allclose(METHODS["saliency"].maps(question).raw, [[[5, 0]]])
    np.testing.assert_allclose(METHODS["guided-backprop"].maps(question).raw, [[[15, 0]]])
