"""The methods beside plain readings of their papers, which use none of the package's functions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
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
    grad_cam,
    grad_cam_plus_plus,
    hires_cam,
    saliency,
)
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.models.preprocessing import PREPROCESSING
from gradcam_cli.targets import Target
from tests.conftest import SAMPLES
from tests.methods.conftest import LAYER, network

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

    def y_without(self, channel: int) -> float:
        """The class's logit where `channel` is 0 at the layer."""
        _, keras = tensorflow()
        tail = keras.Model(self.model.get_layer(self.layer).output, self.model.output)
        maps = self.A.astype(np.float32).copy()
        maps[:, :, channel] = 0
        return float(tail(maps[np.newaxis], training=False)[0, self.target])


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
    # Omeiza et al., with the second derivative as the numerator of α, and Y = exp(S).
    weights = np.eye(case.model.output.shape[-1])[case.target]
    samples = []
    for number in range(1, NOISY + 1):
        digest = hashlib.sha256(case.image.tobytes() + f"sample {number}".encode()).digest()
        random = np.random.default_rng(int.from_bytes(digest, "big"))
        noise = random.standard_normal(case.image.shape, np.float32)
        deviation = 0.15 * (case.image.max() - case.image.min())
        samples.append(case.gradient(case.image + deviation * noise, weights))
    first, second, third = (np.mean([g**power for g in samples], axis=0) for power in (1, 2, 3))
    raw = np.zeros(case.A.shape[:2])
    for k in range(case.A.shape[2]):
        below = 2 * second[:, :, k] + case.A[:, :, k].sum() * third[:, :, k]
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
    tf, keras = tensorflow()
    tail = keras.Model(case.model.get_layer(case.layer).output, case.model.output)
    a = tf.constant(case.A[np.newaxis], tf.float32)
    with tf.GradientTape() as outer:
        outer.watch(a)
        with tf.GradientTape() as inner:
            inner.watch(a)
            y = tail(a, training=False)[0, case.target]
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


@pytest.mark.parametrize("name", sorted(PLAIN.keys() - {"kpca-cam"}))  # of 12,544 positions
def test_the_bundled_model_at_a_layer_of_few_channels(name: str, lite0: Any) -> None:
    assert correlation(cat(lite0, FEW), name) > NEARLY_ONE


@pytest.mark.slow
@pytest.mark.parametrize("name", ["score-cam", "ablation-cam"])
def test_the_bundled_model_at_a_layer_of_many_channels(name: str, lite0: Any) -> None:
    assert correlation(cat(lite0, "block7a_project_bn"), name) > NEARLY_ONE


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
