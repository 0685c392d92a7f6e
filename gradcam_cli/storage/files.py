"""The one way this package writes a file: to a temporary name, its length checked, then renamed.

    .NAME.1f2e3d4c.gradcam-tmp ─▶ NAME

Folders come and go by such a name too. What a killed process leaves has that ending; `sweep`
removes it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from gradcam_cli.errors import UsageError

TEMPORARY_SUFFIX = ".gradcam-tmp"

_DISK_FAILURES = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG}
_NO_FSYNC = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, getattr(errno, "ENOTSUP", 0)}
_SYNCABLE = os.O_RDWR if os.name == "nt" else os.O_RDONLY
_BLOCK_BYTES = 1 << 20
_LONGEST_NAME = 200
_TEMPORARY_NAME = re.compile(rf"\.(.*)\.[0-9a-f]{{8}}{re.escape(TEMPORARY_SUFFIX)}", re.DOTALL)


def write_errors(path: Path) -> AbstractContextManager[None]:
    """Turn an OSError of the block, which writes `path`, into a UsageError that names it."""
    return _usage_error(f"cannot write {path}", "Choose another place with -o.")


def read_errors(path: Path) -> AbstractContextManager[None]:
    """Turn an OSError of the block, which reads `path`, into a UsageError that names it."""
    remedy = "Make it readable for yourself, or choose another folder."
    return _usage_error(f"cannot read {path}", remedy)


@contextmanager
def _usage_error(what: str, remedy: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or "the disk refused it"
        raise UsageError(f"{what}: {why}", remedy) from error


def is_disk_failure(error: BaseException) -> bool:
    """True where what kept one file from being written will keep all others too."""
    return isinstance(error.__cause__, OSError) and error.__cause__.errno in _DISK_FAILURES


def temporary_path(path: Path) -> Path:
    """A new name beside `path`, hidden, and short enough for every file system."""
    start = path.name.encode(errors="ignore")[:_LONGEST_NAME].decode(errors="ignore")
    return path.with_name(f".{start}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")


def final_name(name: str) -> str:
    """The name that a file or folder called `name` would have got; `name` where it has it."""
    temporary = _TEMPORARY_NAME.fullmatch(name)
    return temporary[1] if temporary else name


@contextmanager
def whole_file(path: Path, *, synced: bool = True) -> Iterator[BinaryIO]:
    """A file that appears at `path` only when the block ends well, replacing what was there.

    That holds whenever the process ends. Where it is `synced`, it holds for a loss of power too.
    The file must be written with its own `write`: a library that takes its descriptor may not
    notice that the disk is full, as Pillow does not.

    Raises
    ------
    OSError
        Where it cannot be written, or is shorter on the disk than what was written; nothing is
        left behind.
    """
    temporary = temporary_path(path)
    try:
        # Opened like any new file, so that the user's umask decides who may read it.
        with temporary.open("xb") as file:
            yield file
            file.flush()
            check_length(file)
            if synced:
                _fsync(file.fileno())
        temporary.replace(path)
        if synced:
            sync_folder(path.parent)
    finally:
        with suppress(OSError):  # the folder that refused the file may refuse this too
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes, *, synced: bool = True) -> None:
    """Write `data` as the whole content of `path`, as `whole_file` does."""
    with whole_file(path, synced=synced) as file:
        file.write(data)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder that appears at `path` only when the block ends well.

    What was at `path` is removed just before. Who may enter the folder around it may enter it too,
    unless the umask forbids that. The files are not synced; see `sync`.

    Raises
    ------
    OSError
        Where it cannot be made; nothing is left behind.
    """
    temporary = temporary_path(path)
    try:
        temporary.mkdir(mode=path.parent.stat().st_mode & 0o777)
        yield temporary
        remove(path)
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove(path: Path) -> None:
    """Remove a file or a folder, where it is there.

    A folder gets a temporary name first, so that one half removed is never taken for a whole one.
    """
    if path.is_dir() and not path.is_symlink():
        trash = temporary_path(path.with_name(final_name(path.name)))
        with suppress(FileNotFoundError):  # another process was faster
            path.replace(trash)
            shutil.rmtree(trash)
    else:
        path.unlink(missing_ok=True)


def check_length(file: BinaryIO) -> None:
    """Raise an OSError where less is on the disk than was written to `file` and flushed."""
    written, on_disk = file.tell(), os.fstat(file.fileno()).st_size
    if written != on_disk:
        raise OSError(errno.ENOSPC, f"only {on_disk:,} of {written:,} bytes could be written")


def write_all(file: FileIO, data: bytes) -> None:
    """Write all of `data` to an unbuffered file, which may take only a part at a time."""
    remaining = memoryview(data)
    while remaining:
        remaining = remaining[file.write(remaining) or 0 :]


def sync(paths: Iterable[Path]) -> None:
    """Have the content and the names of `paths` survive a loss of power.

    What somebody has removed meanwhile is passed over.

    Raises
    ------
    OSError
        Where the disk cannot keep them.
    """
    folders: dict[Path, None] = {}
    for path in paths:
        with suppress(FileNotFoundError):
            _sync_path(path, _SYNCABLE)
            folders[path.parent] = None
    for folder in folders:
        sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Have the names in `folder` survive a loss of power, where the system can do that."""
    if os.name == "nt":  # which opens no folders
        return
    with suppress(PermissionError):  # one may write to folders that one may not read
        _sync_path(folder, os.O_RDONLY)


def _sync_path(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        _fsync(descriptor)
    finally:
        os.close(descriptor)


def _fsync(descriptor: int) -> None:
    """As os.fsync, but for file systems that have no such thing."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FSYNC:
            raise


def file_identity(path: Path) -> tuple[int, ...]:
    """What changes where a file is replaced or written to; empty where there is none."""
    try:
        stat = path.stat()
    except OSError:
        return ()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def sha256_of(path: Path) -> str:
    """The SHA-256 of the content of `path`; see `file_digest`."""
    return file_digest(path, "sha256")


def file_digest(path: Path, algorithm: str) -> str:
    """The digest of the content of `path`, in lower-case hexadecimal.

    Parameters
    ----------
    path : Path
        Which file.
    algorithm : str
        A name that `hashlib.new` knows: "sha256", "md5".

    Raises
    ------
    OSError
        Where it cannot be read.
    """
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def sweep(folder: Path) -> int:
    """Remove what killed processes left in `folder` and below; how many files that were.

    Only for who is alone in writing there. Links to folders are not followed.
    """
    removed = 0
    for parent, _, names in os.walk(folder):
        for name in filter(_TEMPORARY_NAME.fullmatch, names):
            with suppress(OSError):
                Path(parent, name).unlink()
                removed += 1
    return removed
