"""What gradcam keeps in the user's cache, and clearing it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gradcam_cli.engines.openvino import about, model_cache
from gradcam_cli.models import weights
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
    found = [*_weights(), *_compiled(), *_digests()]
    return sorted(found, key=lambda each: (order.index(each.kind), each.name, each.path))


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
            inside = [entry.path / name for name in (about.WEIGHTS, about.GRAPH)]
            digests.forget(entry.path, *inside)
    except LockedError:
        note(f"Another process is at work on {entry.path}; it is left.")
        return 0
    return entry.size


def _weights() -> Iterator[Entry]:
    names = {file.filename: name for name, source in models().items() for file in source.downloads}
    for path in _inside(weights.folder()):
        final = final_name(path.name)
        begun = next((end for end in weights.UNFINISHED if final.endswith(end)), "")
        file = final.removesuffix(begun)
        kind: Kind = "leftover" if begun or final != path.name else "weights"
        yield Entry(kind, names.get(file, file), path, _size(path), path.with_name(f"{file}.lock"))


def _compiled() -> Iterator[Entry]:
    for path in _inside(model_cache.folder()):
        known = about.read(path)
        place = final_name(path.name).partition(".")[0]
        kind: Kind = "leftover" if known is None or path.name != place else "compiled"
        name = known.model if known else place.rpartition("-")[0] or place
        lock = path.with_name(f"{place}{model_cache.LOCK}")
        yield Entry(kind, name, path, _size(path), lock)


def _digests() -> Iterator[Entry]:
    """What killed processes left; what is remembered is not worth a line."""
    for path in _inside(digests.folder()):
        if (final := final_name(path.name)) != path.name:
            lock = path.with_name(f"{final}.lock")
            yield Entry("leftover", final, path, _size(path), lock)


def _inside(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.suffix != model_cache.LOCK]


def _size(path: Path) -> int:
    size = 0
    for each in (path, *path.rglob("*")):
        with suppress(FileNotFoundError):  # another process has just removed it
            size += each.stat().st_size if each.is_file() else 0
    return size
