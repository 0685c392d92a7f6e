"""Disks that are really full: a small file system where one can be mounted, or a limit."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Let no file of this process, or of those it starts, grow beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def full_at(place: Path, how: str, size: int = 256 << 10) -> Iterator[None]:
    """The new folder `place`, full at `size` bytes: a "disk" of that size, or a "limit" a file.

    Where no file system can be mounted, as in most containers, a disk is a limit too.
    """
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "gradcam-test", str(place)]
    if how == "disk" and _succeeds(command):
        try:
            yield
        finally:
            # Lazily, for a mapped file of it may not be collected yet.
            subprocess.run(["umount", "--lazy", str(place)], check=True)
    else:
        with file_size_limit(size):
            yield


def _succeeds(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
