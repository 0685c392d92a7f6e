"""What each kind of picture becomes, upright; TIFF apart."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from gradcam_cli.images import orientation
from tests.images.conftest import exif, over_white, read, rounded, saved

Writer = Callable[..., bytes]
SEED = np.random.default_rng(7)
RGB = SEED.integers(0, 256, (6, 5, 3), dtype=np.uint8)
DEEP = SEED.integers(0, 65536, (6, 5, 3), dtype=np.uint16)
QUARTERS = np.array([[[250, 20, 40], [30, 220, 60]], [[20, 60, 240], [200, 150, 90]]], np.uint8)
BLOCKS = QUARTERS.repeat(32, 0).repeat(48, 1)
Image.init()
AVIF = "AVIF" in Image.SAVE  # from Pillow 11.3 on


EXACT: dict[str, dict[str, Any]] = {
    "png": {"kind": "PNG"},
    "bmp": {"kind": "BMP"},
    "webp": {"kind": "WEBP", "lossless": True},
    "tiff": {"kind": "TIFF"},
    "tiff lzw": {"kind": "TIFF", "compression": "tiff_lzw"},
    "tiff deflate": {"kind": "TIFF", "compression": "tiff_adobe_deflate"},
    "tiff packbits": {"kind": "TIFF", "compression": "packbits"},
}


LOSSY: dict[str, dict[str, Any]] = {
    "jpeg": {"kind": "JPEG", "quality": 95},
    "progressive": {"kind": "JPEG", "quality": 95, "progressive": True},
    "webp": {"kind": "WEBP", "quality": 95},
    **({"avif": {"kind": "AVIF", "quality": 95}} if AVIF else {}),
}


@pytest.mark.parametrize("name", EXACT)
def test_lossless_formats_are_exact(name: str) -> None:
    picture = read(saved(RGB, **EXACT[name]))
    np.testing.assert_array_equal(picture.pixels, RGB)
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.flags.c_contiguous
    assert picture.notes == ()


@pytest.mark.parametrize("name", LOSSY)
def test_lossy_formats_keep_colours_and_places(name: str) -> None:
    near(read(saved(BLOCKS, **LOSSY[name])).pixels, BLOCKS)


def near(pixels: NDArray[np.uint8], expected: NDArray[Any], off: int = 12) -> None:
    """Compare a lossy picture of four blocks at the middle of each."""
    assert pixels.shape == expected.shape
    height, width = pixels.shape[:2]
    middles = np.ix_([height // 4, 3 * height // 4], [width // 4, 3 * width // 4])
    np.testing.assert_allclose(pixels[middles].astype(int), expected[middles].astype(int), atol=off)


def test_gray_jpeg() -> None:
    gray = BLOCKS[..., 1]
    near(read(saved(gray, "JPEG")).pixels, gray[..., None].repeat(3, 2))


def test_cmyk_jpeg_inverted_as_adobe_does() -> None:
    inks = np.dstack([255 - BLOCKS, np.zeros_like(BLOCKS[..., 0])])
    image = Image.frombytes("CMYK", inks.shape[1::-1], inks.tobytes())
    near(read(saved(image, "JPEG", quality=95)).pixels, BLOCKS)


def test_ycck_jpeg() -> None:
    luma = np.asarray(Image.fromarray(255 - BLOCKS).convert("YCbCr"))
    inks = np.dstack([255 - luma, np.zeros_like(luma[..., 0])])
    image = Image.frombytes("CMYK", inks.shape[1::-1], inks.tobytes())
    data = bytearray(saved(image, "JPEG", quality=95))
    at = data.index(b"Adobe")
    data[at + 11] = 2  # the colour transform: YCCK
    near(read(bytes(data)).pixels, BLOCKS)


def test_mpo_is_read_as_its_first_picture_without_a_note() -> None:
    other = Image.fromarray(255 - BLOCKS)
    data = saved(BLOCKS, "MPO", save_all=True, append_images=[other], quality=95)
    picture = read(data)
    near(picture.pixels, BLOCKS)
    assert picture.notes == ()


def test_png_gray_of_few_bits(png: Writer) -> None:
    for depth, factor in ((1, 255), (2, 85), (4, 17), (8, 1)):
        levels = np.arange(6).reshape(2, 3, 1) % 2**depth
        expected = (levels * factor).repeat(3, 2)
        np.testing.assert_array_equal(read(png(levels, 0, depth)).pixels, expected)
        clear = png(levels, 0, depth, (b"tRNS", b"\0\1"))
        np.testing.assert_array_equal(
            read(clear).pixels, np.where(levels == 1, 255, expected), err_msg=f"{depth} bits"
        )


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_png_palette_with_transparency(png: Writer, depth: int) -> None:
    indexes = np.arange(6).reshape(2, 3, 1) % min(2**depth, 4)
    palette = np.array([[9, 80, 200], [250, 30, 60], [1, 2, 3], [90, 200, 7]][: 2**depth])
    alpha = np.array([0, 102, 255, 255][: 2**depth])
    data = png(indexes, 3, depth, (b"PLTE", bytes(palette.ravel().tolist())), (b"tRNS", b"\0f"))
    expected = over_white(palette, alpha[:, None])[indexes[..., 0]]
    np.testing.assert_allclose(read(data).pixels, expected, atol=1)


def test_png_with_alpha(png: Writer) -> None:
    for colour, channels in ((4, 2), (6, 4)):
        samples = SEED.integers(0, 256, (4, 3, channels))
        expected = over_white(samples[..., :-1], samples[..., -1:])
        expected = np.broadcast_to(expected, (4, 3, 3))
        np.testing.assert_allclose(read(png(samples, colour, 8)).pixels, expected, atol=1)
        deep = SEED.integers(0, 65536, (4, 3, channels))
        expected = over_white(deep[..., :-1] / 257, deep[..., -1:] / 257)
        expected = np.broadcast_to(expected, (4, 3, 3))
        np.testing.assert_allclose(read(png(deep, colour, 16)).pixels, expected, atol=0.51)


def test_png_of_16_bits_is_scaled_and_rounded_not_clipped(png: Writer) -> None:
    gray = np.array([0, 128, 129, 255, 256, 385, 386, 32768, 65407, 65535]).reshape(2, 5, 1)
    np.testing.assert_array_equal(read(png(gray, 0, 16)).pixels, rounded(gray).repeat(3, 2))
    np.testing.assert_array_equal(read(png(DEEP, 2, 16)).pixels, rounded(DEEP))


def test_png_with_one_transparent_colour(png: Writer) -> None:
    for samples, depth in ((RGB, 8), (DEEP, 16)):
        clear = samples[2, 1]
        data = png(samples, 2, depth, (b"tRNS", struct.pack(">3H", *clear.tolist())))
        expected = rounded(samples) if depth == 16 else samples.copy()
        expected[(samples == clear).all(-1)] = 255
        np.testing.assert_array_equal(read(data).pixels, expected)
    gray = DEEP[..., :1]
    data = png(gray, 0, 16, (b"tRNS", struct.pack(">H", gray[1, 1, 0])))
    expected = np.where(gray == gray[1, 1], 255, rounded(gray)).repeat(3, 2)
    np.testing.assert_array_equal(read(data).pixels, expected)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_rgba_is_laid_over_white(kind: str) -> None:
    rgba = SEED.integers(0, 256, (6, 5, 4), dtype=np.uint8)
    rgba[..., 3] = np.maximum(rgba[..., 3], 1)  # WebP keeps no colour below full transparency
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    expected = over_white(rgba[..., :3], rgba[..., 3:])
    np.testing.assert_allclose(read(saved(rgba, kind, **options)).pixels, expected, atol=1)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_first_frame_with_a_note(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    frames = [np.full((4, 6, 3), colour, np.uint8) for colour in ((200, 30, 90), (0, 99, 250))]
    rest = [Image.fromarray(frames[1])]
    picture = read(saved(frames[0], kind, save_all=True, append_images=rest, **options))
    np.testing.assert_array_equal(picture.pixels, frames[0])
    assert picture.notes == ("only the first of its frames or pages is read",)


def test_gif_transparency() -> None:
    image = Image.frombytes("P", (2, 2), bytes([0, 1, 2, 0]))
    image.putpalette([200, 30, 90, 10, 20, 30, 0, 99, 250])
    pixels = read(saved(image, "GIF", transparency=1)).pixels
    expected = [[(200, 30, 90), (255, 255, 255)], [(0, 99, 250), (200, 30, 90)]]
    np.testing.assert_array_equal(pixels, expected)


@settings(max_examples=30, derandomize=True)
@given(arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3))))
def test_png_round_trip(pixels: NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(read(saved(pixels, "PNG")).pixels, pixels)


UPRIGHT: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: np.fliplr(np.rot90(a, -1)),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.fliplr(np.rot90(a, 1)),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@settings(max_examples=5, derandomize=True)
@given(pixels=arrays(np.uint8, st.tuples(st.integers(1, 7), st.integers(1, 7), st.just(3))))
def test_orientation_of_lossless_formats(
    png: Writer, tiff: Writer, orientation: int, pixels: NDArray[np.uint8]
) -> None:
    expected = UPRIGHT[orientation](pixels)
    block = exif(orientation)
    deep = pixels.astype(np.uint16) * 257
    sources = {
        "png": saved(pixels, "PNG", exif=block),
        "webp": saved(pixels, "WEBP", exif=block, lossless=True),
        "tiff, Pillow": tiff(pixels, t274=orientation),
        "tiff lzw, Pillow": saved(pixels, "TIFF", exif=block, compression="tiff_lzw"),
        "tiff, OpenCV": tiff(deep, t274=orientation),
        "tiff float, OpenCV": tiff(pixels / 255, t274=orientation),
        "tiff gray 16": tiff(deep[..., 0], t274=orientation),
        "png, OpenCV": png(deep, 2, 16, (b"eXIf", block.removeprefix(b"Exif\0\0"))),
        "png gray 16": png(deep[..., :1], 0, 16, (b"eXIf", block.removeprefix(b"Exif\0\0"))),
    }
    for name, data in sources.items():
        want = expected[..., :1].repeat(3, 2) if "gray" in name else expected
        found = read(data).pixels
        np.testing.assert_array_equal(found, want, err_msg=name)
        assert found.flags.c_contiguous


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("kind", ["JPEG", "AVIF"] if AVIF else ["JPEG"])
def test_orientation_of_lossy_formats(kind: str, orientation: int) -> None:
    data = saved(BLOCKS, kind, exif=exif(orientation), quality=95)
    near(read(data).pixels, UPRIGHT[orientation](BLOCKS))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_broken_exif_block_does_not_refuse_a_good_image(png: Writer, kind: str) -> None:
    gray = np.full((4, 6, 3), 90, np.uint8)
    whole = exif(6)
    odd = whole.replace(struct.pack(">HHI", 0x0112, 3, 1), struct.pack(">HHI", 0x0112, 7, 9999))
    assert odd != whole
    for block in (b"Exif\0\0II*\0\xff\xff\xff\x7f", b"Exif\0\0garbage", b"Exif\0\0", odd, exif(99)):
        if kind == "PNG":
            data = png(gray, 2, 8, (b"eXIf", block.removeprefix(b"Exif\0\0")))
        elif kind == "TIFF":
            data = saved(gray, kind, tiffinfo={34665: 0x7FFFFFF})
        else:
            data = saved(gray, kind, exif=block)
        assert read(data).pixels.shape[:2] == (4, 6)


def test_bands_join_without_a_seam(monkeypatch: pytest.MonkeyPatch, tiff: Writer) -> None:
    monkeypatch.setattr(orientation, "BAND_PIXELS", 11)
    pixels = SEED.integers(0, 256, (31, 4, 3), dtype=np.uint8)
    rotated = np.rot90(pixels, -1)
    np.testing.assert_array_equal(read(saved(pixels, "PNG", exif=exif(6))).pixels, rotated)
    deep = pixels.astype(np.uint16) * 257
    np.testing.assert_array_equal(read(tiff(deep, t274=6)).pixels, rotated)
