"""Writers of PNG and TIFF files of kinds that neither Pillow nor OpenCV writes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

PngWriter = Callable[..., bytes]
TiffWriter = Callable[..., bytes]


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
    samples: NDArray[np.generic], *, order: str = "<", deflate: bool = False, **tags: int
) -> bytes:
    """A TIFF of one strip. `tags` such as ``t274=6`` are added or replace what is written."""
    height, width, channels = (*samples.shape, 1)[:3]
    planar = tags.get("t284") == 2
    ordered = np.moveaxis(np.atleast_3d(samples), 2, 0) if planar else samples
    strip = ordered.astype(samples.dtype.newbyteorder(order)).tobytes()
    size = len(strip) // channels if planar else len(strip)
    if deflate:
        strip = zlib.compress(strip)
        size = len(strip)
    starts = [8 + size * k for k in range(channels if planar else 1)]
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
    at = 8 + len(strip)
    after = at + 2 + 12 * len(entries) + 4
    listed, values = b"", b""
    for tag, numbers in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(packed) > 4:
            values, packed = values + packed, struct.pack(f"{order}I", after + len(values))
        listed += struct.pack(f"{order}HHI", tag, 4, len(numbers)) + packed
    head = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, at)
    return head + strip + struct.pack(f"{order}H", len(entries)) + listed + bytes(4) + values


@pytest.fixture(scope="session")
def png() -> PngWriter:
    return _png


@pytest.fixture(scope="session")
def tiff() -> TiffWriter:
    return _tiff
