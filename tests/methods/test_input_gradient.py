"""Methods that look at the input."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from gradcam_cli.engines.comparison import relative_difference
from gradcam_cli.engines.openvino.engine import OpenVINOEngine
from gradcam_cli.engines.tensorflow import TensorFlowEngine
from gradcam_cli.methods import METHODS, guided_grad_cam, input_x_gradient, parse_method
from gradcam_cli.methods.full_grad import full_grad
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.passes import BIASES, INPUT
from gradcam_cli.targets import Target
from tests.methods.conftest import Ask, network


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


def linear(inputs: np.ndarray) -> TensorFlowEngine:
    """Two scores that are linear in the input, with constants."""
    _, keras = tensorflow()
    image = keras.Input(inputs.shape)
    scores = keras.layers.Dense(2, bias_initializer="ones")(keras.layers.Flatten()(image))
    model = keras.Model(image, scores)
    kernel = np.random.default_rng(3).standard_normal((inputs.size, 2))
    model.set_weights([kernel, np.ones(2)])
    return TensorFlowEngine(model)


def test_input_x_gradient_is_integrated_gradients_of_a_linear_model(
    ask: Ask, inputs: list[np.ndarray]
) -> None:
    question = ask(engine=linear(inputs[0]), baseline=np.zeros_like(inputs[0]))
    found = METHODS["input-x-gradient"].maps(question)
    path = METHODS["integrated-gradients"].maps(question, steps=3)
    np.testing.assert_allclose(found.raw, path.raw, rtol=1e-4, atol=1e-5)
    assert found.raw.sum() == pytest.approx(found.scores[0, 1] - 1, rel=1e-4)


def test_input_x_gradient_is_its_formula(ask: Ask, inputs: list[np.ndarray]) -> None:
    question = ask()
    gradients = question.engine.gradients(inputs[0][np.newaxis], [Target(1)], [INPUT]).gradients
    expected = sum(inputs[0][:, :, c] * gradients[INPUT][0, :, :, c] for c in range(3))
    found = METHODS["input-x-gradient"].maps(question).raw[0]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(input_x_gradient(inputs[0], gradients[INPUT][0]), found)


def test_guided_grad_cam_by_hand() -> None:
    # The map (-1, 2), cut to (0, 2), stands at the centres of pairs of pixels: 0, 0.5, 1.5, 2.
    guided = np.array([[[1, -2], [0, 3], [-4, 1], [1, 1]]], np.float32)
    raw = guided_grad_cam(guided, np.array([[-1, 2]], np.float32))
    np.testing.assert_allclose(raw, [[0, 1.5, 6, 2]])


def test_guided_grad_cam_is_the_product_of_both(ask: Ask) -> None:
    targets, which = [Target(1), Target(2), Target(3)], [0, 1, 2]
    maps = {
        name: METHODS[name].maps(ask(targets, which))
        for name in ("guided-grad-cam", "guided-backprop", "grad-cam")
    }
    for row in range(3):
        coarse = np.maximum(maps["grad-cam"].raw[row], 0)
        evidence = cv2.resize(coarse, (14, 10), interpolation=cv2.INTER_LINEAR)
        expected = maps["guided-backprop"].raw[row] * evidence
        np.testing.assert_allclose(maps["guided-grad-cam"].raw[row], expected, rtol=1e-3, atol=1e-6)


def test_full_grad_by_hand() -> None:
    # x·dy/dx = (2, -4, 3, 3): sizes 0, 1, 0.5, 0.5. One bias adds (1, -3), scaled 0 and 1, which
    # over four pixels are 0, 0.25, 0.75, 1; another one is even and adds nothing.
    inputs = np.array([[[2], [4], [3], [1]]], np.float32)
    gradients = np.array([[[1], [-1], [1], [3]]], np.float32)
    bias = np.array([[[1, 5], [-3, 5]]], np.float32)
    raw = full_grad(inputs, gradients, [bias, np.full((1, 1, 3), 7, np.float32)])
    np.testing.assert_allclose(raw, [[0, 1.25, 1.25, 1.5]])


def test_full_grad_is_its_formula(ask: Ask, compiled: OpenVINOEngine) -> None:
    question = ask([Target(1), Target(2, 3)], [0, 1], engine=compiled)
    found = compiled.gradients(np.stack(question.inputs), question.targets, [INPUT, BIASES])
    shapes = [part.shape[1:] for part in found.biases]
    assert shapes == [(10, 14, 4), (5, 7, 6), (5, 7, 8), (1, 1, 5)]
    raw = METHODS["full-grad"].maps(question).raw
    for row in range(2):
        layers = [question.inputs[row] * found.gradients[INPUT][row]]
        layers += [part[row] for part in found.biases]
        expected = np.zeros((10, 14))
        for maps in layers[:-1]:
            for channel in np.moveaxis(np.abs(maps), 2, 0):
                if np.ptp(channel):
                    scaled = (channel - channel.min()) / np.ptp(channel)
                    expected += cv2.resize(scaled, (14, 10), interpolation=cv2.INTER_LINEAR)
        np.testing.assert_allclose(raw[row], expected, rtol=1e-4)


def test_relevance_is_the_score_handed_back(ask: Ask, compiled: OpenVINOEngine) -> None:
    maps = METHODS["lrp"].maps(ask([Target(1), Target(2, 3)], [0, 1], engine=compiled))
    shared = maps.scores - network().get_layer("scores").get_weights()[1]
    expected = [shared[0, 1], shared[1, 2] - shared[1, 3]]  # a dense layer's bias has its own share
    np.testing.assert_allclose(maps.raw.sum(axis=(1, 2)), expected, rtol=1e-2)


def test_options_of_relevance(ask: Ask, compiled: OpenVINOEngine) -> None:
    question = ask([Target(1)], [0], engine=compiled)
    raw = parse_method("lrp:gamma=0.25,epsilon=0.1").maps(question).raw
    given = {"epsilon": 0.1, "gamma": 0.25}
    found = compiled.gradients(
        question.inputs[0][np.newaxis], [Target(1)], [INPUT], rules="relevance", parameters=given
    )
    np.testing.assert_allclose(raw[0], found.gradients[INPUT][0].sum(axis=-1), rtol=1e-4)
    assert relative_difference(raw, METHODS["lrp"].maps(question).raw) > 0.01
