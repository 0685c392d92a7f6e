from __future__ import annotations

import cv2
import numpy as np
import pytest

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


@pytest.mark.parametrize("alpha", [1, 0.3, np.float32(0.3), np.float64(0.3), np.int64(0)])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "f8", "f2"])
def test_views_and_read_only_arrays_are_blended_as_their_copies(
    asymmetric: np.ndarray, alpha: float, dtype: str
) -> None:
    heatmap = np.random.default_rng(6).random((14, 15)).astype("f2").astype(dtype)[::2, ::-1]
    for image in (asymmetric[::2, ::-1], asymmetric[..., ::-1], np.asfortranarray(asymmetric)):
        image.flags.writeable = False
        heatmap.flags.writeable = False
        got = overlay(image, heatmap, alpha=alpha)
        expected = overlay(image.copy(), heatmap.astype("<f4"), alpha=alpha)
        if dtype == "f8":  # resized in float64: half a level may round the other way
            np.testing.assert_allclose(got, expected, atol=6)
        else:
            np.testing.assert_array_equal(got, expected)
        plain = overlay(image, np.zeros_like(heatmap), alpha=alpha)
        np.testing.assert_array_equal(plain, image)
        assert plain.flags.writeable
