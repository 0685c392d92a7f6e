"""The methods beside plain readings of their papers, which use none of the package's functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import pytest

from gradcam_cli.engines.tensorflow import TensorFlowEngine
from gradcam_cli.images.overlay import model_input
from gradcam_cli.images.reading import read_image
from gradcam_cli.methods import (
    METHODS,
    Question,
    eigen_cam,
    eigen_grad_cam,
    grad_cam,
    grad_cam_elementwise,
    grad_cam_plus_plus,
    hires_cam,
    kpca_cam,
    layer_cam,
    saliency,
    xgrad_cam,
)
from gradcam_cli.methods.cam_variants import refine_cam, shapley_cam, smooth_grad_cam_plus_plus
from gradcam_cli.methods.control import seeded_generator
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.models.preprocessing import PREPROCESSING
from gradcam_cli.targets import Target
from tests.conftest import SAMPLES
from tests.methods.conftest import HEIGHT, LAYER, WIDTH, Ask, network

NEARLY_ONE = 1 - 1e-6


@dataclass
class Case:
    """A Keras model of logits, a layer of it, an input, a class."""

    model: Any
    layer: str
    image: np.ndarray
    target: int

    def __post_init__(self) -> None:
        tf, keras = tensorflow()
        output = self.model.get_layer(self.layer).output
        both = keras.Model(self.model.inputs[0], [output, self.model.output])
        with tf.GradientTape() as tape:
            maps, logits = both(self.image[np.newaxis], training=False)
            y = logits[0, self.target]
        self.y = float(y)
        self.A = maps[0].numpy().astype(np.float64)
        self.G = tape.gradient(y, maps)[0].numpy().astype(np.float64)

    def gradient(self, image: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """That of Σ_i weights_i·logit_i at the layer, for another image."""
        tf, keras = tensorflow()
        output = self.model.get_layer(self.layer).output
        both = keras.Model(self.model.inputs[0], [output, self.model.output])
        with tf.GradientTape() as tape:
            maps, logits = both(image[np.newaxis].astype(np.float32), training=False)
            y = tf.reduce_sum(logits[0] * weights.astype(np.float32))
        return tape.gradient(y, maps)[0].numpy().astype(np.float64)

    def y_of(self, batch: np.ndarray) -> np.ndarray:
        """The class's logit for each image of a batch."""
        parts = [batch[start : start + 16] for start in range(0, len(batch), 16)]
        scores = [self.model(part.astype(np.float32), training=False).numpy() for part in parts]
        return np.concatenate(scores)[:, self.target].astype(np.float64)

    @cached_property
    def tail(self) -> Any:
        """The network behind the layer."""
        _, keras = tensorflow()
        return keras.Model(self.model.get_layer(self.layer).output, self.model.output)

    def y_without(self, channel: int) -> float:
        """The class's logit where `channel` is 0 at the layer."""
        maps = self.A.astype(np.float32).copy()
        maps[:, :, channel] = 0
        return float(self.tail(maps[np.newaxis], training=False)[0, self.target])


def plain_grad_cam(case: Case) -> np.ndarray:
    raw = np.zeros(case.A.shape[:2])
    for k in range(case.A.shape[2]):
        alpha = case.G[:, :, k].sum() / case.G[:, :, k].size
        raw += alpha * case.A[:, :, k]
    return raw


def plain_grad_cam_plus_plus(case: Case) -> np.ndarray:
    # Chattopadhyay et al., equations 19, 5 and 1, with Y = exp(S).
    raw = np.zeros(case.A.shape[:2])
    second, third = np.exp(case.y) * case.G**2, np.exp(case.y) * case.G**3
    for k in range(case.A.shape[2]):
        below = 2 * second[:, :, k] + case.A[:, :, k].sum() * third[:, :, k]
        alpha = np.zeros_like(below)
        alpha[below != 0] = second[:, :, k][below != 0] / below[below != 0]
        weight = (alpha * np.maximum(np.exp(case.y) * case.G[:, :, k], 0)).sum()
        raw += weight * case.A[:, :, k]
    return raw


def plain_hires_cam(case: Case) -> np.ndarray:
    raw = np.zeros(case.A.shape[:2])
    for i, j, k in np.ndindex(*case.A.shape):
        raw[i, j] += case.G[i, j, k] * case.A[i, j, k]
    return raw


def plain_eigen_cam(case: Case) -> np.ndarray:
    _, _, v = np.linalg.svd(case.A.reshape(-1, case.A.shape[2]), full_matrices=False)
    raw = np.tensordot(case.A, v[0], 1)
    return raw if raw.sum() >= 0 else -raw


def plain_score_cam(case: Case) -> np.ndarray:
    # Wang et al., algorithm 1.
    height, width = case.image.shape[:2]
    increases = []
    baseline = case.y_of(np.zeros_like(case.image)[np.newaxis])[0]
    for start in range(0, case.A.shape[2], 16):
        shown = []
        for k in range(start, min(start + 16, case.A.shape[2])):
            up = cv2.resize(case.A[:, :, k], (width, height), interpolation=cv2.INTER_LINEAR)
            spread = up.max() - up.min()
            up = (up - up.min()) / spread if spread else np.zeros_like(up)
            shown.append(case.image * up[:, :, np.newaxis])
        increases.extend(case.y_of(np.stack(shown)) - baseline)
    alpha = np.exp(np.array(increases) - max(increases))
    alpha /= alpha.sum()
    return np.tensordot(case.A, alpha, 1)


def plain_ablation_cam(case: Case) -> np.ndarray:
    raw = np.zeros(case.A.shape[:2])
    for k in range(case.A.shape[2]):
        raw += (case.y - case.y_without(k)) / case.y * case.A[:, :, k]
    return raw


def plain_grad_cam_elementwise(case: Case) -> np.ndarray:
    raw = np.zeros(case.A.shape[:2])
    for i, j, k in np.ndindex(*case.A.shape):
        raw[i, j] += max(case.G[i, j, k] * case.A[i, j, k], 0)
    return raw


def plain_xgrad_cam(case: Case) -> np.ndarray:
    raw = np.zeros(case.A.shape[:2])
    for k in range(case.A.shape[2]):
        if total := case.A[:, :, k].sum():
            raw += (case.G[:, :, k] * case.A[:, :, k] / total).sum() * case.A[:, :, k]
    return raw


def plain_layer_cam(case: Case) -> np.ndarray:
    raw = np.zeros(case.A.shape[:2])
    for i, j, k in np.ndindex(*case.A.shape):
        raw[i, j] += max(case.G[i, j, k], 0) * case.A[i, j, k]
    return raw


def plain_eigen_grad_cam(case: Case) -> np.ndarray:
    products = case.G * case.A
    _, _, v = np.linalg.svd(products.reshape(-1, case.A.shape[2]), full_matrices=False)
    raw = np.tensordot(products, v[0], 1)
    return raw if (raw * products.sum(axis=2)).sum() >= 0 else -raw


def plain_kpca_cam(case: Case) -> np.ndarray:
    # Kernel PCA by its definition: K centred on both sides, and √λ times the first eigenvector.
    x = case.A.reshape(-1, case.A.shape[2])
    x = x - x.mean(axis=0)
    kernel = np.tanh(x @ x.T / x.shape[1] + 1)
    centring = np.eye(len(x)) - 1 / len(x)
    values, vectors = np.linalg.eigh(centring @ kernel @ centring)
    first = np.sqrt(values[-1]) * vectors[:, -1]
    first *= np.sign(first[np.abs(first).argmax()])
    return np.maximum(first, 0).reshape(case.A.shape[:2])


def plain_smooth_grad_cam_plus_plus(case: Case) -> np.ndarray:
    # Omeiza et al., with the second derivative as the numerator of α, and Y = exp(S); what would
    # make the denominator less than 2 D_2 is left out.
    weights = np.eye(case.model.output.shape[-1])[case.target]
    samples = []
    for number in range(1, NOISY + 1):
        random = seeded_generator(case.image, f"sample {number}")
        noise = random.standard_normal(case.image.shape, np.float32)
        deviation = 0.15 * (case.image.max() - case.image.min())
        samples.append(case.gradient(case.image + deviation * noise, weights))
    first, second, third = (np.mean([g**power for g in samples], axis=0) for power in (1, 2, 3))
    raw = np.zeros(case.A.shape[:2])
    for k in range(case.A.shape[2]):
        below = 2 * second[:, :, k] + np.maximum(case.A[:, :, k].sum() * third[:, :, k], 0)
        alpha = np.zeros_like(below)
        alpha[below != 0] = second[:, :, k][below != 0] / below[below != 0]
        raw += (alpha * np.maximum(first[:, :, k], 0)).sum() * case.A[:, :, k]
    return raw


def plain_finer_cam(case: Case) -> np.ndarray:
    logits = case.model(case.image[np.newaxis], training=False).numpy()[0].astype(np.float64)
    closest = sorted(range(len(logits)), key=lambda d: abs(logits[d] - logits[case.target]))[1:4]
    weights = np.zeros(len(logits))
    weights[closest] = -np.exp(logits[closest]) / np.exp(logits[closest]).sum()
    weights[case.target] = 1
    alpha = case.gradient(case.image, weights).mean(axis=(0, 1))
    return np.tensordot(case.A, alpha, 1)


def plain_shapley_cam(case: Case) -> np.ndarray:
    # Cai: the mean of G - ½ H A, with H A by differentiating twice.
    tf, _ = tensorflow()
    a = tf.constant(case.A[np.newaxis], tf.float32)
    with tf.GradientTape() as outer:
        outer.watch(a)
        with tf.GradientTape() as inner:
            inner.watch(a)
            y = case.tail(a, training=False)[0, case.target]
        slope = tf.reduce_sum(inner.gradient(y, a) * tf.stop_gradient(a))
    product = outer.gradient(slope, a)
    product = 0 if product is None else product[0].numpy()
    return np.tensordot(case.A, (case.G - product / 2).mean(axis=(0, 1)), 1)


PLAIN: dict[str, Callable[[Case], np.ndarray]] = {
    "grad-cam": plain_grad_cam,
    "grad-cam++": plain_grad_cam_plus_plus,
    "hirescam": plain_hires_cam,
    "eigen-cam": plain_eigen_cam,
    "score-cam": plain_score_cam,
    "ablation-cam": plain_ablation_cam,
    "grad-cam-elementwise": plain_grad_cam_elementwise,
    "xgrad-cam": plain_xgrad_cam,
    "layer-cam": plain_layer_cam,
    "eigen-grad-cam": plain_eigen_grad_cam,
    "kpca-cam": plain_kpca_cam,
    "smooth-grad-cam++": plain_smooth_grad_cam_plus_plus,
    "finer-cam": plain_finer_cam,
    "shapley-cam": plain_shapley_cam,
}
NOISY = 5
OPTIONS = {"smooth-grad-cam++": {"samples": NOISY}}


def correlation(case: Case, name: str) -> float:
    """Between the raw map of the package and that of the plain reading."""
    question = Question(
        engine=TensorFlowEngine(case.model), inputs=[case.image], targets=[Target(case.target)],
        layer=case.layer, score="logit", baseline=np.zeros_like(case.image),
    )  # fmt: skip
    raw = METHODS[name].maps(question, **OPTIONS.get(name, {})).raw[0]
    return float(np.corrcoef(raw.ravel(), PLAIN[name](case).ravel())[0, 1])


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("target", [1, 3])
@pytest.mark.parametrize("layer", [LAYER, "first"])
def test_a_small_network(name: str, target: int, layer: str, inputs: list[np.ndarray]) -> None:
    assert correlation(Case(network(), layer, inputs[0], target), name) > NEARLY_ONE


def cat(model: Any, layer: str) -> Case:
    pixels = read_image(SAMPLES / "egyptian_cat.jpg").pixels
    image = PREPROCESSING["lite"](model_input(pixels, (224, 224, 3))[np.newaxis])[0]
    return Case(model, layer, image, 285)


@pytest.mark.parametrize("name", sorted(PLAIN.keys() - {"score-cam", "ablation-cam"}))
def test_the_bundled_model_at_its_default_layer(name: str, lite0: Any) -> None:
    assert correlation(cat(lite0, "top_activation"), name) > NEARLY_ONE


FEW = "block1a_project_bn"
MANY = "block5a_project_bn"
"""112, which are more than go into one batch."""
TOO_MANY = {"kpca-cam"}
"""It compares each two positions, of which there are 12,544."""


@pytest.mark.parametrize("name", sorted(PLAIN.keys() - TOO_MANY))
def test_the_bundled_model_at_a_layer_of_few_channels(name: str, lite0: Any) -> None:
    assert correlation(cat(lite0, FEW), name) > NEARLY_ONE


@pytest.mark.slow
@pytest.mark.parametrize("name", ["score-cam", "ablation-cam"])
def test_the_bundled_model_at_a_layer_of_many_channels(name: str, lite0: Any) -> None:
    assert correlation(cat(lite0, MANY), name) > NEARLY_ONE


A = np.array([[[1, 0], [2, 4]]], np.float32)  # one row of two positions, two channels
G = np.array([[[3, 1], [-1, 2]]], np.float32)


def test_by_hand() -> None:
    # Means of the gradients: 1 and 1.5; the mean over channels of (1·1, 2·1 + 4·1.5).
    np.testing.assert_allclose(grad_cam(A, G), [[0.5, 4]])
    # Products: 3 and 0; -2 and 8.
    np.testing.assert_allclose(hires_cam(A, G), [[3, 6]])
    # Sums of the maps: 3 and 4. Channel 0: α = 1 / (2 + 3·3), the weight 3/11. Channel 1: α is
    # 1 / (2 + 4·1) and 1 / (2 + 4·2), the weight 1/6 + 2/10 = 11/30.
    np.testing.assert_allclose(
        grad_cam_plus_plus(A, G), [[3 / 11, 2 * 3 / 11 + 4 * 11 / 30]], rtol=1e-6
    )
    # A Aᵀ = [[1, 2], [2, 20]], whose greater eigenvalue is (21 + √377)/2.
    value = (21 + np.sqrt(377)) / 2
    vector = np.array([2, value - 1]) / np.hypot(2, value - 1)
    np.testing.assert_allclose(eigen_cam(A), [np.sqrt(value) * vector], rtol=1e-6)
    np.testing.assert_array_equal(saliency(G), [[3, 2]])
    # Products that are positive: 3; 8.
    np.testing.assert_array_equal(grad_cam_elementwise(A, G), [[3, 8]])
    # Of the first channel the second gradient is negative: 3·1; 2·4.
    np.testing.assert_array_equal(layer_cam(A, G), [[3, 8]])
    # Weights (1·3 - 2·1)/3 and (4·2)/4: 1·1/3; 2·1/3 + 4·2.
    np.testing.assert_allclose(xgrad_cam(A, G), [[1 / 3, 2 / 3 + 8]], rtol=1e-6)
    # M = (3, 0), (-2, 8): M Mᵀ = [[9, -6], [-6, 68]], whose greater eigenvalue is (77 + √3625)/2.
    value = (77 + np.sqrt(3625)) / 2
    vector = np.array([-6, value - 9]) / np.hypot(6, value - 9)
    np.testing.assert_allclose(eigen_grad_cam(A, G), [np.sqrt(value) * vector], rtol=1e-6)


def moments(*means: tuple[float, float]) -> Any:
    return tuple(np.array([[[one], [other]]]) for one, other in means)


def test_several_passes_by_hand() -> None:
    # Means 0.5 of G, 2.5 of G² and 3.5 of G³: α is 2.5 / (2·2.5 + 3·3.5). Of a negative mean
    # nothing is left.
    found = smooth_grad_cam_plus_plus(A[:, :, :1], moments((0.5, -0.5), (2.5, 2.5), (3.5, -3.5)))
    weight = 2.5 / 15.5 * 0.5
    np.testing.assert_allclose(found, [[weight, 2 * weight]], rtol=1e-6)
    # A negative mean of G³ beside a positive one of G: α is 1/2.
    found = smooth_grad_cam_plus_plus(A[:, :, :1], moments((0.5, 0), (2.5, 0), (-3.5, 0)))
    np.testing.assert_allclose(found, [[0.25, 0.5]])
    # G - ½ H A is (3, 1) - (2, 2)/2 and (-1, 2) - (0, 4)/2, its means over positions 0.5 and 0;
    # half of 0.5 times the first map, for the mean over channels.
    products = np.array([[[2, 2], [0, 4]]], np.float32)
    np.testing.assert_allclose(shapley_cam(A, G, products), [[0.25, 0.5]])
    # The first as it is, the second from 2..4 to 0..1.
    fine, coarse = np.array([[0, 1, 0.5, -9]], np.float32), np.array([[2, 4]], np.float32)
    # Between two cells there is 0, 1/4, 3/4, 1 of the way.
    np.testing.assert_allclose(refine_cam([fine, coarse]), [[0, 0.25, 0.375, 0]])
    np.testing.assert_array_equal(refine_cam([fine, coarse * 0 + 3]), np.zeros((1, 4)))


def test_kernel_pca_by_hand() -> None:
    # Two positions at ±d of their mean: K = [[p, q], [q, p]], p = tanh(d²/2 + 1) and
    # q = tanh(1 - d²/2) with two channels. Centred it is (p - q)/2 · [[1, -1], [-1, 1]], of the
    # eigenvalue p - q with (1, -1)/√2.
    maps = np.array([[[1, 0], [3, 4]]], np.float32)
    half = (1**2 + 2**2) / 2
    value = np.tanh(half + 1) - np.tanh(1 - half)
    raw = kpca_cam(maps)
    np.testing.assert_allclose(raw.max(), np.sqrt(value / 2), rtol=1e-6)
    assert (raw > 0).sum() == 1
    np.testing.assert_array_equal(kpca_cam(np.full((3, 4, 5), 7, np.float32)), np.zeros((3, 4)))


def test_kernel_pca_of_a_kernel_that_hardly_bends_is_pca() -> None:
    maps = np.random.default_rng(3).random((6, 5, 4), np.float32)
    x = maps.reshape(-1, 4).astype(np.float64)
    x -= x.mean(axis=0)
    plain = x @ np.linalg.svd(x, full_matrices=False)[2][0]
    plain *= np.sign(plain[np.abs(plain).argmax()])
    found = kpca_cam(maps, gamma=1e-3).ravel()
    assert np.corrcoef(found, np.maximum(plain, 0))[0, 1] > 1 - 1e-4


def test_kernel_pca_of_many_positions_is_that_of_a_part_of_them() -> None:
    few = np.random.default_rng(4).random((20, 30, 3), np.float32)
    many = few.repeat(2, axis=0).repeat(2, axis=1)  # 2,400 positions: every second row and column
    np.testing.assert_allclose(kpca_cam(many)[1::2, 1::2], kpca_cam(few), atol=1e-5)


def test_xgrad_cam_conserves_the_sum() -> None:
    random = np.random.default_rng(5)
    a, g = random.random((4, 5, 6)).astype(np.float32), random.normal(size=(4, 5, 6))
    g = g.astype(np.float32)
    assert xgrad_cam(a, g).sum() == pytest.approx(float((a * g).sum()), rel=1e-4)
    balanced = np.array([[[1], [-1]]], np.float32)
    np.testing.assert_array_equal(xgrad_cam(balanced, balanced + 2), [[0, 0]])


def test_what_they_are_where_they_add_nothing(ask: Ask) -> None:
    question = ask([Target(1), Target(2, 3)], [0, 1])
    plain = {name: METHODS[name].maps(question).raw for name in ("grad-cam", "grad-cam++")}
    for name, options, expected in (
        ("smooth-grad-cam++", {"samples": 2, "noise": 0.0}, "grad-cam++"),
        ("finer-cam", {"alpha": 0.0}, "grad-cam"),
        ("shapley-cam", {}, "grad-cam"),  # only ReLUs bend the way from the layer to the logit
    ):
        raw = METHODS[name].maps(question, **options).raw
        np.testing.assert_allclose(raw, plain[expected], atol=1e-5 * np.abs(raw).max())
    bent = replace(question, score="probability")
    shapley, grad = (METHODS[name].maps(bent).raw for name in ("shapley-cam", "grad-cam"))
    assert np.abs(shapley - grad).max() > 1e-3 * np.abs(grad).max()


def test_finer_cam_against_one_class_is_a_contrast(ask: Ask) -> None:
    question = ask([Target(1)])
    scores = question.engine.forward(question.inputs[0][np.newaxis])[0]
    closest = int(np.argsort(np.abs(scores - scores[1]))[1])
    raw = METHODS["finer-cam"].maps(question, similar=1).raw
    expected = METHODS["grad-cam"].maps(ask([Target(1, closest)])).raw
    np.testing.assert_allclose(raw, expected, atol=1e-5 * np.abs(expected).max())


def test_refine_cam_is_the_product_of_its_layers(ask: Ask) -> None:
    parts = [METHODS["grad-cam++"].maps(ask(layer=name)).raw[0] for name in ("first", LAYER)]
    large = cv2.resize(parts[1], (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    scaled = [(each - each.min()) / np.ptp(each) for each in (parts[0], large)]
    found = METHODS["refine-cam"].maps(ask()).raw[0]
    np.testing.assert_allclose(found, scaled[0] * scaled[1], atol=1e-5)


def test_eigen_cam_by_its_other_matrix() -> None:
    tall = np.random.default_rng(2).standard_normal((6, 5, 4)).astype(np.float32)
    wide = tall[:1, :3]
    for maps in (tall, wide, -tall):
        _, _, v = np.linalg.svd(maps.reshape(-1, 4).astype(np.float64), full_matrices=False)
        raw = eigen_cam(maps)
        np.testing.assert_allclose(np.abs(raw), np.abs(maps @ v[0]), rtol=1e-4, atol=1e-5)
        assert raw.sum() >= 0


def test_grad_cam_plus_plus_where_its_formula_has_no_value() -> None:
    zero = np.zeros((2, 3, 4), np.float32)
    np.testing.assert_array_equal(grad_cam_plus_plus(A[:, :, :1] * 0, A[:, :, :1]), [[0, 0]])
    np.testing.assert_array_equal(grad_cam_plus_plus(zero, zero), zero[:, :, 0])
    below = np.full((1, 2, 1), -1, np.float32)  # its sum is -2: with a gradient of 1, 2 - 2·1 is 0
    np.testing.assert_array_equal(grad_cam_plus_plus(below, np.ones_like(below)), [[0, 0]])


def test_grad_cam_plus_plus_of_gradients_too_small_to_be_squared() -> None:
    tiny = np.float32(1e-30)
    found, scaled = grad_cam_plus_plus(A, G * tiny), grad_cam_plus_plus(A, G * np.float32(1e-6))
    np.testing.assert_allclose(found / tiny, scaled / 1e-6, rtol=1e-4)
