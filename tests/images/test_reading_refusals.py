"""Bytes that are refused: truncated, corrupt, foreign, too many."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from gradcam_cli.errors import ImageError
from gradcam_cli.images import reading
from tests.images.conftest import exif, read, refused, saved, why_not

Writer = Callable[..., bytes]
SEED = np.random.default_rng(7)
RGB = SEED.integers(0, 256, (6, 5, 3), dtype=np.uint8)
DEEP = SEED.integers(0, 65536, (6, 5, 3), dtype=np.uint16)
Image.init()
AVIF = "AVIF" in Image.SAVE  # from Pillow 11.3 on


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
    **({"avif": saved(RGB.repeat(16, 0).repeat(16, 1), "AVIF", exif=exif(6))} if AVIF else {}),
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


def test_truncated_is_told_from_corrupt(true_files: dict[str, bytes], tiff: Writer) -> None:
    for kind, whole in true_files.items():
        if kind != "gif" and "avif" not in kind:
            assert "truncated: they end too early" in why_not(whole[: len(whole) * 2 // 3]), kind
    assert "truncated: they end too early" in why_not(tiff(DEEP, t279=99999))
    damaged = bytearray(true_files["png"])
    damaged[20] ^= 1  # the height; the checksum no longer holds
    assert "its PNG data are corrupt" in why_not(bytes(damaged))


def test_a_tiff_directory_cannot_cost_memory_or_time() -> None:
    body = struct.pack("<HHII", 700, 1, 1 << 19, 8) * 4000  # each tells of half a megabyte
    head = b"II*\0" + struct.pack("<I", 1 << 19)
    data = head + bytes((1 << 19) - 8) + struct.pack("<H", 4000) + body + bytes(4)
    assert "could not read" in why_not(data)
    big = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 1 << 60) + bytes(1 << 16)
    assert "corrupt or truncated" in why_not(big)


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
