"""Sources that arrive on standard input while others are explained."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import BinaryIO

from gradcam_cli.errors import UsageError

_BYTES = 1 << 12


def streamed_sources(*, null: bool, stdin: BinaryIO | None = None) -> Iterator[str]:
    """Each source on standard input as soon as its line, or with `null` its NUL, has come.

    Blank lines are no sources. Names may be any bytes.

    Raises
    ------
    UsageError
        Where standard input is closed.
    """
    if stdin is None and sys.stdin is None:
        raise UsageError("standard input is closed", "Write the paths to it, one a line.")
    end = b"\0" if null else b"\n"
    for name in _parts(stdin or sys.stdin.buffer, end):
        source = name if null else name.removesuffix(b"\r")
        if source.strip():
            # os.fsdecode, but for Windows, where that refuses what is not UTF-8.
            yield source.decode(sys.getfilesystemencoding(), "surrogateescape")


def _parts(stream: BinaryIO, end: bytes) -> Iterator[bytes]:
    """What stands between `end`s, each as soon as it is whole."""
    rest = b""
    while data := _available(stream):
        *whole, rest = (rest + data).split(end)
        yield from whole
    yield rest


def _available(stream: BinaryIO) -> bytes:
    """What there is to read, once there is something; nothing at the end."""
    read: bytes = stream.read1(_BYTES) if hasattr(stream, "read1") else stream.read(_BYTES)
    return read
