"""The methods that change something beside plain readings of their papers.

The readings use none of the package's functions but, where masks are random, those masks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from gradcam_cli.engines.tensorflow import TensorFlowEngine
from gradcam_cli.methods import METHODS, Question
from gradcam_cli.methods.masking import RandomMasks
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.targets import Target
from tests.methods.conftest import LAYER, network
from tests.methods.test_papers import FEW, Case, cat

NEARLY_ONE = 1 - 1e-5
BASELINE = -0.5

OPTIONS: dict[str, dict[str, float]] = {
    "ss-cam": {"samples": 2, "noise": 0.5, "seed": 3},
    "is-cam": {"steps": 3},
    "group-cam": {"groups": 4},
    "opti-cam": {"steps": 6, "rate": 0.1},
    "recipro-cam": {},
    "occlusion": {"size": 0.4, "stride": 0.2},
    "rise": {"masks": 40, "cells": 3, "keep": 0.4, "seed": 2},
}


def resized(array: np.ndarray, like: np.ndarray) -> np.ndarray:
    size = (like.shape[1], like.shape[0])
    return cv2.resize(array.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)


def masks_of(case: Case) -> list[np.ndarray]:
    masks = []
    for k in range(case.A.shape[2]):
        up = resized(case.A[:, :, k], case.image)
        assert up.max() > up.min()
        masks.append((up - up.min()) / (up.max() - up.min()))
    return masks


def weighted(case: Case, scores: list[float]) -> np.ndarray:
    alpha = np.exp(np.array(scores) - max(scores))
    return np.tensordot(case.A, alpha / alpha.sum(), 1)


def plain_ss_cam(case: Case, samples: int, noise: float, seed: int) -> np.ndarray:
    scores = []
    for k, mask in enumerate(masks_of(case)):
        shown = []
        for i in range(samples):
            drawn = np.random.default_rng((seed, k, i)).standard_normal(mask.shape, np.float32)
            shown.append(case.image * (mask + noise * drawn)[:, :, np.newaxis])
        scores.append(case.y_of(np.stack(shown)).mean())
    return weighted(case, scores)


def plain_is_cam(case: Case, steps: int) -> np.ndarray:
    scores = []
    for mask in masks_of(case):
        shown = [case.image * mask[:, :, np.newaxis] * i / steps for i in range(1, steps + 1)]
        scores.append(case.y_of(np.stack(shown)).mean())
    return weighted(case, scores)


def plain_group_cam(case: Case, groups: int) -> np.ndarray:
    height, width = case.image.shape[:2]
    radii = [max(1, round(25 * side / 224)) for side in (width, height)]
    along = [cv2.getGaussianKernel(2 * radius + 1, 2 * radius, cv2.CV_32F) for radius in radii]
    blur = cv2.sepFilter2D(case.image, -1, *along, borderType=cv2.BORDER_REFLECT_101)
    raw = np.zeros(case.A.shape[:2])
    parts = np.array_split(np.arange(case.A.shape[2]), groups)
    for channels in parts:
        total = sum(case.G[:, :, k].mean() * case.A[:, :, k] for k in channels)
        total = np.maximum(total, 0)
        total[total <= np.percentile(total, 70)] = 0
        up = resized(total, case.image)
        if up.max() == up.min():
            continue
        mask = ((up - up.min()) / (up.max() - up.min()))[:, :, np.newaxis]
        y, y_blurred = case.y_of(np.stack([case.image * mask + blur * (1 - mask), blur]))
        raw += (y - y_blurred) * (total - up.min()) / (up.max() - up.min())
    return raw


def plain_opti_cam(case: Case, steps: int, rate: float) -> np.ndarray:
    tf, _ = tensorflow()
    maps = tf.constant(case.A, tf.float32)
    u, mean, square = (np.zeros(case.A.shape[2], np.float32) for _ in range(3))
    for step in range(1, steps + 1):
        at = tf.constant(u)
        with tf.GradientTape() as tape:
            tape.watch(at)
            combined = tf.reduce_sum(tf.nn.softmax(at) * maps, -1)[tf.newaxis, :, :, tf.newaxis]
            up = tf.image.resize(combined, case.image.shape[:2])
            mask = (up - tf.reduce_min(up)) / (tf.reduce_max(up) - tf.reduce_min(up))
            y = case.model(BASELINE + mask * (case.image - BASELINE))[0, case.target]
        slope = tape.gradient(y, at).numpy()
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        u = u + rate * (mean / (1 - 0.9**step)) / np.sqrt(square / (1 - 0.999**step))
    return weighted(case, u.tolist())


def plain_recipro_cam(case: Case) -> np.ndarray:
    raw = np.zeros(case.A.shape[:2])
    for i, j in np.ndindex(*raw.shape):
        alone = np.zeros_like(case.A)
        alone[i, j] = case.A[i, j]
        y, nothing = case.tail(np.stack([alone, 0 * alone]), training=False).numpy()[:, case.target]
        raw[i, j] = y - nothing
    return raw


def plain_occlusion(case: Case, size: float, stride: float) -> np.ndarray:
    # Of 10 × 14 pixels: windows of 4 × 6, 2 × 3 pixels apart at most.
    assert (size, stride, case.image.shape[:2]) == (0.4, 0.2, (10, 14))
    total, count = np.zeros((10, 14)), np.zeros((10, 14))
    for top in (0, 2, 4, 6):
        for left in (0, 3, 5, 8):
            covered = case.image.copy()
            covered[top : top + 4, left : left + 6] = BASELINE
            total[top : top + 4, left : left + 6] += case.y - case.y_of(covered[np.newaxis])[0]
            count[top : top + 4, left : left + 6] += 1
    return total / count


def plain_rise(case: Case, masks: int, cells: int, keep: float, seed: int) -> np.ndarray:
    drawn = RandomMasks.of(*case.image.shape[:2], cells, keep, seed)
    seen = np.stack([drawn.mask(number) for number in range(masks)]).astype(np.float64)
    y = case.y_of(BASELINE + seen[..., np.newaxis] * (case.image - BASELINE))
    return sum((y_i - y.mean()) * mask for y_i, mask in zip(y, seen, strict=True)) / masks / keep


PLAIN: dict[str, Callable[..., np.ndarray]] = {
    "ss-cam": plain_ss_cam,
    "is-cam": plain_is_cam,
    "group-cam": plain_group_cam,
    "opti-cam": plain_opti_cam,
    "recipro-cam": plain_recipro_cam,
    "occlusion": plain_occlusion,
    "rise": plain_rise,
}


def compare(case: Case, name: str) -> None:
    question = Question(
        engine=TensorFlowEngine(case.model), inputs=[case.image], targets=[Target(case.target)],
        layer=case.layer, score="logit", baseline=np.full_like(case.image, BASELINE),
    )  # fmt: skip
    raw = METHODS[name].maps(question, **OPTIONS[name]).raw[0]
    expected = PLAIN[name](case, **OPTIONS[name])
    assert np.corrcoef(raw.ravel(), expected.ravel())[0, 1] > NEARLY_ONE
    np.testing.assert_allclose(raw, expected, rtol=0, atol=1e-2 * np.abs(expected).max())


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("target", [1, 3])
@pytest.mark.parametrize("layer", [LAYER, "first"])
def test_a_small_network(name: str, target: int, layer: str, inputs: list[np.ndarray]) -> None:
    compare(Case(network(), layer, inputs[0], target), name)


@pytest.mark.parametrize("name", ["ss-cam", "group-cam", "opti-cam"])
def test_the_bundled_model_at_a_layer_of_few_channels(name: str, lite0: Any) -> None:
    compare(cat(lite0, FEW), name)
