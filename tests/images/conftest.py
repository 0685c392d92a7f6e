"""Writers of pictures, even of kinds that neither Pillow nor OpenCV writes, and readers of them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gradcam_cli.errors import ImageError
from gradcam_cli.images.reading import Picture, read_image

PngWriter = Callable[..., bytes]
TiffWriter = Callable[..., bytes]


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


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png(
    samples: NDArray[np.int64], colour: int, depth: int, *chunks: tuple[bytes, bytes]
) -> bytes:
    """A PNG of (H, W, C) `samples`, with `chunks` of (name, data) before the pixels."""
    height, width = samples.shape[:2]
    rows = []
    for row in samples.reshape(height, samples[0].size if height else 0):
        bits = "".join(format(int(sample), f"0{depth}b") for sample in row)
        bits += "0" * (-len(bits) % 8)
        rows.append(b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big"))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in body)


def _tiff(
    samples: NDArray[np.generic],
    *,
    order: str = "<",
    deflate: bool = False,
    big: bool = False,
    **tags: int,
) -> bytes:
    """A TIFF of one strip, a BigTIFF where `big`.

    `tags` such as ``t274=6`` are added or replace what is written.
    """
    height, width, channels = (*samples.shape, 1)[:3]
    planar = tags.get("t284") == 2
    ordered = np.moveaxis(np.atleast_3d(samples), 2, 0) if planar else samples
    strip = ordered.astype(samples.dtype.newbyteorder(order)).tobytes()
    size = len(strip) // channels if planar else len(strip)
    if deflate:
        strip = zlib.compress(strip)
        size = len(strip)
    start, long, short = (16, "Q", "Q") if big else (8, "I", "H")
    starts = [start + size * k for k in range(channels if planar else 1)]
    entries: dict[int, list[int]] = {
        256: [width],
        257: [height],
        258: [samples.dtype.itemsize * 8] * channels,
        259: [8 if deflate else 1],
        262: [2 if channels > 2 else 1],
        273: starts,
        277: [channels],
        278: [height],
        279: [size] * len(starts),
        339: [{"u": 1, "i": 2, "f": 3}[samples.dtype.kind]] * channels,
    }
    entries |= {int(tag[1:]): [value] for tag, value in tags.items()}
    strip += b"\0" * (len(strip) % 2)
    at = start + len(strip)
    within = struct.calcsize(long)
    entry = struct.calcsize(f"{order}HH{long}{long}")
    after = at + struct.calcsize(short) + entry * len(entries) + within
    listed, values = b"", b""
    for tag, numbers in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(packed) > within:
            values, packed = values + packed, struct.pack(f"{order}{long}", after + len(values))
        listed += struct.pack(f"{order}HH{long}", tag, 4, len(numbers)) + packed.ljust(
            within, b"\0"
        )
    head = struct.pack(f"{order}2sH", b"II" if order == "<" else b"MM", 43 if big else 42)
    head += struct.pack(f"{order}HHQ", 8, 0, at) if big else struct.pack(f"{order}I", at)
    count = struct.pack(f"{order}{short}", len(entries))
    return head + strip + count + listed + bytes(within) + values


@pytest.fixture(scope="session")
def png() -> PngWriter:
    return _png


@pytest.fixture(scope="session")
def tiff() -> TiffWriter:
    return _tiff
