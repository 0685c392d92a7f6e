"""Occlusion and RISE, and the rest of what is made of many masks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcam_cli.engines.tensorflow import TensorFlowEngine
from gradcam_cli.methods import METHODS, normalize
from gradcam_cli.methods.masking import RandomMasks, windows_of
from gradcam_cli.methods.upsampling import SamplePoints, gathered, upsampled
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.targets import Target
from tests.methods.conftest import Ask, few_passes, network

sides = st.integers(1, 40)


class LargeBatches(TensorFlowEngine):
    forward_rows = 500


def linear_engine(weights: np.ndarray, bias: float = 0) -> TensorFlowEngine:
    """y = Σ w x + b, for class 0; class 1 is always 0."""
    _, keras = tensorflow()
    image = keras.Input((*weights.shape, 1))
    model = keras.Model(image, keras.layers.Dense(2)(keras.layers.Flatten()(image)))
    kernel = np.stack([weights.ravel(), np.zeros(weights.size)], axis=-1)
    model.set_weights([kernel, np.array([bias, 0])])
    return LargeBatches(model)


def raw_map(ask: Ask, name: str, engine: Any, image: Sequence[Any], **options: float) -> Any:
    """The map of a picture of one channel over a baseline of 0, for class 0."""
    given_image = np.array(image, np.float32)[:, :, np.newaxis]
    question = ask(
        [Target(0)], engine=engine, inputs=[given_image], baseline=np.zeros_like(given_image)
    )
    return METHODS[name].maps(question, **options).raw[0]


def test_occlusion_by_hand(ask: Ask) -> None:
    engine = linear_engine(np.array([[1, 2, 3, 4]]))
    raw = raw_map(ask, "occlusion", engine, [[1, 1, 1, 1]], size=0.5, stride=0.25)
    # Windows of two pixels lose 1 + 2, 2 + 3 and 3 + 4; each pixel has the mean of its own.
    np.testing.assert_allclose(raw, [[3, 4, 6, 7]], rtol=1e-6)


def test_occlusion_of_a_linear_model_is_exact(ask: Ask) -> None:
    random = np.random.default_rng(5)
    weights, image = random.standard_normal((2, 6, 8))
    engine = linear_engine(weights, bias=2)
    pixels = raw_map(ask, "occlusion", engine, image, size=0.001, stride=0.001)
    np.testing.assert_allclose(pixels, weights * image, rtol=0, atol=1e-5)
    tiles = raw_map(ask, "occlusion", engine, image, size=0.5, stride=1)
    sums = (weights * image).reshape(2, 3, 2, 4).sum(axis=(1, 3))
    np.testing.assert_allclose(tiles, np.kron(sums, np.ones((3, 4))), rtol=0, atol=1e-5)


@given(sides, sides, st.floats(0.001, 1), st.floats(0.001, 1))
def test_windows_cover_the_picture_evenly(
    height: int, width: int, size: float, stride: float
) -> None:
    windows = windows_of((height, width), size, stride)
    seen = np.zeros((height, width), int)
    for rows, columns in windows:
        assert seen[rows, columns].shape == (rows.stop - rows.start, columns.stop - columns.start)
        seen[rows, columns] += 1
    assert seen.all()
    for axis, side in enumerate((height, width)):
        starts = sorted({window[axis].start for window in windows})
        assert {window[axis].stop - window[axis].start for window in windows} == {
            max(1, round(size * side))
        }
        assert max(np.diff(starts), default=0) <= max(1, round(stride * side))


def expected_rise(contributions: np.ndarray, cells: int, keep: float) -> np.ndarray:
    """Σ_μ Cov(M(λ), M(μ)) c_μ / p, from every shift and the weight of each cell in each pixel."""
    height, width = contributions.shape
    steps = [-(-side // cells) for side in (height, width)]
    total = np.zeros((height * width, height * width))
    for top, left in product(range(steps[0]), range(steps[1])):
        for row, column in product(range(cells), range(cells)):
            grid = np.zeros((cells, cells), np.float32)
            grid[row, column] = 1
            size = ((cells + 1) * steps[1], (cells + 1) * steps[0])
            up = cv2.resize(grid, size, interpolation=cv2.INTER_LINEAR)
            share = up[top : top + height, left : left + width].ravel()
            total += np.outer(share, share) / (steps[0] * steps[1])
    # Cells are independent; and all cells' shares of a pixel are 1, so shifts add no variance.
    return (keep * (1 - keep) * total @ contributions.ravel() / keep).reshape(height, width)


def test_rise_of_a_linear_model_tends_to_its_contributions(ask: Ask) -> None:
    random = np.random.default_rng(6)
    weights, image = random.standard_normal((2, 5, 6))
    options = {"masks": 10_000, "cells": 3, "keep": 0.4}
    raw = raw_map(ask, "rise", linear_engine(weights, bias=7), image, **options)
    expected = expected_rise(weights * image, 3, 0.4)
    assert np.abs(raw - expected).max() < 0.04 * np.abs(expected).max()
    other = raw_map(ask, "rise", linear_engine(weights, bias=7), image, seed=1, **options)
    assert np.abs((raw + other) / 2 - expected).max() < 0.03 * np.abs(expected).max()


def test_rise_finds_what_occlusion_finds(ask: Ask) -> None:
    weights = np.zeros((12, 12))
    weights[2:5, 7:10] = 1
    engine, image = linear_engine(weights), np.ones((12, 12))
    found = raw_map(ask, "rise", engine, image, masks=4000)
    covered = raw_map(ask, "occlusion", engine, image, size=0.25, stride=0.001)
    for raw in (found, covered):
        assert np.unravel_index(raw.argmax(), raw.shape) == (3, 8)
    assert np.corrcoef(found.ravel(), covered.ravel())[0, 1] > 0.8


def test_a_constant_in_the_score_counts_for_nothing(ask: Ask) -> None:
    random = np.random.default_rng(8)
    weights, image = random.standard_normal((2, 4, 6))
    for name in ("rise", "occlusion"):
        plain, shifted = (
            raw_map(ask, name, linear_engine(weights, bias), image) for bias in (0, 5)
        )
        np.testing.assert_allclose(plain, shifted, atol=1e-4 * np.abs(plain).max())


@given(sides, sides, st.integers(2, 9), st.floats(0.01, 0.99), st.integers(0, 2**32 - 1))
def test_masks_are_cells_upsampled_and_shifted(
    height: int, width: int, cells: int, keep: float, seed: int
) -> None:
    masks = RandomMasks.of(height, width, cells, keep, seed)
    for number in (0, 17):
        mask = masks.mask(number)
        assert mask.shape == (height, width)
        assert mask.min() >= 0
        assert mask.max() <= 1
        np.testing.assert_array_equal(mask, masks.mask(number))
    # As in the authors' recipe: cells of ceil(side / cells) pixels, one more in each direction.
    random = np.random.default_rng((seed, 17))
    grid = (random.random((cells, cells)) < keep).astype(np.float32)
    cell = (-(-height // cells), -(-width // cells))
    size = ((cells + 1) * cell[1], (cells + 1) * cell[0])
    up = cv2.resize(grid, size, interpolation=cv2.INTER_LINEAR)
    top, left = random.integers(cell[0]), random.integers(cell[1])
    np.testing.assert_allclose(mask, up[top : top + height, left : left + width], atol=1e-5)


def test_masks_keep_their_share() -> None:
    masks = RandomMasks.of(20, 30, 5, 0.3, 0)
    mean = np.mean([masks.mask(number) for number in range(3000)], axis=0)
    np.testing.assert_allclose(mean, 0.3, atol=0.04)


@pytest.mark.parametrize("name", ["ss-cam", "rise"])
def test_the_seed_matters(name: str, ask: Ask) -> None:
    method = few_passes(METHODS[name])
    first, again, other = (method.maps(ask(), seed=seed).raw for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other, rtol=1e-3)


@given(st.integers(1, 9), st.integers(1, 9), sides, sides, st.integers(0, 99))
def test_gathering_is_the_transpose_of_upsampling(
    h: int, w: int, height: int, width: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    maps = random.standard_normal((1, h, w)).astype(np.float32)
    slopes = random.standard_normal((height, width)).astype(np.float32)
    points = SamplePoints.of(height, h), SamplePoints.of(width, w)
    forwards = float((upsampled(maps, *points)[0] * slopes).sum())
    back = float((maps[0] * gathered(slopes, *points, (h, w))).sum())
    assert back == pytest.approx(forwards, rel=1e-3, abs=1e-3)


SCALED = ("ablation-cam", "recipro-cam", "group-cam", "opti-cam", "occlusion", "rise")


@pytest.mark.parametrize("name", [*SCALED, "score-cam", "is-cam"])
def test_the_scale_of_the_score_matters_to_a_softmax_only(name: str, ask: Ask) -> None:
    model = network()
    before = few_passes(METHODS[name]).maps(ask(engine=TensorFlowEngine(model))).raw[0]
    scores = model.get_layer("scores")
    scores.set_weights([4 * weights for weights in scores.get_weights()])
    after = few_passes(METHODS[name]).maps(ask(engine=TensorFlowEngine(model))).raw[0]
    same = np.allclose(normalize(before)[0], normalize(after)[0], atol=1e-4)
    assert same == (name in SCALED)
