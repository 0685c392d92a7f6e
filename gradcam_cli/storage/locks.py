"""A lock that one process at a time holds, and that the system frees when its holder dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_POLL_SECONDS = 0.1


class LockedError(Exception):
    """Another process holds the lock."""


@contextmanager
def exclusive_lock(path: Path, *, when_held: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock file `path`, which is removed at the end.

    Parameters
    ----------
    path : Path
        The lock file, in a folder that is there.
    when_held : callable, optional
        Called once where another process holds the lock; then it is waited for.

    Raises
    ------
    LockedError
        At once, where another process holds it and there is no `when_held`.
    OSError
        Where the file cannot be made.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        if when_held is None:
            raise LockedError(str(path)) from error
        when_held()
        lock.acquire(poll_interval=_POLL_SECONDS)
    try:
        yield
    finally:
        # While it is held: who opened it meanwhile finds that its file is gone, and tries again.
        with suppress(OSError):
            path.unlink(missing_ok=True)
        lock.release()
