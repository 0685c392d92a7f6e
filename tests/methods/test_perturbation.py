"""What changes a layer, or masks by it: worked by hand, and where formulas have no value."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcam_cli.engines.tensorflow import TensorFlowEngine
from gradcam_cli.methods import METHODS, Question
from gradcam_cli.methods.group_cam import blurred, group_maps
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


def head_of(maps: np.ndarray, kernel: np.ndarray, bias: list[float], pooled: bool = True) -> Any:
    """A model whose layer has `maps` whatever the input, and a dense head of them."""
    _, keras = tensorflow()
    layers = keras.layers
    image = keras.Input((*maps.shape[:2], 1))
    constant = layers.Dense(maps.size)(layers.Flatten()(image))
    layer = layers.Reshape(maps.shape, name=LAYER)(constant)
    flat = layers.GlobalAveragePooling2D()(layer) if pooled else layers.Flatten()(layer)
    model = keras.Model(image, layers.Dense(len(bias))(flat))
    zeros = np.zeros((maps.shape[0] * maps.shape[1], maps.size))
    model.set_weights([zeros, maps.ravel(), kernel, np.array(bias)])
    return model


def test_recipro_cam_by_hand(ask: Ask) -> None:
    maps = np.array([[[1, 10], [2, 20], [0, 0]]], np.float32)
    picture = np.ones((1, 3, 1), np.float32)
    model = head_of(maps, np.array([[3, 0], [-1, 0]]), [5, 0])
    question = ask(
        [Target(0)], engine=TensorFlowEngine(model), inputs=[picture], baseline=picture * 0
    )
    # Alone, the first position gives 5 + (3 - 10) / 3, the second 5 + (6 - 20) / 3; nothing is 5.
    np.testing.assert_allclose(
        METHODS["recipro-cam"].maps(question).raw[0], [[-7 / 3, -14 / 3, 0]], rtol=1e-5
    )


def test_recipro_cam_is_hirescam_on_a_pooled_dense_head(ask: Ask) -> None:
    random = np.random.default_rng(4)
    maps = random.standard_normal((4, 3, 5)).astype(np.float32)
    model = head_of(maps, random.standard_normal((5, 3)), [1, -2, 3])
    picture = random.standard_normal((4, 3, 1)).astype(np.float32)
    for target in (Target(1), Target(0, 2)):
        question = ask(
            [target], engine=TensorFlowEngine(model), inputs=[picture], baseline=picture * 0
        )
        found, expected = (METHODS[name].maps(question).raw for name in ("recipro-cam", "hirescam"))
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def seen_linearly(maps: np.ndarray, weights: np.ndarray) -> TensorFlowEngine:
    """A layer that has `maps` whatever the input, and for class 0 y = Σ w x of the input."""
    _, keras = tensorflow()
    layers = keras.layers
    image = keras.Input((*maps.shape[:2], 1))
    flat = layers.Flatten()(image)
    layer = layers.Reshape(maps.shape, name=LAYER)(layers.Dense(maps.size, name="constant")(flat))
    nothing = layers.Dense(2, kernel_initializer="zeros")(layers.Flatten()(layer))
    linear = layers.Dense(2, use_bias=False, name="linear")(flat)
    model = keras.Model(image, layers.Add()([linear, nothing]))
    zeros = np.zeros((weights.size, maps.size))
    model.get_layer("constant").set_weights([zeros, maps.ravel()])
    model.get_layer("linear").set_weights([np.stack([weights.ravel(), zeros[:, 0]], axis=-1)])
    return TensorFlowEngine(model)


def ones(ask: Ask, engine: TensorFlowEngine, width: int) -> Question:
    """Class 0 of a picture of ones in a row, over a baseline of 0."""
    picture = np.ones((1, width, 1), np.float32)
    return ask([Target(0)], engine=engine, inputs=[picture], baseline=picture * 0)


def test_weights_of_masks_by_hand(ask: Ask) -> None:
    maps = np.array([[[2, 0], [0, 3], [1, 3]]], np.float32)
    question = ones(ask, seen_linearly(maps, np.array([1, 2, 4])), 3)
    # The masks are (1, 0, 1/2) and (0, 1, 1), through which the picture scores 3 and 6.
    for name, options, scores in (
        ("score-cam", {}, (3, 6)),
        ("is-cam", {"steps": 1}, (3, 6)),
        ("is-cam", {"steps": 3}, (3 * 2 / 3, 6 * 2 / 3)),  # intensities of 1/3, 2/3 and 1
        ("ss-cam", {"noise": 0.0}, (3, 6)),
    ):
        weights = np.exp(scores) / np.exp(scores).sum()
        np.testing.assert_allclose(
            METHODS[name].maps(question, **options).raw[0], maps @ weights, rtol=1e-5
        )
    # A linear score has the same mean with noise.
    weights = np.exp((3, 6)) / np.exp((3, 6)).sum()
    noisy = METHODS["ss-cam"].maps(question, samples=1000, noise=0.3).raw[0]
    np.testing.assert_allclose(noisy, maps @ weights, atol=0.05)


def test_opti_cam_by_hand(ask: Ask) -> None:
    maps = np.array([[[2, 0], [0, 1], [0, 0]]], np.float32)
    question = ones(ask, seen_linearly(maps, np.array([1, 4, 0])), 3)
    # The mask is (1, p/2(1-p), 0), p being channel 1's share: more of it raises y. Adam's first
    # step goes the whole rate, up for one channel and down for the other.
    shares = np.exp([-0.1, 0.1]) / np.exp([-0.1, 0.1]).sum()
    raw = METHODS["opti-cam"].maps(question, steps=1, rate=0.1).raw[0]
    np.testing.assert_allclose(raw, maps @ shares, rtol=1e-5)
    # At p = 2/3 both places are seen, (1, 1, 0), and y is 5; with more of it the first one fades.
    raw = METHODS["opti-cam"].maps(question, steps=100, rate=0.01).raw[0]
    np.testing.assert_allclose(raw, [[2 / 3, 2 / 3, 0]], atol=0.02)


def test_opti_cam_of_maps_that_are_the_same_everywhere_stays_where_it_is(ask: Ask) -> None:
    maps = np.array([[[2, 4], [2, 4], [2, 4]]], np.float32)
    question = ones(ask, seen_linearly(maps, np.array([1, 4, 0])), 3)
    np.testing.assert_array_equal(METHODS["opti-cam"].maps(question).raw[0], [[3, 3, 3]])


def test_group_maps_by_hand() -> None:
    activations = np.array([[[1, 0, 3], [2, 1, 0], [4, 2, 0], [0, 9, 9]]], np.float32)
    gradients = np.zeros_like(activations)
    gradients[0, 0] = 4, 8, -4  # means: 1, 2, -1
    found = group_maps(activations, gradients, 2)
    # Channels 0 and 1: 1, 4, 8, 18, of which above the 70th percentile, 9, is 18; channel 2 alone
    # is negative, and 0.
    np.testing.assert_array_equal(found, [[[0, 0], [0, 0], [0, 0], [18, 0]]])
    assert group_maps(activations, gradients, 32).shape == (1, 4, 3)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 99))
def test_the_blur_is_opencvs(height: int, width: int, seed: int) -> None:
    image = np.random.default_rng(seed).standard_normal((height, width, 2)).astype(np.float32)
    radii = [max(1, round(25 * side / 224)) for side in (width, height)]
    along = [cv2.getGaussianKernel(2 * radius + 1, 2 * radius, cv2.CV_32F) for radius in radii]
    expected = cv2.sepFilter2D(image, -1, *along, borderType=cv2.BORDER_REFLECT_101)
    np.testing.assert_allclose(blurred(image), expected, atol=1e-5)
