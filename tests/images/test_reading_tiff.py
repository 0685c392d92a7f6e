"""TIFF: what each kind becomes, and the kinds that are refused."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.images.conftest import over_white, read, rounded, saved, why_not

Writer = Callable[..., bytes]
SEED = np.random.default_rng(7)
RGB = SEED.integers(0, 256, (6, 5, 3), dtype=np.uint8)
DEEP = SEED.integers(0, 65536, (6, 5, 3), dtype=np.uint16)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("deflate", [False, True])
def test_tiff_of_16_bits(tiff: Writer, order: str, deflate: bool) -> None:
    colour = tiff(DEEP, order=order, deflate=deflate)
    np.testing.assert_array_equal(read(colour).pixels, rounded(DEEP))
    gray = DEEP[..., 0]
    expected = rounded(gray)[..., None].repeat(3, 2)
    pixels = read(tiff(gray, order=order, deflate=deflate)).pixels
    np.testing.assert_array_equal(pixels, expected)
    pixels = read(tiff(gray, order=order, deflate=deflate, t262=0)).pixels
    np.testing.assert_array_equal(pixels, 255 - expected, err_msg="white is zero")


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("predictor", [1, 2])
def test_tiff_of_16_bit_gray_compressed(compression: str, predictor: int) -> None:
    gray = SEED.integers(0, 65536, (40, 30)).astype(np.uint16)
    data = saved(gray, "TIFF", compression=compression, tiffinfo={317: predictor})
    np.testing.assert_array_equal(read(data).pixels[..., 1], rounded(gray))


@pytest.mark.parametrize("samples", [RGB, DEEP, DEEP[..., 0], DEEP.astype(np.float32) / 65535])
def test_bigtiff(tiff: Writer, samples: NDArray[Any]) -> None:
    picture, same = read(tiff(samples, big=True)), read(tiff(samples))
    np.testing.assert_array_equal(picture.pixels, same.pixels)
    assert "not an image that is read" in why_not(tiff(samples, big=True, order=">"))


def test_a_repeated_tag_does_not_hide_the_size(tiff: Writer) -> None:
    data = tiff(DEEP, t255=5, t256=2)
    twice = data.replace(struct.pack("<HHI", 255, 4, 1), struct.pack("<HHI", 256, 4, 1))
    assert twice != data
    assert "could not read" in why_not(twice, max_pixels=12)


def test_tiff_of_16_bits_with_alpha(tiff: Writer) -> None:
    deep = SEED.integers(0, 65536, (4, 3, 4)).astype(np.uint16)
    straight = over_white(deep[..., :3] / 257, deep[..., 3:] / 257)
    np.testing.assert_allclose(read(tiff(deep, t338=2)).pixels, straight, atol=0.51)
    np.testing.assert_array_equal(read(tiff(deep, t338=0)).pixels, rounded(deep[..., :3]))
    deep[..., :3] = np.minimum(deep[..., :3], deep[..., 3:])
    premultiplied = deep[..., :3] / 257 + 255 - deep[..., 3:] / 257
    np.testing.assert_allclose(read(tiff(deep, t338=1)).pixels, premultiplied, atol=0.51)


@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_tiff_of_floats(tiff: Writer, kind: str, channels: tuple[int, ...]) -> None:
    within = SEED.random((4, 3, *channels)).astype(kind)
    within.flat[:2] = 0, 1
    expected = np.broadcast_to(np.atleast_3d(np.rint(within * 255)), (4, 3, 3))
    picture = read(tiff(within))
    np.testing.assert_array_equal(picture.pixels, expected)
    assert picture.notes == ()
    beyond = within * 50 - 20
    picture = read(tiff(beyond))
    np.testing.assert_allclose(picture.pixels, expected, atol=1)
    assert len(picture.notes) == 1
    assert "stretched from -20..30" in picture.notes[0]
    for value in (np.nan, np.inf, -np.inf):
        broken = within.copy()
        broken.flat[5] = value
        assert "not finite" in why_not(tiff(broken))


def test_tiff_of_extreme_and_of_equal_floats(tiff: Writer) -> None:
    largest = np.finfo(np.float64).max
    pixels = read(tiff(np.array([[-largest, 0, largest]]))).pixels
    np.testing.assert_array_equal(pixels[0, :, 0], [0, 128, 255])
    picture = read(tiff(np.full((2, 2), 7, np.float32)))
    assert picture.pixels.max() == 0
    assert picture.notes


def test_tiff_of_32_bit_integers(tiff: Writer) -> None:
    kinds = ("u4", "i4") if hasattr(cv2, "CV_32U") else ("i4",)  # from OpenCV 5 on
    if "u4" not in kinds:
        assert "kind of TIFF (1×32 bits) is not read" in why_not(tiff(DEEP.astype("u4")[..., 0]))
    for kind in kinds:
        small = DEEP[..., 0].astype(kind)
        picture = read(tiff(small))
        np.testing.assert_array_equal(picture.pixels[..., 1], rounded(small))
        assert picture.notes == ()
        large = np.array([[0, 1 << 30, 1 << 31]]) - (1 << 30 if kind == "i4" else 0)
        picture = read(tiff(large.astype(kind)))
        np.testing.assert_array_equal(picture.pixels[0, :, 2], [0, 128, 255])
        assert "stretched" in picture.notes[0]


@pytest.mark.parametrize("mode", ["1", "P", "L", "LA", "CMYK"])
def test_tiff_of_8_bits_or_fewer(mode: str) -> None:
    image = Image.fromarray(RGB).convert(mode)
    expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(read(saved(image, "TIFF")).pixels, expected)
    if mode == "CMYK":
        np.testing.assert_array_equal(expected, RGB)


def test_tiff_kinds_that_would_be_misread_are_refused(tiff: Writer) -> None:
    in_planes, with_alpha = tiff(DEEP, t284=2), tiff(DEEP[..., :2])
    half = tiff(SEED.random((3, 3, 3)).astype(np.float16))
    for data in (in_planes, with_alpha, half):
        assert "kind of TIFF" in why_not(data)
    assert "3×16 bits in planes" in why_not(in_planes)
    lab = Image.frombytes("LAB", (2, 2), bytes(12))
    assert "CIELAB" in why_not(saved(lab, "TIFF"))
