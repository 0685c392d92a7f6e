"""ZIP archives from strangers: their members checked before any is unpacked."""

from __future__ import annotations

import io
import os
import stat
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from gradcam_cli.errors import ModelError
from gradcam_cli.models.formats.refusals import damaged, readable, refused, shown

MOST_MEMBERS = 10_000
MOST_BYTES = 20 << 30
HIGHEST_RATIO, RATIO_FROM = 200, 64 << 20
"""How many times its size a member may grow, if it is of more than so many bytes."""

FAULTS = (
    BadZipFile, EOFError, NotImplementedError, OSError, RuntimeError, ValueError,
    KeyError, IndexError, struct.error, zlib.error,
)  # fmt: skip
"""What zipfile raises at an archive that is damaged or of a kind it does not know."""

_END, _END_BYTES, _LONGEST_COMMENT = b"PK\x05\x06", 22, 1 << 16
_END_64 = b"PK\x06\x06"
_DIRECTORY_BYTES = MOST_MEMBERS * 1024
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_CHUNK = 1 << 20
_REMEDY = "Save the model anew with model.save('model.keras')."


@contextmanager
def open_archive(path: Path, kind: str) -> Iterator[ZipFile]:
    """The archive at `path`; what goes wrong with it in the block is a `ModelError`."""
    with readable(path):
        _check_directory(path)
    try:
        with ZipFile(path) as archive:
            yield archive
    except ModelError:
        raise
    except FAULTS as error:
        raise damaged(path, kind, shown(error)) from error


def member_names(path: Path) -> list[str]:
    """The names in the archive at `path`.

    Raises
    ------
    ModelError
        Where it is damaged.
    """
    with open_archive(path, "ZIP") as archive:
        return archive.namelist()


def _check_directory(path: Path) -> None:
    """Refuse a list of members that would fill the memory: zipfile reads it as a whole."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _LONGEST_COMMENT - _END_BYTES - 100))
        end = file.read()
    place = end.rfind(_END)
    place_64 = end.rfind(_END_64)
    directory = int.from_bytes(end[place + 12 : place + 16], "little") if place >= 0 else 0
    if directory == 0xFFFFFFFF and place_64 >= 0:
        directory = int.from_bytes(end[place_64 + 40 : place_64 + 48], "little")
    if directory > _DIRECTORY_BYTES:
        raise refused(path, f"has more than {MOST_MEMBERS:,} members", _REMEDY)


def check_members(path: Path, archive: ZipFile) -> None:
    """Refuse an archive whose members could leave the folder they are unpacked to, or fill a disk.

    Raises
    ------
    ModelError
        Says which member it is, and what is wrong with it.
    """
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise refused(path, f"has {len(members):,} members", _REMEDY)
    names: set[str] = set()
    for member in members:
        if reason := _fault(member):
            raise refused(path, f"has the member {shown(member.orig_filename)}, {reason}", _REMEDY)
        if member.filename in names:
            raise refused(path, f"has two members called {shown(member.filename)}", _REMEDY)
        names.add(member.filename)
    total = sum(member.file_size for member in members)
    if total > MOST_BYTES:
        raise refused(path, f"would unpack to {total >> 30:,} GB", _REMEDY)


def _fault(member: ZipInfo) -> str:
    """What is wrong with `member`; empty if nothing is."""
    name = member.orig_filename
    if not name or any(letter in name for letter in "\\\0:") or name.startswith("/"):
        return "which is no name in a folder"
    if ".." in PurePosixPath(name).parts:
        return "which leads out of its folder"
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "which is a link or a device"
    if member.flag_bits & 1:
        return "which is encrypted"
    grows = member.file_size > RATIO_FROM
    if grows and member.file_size > HIGHEST_RATIO * max(member.compress_size, 1):
        return f"which grows from {member.compress_size:,} to {member.file_size:,} bytes"
    return ""


def read_member(path: Path, archive: ZipFile, name: str, most_bytes: int) -> bytes:
    """The content of a member, whose checksum is checked.

    Raises
    ------
    ModelError
        Where it is longer than `most_bytes`.
    """
    if archive.getinfo(name).file_size > most_bytes:
        raise refused(path, f"has a {shown(name)} of more than {most_bytes >> 20} MB", _REMEDY)
    return archive.read(name)


@contextmanager
def seekable_member(path: Path, archive: ZipFile, name: str) -> Iterator[BinaryIO | IO[bytes]]:
    """A member as a file that can be read anywhere: in place where it is stored as it is."""
    member = archive.getinfo(name)
    if member.compress_type == ZIP_STORED:
        with path.open("rb") as file:
            start = _content_start(path, file, member)
            yield io.BufferedReader(_Window(file, start, member.file_size))
        return
    with tempfile.TemporaryFile() as unpacked:
        with archive.open(member) as source:
            while chunk := source.read(_CHUNK):
                unpacked.write(chunk)
        unpacked.seek(0)
        yield unpacked


def _content_start(path: Path, file: BinaryIO, member: ZipInfo) -> int:
    """Where the bytes of a stored member begin, which has to have them all."""
    file.seek(member.header_offset)
    magic, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    start = member.header_offset + _LOCAL_HEADER.size + name_bytes + extra_bytes
    size = file.seek(0, os.SEEK_END)
    if magic != b"PK\x03\x04" or start + member.file_size > size:
        raise damaged(path, "ZIP", f"{shown(member.filename)} is cut short")
    return int(start)


class _Window(io.RawIOBase):
    """The bytes of `file` from `start`, `size` of them, as a file of their own."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        super().__init__()
        self._file, self._start, self._size, self._position = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, origin + offset)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        wanted = min(len(buffer), max(0, self._size - self._position))
        self._file.seek(self._start + self._position)
        content = self._file.read(wanted)
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)
