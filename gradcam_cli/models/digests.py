"""SHA-256 of files, remembered for as long as a file is not touched."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from gradcam_cli.errors import ModelError
from gradcam_cli.models.weights import cache_folder

_SETTLED_SECONDS = 2.0


def folder() -> Path:
    """Where the digests are remembered."""
    return cache_folder() / "digests"


def sha256(path: Path) -> str:
    """The digest of the content of `path`, in hexadecimal.

    It is read from the memory where the file's size, times and inode are those of when it was
    computed. A file changed less than two seconds ago is not remembered: a further change could
    leave its times as they are.

    Raises
    ------
    OSError
        Where it cannot be read.
    """
    stamp = _stamp(path)
    with suppress(OSError, ModelError, ValueError, TypeError, KeyError, RecursionError):
        kept = json.loads(_note(path).read_text("utf-8"))
        if kept["stamp"] == stamp:
            return str(kept["sha256"])
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    newest = max(stamp[1], stamp[2]) / 1e9
    if _stamp(path) == stamp and time.time() - newest > _SETTLED_SECONDS:
        _keep(path, stamp, digest.hexdigest())
    return digest.hexdigest()


def remember(path: Path, digest: str) -> None:
    """Keep `digest` for `path`, which the caller knows to be finished; where that can be kept."""
    with suppress(OSError):
        _keep(path, _stamp(path), digest)


def _keep(path: Path, stamp: list[int], digest: str) -> None:
    with suppress(OSError, ModelError):
        note = _note(path)
        temporary = note.with_name(f"{note.name}.{secrets.token_hex(4)}.tmp")
        note.parent.mkdir(parents=True, exist_ok=True)
        kept = {"path": str(path), "stamp": stamp, "sha256": digest}
        temporary.write_text(json.dumps(kept), "utf-8")
        temporary.replace(note)


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
    name: Any = os.fsencode(path.absolute())
    return folder() / f"{hashlib.sha256(name).hexdigest()[:24]}.json"
