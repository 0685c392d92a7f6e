"""Pictures with damage that their decoders do not mind: refused, or read with a note."""

from __future__ import annotations

import io
import struct
import time
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from gradcam_cli.images import png as png_checks
from tests import fuzz_pictures
from tests.fuzz_pictures import interlaced, repaired
from tests.images.conftest import exif, read, rounded, saved, why_not

Writer = Callable[..., bytes]
SEED = np.random.default_rng(3)
RGB = SEED.integers(0, 256, (40, 50, 3), dtype=np.uint8)
DEEP = SEED.integers(0, 65536, (40, 50, 3), dtype=np.uint16)
ROWS, COLUMNS = np.mgrid[0:120, 0:160]
PHOTO = np.stack([ROWS * 2, COLUMNS, 255 - ROWS - COLUMNS // 2], -1).astype(np.uint8)
PHOTO ^= SEED.integers(0, 32, PHOTO.shape, np.uint8)
DAMAGED = ("its JPEG data are damaged: part of the picture may be wrong",)
TOO_SHORT = "truncated: they end too early"


def pngs(writer: Writer) -> dict[str, bytes]:
    return {
        "8": saved(RGB, "PNG"),
        "palette": saved(Image.fromarray(RGB).quantize(16), "PNG"),
        "1": saved(Image.fromarray(RGB).convert("1"), "PNG"),
        "8 interlaced": interlaced(RGB),
        "16": writer(DEEP, 2, 16),
        "16 interlaced": interlaced(DEEP),
        "16 gray": writer(DEEP[..., :1], 0, 16),
    }


PNG_KINDS = list(pngs(lambda *_: b""))


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def spoiled(chunk: bytes) -> bytes:
    """With a checksum that is wrong."""
    return chunk[:-1] + bytes([chunk[-1] ^ 1])


@pytest.mark.parametrize("kind", PNG_KINDS)
def test_png_with_a_wrong_checksum(png: Writer, kind: str) -> None:
    whole = pngs(png)[kind]
    read(whole)
    at = whole.rindex(b"IEND") - 8
    for place in (at, at - 1, at - 5):  # of the checksum of the pixels, and the last of their bytes
        data = bytearray(whole)
        data[place] ^= 4
        assert "its PNG data are corrupt" in why_not(bytes(data))


@pytest.mark.parametrize("kind", PNG_KINDS)
def test_png_with_a_tail_of_zeros_or_none(png: Writer, kind: str) -> None:
    whole = pngs(png)[kind]
    for size in (1, 4, 12, 13, 20, len(whole) // 2):
        assert "its PNG data are" in why_not(whole[:-size] + bytes(size))
        assert TOO_SHORT in why_not(whole[:-size])


@pytest.mark.parametrize("kind", PNG_KINDS)
def test_png_with_fewer_rows_than_its_header_says(png: Writer, kind: str) -> None:
    whole = pngs(png)[kind]
    for height in (41, 42, 80):
        longer = bytearray(whole)
        longer[20:24] = struct.pack(">I", height)
        why = why_not(repaired(bytes(longer)))
        assert "its PNG data are corrupt" in why if "interlaced" in kind else TOO_SHORT in why


@pytest.mark.parametrize("kind", ["8", "8 interlaced", "16", "16 interlaced"])
@pytest.mark.parametrize("height", [1, 2, 5, 40])
def test_png_whose_last_rows_are_black_is_whole(png: Writer, kind: str, height: int) -> None:
    samples = (RGB if kind.startswith("8") else DEEP)[:height].copy()
    samples[height // 2 :] = 0
    expected = samples if kind.startswith("8") else rounded(samples)
    depth = samples.itemsize * 8
    data = interlaced(samples) if "interlaced" in kind else png(samples, 2, depth)
    np.testing.assert_array_equal(read(data).pixels, expected)


def test_png_whose_pixels_are_in_many_chunks() -> None:
    whole = saved(RGB * 0, "PNG")
    start = whole.index(b"IDAT") - 4
    body = whole[start + 8 : whole.rindex(b"IEND") - 8]
    pieces = [chunk(b"IDAT", body[i : i + 7]) for i in range(0, len(body), 7)]
    data = whole[:start] + b"".join([*pieces, chunk(b"IDAT", b""), chunk(b"IEND", b"")])
    np.testing.assert_array_equal(read(data).pixels, RGB * 0)
    short = whole[:start] + b"".join([*pieces[:-4], chunk(b"IEND", b"")])
    assert "its PNG data are" in why_not(short)


@pytest.mark.parametrize("kind", PNG_KINDS)
def test_png_with_bytes_after_its_end(png: Writer, kind: str) -> None:
    whole = pngs(png)[kind]
    for tail in (b"\0", b"trailing garbage", bytes(500), whole):
        np.testing.assert_array_equal(read(whole + tail).pixels, read(whole).pixels)


def test_png_with_many_damaged_chunks_is_read_in_time() -> None:
    whole = saved(RGB, "PNG")
    data = whole[:33] + 200_000 * spoiled(chunk(b"prVt", b"")) + whole[33:]
    began = time.perf_counter()
    np.testing.assert_array_equal(read(data).pixels, RGB)
    assert time.perf_counter() - began < 5  # one by one, they would take a minute


@pytest.mark.parametrize("name", [b"tEXt", b"eXIf", b"gAMA", b"tRNS", b"iCCP", b"prVt"])
@pytest.mark.parametrize("kind", ["8", "8 interlaced", "16", "16 gray"])
def test_png_is_read_without_a_damaged_chunk_that_it_does_not_need(
    png: Writer, kind: str, name: bytes
) -> None:
    whole = pngs(png)[kind]
    extra = spoiled(chunk(name, exif(6).removeprefix(b"Exif\0\0") if name == b"eXIf" else b"\0\1"))
    end = whole.rindex(b"IEND") - 4
    for at in (33, end):
        picture = read(whole[:at] + extra + whole[at:])
        np.testing.assert_array_equal(picture.pixels, read(whole).pixels)
        assert picture.notes == ()


def test_the_pixels_of_a_png_are_unpacked_twice_only_where_the_last_row_is_black(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[bytes] = []
    monkeypatch.setattr(png_checks, "_check_decompressed", calls.append)
    read(saved(PHOTO, "PNG"))
    assert calls == []
    read(saved(PHOTO * 0, "PNG"))
    assert len(calls) == 1


JPEGS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "best": {"quality": 100, "subsampling": 0},
    "poorest": {"quality": 1},
    "optimized": {"optimize": True},
    "4:2:2": {"subsampling": 1},
    "progressive": {"progressive": True},
    "progressive 4:4:4": {"progressive": True, "subsampling": 0, "quality": 95},
    "restarts at rows": {"restart_marker_rows": 1},
    "restarts at blocks": {"restart_marker_blocks": 1},
    "restarts, progressive": {"restart_marker_rows": 2, "progressive": True},
}


def in_mode(pixels: Any, mode: str) -> Image.Image:
    image = Image.fromarray(pixels)
    if mode == "CMYK":  # all four inks
        return Image.merge("CMYK", [*image.split(), image.convert("L")])
    return image.convert(mode)


@pytest.mark.parametrize("name", JPEGS)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_sound_jpegs_are_read_as_pillow_reads_them_without_a_note(name: str, mode: str) -> None:
    flat = PHOTO.copy()
    flat[60:] = 128
    for pixels in (PHOTO, PHOTO[:9, :17], PHOTO[:1, :1], PHOTO[:16, :16], flat, flat * 0):
        data = saved(in_mode(pixels, mode), "JPEG", **JPEGS[name])
        expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        padded = data[:-2] + bytes(40) + b"\xff\xff\xff\xd9"
        for sound in (data, data + b"trailing\xff\xd9\xff\xd8\xff\xda", padded):
            picture = read(sound)
            np.testing.assert_array_equal(picture.pixels, expected)
            assert picture.notes == ()


@pytest.mark.parametrize("name", JPEGS)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_cut_and_given_an_end_marker_is_noted(name: str, mode: str) -> None:
    data = saved(in_mode(PHOTO, mode), "JPEG", **JPEGS[name])
    start = data.rindex(b"\xff\xda") + 14  # of the last scan
    for part in (0.1, 0.5, 0.7, 0.9):
        cut = read(data[: start + int((len(data) - 2 - start) * part)] + b"\xff\xd9")
        assert cut.notes == DAMAGED, part
        assert cut.pixels.shape == PHOTO.shape
    assert TOO_SHORT in why_not(data[: len(data) // 2])
    assert TOO_SHORT in why_not(data[:-2])


@pytest.mark.parametrize("name", ["baseline", "progressive", "restarts at rows"])
def test_a_jpeg_with_a_gap_is_noted(name: str) -> None:
    data = saved(PHOTO, "JPEG", quality=95, **JPEGS[name])
    middle = len(data) // 2
    assert read(data[:middle] + data[middle + 900 :]).notes == DAMAGED
    assert read(data[:middle] + data[middle - 900 :]).notes == DAMAGED


def test_a_damaged_first_picture_of_an_mpo_is_noted() -> None:
    rest = {"save_all": True, "append_images": [Image.fromarray(255 - PHOTO)]}
    data = saved(PHOTO, "MPO", **rest)
    assert read(data).notes == ()
    end = data.index(b"\xff\xd9\xff\xd8")
    zeroed = data[: end - 800] + b"\xff\xd9" + bytes(798) + data[end:]
    assert read(zeroed).notes == DAMAGED


def test_a_jpeg_of_too_many_scans_is_refused() -> None:
    data = saved(PHOTO, "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    assert read(data[:-2] + 100 * last + data[-2:]).pixels.shape == PHOTO.shape
    assert "its JPEG data are corrupt" in why_not(data[:-2] + 1000 * last + data[-2:])


def enlarged(data: bytes, tags: dict[int, int]) -> bytes:
    """A TIFF with other numbers in its first directory."""
    order = "<" if data[:2] == b"II" else ">"
    changed = bytearray(data)
    (at,) = struct.unpack_from(f"{order}I", data, 4)
    (entries,) = struct.unpack_from(f"{order}H", data, at)
    for entry in range(at + 2, at + 2 + 12 * entries, 12):
        tag, kind, _ = struct.unpack_from(f"{order}HHI", data, entry)
        if tag in tags:
            number = tags[tag]
            struct.pack_into(order + ("H" if kind == 3 else "I"), changed, entry + 8, number)
    assert bytes(changed) != data
    return bytes(changed)


def tiled(samples: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    photometric = "rgb" if samples.ndim > 2 else "minisblack"
    tifffile.imwrite(file, samples, photometric=photometric, **options)
    return file.getvalue()


TIFFS: dict[str, bytes] = {
    **{
        compression or "none": saved(RGB, "TIFF", compression=compression)
        for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
    },
    "strips": saved(RGB, "TIFF", compression="tiff_lzw", strip_size=50 * 3 * 8),
    "jpeg strips": saved(RGB, "TIFF", compression="jpeg", strip_size=50 * 3 * 8),
    "1 bit": saved(Image.fromarray(RGB).convert("1"), "TIFF"),
    "tiles": tiled(RGB, tile=(16, 16)),
    "deflated tiles": tiled(RGB, tile=(16, 16), compression="zlib"),
    "planes": tiled(np.moveaxis(RGB, 2, 0), planarconfig="separate"),
    "deep": tiled(DEEP),
    "deep strips": tiled(DEEP, rowsperstrip=7),
    "deep, big-endian": tiled(DEEP, byteorder=">"),
    "deep, deflated": tiled(DEEP, compression="zlib", predictor=True),
    "deep tiles": tiled(DEEP, tile=(16, 16)),
    "deep, deflated tiles": tiled(DEEP, tile=(16, 16), compression="zlib"),
    "float": tiled(RGB.astype(np.float32) / 255),
}


@pytest.mark.parametrize("name", TIFFS)
def test_tiff_with_fewer_rows_than_its_header_says(name: str) -> None:
    whole = TIFFS[name]
    assert read(whole).pixels.shape == RGB.shape
    for height in (49, 60, 400, 4000):
        for tags in ({257: height}, {257: height, 278: height}, {257: height, 278: 0xFFFF}):
            assert "its TIFF data are" in _why_no_tiff(enlarged(whole, tags))
    if "tiles" not in name:
        assert "its TIFF data are" in _why_no_tiff(enlarged(whole, {257: 41}))
        assert "its TIFF data are" in _why_no_tiff(enlarged(whole, {256: 66}))


def _why_no_tiff(data: bytes) -> str:
    why = why_not(data)
    return why if "not read, or its data are corrupt" not in why else "its TIFF data are corrupt"


def test_tiff_strips_may_not_say_how_long_they_are(tiff: Writer) -> None:
    data = tiff(DEEP, t279=0)
    np.testing.assert_array_equal(read(data).pixels, rounded(DEEP))
    assert "it has no pixels" in why_not(tiff(DEEP, t256=0))
    assert "its TIFF data are corrupt" in why_not(tiff(DEEP, t278=0))


def test_damaged_jpeg_within_a_tiff_is_noted() -> None:
    whole = TIFFS["jpeg"]
    end = whole.index(b"\xff\xd9")  # of the strip; its tables follow
    assert read(whole).notes == ()
    data = whole[: end - 400] + b"\xff\xd9" + bytes(398) + whole[end:]
    assert read(data).notes == DAMAGED


def test_a_part_of_the_fuzzing() -> None:
    report = fuzz_pictures.run(600, seed=1)
    assert report.faults == []
    assert set(report.refused) == {name.partition(" ")[0] for name in fuzz_pictures.pictures()}
    assert sum(report.read.values()) > 60
