"""Where the evidence is, by hand and at its bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from gradcam_cli.metrics.localization import border_share

HEATMAPS = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=20),
    elements=st.floats(0, 1, width=32),
)


def test_an_even_heatmap_has_the_share_of_its_area() -> None:
    # An eighth of 14 is 1.75, so 2 cells: 10 × 10 of 14 × 14 are inside.
    assert border_share(np.ones((14, 14), np.float32)) == pytest.approx(1 - 100 / 196)
    assert border_share(np.ones((7, 14), np.float32)) == pytest.approx(1 - 5 * 10 / (7 * 14))


@pytest.mark.parametrize(("row", "column", "share"), [(3, 3, 0), (0, 3, 1), (3, 6, 1), (1, 1, 0)])
def test_one_hot_cell(row: int, column: int, share: float) -> None:
    heatmap = np.zeros((7, 7), np.float32)
    heatmap[row, column] = 0.25
    assert border_share(heatmap) == share


def test_without_evidence_nothing_is_along_the_border() -> None:
    assert border_share(np.zeros((7, 7), np.float32)) == 0
    assert border_share(np.ones((2, 5), np.float32)) == 1, "all of two rows is border"


@given(HEATMAPS)
def test_it_is_a_share_and_symmetric(heatmap: NDArray[np.float32]) -> None:
    share = border_share(heatmap)
    assert -1e-6 <= share <= 1 + 1e-6
    for turned in (heatmap[::-1], heatmap[:, ::-1], heatmap.T):
        assert border_share(turned) == pytest.approx(share, abs=1e-5)
