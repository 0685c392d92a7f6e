"""How alike maps are, against scikit-image and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from skimage import metrics

from gradcam_cli.metrics.similarity import rank_correlation, structural_similarity

MAPS = hnp.arrays(np.float32, (9, 11), elements=st.floats(0, 1, width=16))


@given(MAPS, MAPS)
def test_it_is_scikit_images(first: np.ndarray, second: np.ndarray) -> None:
    expected = metrics.structural_similarity(
        first.astype(float), second.astype(float), data_range=1.0
    )
    assert structural_similarity(first, second) == pytest.approx(expected, abs=1e-6)


def test_equal_maps_are_alike_and_noise_is_not() -> None:
    first, second = np.random.default_rng(0).random((2, 40, 40), np.float32)
    assert structural_similarity(first, first) == pytest.approx(1)
    assert abs(structural_similarity(first, second)) < 0.1


@given(MAPS, MAPS)
def test_ranks_are_scipys(first: np.ndarray, second: np.ndarray) -> None:
    found = rank_correlation(first, second)
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        assert found == 0
    else:
        expected = stats.spearmanr(first.ravel(), second.ravel()).statistic
        assert found == pytest.approx(expected, abs=1e-9)
