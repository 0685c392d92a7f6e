"""What a run over many sources has done: one line a source, in the folder of its outputs.

    out/gradcam.jsonl     {"schema": 1, "source": "photos/a.jpg", ..., "result": {...}}

A line is added when everything it lists is on the disk, so that after a kill at any moment the
lines tell the truth. The last line about a source counts. A line that was cut off is no line.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

FILE = "gradcam.jsonl"
SCHEMA = 1

Stamp = tuple[int, int]
"""The size of a file in bytes and its time of change in nanoseconds."""


@dataclass(frozen=True)
class Record:
    """What became of one source.

    Attributes
    ----------
    source : str
        As it was given or found.
    path : str
        Its absolute path; empty for a URL.
    stamp : (int, int) or None
        Its size and time when it was read; None for a URL.
    settings : str
        The digest of all that the outputs depend on besides the source.
    overlays : tuple of str
        One for each explained class, relative to the folder of the manifest.
    heatmaps : tuple of str
        Absolute; empty where none were asked for.
    sizes : tuple of int
        How many bytes the overlays have, then the heatmaps.
    result : dict or None
        What `--json` prints about it; None where it failed.
    error : str
        Why it failed; empty where it did not.
    """

    source: str
    path: str
    stamp: Stamp | None
    settings: str
    overlays: tuple[str, ...] = ()
    heatmaps: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    result: dict[str, Any] | None = None
    error: str = ""

    @property
    def key(self) -> str:
        """What tells sources apart."""
        return self.path or self.source


def records(folder: Path) -> Iterator[Record]:
    """The records in `folder`, the last one of each source, ordered by the source's name.

    The order in which they were added is that of threads, and another one each time. Two passes
    over the file; what is kept in memory between them is the name and a place for each source.
    """
    path = folder / FILE
    if not path.exists():
        return
    with path.open("rb") as file:
        places: dict[str, tuple[str, int]] = {}
        place = 0
        for line in file:
            if record := _read(line):
                places[record.key] = (str(record.source), place)
            place += len(line)
        for _, place in sorted(places.values()):
            file.seek(place)
            if record := _read(file.readline()):
                yield record


def _read(line: bytes) -> Record | None:
    with suppress(ValueError, TypeError, KeyError, AttributeError):
        found = json.loads(line)
        if line.endswith(b"\n") and found.pop("schema") == SCHEMA:
            stamp = found.pop("stamp")
            for name in ("overlays", "heatmaps", "sizes"):
                found[name] = tuple(found[name])
            return Record(**found, stamp=tuple(stamp) if stamp else None)
    return None


class Manifest:
    """The manifest of `folder`, to be added to by one process."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._tidy(folder)
        self._file = self._path.open("a", encoding="utf-8")

    def _tidy(self, folder: Path) -> None:
        """Drop what later lines replaced, and the rest of one that was cut off."""
        if not self._path.exists():
            return
        fresh = self._path.with_name(f".{FILE}.{secrets.token_hex(4)}.tmp")
        try:
            with fresh.open("w", encoding="utf-8") as file:
                for record in records(folder):
                    file.write(_line(record))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        finally:
            fresh.unlink(missing_ok=True)

    def add(self, record: Record) -> None:
        """Add `record`, whose outputs are on the disk."""
        self._file.write(_line(record))
        self._file.flush()

    def __enter__(self) -> Manifest:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def _line(record: Record) -> str:
    return json.dumps({"schema": SCHEMA, **vars(record)}, allow_nan=False) + "\n"
