"""Masks of regions, against what is worked out pixel by pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco

from gradcam_cli.annotations.regions import (
    AnnotatedObject,
    Box,
    MaskFile,
    Polygons,
    Region,
    RunLengths,
    object_boxes,
    object_mask,
)
from gradcam_cli.errors import ImageError

SHAPE = (6, 8)


def at(regions: tuple[Region, ...], where: str = "it") -> tuple[AnnotatedObject, ...]:
    return tuple(AnnotatedObject(region, where) for region in regions)


SIDES = st.floats(0, 6, width=32)


@given(SIDES, SIDES, SIDES, SIDES)
def test_boxes_cover_to_the_fraction_of_a_pixel(
    left: float, top: float, right: float, bottom: float
) -> None:
    if right <= left or bottom <= top:
        return
    box = Box(left, top, right - left, bottom - top)
    expected = np.zeros(SHAPE)
    for row, column in np.ndindex(*SHAPE):
        down = min(row + 1, bottom) - max(row, top)
        across = min(column + 1, right) - max(column, left)
        expected[row, column] = max(down, 0) * max(across, 0)
    if expected.max() < 1e-12:
        return
    np.testing.assert_allclose(object_mask(at((box,)), SHAPE), expected, atol=1e-5)


def test_regions_are_united() -> None:
    regions = (Box(0, 0, 2, 2), Box(1, 1, 2, 2), Box(0.5, 0.5, 0.25, 0.5, relative=True))
    mask = object_mask(at(regions), SHAPE)
    expected = np.zeros(SHAPE)
    expected[:2, :2] = expected[1:3, 1:3] = expected[3:, 4:6] = 1
    np.testing.assert_array_equal(mask, expected)
    assert object_boxes(at(regions), SHAPE) == [(0, 0, 2, 2), (1, 1, 2, 2), (4, 3, 2, 3)]


def test_polygons_and_run_lengths(tmp_path: Path) -> None:
    square = Polygons(((2, 1, 6, 1, 6, 5, 2, 5),))
    expected = np.zeros(SHAPE, np.uint8)
    expected[1:5, 2:6] = 1
    np.testing.assert_array_equal(object_mask(at((square,)), SHAPE), expected)
    relative = Polygons(((0.25, 1 / 6, 0.75, 1 / 6, 0.75, 5 / 6, 0.25, 5 / 6),), relative=True)
    np.testing.assert_array_equal(object_mask(at((relative,)), SHAPE), expected)
    packed = coco.encode(np.asfortranarray(expected))
    for counts in (packed["counts"].decode(), (13, 4, 2, 4, 2, 4, 2, 4, 13)):
        region = RunLengths(SHAPE, counts)
        np.testing.assert_array_equal(object_mask(at((region,)), SHAPE), expected)
    Image.fromarray(expected * 200).save(tmp_path / "mask.png")
    region = MaskFile(tmp_path / "mask.png")
    np.testing.assert_array_equal(object_mask(at((region,)), SHAPE), expected)
    assert object_boxes(at((square, region)), SHAPE) == [(2, 1, 4, 4)] * 2


@pytest.mark.parametrize(
    ("region", "what"),
    [
        (Box(5, 1, 6, 2), "outside of a picture of 8 x 6"),
        (Box(-3, 1, 6, 2), "outside"),
        (Polygons(((0, 0, 20, 0, 20, 3),)), "leaves the picture"),
        (RunLengths((8, 6), (48,)), "6 x 8 for a picture of 8 x 6"),
        (RunLengths(SHAPE, (40,)), "do not fill"),
        (RunLengths(SHAPE, (48,)), "no area"),
    ],
)
def test_what_does_not_fit(region: Region, what: str) -> None:
    with pytest.raises(ImageError, match=what):
        object_mask(at((region,), "data.json: annotation 1"), SHAPE)


def test_rounding_beyond_the_edge_is_cut() -> None:
    mask = object_mask(at((Box(-0.5, -0.5, 9, 7),)), SHAPE)
    np.testing.assert_array_equal(mask, np.ones(SHAPE))


@given(st.text(max_size=20))
def test_no_packed_runs_are_too_odd(counts: str) -> None:
    try:
        mask = object_mask(at((RunLengths(SHAPE, counts),)), SHAPE)
    except ImageError:
        return
    assert mask.shape == SHAPE
