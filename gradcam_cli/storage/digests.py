"""SHA-256 of files, remembered for as long as a file is not touched."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from contextlib import suppress
from pathlib import Path

from gradcam_cli.errors import ModelError
from gradcam_cli.storage.files import remove, sha256_of, write_bytes
from gradcam_cli.storage.folders import cache_folder, make_folder

_SETTLED_SECONDS = 2.0
_SHA256 = re.compile("[0-9a-f]{64}")


def folder() -> Path:
    """Where the digests are remembered."""
    return cache_folder() / "digests"


def sha256(path: Path) -> str:
    """The digest of the content of `path`, in hexadecimal.

    It is read from the memory where the file's size, times and inode are those of when it was
    computed. A file changed less than two seconds ago is not remembered: a further change could
    leave its times as they are.

    What touches none of these goes unnoticed: a disk that decays, and on Windows, which keeps no
    time of the last change of an inode, a file of the same size whose time was set back.

    Raises
    ------
    OSError
        Where it cannot be read.
    """
    stamp = _stamp(path)
    if digest := _remembered(path, stamp):
        return digest
    digest = sha256_of(path)
    newest = max(stamp[1], stamp[2]) / 1e9
    if _stamp(path) == stamp and time.time() - newest > _SETTLED_SECONDS:
        _keep(path, stamp, digest)
    return digest


def remember(path: Path, digest: str) -> None:
    """Keep `digest` for `path`, which the caller knows to be finished; where that can be kept."""
    with suppress(OSError):
        _keep(path, _stamp(path), digest)


def _remembered(path: Path, stamp: list[int]) -> str:
    """The digest noted for `path` with `stamp`; empty where there is no sound note of that."""
    with suppress(OSError, ModelError, ValueError, TypeError, KeyError, RecursionError):
        kept = json.loads(_note(path).read_text("utf-8"))
        if kept["stamp"] == stamp and _SHA256.fullmatch(kept["sha256"]):
            return str(kept["sha256"])
    return ""


def _keep(path: Path, stamp: list[int], digest: str) -> None:
    with suppress(OSError, ModelError):
        note = _note(path)
        make_folder(note.parent)
        if note.is_dir():
            remove(note)
        kept = {"path": str(path), "stamp": stamp, "sha256": digest}
        write_bytes(note, json.dumps(kept).encode(), synced=False)


def forget(*paths: Path) -> None:
    """Drop what is remembered of `paths`."""
    for path in paths:
        with suppress(OSError, ModelError):
            _note(path).unlink(missing_ok=True)


def forget_all() -> None:
    """Drop all that is remembered."""
    with suppress(OSError, ModelError):
        shutil.rmtree(folder())


def _stamp(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _note(path: Path) -> Path:
    name = os.fsencode(path.absolute())
    return folder() / f"{hashlib.sha256(name).hexdigest()[:24]}.json"
