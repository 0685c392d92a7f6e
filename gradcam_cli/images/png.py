"""Refuse a PNG whose bytes are damaged; Pillow looks at few of its checksums, and minds no gap.

As libpng does, a damaged chunk is left out where the picture can be shown without it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import ImageFile

_SIGNATURE_BYTES = 8
_ANCILLARY = 0x20
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""Of an interlaced picture: the first column and row, and the steps from one to the next."""
_PIECE_BYTES = 1 << 14
"""That may become a thousand times as many."""


def without_damaged_chunks(data: bytes) -> bytes:
    """`data`, less the chunks that are damaged and not critical.

    Raises
    ------
    EOFError
        Where there is no last chunk.
    ValueError
        Where a critical chunk is damaged.
    """
    damaged = []
    for name, start, end in _chunks(data):
        if zlib.crc32(memoryview(data)[start + 4 : end - 4]) != _number(data, end - 4):
            if not name[0] & _ANCILLARY:
                raise ValueError("the checksum of a critical chunk is wrong")
            damaged.append((start, end))
    if not damaged:
        return data
    starts, ends = zip(*damaged, strict=True)
    return b"".join(data[end:start] for end, start in zip((0, *ends), (*starts, None), strict=True))


def check_rows(image: ImageFile.ImageFile, data: bytes) -> None:
    """Raise EOFError where the rows of `data`, which Pillow has decoded to `image`, are too few.

    Pillow leaves those that are missing at 0; so only where the last is may it be missing.
    """
    last = image.crop((0, image.height - 1, image.width, image.height))
    if "interlace" in image.info or not any(last.tobytes()):
        _check_decompressed(data)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The name of each chunk, and where it begins and ends; EOFError where the last is missing."""
    at, name = _SIGNATURE_BYTES, b""
    while name != b"IEND":
        name, start = data[at + 4 : at + 8], at
        at += 12 + _number(data, at)
        if at > len(data):
            raise EOFError("a chunk is truncated")
        yield name, start, at


def _number(data: bytes, at: int) -> int:
    (number,) = struct.unpack_from(">I", data, at)
    return int(number)


def _check_decompressed(data: bytes) -> None:
    bodies = [(name, data[start + 8 : end - 4]) for name, start, end in _chunks(data)]
    packed = b"".join(body for name, body in bodies if name == b"IDAT")
    stream, missing = zlib.decompressobj(), _row_bytes(bodies[0][1])
    for at in range(0, len(packed), _PIECE_BYTES):
        missing -= len(stream.decompress(packed[at : at + _PIECE_BYTES]))
        if missing <= 0 or stream.eof:
            break
    if missing > 0:
        raise EOFError("rows are missing")


def _row_bytes(header: bytes) -> int:
    """Bytes of all rows, with the one for the filter of each."""
    width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", header)
    bits = depth * _CHANNELS[colour]
    total = 0
    for left, top, across, down in PASSES if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        total += rows * (1 + (columns * bits + 7) // 8) if columns > 0 and rows > 0 else 0
    return total
