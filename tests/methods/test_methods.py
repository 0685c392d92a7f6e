from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradcam_cli.methods import METHODS, grad_cam, normalize

MAPS = hnp.arrays(
    np.float32, (3, 4), elements=st.floats(allow_nan=True, allow_infinity=True, width=32)
)


def test_grad_cam_by_hand() -> None:
    activations = np.array([[[1, 10], [2, 0]]], np.float32)  # (1, 2, 2)
    gradients = np.array([[[2, -1], [4, -3]]], np.float32)  # means: 3, -2
    np.testing.assert_allclose(grad_cam(activations, gradients), [[(3 - 20) / 2, 6 / 2]])


@given(MAPS)
def test_normalize_is_always_in_0_to_1(raw: np.ndarray) -> None:
    heatmap, evidence = normalize(raw)
    assert heatmap.dtype == np.float32
    assert heatmap.shape == raw.shape
    assert heatmap.min() >= 0
    assert heatmap.max() == (1 if evidence == "positive" else 0)


@given(hnp.arrays(np.float32, (3, 4), elements=st.floats(-1000, 1000, width=16)))
def test_normalize_keeps_proportions(raw: np.ndarray) -> None:
    heatmap, evidence = normalize(raw)
    if evidence == "positive":
        np.testing.assert_allclose(heatmap * raw.max(), np.maximum(raw, 0), atol=1e-3)


@pytest.mark.parametrize(
    "raw",
    [
        np.zeros((2, 2)),
        np.full((2, 2), 3.0),
        np.full((2, 2), -3.0),
        np.array([[-1.0, -2.0]]),
        np.array([[1.0, np.nan]]),
        np.array([[1.0, np.inf]]),
        np.array([[1.0, -np.inf]]),
    ],
)
def test_no_evidence(raw: np.ndarray) -> None:
    heatmap, evidence = normalize(raw.astype(np.float32))
    assert evidence == "none"
    assert not heatmap.any()


@pytest.mark.parametrize("name", METHODS)
def test_every_method_leaves_its_input_alone(name: str) -> None:
    random = np.random.default_rng(1)
    maps = [random.standard_normal((5, 6, 7), np.float32) for _ in range(2)]
    before = [each.copy() for each in maps]
    raw = METHODS[name](*maps)
    assert raw.shape == (5, 6)
    assert raw.dtype == np.float32
    np.testing.assert_array_equal(maps, before)
