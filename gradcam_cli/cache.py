"""What gradcam keeps in the user's cache, and clearing it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gradcam_cli.engines.openvino import cached_model
from gradcam_cli.models import about, weights
from gradcam_cli.models.catalog import models
from gradcam_cli.storage import digests
from gradcam_cli.storage.files import final_name, remove
from gradcam_cli.storage.locks import LockedError, exclusive_lock

Kind = Literal["weights", "compiled", "leftover"]


@dataclass(frozen=True)
class Entry:
    """One thing in the cache.

    Attributes
    ----------
    kind : "weights", "compiled" or "leftover"
        The last for what a broken download or a killed process left.
    name : str
        The model it belongs to; the file's own name where that is unknown.
    path : Path
        A file or a folder.
    size : int
        In bytes.
    lock : Path
        What whoever makes it holds.
    """

    kind: Kind
    name: str
    path: Path
    size: int
    lock: Path


def entries() -> list[Entry]:
    """All that is in the cache: weights, compiled models, leftovers, each by name."""
    order: tuple[Kind, ...] = ("weights", "compiled", "leftover")
    kept_entries = [*_weights(), *_compiled(), *_digests(), *_abandoned_locks()]
    return sorted(kept_entries, key=lambda entry: (order.index(entry.kind), entry.name, entry.path))


def clear(entry: Entry, note: Callable[[str], None]) -> int:
    """Remove `entry`, unless another process is at work on it; how many bytes that freed.

    Raises
    ------
    OSError
        Where it cannot be removed.
    """
    try:
        with exclusive_lock(entry.lock):
            remove(entry.path)
            compiled_files = [entry.path / name for name in (about.WEIGHTS, about.GRAPH)]
            digests.forget(entry.path, *compiled_files)
    except LockedError:
        note(f"Another process is at work on {entry.path}; it is left.")
        return 0
    return entry.size


def _weights() -> Iterator[Entry]:
    names = {file.filename: name for name, source in models().items() for file in source.downloads}
    for path in _paths_in(weights.folder()):
        final = final_name(path.name)
        unfinished_suffix = next((end for end in weights.UNFINISHED if final.endswith(end)), "")
        file = final.removesuffix(unfinished_suffix)
        kind: Kind = "leftover" if unfinished_suffix or final != path.name else "weights"
        yield Entry(kind, names.get(file, file), path, _size(path), path.with_name(f"{file}.lock"))


def _compiled() -> Iterator[Entry]:
    for path in _paths_in(about.compiled_folder()):
        record = about.read(path)
        folder_name = final_name(path.name).partition(".")[0]
        kind: Kind = "leftover" if record is None or path.name != folder_name else "compiled"
        name = record.model if record else folder_name.rpartition("-")[0] or folder_name
        lock = path.with_name(f"{folder_name}{cached_model.LOCK}")
        yield Entry(kind, name, path, _size(path), lock)


def _digests() -> Iterator[Entry]:
    """What killed processes left; what is remembered is not worth a line."""
    for path in _paths_in(digests.folder()):
        if (final := final_name(path.name)) != path.name:
            lock = path.with_name(f"{final}.lock")
            yield Entry("leftover", final, path, _size(path), lock)


def _abandoned_locks() -> Iterator[Entry]:
    """Of killed processes that had not made anything yet."""
    for folder in (weights.folder(), about.compiled_folder(), digests.folder()):
        for lock in folder.glob(f"*{cached_model.LOCK}"):
            if not any(path.name.startswith(lock.stem) for path in _paths_in(folder)):
                yield Entry("leftover", lock.stem, lock, 0, lock)


def _paths_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.suffix != cached_model.LOCK]


def _size(path: Path) -> int:
    size = 0
    for descendant in (path, *path.rglob("*")):
        with suppress(FileNotFoundError):  # another process has just removed it
            size += descendant.stat().st_size if descendant.is_file() else 0
    return size
