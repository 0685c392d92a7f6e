"""Damage small pictures of all formats at random and read them; report what is not as it should be.

    python -m tests.fuzz_pictures [--number N] [--seed N] [--only INDEX]

Whatever the bytes, there has to be a picture or an ImageError, in time and without a sound.
A seeded part of it runs with the tests.
"""

from __future__ import annotations

import argparse
import faulthandler
import io
import os
import resource
import struct
import sys
import tempfile
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import IO, Any

import cv2
import numpy as np
import tifffile
from PIL import Image

from gradcam_cli.errors import ImageError
from gradcam_cli.images.png import PASSES
from gradcam_cli.images.reading import read_image
from gradcam_cli.process import stderr_into
from tests.images.conftest import saved

MAX_PIXELS = 1_000_000
MOST_SECONDS = 2.0
HANG_SECONDS = 60.0
MOST_GROWTH = 400 << 20
"""Bytes by which the process may grow at most."""

Random = np.random.Generator
Damage = Callable[[bytearray, Random], bytearray]


def _tiff(samples: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    photometric = "rgb" if samples.ndim > 2 else "minisblack"
    tifffile.imwrite(file, samples, photometric=photometric, **options)
    return file.getvalue()


def interlaced(samples: Any) -> bytes:
    """An interlaced PNG of (H, W, 3) uint8 or uint16."""
    rows = b"".join(
        b"\0" + row.astype(row.dtype.newbyteorder(">")).tobytes()
        for left, top, across, down in PASSES
        for row in samples[top::down, left::across]
    )
    height, width, _ = samples.shape
    header = struct.pack(">IIBBBBB", width, height, samples.itemsize * 8, 2, 0, 0, 1)
    body = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    chunks = (struct.pack(">I", len(data)) + name + data + bytes(4) for name, data in body)
    return repaired(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


def _deep_png(samples: Any) -> bytes:
    return bytes(cv2.imencode(".png", samples)[1])


@cache
def pictures() -> dict[str, bytes]:
    """Small sound pictures, by what they are; the first word is the format."""
    rows, columns = np.mgrid[0:24, 0:40]
    rgb = np.stack([rows * 9, columns * 6, 255 - rows * 4 - columns], -1).astype(np.uint8)
    rgb ^= np.random.default_rng(1).integers(0, 16, rgb.shape, np.uint8)
    image = Image.fromarray(rgb)
    deep = rgb.astype(np.uint16) * 257
    exif = Image.Exif()
    exif[0x0112] = 6
    found = {
        "JPEG": saved(image, "JPEG", exif=exif),
        "JPEG progressive": saved(image, "JPEG", progressive=True),
        "JPEG restarts": saved(image, "JPEG", restart_marker_blocks=2),
        "JPEG gray": saved(image.convert("L"), "JPEG"),
        "JPEG CMYK": saved(image.convert("CMYK"), "JPEG"),
        "JPEG MPO": saved(image, "MPO", save_all=True, append_images=[image.rotate(180)]),
        "PNG": saved(image, "PNG", exif=exif),
        "PNG alpha": saved(image.convert("RGBA"), "PNG"),
        "PNG palette": saved(image.convert("P"), "PNG", transparency=3),
        "PNG 1 bit": saved(image.convert("1"), "PNG"),
        "PNG 16": _deep_png(deep),
        "PNG 16 gray": _deep_png(deep[..., 0]),
        "PNG interlaced": interlaced(rgb),
        "PNG 16 interlaced": interlaced(deep),
        "PNG animated": saved(image, "PNG", save_all=True, append_images=[image.rotate(180)]),
        "WEBP": saved(image, "WEBP", exif=exif),
        "WEBP lossless": saved(image.convert("RGBA"), "WEBP", lossless=True),
        "WEBP animated": saved(image, "WEBP", save_all=True, append_images=[image.rotate(180)]),
        "GIF": saved(image, "GIF"),
        "GIF animated": saved(image, "GIF", save_all=True, append_images=[image.rotate(180)]),
        "GIF interlaced": saved(image, "GIF", interlace=1, transparency=2),
        "BMP": saved(image, "BMP"),
        "BMP palette": saved(image.convert("P"), "BMP"),
        "BMP 1 bit": saved(image.convert("1"), "BMP"),
        "TIFF": saved(image, "TIFF", exif=exif),
        "TIFF pages": saved(image, "TIFF", save_all=True, append_images=[image.rotate(180)]),
        "TIFF JPEG": saved(image, "TIFF", compression="jpeg"),
        "TIFF fax": saved(image.convert("1"), "TIFF", compression="group4"),
        "TIFF LZW": saved(image, "TIFF", compression="tiff_lzw"),
        "TIFF packbits": saved(image.convert("P"), "TIFF", compression="packbits"),
        "TIFF CMYK": saved(image.convert("CMYK"), "TIFF"),
        "TIFF tiled": _tiff(rgb, tile=(16, 16)),
        "TIFF planes": _tiff(np.moveaxis(rgb, 2, 0), planarconfig="separate"),
        "TIFF 16": _tiff(deep, rowsperstrip=5),
        "TIFF 16 big-endian": _tiff(deep, byteorder=">"),
        "TIFF 16 deflate": _tiff(deep, compression="zlib", predictor=True),
        "TIFF 16 tiled": _tiff(deep, compression="zlib", tile=(16, 16)),
        "TIFF big": _tiff(deep[..., 0], bigtiff=True),
        "TIFF float": _tiff(rgb.astype(np.float32) / 255),
        "TIFF float tiled": _tiff(rgb[..., 0] / 255, tile=(16, 16)),
        "TIFF 32": _tiff(deep[..., 0].astype(np.int32)),
    }
    if "AVIF" in Image.SAVE:  # from Pillow 11.3 on
        found |= {
            "AVIF": saved(image, "AVIF", exif=exif),
            "AVIF alpha": saved(image.convert("RGBA"), "AVIF"),
            "AVIF animated": saved(image, "AVIF", save_all=True, append_images=[image.rotate(180)]),
        }
    return found


def _place(data: bytearray, random: Random) -> int:
    """Anywhere, but half the time in the header."""
    most = len(data) if random.integers(2) else min(len(data), 200)
    return int(random.integers(most))


def _flip_bits(data: bytearray, random: Random) -> bytearray:
    for _ in range(random.integers(1, 4)):
        data[_place(data, random)] ^= 1 << int(random.integers(8))
    return data


def _zero_tail(data: bytearray, random: Random) -> bytearray:
    at = int(random.integers(len(data)))
    return data[:at] + bytes(len(data) - at)


def _cut_tail(data: bytearray, random: Random) -> bytearray:
    ending = [b"", b"", b"\xff\xd9", bytes(data[-12:])][random.integers(4)]
    return data[: random.integers(len(data))] + ending


def _double_chunk(data: bytearray, random: Random) -> bytearray:
    start, to = _place(data, random), _place(data, random)
    chunk = data[start : start + int(random.integers(1, 200))]
    return data[:to] + chunk + data[to:]


def _drop_chunk(data: bytearray, random: Random) -> bytearray:
    at = _place(data, random)
    del data[at : at + int(random.integers(1, 60))]
    return data


def _change_number(data: bytearray, random: Random) -> bytearray:
    form = ["<H", ">H", "<I", ">I"][random.integers(4)]
    size = struct.calcsize(form)
    top = 1 << (8 * size)
    number = [0, 1, top - 1, top // 2, int(random.integers(1 << 16)), int(random.integers(100))]
    at = min(_place(data, random), len(data) - size)
    struct.pack_into(form, data, max(at, 0), number[random.integers(6)] % top)
    return data


def _splice(data: bytearray, random: Random) -> bytearray:
    others = list(pictures().values())
    other = others[random.integers(len(others))]
    start, to = int(random.integers(len(other))), _place(data, random)
    return data[:to] + other[start : start + int(random.integers(1, 400))] + data[to:]


DAMAGES: tuple[Damage, ...] = (
    _flip_bits,
    _zero_tail,
    _cut_tail,
    _double_chunk,
    _drop_chunk,
    _change_number,
    _splice,
)


def damaged(data: bytes, random: Random) -> bytes:
    """`data` after one kind of damage or two; half the time a PNG gets right checksums."""
    spoiled = bytearray(data)
    for _ in range(random.choice([1, 1, 1, 2])):
        if len(spoiled) > 8:
            spoiled = DAMAGES[random.integers(len(DAMAGES))](spoiled, random)
    return repaired(bytes(spoiled)) if random.integers(2) else bytes(spoiled)


def repaired(data: bytes) -> bytes:
    """A PNG with the right checksums, as far as it has chunks; anything else as it is."""
    if not data.startswith(b"\x89PNG"):
        return data
    mended, at = bytearray(data), 8
    while at + 12 <= len(mended):
        end = at + 8 + int.from_bytes(mended[at : at + 4], "big")
        if end + 4 > len(mended):
            break
        mended[end : end + 4] = struct.pack(">I", zlib.crc32(mended[at + 4 : end]))
        at = end + 4
    return bytes(mended)


@dataclass
class Report:
    """What came of it: pictures read and refused, by format, and what was not as it should be."""

    read: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest: float = 0.0


def cases(number: int, seed: int) -> Iterator[tuple[int, str, bytes]]:
    """As many damaged pictures, with their index and what they were."""
    names = list(pictures())
    for index in range(number):
        name = names[index % len(names)]
        yield index, name, damaged(pictures()[name], np.random.default_rng((seed, index)))


def run(number: int, seed: int, only: int | None = None) -> Report:
    """Read `number` damaged pictures, or only one of them."""
    report = Report()
    before = _most_memory()
    with tempfile.TemporaryFile() as heard, stderr_into(heard):
        for index, name, data in cases(number, seed):
            if only in (None, index):
                fault = _fault(name, data, report, heard)
                report.faults += [f"{index} ({name}): {fault}"] if fault else []
    if _most_memory() - before > MOST_GROWTH:
        report.faults.append(f"the process grew by {(_most_memory() - before) >> 20} MiB")
    return report


def _most_memory() -> int:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most << 10


def _fault(name: str, data: bytes, report: Report, heard: IO[bytes]) -> str:
    """What is wrong about how `data` are read; nothing as a rule."""
    kind = name.partition(" ")[0]
    began = time.perf_counter()
    faulthandler.dump_traceback_later(HANG_SECONDS, exit=True, file=sys.__stdout__)
    try:
        fault = _outcome(kind, data, report)
    except BaseException as error:
        fault = f"{type(error).__name__}: {error}"
    finally:
        faulthandler.cancel_dump_traceback_later()
    seconds = time.perf_counter() - began
    report.slowest = max(report.slowest, seconds)
    if seconds > MOST_SECONDS:
        fault += f" it took {seconds:.1f} s"
    if size := os.fstat(heard.fileno()).st_size:
        fault += f" stderr: {os.pread(heard.fileno(), min(size, 200), 0)!r}"
        os.ftruncate(heard.fileno(), 0)
        os.lseek(heard.fileno(), 0, os.SEEK_SET)
    return fault


def _outcome(kind: str, data: bytes, report: Report) -> str:
    """Read `data`, and count what comes of it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            picture = read_image("-", stdin=io.BytesIO(data), max_pixels=MAX_PIXELS)
    except ImageError as error:
        report.refused[kind] += 1
        sayable = error.remedy and str(error).isprintable()
        return "" if sayable else f"an ImageError that cannot be shown: {error!r}"
    report.read[kind] += 1
    report.noted[kind] += bool(picture.notes)
    height, width, channels = picture.pixels.shape
    sound = channels == 3 and 0 < height * width <= MAX_PIXELS
    return "" if sound else f"pixels of shape {picture.pixels.shape}"


def main() -> int:
    """Print the counts and faults; 1 where there are any."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--number", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="read but the one of that index")
    options = parser.parse_args()
    report = run(options.number, options.seed, options.only)
    print(f"{'format':8}{'read':>8}{'noted':>8}{'refused':>9}")
    for kind in sorted({*report.read, *report.refused}):
        numbers = f"{report.read[kind]:8}{report.noted[kind]:8}{report.refused[kind]:9}"
        print(f"{kind:8}{numbers}")
    print(f"slowest: {report.slowest:.2f} s")
    for fault in report.faults:
        print(f"FAULT {fault}")
    return bool(report.faults)


if __name__ == "__main__":
    sys.exit(main())
