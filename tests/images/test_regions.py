"""Hot regions of heatmaps that were made by hand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.images.regions import hot_box, hot_regions


def two_blobs() -> NDArray[np.float32]:
    """3 × 4 pixels of 0.5 at (2, 1), and 2 × 2 of 1 at (10, 6)."""
    heat = np.zeros((12, 20), np.float32)
    heat[1:4, 2:6] = 0.5
    heat[6:8, 10:12] = 1
    return heat


def boxes(heat: NDArray[np.float32], threshold: float = 0.2) -> list[tuple[int, ...]]:
    return [
        (region.left, region.top, region.mask.shape[1], region.mask.shape[0])
        for region in hot_regions(heat, threshold)
    ]


def test_two_blobs_give_two_boxes_the_largest_first() -> None:
    assert boxes(two_blobs()) == [(2, 1, 4, 3), (10, 6, 2, 2)]


def test_the_threshold_is_a_share_of_the_largest() -> None:
    for scale in (1, 0.01):
        assert boxes(two_blobs() * np.float32(scale), 0.49) == [(2, 1, 4, 3), (10, 6, 2, 2)]
        assert boxes(two_blobs() * np.float32(scale), 0.5) == [(10, 6, 2, 2)]
    assert boxes(two_blobs(), 1) == []


def test_no_heat_has_no_regions() -> None:
    assert hot_regions(np.zeros((5, 5), np.float32)) == []


def test_pixels_that_touch_at_a_corner_are_one_region_with_its_own_mask() -> None:
    heat = np.zeros((5, 5), np.float32)
    heat[1, 1] = heat[2, 2] = heat[0, 2] = 1
    (region,) = hot_regions(heat)
    assert (region.left, region.top) == (1, 0)
    np.testing.assert_array_equal(region.mask, [[0, 1], [1, 0], [0, 1]])


def test_equals_come_from_above_and_the_left() -> None:
    heat = np.zeros((5, 5), np.float32)
    heat[4, 0] = heat[0, 4] = heat[0, 0] = 1
    assert boxes(heat) == [(0, 0, 1, 1), (4, 0, 1, 1), (0, 4, 1, 1)]


def test_the_largest_has_the_box_that_a_check_measures() -> None:
    for seed in range(20):
        heat = np.random.default_rng(seed).random((40, 50), np.float32) ** 8
        areas = [int(region.mask.sum()) for region in hot_regions(heat)]
        if areas[0] > areas[1]:  # else either may be the largest
            assert boxes(heat)[0] == hot_box(heat)
