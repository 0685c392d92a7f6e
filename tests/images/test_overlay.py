from __future__ import annotations

import cv2
import numpy as np
import pytest

from gradcam_cli.errors import UsageError
from gradcam_cli.images.overlay import COLORMAPS, overlay


def test_colormaps_are_opencvs_by_number() -> None:
    ours = {name: number for number, name in enumerate(COLORMAPS)}
    theirs = {
        name.removeprefix("COLORMAP_").lower(): getattr(cv2, name)
        for name in dir(cv2)
        if name.startswith("COLORMAP_")
    }
    assert ours == theirs


@pytest.mark.parametrize("colormap", COLORMAPS)
def test_alpha_1_shows_the_colours_in_rgb(asymmetric: np.ndarray, colormap: str) -> None:
    heatmap = np.zeros(asymmetric.shape[:2], np.float32)
    heatmap[0, 0] = 1
    got = overlay(asymmetric, heatmap, alpha=1, colormap=colormap)
    both = np.array([[255, 0]], np.uint8)
    hottest, coldest = cv2.applyColorMap(both, COLORMAPS.index(colormap))[0, :, ::-1]
    np.testing.assert_array_equal(got[0, 0], hottest)
    np.testing.assert_array_equal(got[-1, -1], coldest)


def test_jet_is_red_where_it_is_hot_and_blue_where_it_is_cold() -> None:
    image = np.zeros((10, 10, 3), np.uint8)
    heatmap = np.zeros((10, 10), np.float32)
    heatmap[:5] = 1
    red, green, blue = overlay(image, heatmap, alpha=1)[0, 0]
    assert red > 100 > green + blue
    red, green, blue = overlay(image, heatmap, alpha=1)[-1, -1]
    assert blue > 100 > green + red


def test_no_heat_is_the_plain_image(asymmetric: np.ndarray) -> None:
    got = overlay(asymmetric, np.zeros((7, 7), np.float32))
    np.testing.assert_array_equal(got, asymmetric)
    assert got is not asymmetric


def test_alpha_0_is_the_plain_image(asymmetric: np.ndarray) -> None:
    heatmap = np.random.default_rng(3).random((7, 7), np.float32)
    np.testing.assert_array_equal(overlay(asymmetric, heatmap, alpha=0), asymmetric)


def test_bands_join_without_a_seam() -> None:
    image = np.random.default_rng(4).integers(0, 256, (1500, 20, 3), np.uint8)
    heatmap = np.random.default_rng(5).random((14, 14), np.float32)
    levels = np.uint8(255 * cv2.resize(heatmap, (20, 1500)))
    colors = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_JET), cv2.COLOR_BGR2RGB)
    expected = cv2.addWeighted(colors, 0.3, image, 0.7, 0)
    np.testing.assert_array_equal(overlay(image, heatmap, alpha=0.3), expected)


def test_an_unknown_colour_map_lists_those_there_are(asymmetric: np.ndarray) -> None:
    with pytest.raises(UsageError, match=r"turbo"):
        overlay(asymmetric, np.eye(7, dtype=np.float32), colormap="rainbows")
