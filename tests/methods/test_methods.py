from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradcam_cli.errors import UsageError
from gradcam_cli.methods import (
    eigen_cam,
    eigen_grad_cam,
    grad_cam,
    grad_cam_elementwise,
    grad_cam_plus_plus,
    hires_cam,
    kpca_cam,
    layer_cam,
    normalize,
    saliency,
    xgrad_cam,
)

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


GRADIENT_MAPS = [
    *(grad_cam, grad_cam_plus_plus, hires_cam, grad_cam_elementwise),
    *(xgrad_cam, layer_cam, eigen_grad_cam),
]
GOOD = np.ones((2, 3, 4), np.float32)
BAD = [GOOD[0], GOOD[:0], GOOD.astype(int), GOOD[np.newaxis], GOOD.tolist(), None]


@pytest.mark.parametrize("bad", BAD, ids=["flat", "empty", "int", "batch", "list", "none"])
@pytest.mark.parametrize("function", GRADIENT_MAPS)
def test_maps_of_another_shape_or_type_are_refused(function: Any, bad: Any) -> None:
    for pair in ((bad, GOOD), (GOOD, bad), (bad, bad), (GOOD, GOOD[:1])):
        with pytest.raises(UsageError, match=r"^expected activations and gradients of one shape"):
            function(*pair)


@pytest.mark.parametrize("bad", BAD, ids=["flat", "empty", "int", "batch", "list", "none"])
@pytest.mark.parametrize("function", [eigen_cam, kpca_cam, saliency])
def test_an_array_of_another_shape_or_type_is_refused(function: Any, bad: Any) -> None:
    with pytest.raises(UsageError, match=r"^expected activations or gradients of \(h, w, C\)"):
        function(bad)
