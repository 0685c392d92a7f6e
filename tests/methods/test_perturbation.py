"""Score-CAM and Ablation-CAM: masks, weights, and where their formulas have no value."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcam_cli.engines.tensorflow import TensorFlowEngine
from gradcam_cli.methods import METHODS
from gradcam_cli.methods.perturbation import distinct_masks, masked
from gradcam_cli.methods.upsampling import SamplePoints, extremes, upsampled
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.targets import Target
from tests.methods.conftest import LAYER, Ask, few_passes, network

sides = st.integers(1, 9)


@given(sides, sides, st.integers(1, 40), st.integers(1, 40), st.integers(0, 99))
def test_interpolation_is_opencvs(h: int, w: int, height: int, width: int, seed: int) -> None:
    maps = np.random.default_rng(seed).standard_normal((3, h, w)).astype(np.float32)
    before = maps.copy()
    found = upsampled(maps, SamplePoints.of(height, h), SamplePoints.of(width, w))
    np.testing.assert_array_equal(maps, before)
    for one, expected in zip(found, maps, strict=True):
        resized = cv2.resize(expected, (width, height), interpolation=cv2.INTER_LINEAR)
        np.testing.assert_allclose(one, resized, atol=1e-5)
    low, high = extremes(maps, height, width)
    np.testing.assert_allclose(low, found.min(axis=(1, 2)), atol=1e-6)
    np.testing.assert_allclose(high, found.max(axis=(1, 2)), atol=1e-6)


def test_masks_run_from_0_to_1_and_hide_what_is_constant() -> None:
    activations = np.random.default_rng(1).standard_normal((3, 4, 5)).astype(np.float32)
    activations[:, :, [1, 3]] = 0, 7
    masks, mask_of = distinct_masks(activations, 9, 16)
    assert mask_of.tolist() == [0, 3, 1, 3, 2]
    ones = [np.ones((9, 16, 2), np.float32)] * len(masks)
    shown = masked(list(masks), ones)
    assert shown.shape == (4, 9, 16, 2)
    np.testing.assert_array_equal(shown[..., 0], shown[..., 1])
    np.testing.assert_allclose(shown[:3].min(axis=(1, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(shown[:3].max(axis=(1, 2, 3)), 1, atol=1e-6)
    assert not shown[3].any()


class Counting(TensorFlowEngine):
    """Counts the rows that it runs."""

    rows = forward_rows = 1
    forwards = tails = 0

    def forward(self, batch: np.ndarray) -> np.ndarray:
        self.forwards += len(batch)
        return super().forward(batch)

    def tail(self, activations: np.ndarray, layer: str, batch: np.ndarray) -> np.ndarray:
        self.tails += len(activations)
        return super().tail(activations, layer, batch)


def with_dead_channels() -> Counting:
    model = network()
    kernel, bias = model.get_layer(LAYER).get_weights()
    kernel[..., [1, 4]] = 0
    bias[[1, 4]] = -1
    model.get_layer(LAYER).set_weights([kernel, bias])
    return Counting(model)


def test_channels_that_are_alike_share_their_passes(ask: Ask) -> None:
    engine = with_dead_channels()
    for targets in ([Target(1)], [Target(1), Target(2)]):
        engine.forwards = engine.tails = 0
        which = [0] * len(targets)
        METHODS["score-cam"].maps(ask(targets, which, engine=engine))
        METHODS["ablation-cam"].maps(ask(targets, which, engine=engine))
        assert (engine.forwards, engine.tails) == (4 + 1, 1 + 4)


def test_ablation_cam_of_a_score_of_0_or_below(ask: Ask, inputs: list[np.ndarray]) -> None:
    model = network()
    kernel, bias = model.get_layer("scores").get_weights()
    for index, score in enumerate([0.0, -2.0, 2.0]):
        kernel[:, index] = kernel[:, 3]
        bias[index] = 0
        model.get_layer("scores").set_weights([kernel, bias])
        now = model(inputs[0][np.newaxis], training=False).numpy()[0, index]
        bias[index] = np.float32(score) - now
        model.get_layer("scores").set_weights([kernel, bias])
    engine = TensorFlowEngine(model)
    zero, below, above = (
        METHODS["ablation-cam"]
        .maps(ask([Target(0), Target(1), Target(2)], [0, 0, 0], engine=engine))
        .raw
    )
    # The same losses, divided by nothing (or what rounding leaves of 0), by -2, and by 2.
    assert np.isfinite(zero).all()
    np.testing.assert_allclose(below, -above, atol=1e-5 * np.abs(above).max())


def test_ablation_cam_past_a_branch(ask: Ask, inputs: list[np.ndarray]) -> None:
    _, keras = tensorflow()
    layers = keras.layers
    given_ = keras.Input(inputs[0].shape)
    maps = layers.Conv2D(2, 3, padding="same", activation="relu", name=LAYER)(given_)
    past = layers.Conv2D(2, 1)(given_)
    pooled = layers.GlobalAveragePooling2D()(layers.Add()([maps, past]))
    model = keras.Model(given_, layers.Dense(5, use_bias=False)(pooled))
    question = ask(engine=TensorFlowEngine(model))
    raw = METHODS["ablation-cam"].maps(question).raw[0]
    found = question.engine.capture(inputs[0][np.newaxis], [LAYER])
    a, y = found.activations[LAYER][0], found.scores[0, 1]
    # From there on the model is linear: what is lost is each channel's mean times its weight.
    lost = a.mean(axis=(0, 1)) * model.layers[-1].get_weights()[0][:, 1]
    np.testing.assert_allclose(raw, a @ (lost / y), rtol=1e-3, atol=1e-4 * np.abs(raw).max())


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(
    "name",
    ["score-cam", "ss-cam", "ablation-cam", "recipro-cam", "group-cam", "opti-cam", "eigen-cam"],
)
def test_numbers_that_are_none_do_no_harm(name: str, value: float, ask: Ask) -> None:
    broken = np.full((10, 14, 3), value, np.float32)
    with np.errstate(all="ignore"):
        maps = few_passes(METHODS[name]).maps(ask(inputs=[broken]))
    assert maps.raw.shape == (1, 5, 7)
