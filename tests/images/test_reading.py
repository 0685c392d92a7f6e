"""Files and standard input: what each kind of picture becomes, and what is refused."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from gradcam_cli.errors import ImageError
from gradcam_cli.images import reading
from gradcam_cli.images.reading import Picture, read_image

Writer = Callable[..., bytes]
SEED = np.random.default_rng(7)
RGB = SEED.integers(0, 256, (6, 5, 3), dtype=np.uint8)
DEEP = SEED.integers(0, 65536, (6, 5, 3), dtype=np.uint16)
QUARTERS = np.array([[[250, 20, 40], [30, 220, 60]], [[20, 60, 240], [200, 150, 90]]], np.uint8)
BLOCKS = QUARTERS.repeat(32, 0).repeat(48, 1)
Image.init()
AVIF = "AVIF" in Image.SAVE  # from Pillow 11.3 on


def saved(pixels: NDArray[Any] | Image.Image, kind: str, **options: Any) -> bytes:
    image = pixels.copy() if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def read(data: bytes, **options: Any) -> Picture:
    return read_image("-", stdin=io.BytesIO(data), **options)


def refused(source: str, **options: Any) -> ImageError:
    with pytest.raises(ImageError) as caught:
        read_image(source, **options)
    assert type(caught.value) is ImageError
    assert caught.value.remedy
    assert str(caught.value).isprintable()
    return caught.value


def why_not(data: bytes, **options: Any) -> str:
    return refused("-", stdin=io.BytesIO(data), **options).what


def rounded(deep: NDArray[Any]) -> NDArray[np.uint8]:
    return np.floor(deep / 257 + 0.5).astype(np.uint8)


def over_white(colour: NDArray[Any], alpha: NDArray[Any]) -> NDArray[np.float64]:
    opacity = alpha / 255
    return colour * opacity + 255 * (1 - opacity)


def exif(orientation: int) -> bytes:
    block = Image.Exif()
    block[0x0112] = orientation
    return block.tobytes()


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
    for kind in ("u4", "i4"):
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


@settings(max_examples=30, derandomize=True)
@given(arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3))))
def test_png_round_trip(pixels: NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(read(saved(pixels, "PNG")).pixels, pixels)


def test_bands_join_without_a_seam(monkeypatch: pytest.MonkeyPatch, tiff: Writer) -> None:
    monkeypatch.setattr(reading, "_BAND_PIXELS", 11)
    pixels = SEED.integers(0, 256, (31, 4, 3), dtype=np.uint8)
    rotated = np.rot90(pixels, -1)
    np.testing.assert_array_equal(read(saved(pixels, "PNG", exif=exif(6))).pixels, rotated)
    deep = pixels.astype(np.uint16) * 257
    np.testing.assert_array_equal(read(tiff(deep, t274=6)).pixels, rotated)


# What is refused


TRUE_FILES: dict[str, bytes] = {
    "jpeg": saved(RGB, "JPEG", exif=exif(6)),
    "png": saved(RGB, "PNG", exif=exif(6)),
    "gif": saved(RGB, "GIF", save_all=True, append_images=[Image.fromarray(255 - RGB)]),
    "webp": saved(RGB, "WEBP", exif=exif(6)),
    "webp animated": saved(
        RGB, "WEBP", lossless=True, save_all=True, append_images=[Image.fromarray(255 - RGB)]
    ),
    "bmp": saved(RGB, "BMP"),
    "tiff": saved(RGB, "TIFF", exif=exif(6)),
    "tiff lzw": saved(RGB, "TIFF", compression="tiff_lzw"),
    "tiff deflate": saved(RGB, "TIFF", compression="tiff_adobe_deflate"),
    **({"avif": saved(BLOCKS, "AVIF", exif=exif(6))} if AVIF else {}),
}


@pytest.fixture(scope="session")
def true_files(png: Writer, tiff: Writer) -> dict[str, bytes]:
    deep = {
        "png 16": png(DEEP, 2, 16),
        "tiff 16": tiff(DEEP, t274=5),
        "tiff 16 deflate": tiff(DEEP, order=">", deflate=True),
        "tiff float": tiff(RGB.astype(np.float32)),
        "tiff gray float": tiff(RGB[..., 0].astype(np.float32)),
        "tiff 32": tiff(DEEP[..., 0].astype(np.uint32)),
    }
    return TRUE_FILES | deep


KINDS = [
    *TRUE_FILES,
    "png 16",
    "tiff 16",
    "tiff 16 deflate",
    "tiff float",
    "tiff gray float",
    "tiff 32",
]


def pixels_or_refusal(data: bytes) -> None:
    """Whatever the bytes: a picture, or one printable ImageError."""
    try:
        picture = read(data, max_pixels=1_000_000)
    except ImageError:
        why_not(data, max_pixels=1_000_000)
    else:
        assert picture.pixels.dtype == np.uint8
        assert picture.pixels.shape[2:] == (3,)
        assert min(picture.pixels.shape) > 0


@pytest.mark.parametrize("kind", KINDS)
def test_truncated_anywhere(
    kind: str, true_files: dict[str, bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    whole = true_files[kind]
    for size in range(0, len(whole), max(1, len(whole) // 150)):
        pixels_or_refusal(whole[:size])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_corrupt_anywhere(
    kind: str,
    true_files: dict[str, bytes],
    capfd: pytest.CaptureFixture[str],
    data: st.DataObject,
) -> None:
    damaged = bytearray(true_files[kind])
    places = st.integers(0, len(damaged) - 1) | st.integers(0, 80)
    for place, value in data.draw(
        st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=12)
    ):
        damaged[place] = value
    pixels_or_refusal(bytes(damaged))
    assert capfd.readouterr() == ("", "")


def test_truncated_is_told_from_corrupt(true_files: dict[str, bytes]) -> None:
    for kind, whole in true_files.items():
        if kind != "gif" and "avif" not in kind:
            assert "truncated: they end too early" in why_not(whole[: len(whole) * 2 // 3]), kind
    damaged = bytearray(true_files["png"])
    damaged[20] ^= 1  # the height; the checksum no longer holds
    assert "its PNG data are corrupt" in why_not(bytes(damaged))


def test_a_tiff_directory_cannot_cost_memory_or_time() -> None:
    body = struct.pack("<HHII", 700, 1, 1 << 19, 8) * 4000  # each tells of half a megabyte
    head = b"II*\0" + struct.pack("<I", 1 << 19)
    data = head + bytes((1 << 19) - 8) + struct.pack("<H", 4000) + body + bytes(4)
    assert "could not read" in why_not(data)
    big = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 1 << 60) + bytes(1 << 16)
    assert "could not read" in why_not(big)


def test_empty_and_foreign_bytes() -> None:
    assert "it is empty" in why_not(b"")
    for data in (b"<html></html>", b"%!PS-Adobe-3.0 EPSF-3.0", b"8BPS" + bytes(99), b"BMX", b"\0"):
        assert "not an image that is read (JPEG, PNG, WebP" in why_not(data)


def test_zero_sized(png: Writer, tiff: Writer) -> None:
    assert "it has no pixels, 0×1" in why_not(tiff(np.zeros((1, 1, 3), np.uint16), t256=0))
    assert "its PNG data are corrupt" in why_not(png(np.zeros((0, 3, 3)), 2, 8))
    bmp = bytearray(saved(RGB, "BMP"))
    bmp[18:22] = bytes(4)
    assert "its BMP data are corrupt" in why_not(bytes(bmp))


def huge(kind: str, tiff: Writer) -> bytes:
    """A small file whose header tells of some 16000 by 16000 pixels or more."""
    if kind.startswith("TIFF"):
        deep = np.zeros((2, 2, 3), np.uint16 if "deep" in kind else np.uint8)
        return tiff(deep, t256=60000, t257=50000)
    data = bytearray(saved(np.zeros((2, 2, 3), np.uint8), kind.lower(), lossless=True))
    if kind == "PNG":
        return bytes(data[:8]) + _ihdr(60000, 50000) + bytes(data[33:])
    if kind == "JPEG":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", 50000, 60000)
    if kind == "GIF":
        data[6:10] = struct.pack("<HH", 60000, 50000)
    if kind == "BMP":
        data[18:26] = struct.pack("<ii", 60000, 50000)
    if kind == "WEBP":
        data[21:25] = struct.pack("<I", 16382 | 16382 << 14)
    return bytes(data)


def _ihdr(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "TIFF deep", "WEBP"])
def test_too_many_pixels_are_refused_from_the_header(kind: str, tiff: Writer) -> None:
    before = Image.MAX_IMAGE_PIXELS
    error = refused("-", stdin=io.BytesIO(huge(kind, tiff)))
    size = "16383×16383" if kind == "WEBP" else "60000×50000"
    assert f"its {size} pixels are more than the limit of {reading.MAX_PIXELS}" in error.what
    assert "--max-pixels" in error.remedy
    assert before == Image.MAX_IMAGE_PIXELS


def test_the_pixel_limit_is_exact_and_leaves_pillow_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = saved(RGB, "PNG")
    assert read(data, max_pixels=30).pixels.shape == (6, 5, 3)
    assert "5×6 pixels are more than the limit of 29" in why_not(data, max_pixels=29)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert read(data, max_pixels=30).pixels.shape == (6, 5, 3)
    assert Image.MAX_IMAGE_PIXELS == 10
    assert "5×6 pixels are more than the limit of 20" in why_not(data, max_pixels=20)
    assert Image.MAX_IMAGE_PIXELS == 10


def test_pillows_warning_about_large_pictures_is_not_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    assert read(saved(RGB, "PNG"), max_pixels=40).pixels.shape == (6, 5, 3)


# Where it comes from


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "holiday.photo.jpg"
    path.write_bytes(saved(RGB, "PNG"))
    picture = read_image(str(path))
    np.testing.assert_array_equal(picture.pixels, RGB)
    assert (picture.name, picture.stem, picture.path) == (str(path), "holiday.photo", path)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("with space.png", "with space.png"),
        ("line\nbreak\x1b[31m.png", r"line\nbreak\x1b[31m.png"),
        ("snöwman ☃.png", "snöwman ☃.png"),
        ("right\u202eleft.png", r"right\u202eleft.png"),
        ("bytes\udcff.png", r"bytes\udcff.png"),
        ("-dash.png", "-dash.png"),
        ("http:foo", "http:foo"),
        ("C:foo", "C:foo"),
        ("data:foo", "data:foo"),
        ("percent%20.png", "percent%20.png"),
        ("no-extension", "no-extension"),
    ],
)
def test_odd_file_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, shown: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(saved(RGB, "PNG"))
    picture = read_image(name)
    assert picture.name == shown
    assert picture.stem == name.removesuffix(".png")
    Path(name).write_bytes(b"nonsense")
    assert refused(name).what.startswith(f"could not read {shown}: it is not an image")
    Path(name).unlink()
    if not name.startswith("data:"):
        assert refused(name).what == f"could not read {shown}: there is no such file"


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = read(saved(RGB, "PNG"))
    assert (picture.name, picture.stem, picture.path) == ("standard input", "stdin", None)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(saved(RGB, "BMP"))))
    np.testing.assert_array_equal(read_image("-").pixels, RGB)
    monkeypatch.setattr(sys, "stdin", None)
    assert "closed" in refused("-").what
    closed = io.BytesIO()
    closed.close()
    assert "closed" in refused("-", stdin=closed).what


def test_what_is_no_file(tmp_path: Path) -> None:
    assert "it is a folder" in refused(str(tmp_path)).what
    assert "there is no such file" in refused(str(tmp_path / "missing.png")).what
    assert "path is empty" in refused("").what
    assert "not a possible path" in refused("nul\0byte").what
    assert "could not read" in refused("x" * 5000).what
    (tmp_path / "loop").symlink_to("loop")
    assert "could not read" in refused(str(tmp_path / "loop")).what


def test_no_permission(tmp_path: Path) -> None:
    path = tmp_path / "private.png"
    path.write_bytes(saved(RGB, "PNG"))
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("root may read everything")
    assert "permission was denied" in refused(str(path)).what


@pytest.mark.parametrize(
    "source", ["ftp://h/x.png", "file:///x.png", "s3://b/x", "data:image/png,x"]
)
def test_other_schemes(source: str) -> None:
    assert "only http and https are read" in refused(source).what
    assert "secret" not in str(refused("ftp://user:secret@h/x?token=secret"))


def test_a_pipe_and_endless_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "not an image" in refused("/dev/zero").what
    assert "it is empty" in refused(os.devnull).what
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    whole = saved(RGB, "PNG")
    writer = threading.Thread(target=pipe.write_bytes, args=(whole,))
    writer.start()
    np.testing.assert_array_equal(read_image(str(pipe)).pixels, RGB)
    writer.join()
    monkeypatch.setattr(reading, "MAX_FILE_BYTES", len(whole) - 1)
    assert "it is larger than" in why_not(whole)
    with Path("/dev/zero").open("rb") as zeros:
        endless = io.BufferedReader(_After(whole, zeros))
        assert "it is larger than" in refused("-", stdin=endless).what


class _After(io.RawIOBase):
    """`head`, then what `rest` gives."""

    def __init__(self, head: bytes, rest: Any) -> None:
        self.head, self.rest = head, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = len(buffer)
        data, self.head = self.head[:size], self.head[size:]
        data = data or self.rest.read(size)
        buffer[: len(data)] = data
        return len(data)


def test_importing_loads_nothing_heavy() -> None:
    heavy = "{'numpy', 'PIL', 'cv2', 'requests', 'urllib3', 'click', 'rich', 'keras', 'tensorflow'}"
    code = f"import sys, gradcam_cli.images.reading; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(reading.__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
