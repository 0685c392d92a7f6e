"""Protocol Buffers' wire format, read in place: what is not asked for is skipped by its length.

https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gradcam_cli.models.formats.refusals import damaged, readable

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MOST_FIELDS = 5_000_000
"""How many fields are read of a file: a graph of 100,000 nodes has half of that."""

_PIECE = 1 << 14


class FileContent:
    """The bytes of an open file, read where they are asked for and kept a piece at a time.

    Where they were mapped, and the file is made shorter meanwhile, the process would end.

    Parameters
    ----------
    descriptor : int
        Of the file, opened for reading.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._size = descriptor, os.fstat(descriptor).st_size
        self._piece, self._start = b"", 0

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, place: int | slice) -> Any:
        """The byte at `place`, or the bytes from start to stop.

        Raises
        ------
        WireError
            Where the file has become shorter.
        """
        start, stop = (place, place + 1) if isinstance(place, int) else (place.start, place.stop)
        if not self._start <= start <= stop <= self._start + len(self._piece):
            os.lseek(self._descriptor, start, os.SEEK_SET)
            self._piece = os.read(self._descriptor, max(stop - start, _PIECE))
            self._start = start
        content = self._piece[start - self._start : stop - self._start]
        if len(content) < stop - start:
            raise WireError("it became shorter while it was read")
        return content[0] if isinstance(place, int) else content


Buffer = bytes | FileContent
Span = tuple[int, int]
"""Where the content of a field begins and ends in the file."""


class WireError(ValueError):
    """The bytes are no message."""


@dataclass
class Message:
    """The fields of the message that stands in `buffer` from `start` to `stop`.

    Attributes
    ----------
    budget : list of int
        How many more fields may be read, one number shared by all messages of a file.
    """

    buffer: Buffer
    start: int
    stop: int
    budget: list[int] = field(default_factory=lambda: [MOST_FIELDS])

    def __iter__(self) -> Iterator[tuple[int, int | Span]]:
        """Each field's number, and its value: an int for a varint, else where its bytes are.

        Raises
        ------
        WireError
            Where the message ends early, or is none.
        """
        buffer, position, stop = self.buffer, self.start, self.stop
        while position < stop:
            tag, position = varint(buffer, position, stop)
            number, kind = tag >> 3, tag & 7
            if number == 0 or number >= 1 << 29:
                raise WireError("a field has no valid number")
            self._spend()
            if kind == VARINT:
                value, position = varint(buffer, position, stop)
                yield number, value
                continue
            length, position = _length(kind, buffer, position, stop)
            yield number, (position, position + length)
            position += length

    def _spend(self) -> None:
        self.budget[0] -= 1
        if self.budget[0] < 0:
            raise WireError(f"it has more than {MOST_FIELDS:,} fields")

    def inner(self, value: int | Span) -> Message:
        """The message that is the content of a field."""
        start, stop = span(value)
        return Message(self.buffer, start, stop, self.budget)

    def text(self, value: int | Span, errors: str = "strict") -> str:
        """The text that is the content of a field, `errors` saying what becomes of other bytes."""
        start, stop = span(value)
        try:
            return self.buffer[start:stop].decode("utf-8", errors)
        except UnicodeDecodeError as error:
            raise WireError("a name in it is no UTF-8") from error

    def key_and_value(self) -> tuple[str, str]:
        """The two texts of an entry of a map; the last of each counts, as for other readers."""
        entry = {1: "", 2: ""}
        for number, value in self:
            if number in entry:
                entry[number] = self.text(value, "replace")
        return entry[1], entry[2]


def varint(buffer: Buffer, position: int, stop: int) -> tuple[int, int]:
    """The number at `position`, 0 to 2**64 - 1, and where the next field begins."""
    result = shift = 0
    while position < stop:
        byte = buffer[position]
        position += 1
        result |= (byte & 127) << shift
        if byte < 128:
            return result & 0xFFFF_FFFF_FFFF_FFFF, position
        shift += 7
        if shift > 63:
            raise WireError("a number is longer than ten bytes")
    raise WireError("it ends within a field")


def _length(kind: int, buffer: Buffer, position: int, stop: int) -> Span:
    """How long a field's content is, and where it begins."""
    if kind == BYTES:
        length, position = varint(buffer, position, stop)
    elif kind in (FIXED64, FIXED32):
        length = 8 if kind == FIXED64 else 4
    else:
        raise WireError(f"a field has the unknown wire type {kind}")
    if length > stop - position:
        raise WireError("it ends within a field")
    return length, position


def span(value: int | Span) -> Span:
    """Where the content of a field is that has to have a length."""
    if isinstance(value, int):
        raise WireError("a number stands where a message belongs")
    return value


def number(value: int | Span) -> int:
    """The value of a field that has to be a varint, as a signed 64-bit number."""
    if not isinstance(value, int):
        raise WireError("a message stands where a number belongs")
    return value - (1 << 64) if value >> 63 else value


@contextmanager
def open_content(path: Path, kind: str) -> Iterator[FileContent]:
    """The content of `path`, to be read as messages.

    Raises
    ------
    ModelError
        Where it cannot be read, is empty, or something in the block is no message.
    """
    with readable(path):
        file = path.open("rb", buffering=0)
    with file:
        content = FileContent(file.fileno())
        try:
            if not len(content):
                raise WireError("it is empty")
            yield content
        except WireError as error:
            raise damaged(path, kind, str(error)) from error


def open_mapped(path: Path, kind: str) -> mmap.mmap:
    """The content of `path`, mapped for reading.

    Raises
    ------
    ModelError
        Where it cannot be read, or is empty.
    """
    with readable(path), path.open("rb") as file:
        try:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:
            raise damaged(path, kind, "it is empty") from error
