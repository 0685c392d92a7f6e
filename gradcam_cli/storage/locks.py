"""A lock that one process at a time holds, and that the system frees when its holder dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class LockedError(Exception):
    """Another process holds the lock."""


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, which is removed at the end.

    Raises
    ------
    LockedError
        At once, where another process holds it.
    OSError
        Where the file cannot be made.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise LockedError(str(path)) from error
    try:
        yield
    finally:
        # While it is held: who opened it meanwhile finds that its file is gone, and tries again.
        with suppress(OSError):
            path.unlink(missing_ok=True)
        lock.release()
