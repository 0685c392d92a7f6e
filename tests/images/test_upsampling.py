"""Cubic and guided upsampling, against what they promise and the papers' formulas."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from gradcam_cli.images.drawing import UPSAMPLINGS, Upsampling
from gradcam_cli.images.framing import Frame, upsampled_over, whole
from gradcam_cli.images.upsampling import guided_filter, heat_over, upsampled

Map = NDArray[np.float32]
SIDES = st.integers(1, 40)
HEATMAPS = arrays(np.float32, st.tuples(st.integers(1, 9), st.integers(1, 9)),
                  elements=st.floats(0, 1, width=32))  # fmt: skip


def noise(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)


def at_size(heatmap: Map, height: int, width: int, upsample: Upsampling) -> Map:
    return heat_over(noise(height, width), heatmap, None, upsample)


@settings(deadline=None)
@given(HEATMAPS, SIDES, SIDES, st.sampled_from(UPSAMPLINGS))
def test_heat_stays_in_0_to_1(heatmap: Map, height: int, width: int, upsample: Upsampling) -> None:
    heat = at_size(heatmap, height, width, upsample)
    assert heat.shape == (height, width)
    assert heat.dtype == np.float32
    assert heat.min() >= 0
    assert heat.max() <= 1


@pytest.mark.parametrize("value", [0, 0.3, 1])
@pytest.mark.parametrize("upsample", UPSAMPLINGS)
def test_constants_are_kept(upsample: Upsampling, value: float) -> None:
    heatmap = np.full((7, 5), value, np.float32)
    np.testing.assert_allclose(at_size(heatmap, 50, 60, upsample), value, atol=1e-4)


def test_linear_is_that_of_the_default() -> None:
    heatmap = np.random.default_rng(1).random((7, 7), np.float32)
    expected = upsampled_over(heatmap, whole(30, 44), 30, 44)
    np.testing.assert_array_equal(at_size(heatmap, 30, 44, "linear"), expected)


def smooth(height: int, width: int) -> NDArray[np.float64]:
    """A hill, at the centres of so many rows and columns."""
    y, x = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
    return np.exp(-(((y - 0.45) / 0.3) ** 2))[:, np.newaxis] * np.exp(-(((x - 0.6) / 0.25) ** 2))


@pytest.mark.parametrize("cells", [7, 14])
def test_cubic_is_nearer_to_a_smooth_function_than_linear(cells: int) -> None:
    heatmap, truth = smooth(cells, cells).astype(np.float32), smooth(210, 140)
    linear, cubic = (np.abs(at_size(heatmap, 210, 140, how) - truth) for how in UPSAMPLINGS[:2])
    assert cubic.max() < 0.9 * linear.max()  # both are worst at the border
    assert cubic.mean() < 0.5 * linear.mean()


def test_cubic_is_exact_for_parabolas() -> None:
    """Keys (1981), section IV: the error is of third order, so that squares come out exactly."""
    places = (np.arange(10) + 0.5) / 10
    heatmap = np.outer(places**2, 1 - places**2).astype(np.float32)
    fine = (np.arange(100) + 0.5) / 100
    inside = slice(15, 85)  # where all four cells are
    got = at_size(heatmap, 100, 100, "cubic")
    expected = np.outer(fine**2, 1 - fine**2)
    np.testing.assert_allclose(got[inside, inside], expected[inside, inside], atol=1e-6)


@settings(deadline=None)
@given(HEATMAPS, st.tuples(SIDES, SIDES), st.integers(-15, 15), st.integers(-15, 15))
def test_cubic_over_a_part_is_a_part_of_all(
    heatmap: Map, size: tuple[int, int], left: int, top: int
) -> None:
    """A frame of 40 × 40 somewhere over a picture, against all of it, cut."""
    image = noise(*size)
    frame = Frame(left, top, 40, 40)
    rows, columns = frame.over(*size)
    if not image[rows, columns].size:
        return
    everything = at_size(heatmap, 40, 40, "cubic")
    part = everything[rows.start - top : rows.stop - top, columns.start - left :]
    got = upsampled(heatmap, frame, image, "cubic")
    np.testing.assert_array_equal(got, part[:, : columns.stop - columns.start])


@pytest.mark.parametrize("frame", [(60, 0, 9, 9), (0, -9, 9, 9)])
def test_no_heat_where_the_frame_is_not(frame: tuple[int, int, int, int]) -> None:
    heat = heat_over(noise(30, 40), np.ones((3, 3), np.float32), frame, "cubic")
    assert heat.shape == (30, 40)
    assert not heat.any()


def test_a_frame_has_its_heat_and_the_rest_none() -> None:
    heat = heat_over(noise(30, 40), np.ones((3, 3), np.float32), (10, -5, 20, 20), "guided")
    assert heat[:15, 10:30].min() > 0.99
    assert heat.sum() == pytest.approx(15 * 20, rel=1e-3)


def guided_plainly(heat: Map, luma: NDArray[np.float64], r: int, epsilon: float) -> Map:
    """He et al. (2010), eqs. 5, 6 and 8, window by window; edges go on beyond the picture."""
    padded_p, padded_i = np.pad(heat, r, "edge"), np.pad(luma, r, "edge")
    a, b = np.zeros(heat.shape), np.zeros(heat.shape)
    for y, x in np.ndindex(heat.shape):
        p = padded_p[y : y + 2 * r + 1, x : x + 2 * r + 1]
        i = padded_i[y : y + 2 * r + 1, x : x + 2 * r + 1]
        a[y, x] = ((i * p).mean() - i.mean() * p.mean()) / (i.var() + epsilon)
        b[y, x] = p.mean() - a[y, x] * i.mean()
    q = np.zeros(heat.shape)
    padded_a, padded_b = np.pad(a, r, "edge"), np.pad(b, r, "edge")
    for y, x in np.ndindex(heat.shape):
        window = slice(y, y + 2 * r + 1), slice(x, x + 2 * r + 1)
        q[y, x] = padded_a[window].mean() * luma[y, x] + padded_b[window].mean()
    return q.astype(np.float32)


def test_the_guided_filter_is_the_papers() -> None:
    image, heat = noise(9, 12), np.random.default_rng(2).random((9, 12), np.float32)
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) / 255
    expected = guided_plainly(heat, luma, 2, 0.04)
    np.testing.assert_allclose(guided_filter(heat, image, 2), expected, atol=1e-5)


def test_guided_heat_ends_at_the_edge_of_an_object() -> None:
    """A bright half, and heat that was too coarse to end with it."""
    image = np.zeros((60, 60, 3), np.uint8)
    image[:, 33:] = 255
    heatmap = np.tile(np.float32([0, 0, 1, 1]), (4, 1))  # ends at 30, smeared
    cubic, guided = (heat_over(image, heatmap, None, how) for how in ("cubic", "guided"))
    assert guided[30, 33] - guided[30, 32] > 0.3 > 3 * (cubic[30, 33] - cubic[30, 32])
