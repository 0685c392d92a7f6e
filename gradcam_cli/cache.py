"""What gradcam keeps in the user's cache, and clearing it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gradcam_cli.engines import compiled
from gradcam_cli.models import digests, weights
from gradcam_cli.models.catalog import models

Kind = Literal["weights", "compiled", "leftover"]


@dataclass(frozen=True)
class Entry:
    """One thing in the cache.

    Attributes
    ----------
    kind : "weights", "compiled" or "leftover"
        The last for what a broken download or a killed process left.
    name : str
        The model it belongs to; the file's own name where that cannot be told.
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
    found = [*_weights(), *_compiled()]
    return sorted(found, key=lambda each: (order.index(each.kind), each.name, each.path))


def clear(entry: Entry, note: Callable[[str], None]) -> int:
    """Remove `entry`, unless another process is at work on it; how many bytes that freed.

    Raises
    ------
    OSError
        Where it cannot be removed.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(entry.lock)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        note(f"Another process is at work on {entry.path}; it is left.")
        return 0
    try:
        if entry.path.is_dir():
            compiled.remove(entry.path)
            digests.forget(entry.path / compiled.WEIGHTS, entry.path / compiled.GRAPH)
        else:
            entry.path.unlink(missing_ok=True)
            digests.forget(entry.path)
    finally:
        lock.release()
    return entry.size


def _weights() -> Iterator[Entry]:
    names = {spec.weights.filename: spec.name for spec in models().values() if spec.weights}
    for path in _inside(weights.folder()):
        begun = next((end for end in weights.UNFINISHED if path.name.endswith(end)), "")
        file = path.name.removesuffix(begun)
        kind: Kind = "leftover" if begun else "weights"
        yield Entry(kind, names.get(file, file), path, _size(path), path.with_name(f"{file}.lock"))


def _compiled() -> Iterator[Entry]:
    for path in _inside(compiled.folder()):
        about = compiled.read(path)
        place = path.name.partition(".")[0]
        kind: Kind = "leftover" if about is None or path.name != place else "compiled"
        name = about.model if about else place.rpartition("-")[0] or place
        lock = path.with_name(f"{place}{compiled.LOCK}")
        yield Entry(kind, name, path, _size(path), lock)


def _inside(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.suffix != compiled.LOCK]


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(each.stat().st_size for each in files)
