"""Where the evidence is, by hand and at its bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from gradcam_cli.images.framing import frame_of
from gradcam_cli.metrics.localization import bars_share, border_share

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


@pytest.mark.parametrize(
    ("size", "frame", "share"),
    [
        ((100, 50), (0, -25, 100, 100), 0.5),
        ((50, 100), (-25, 0, 100, 100), 0.5),
        ((100, 60), (0, -20, 100, 100), 0.25),  # a cell that sees the picture too is none of a bar
        ((100, 100), (0, 0, 100, 100), 0),
        ((200, 100), (50, 0, 100, 100), 0),
        ((100, 1), (0, -49, 100, 100), 7 / 8),
    ],
)
def test_bars_beside_a_picture(
    size: tuple[int, int], frame: tuple[int, int, int, int], share: float
) -> None:
    assert bars_share(np.ones((8, 8), np.float32), size, frame) == pytest.approx(share)
    assert bars_share(np.zeros((8, 8), np.float32), size, frame) == 0


@given(HEATMAPS, st.integers(1, 300), st.integers(1, 300))
def test_what_is_in_the_bars_is_a_share(
    heatmap: NDArray[np.float32], width: int, height: int
) -> None:
    frame = frame_of((height, width), (8, 8), "letterbox")
    assert 0 <= bars_share(heatmap, (width, height), frame) <= 1
    assert bars_share(heatmap, (width, height), frame_of((height, width), (8, 8), "crop")) == 0
