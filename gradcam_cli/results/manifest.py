"""What a run over many sources has done: one line a source, in the folder of its outputs.

    out/gradcam.jsonl     {"schema": 1, "source": "photos/a.jpg", ..., "result": {...}}

A line is added when everything it lists is on the disk, so that after a kill at any moment the
lines are true. The last line about a source counts. What is not a whole line of this form is
no line: it is counted and passed over.

Of each line only its offset is kept in memory.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import FileIO
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any, BinaryIO, TypeVar

import msgspec

from gradcam_cli.errors import UsageError
from gradcam_cli.results.evaluations import Evaluation
from gradcam_cli.results.explanation import Count, Explanation
from gradcam_cli.results.measures import Measures
from gradcam_cli.storage.files import read_errors, whole_file, write_all, write_errors

FILE = "gradcam.jsonl"

Stamp = tuple[int, int]
"""The size of a file in bytes and its time of change in nanoseconds."""

Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class State(msgspec.Struct, frozen=True, gc=False, tag_field="schema", tag=1):
    """What a run that goes on must know of a source; a part of a `Record`.

    Attributes
    ----------
    source : str
        As it was given or found; a URL without its user and password.
    path : str
        Its absolute path; empty for a URL.
    stamp : (int, int) or None
        Its size and time when it was read; None for a URL.
    settings : str
        The digest of all that the outputs depend on besides the source.
    overlays : tuple of str
        One for each explained class, relative to the folder of the manifest.
    heatmaps : tuple of str
        Absolute; empty where none were saved.
    sizes : tuple of int
        How many bytes the overlays have, then the heatmaps.
    sha256 : tuple of str
        The checksums of the same files, in hexadecimal.
    """

    source: str
    path: str
    stamp: Stamp | None
    settings: str
    overlays: tuple[str, ...] = ()
    heatmaps: tuple[str, ...] = ()
    sizes: tuple[Count, ...] = ()
    sha256: tuple[Sha256, ...] = ()

    @property
    def key(self) -> str:
        """What identifies the source."""
        return self.path or self.source


class Record(State, frozen=True, gc=False, tag_field="schema", tag=1):
    """What became of one source.

    Attributes
    ----------
    result : Explanation or None
        What `--json` prints about it; None where it failed.
    error : str
        Why it failed; empty where it did not.
    measures : tuple of Measures
        Of a `gradcam check`, what was measured of each explained class; else empty.
    evaluations : tuple of Evaluation
        Of a `gradcam evaluate`, what was measured of each heatmap; else empty.
    """

    result: Explanation | None = None
    error: str = ""
    measures: tuple[Measures, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()

    def __post_init__(self) -> None:
        """Refuse fields that contradict each other; in a manifest, that makes it no line."""
        files = len(self.overlays) + len(self.heatmaps)
        explained = 0 if self.result is None else len(self.result.targets)
        if bool(self.error) == bool(explained) or len(self.overlays) != explained:
            raise ValueError("there is an overlay for each explained class, or an error")
        if {len(self.measures), len(self.evaluations)} - {0, explained}:
            raise ValueError("each explained class is measured, or none")
        if len(self.sizes) != files or len(self.sha256) != files:
            raise ValueError("each file has a size and a checksum")


_PARSE_ERRORS = (msgspec.DecodeError, ValueError, RecursionError)
"""What parsers raise; bytes that are no UTF-8 give a plain ValueError."""

_Kind = TypeVar("_Kind", State, Record)
_DECODERS: dict[type, msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(kind) for kind in (State, Record)
}


def parse(line: bytes, kind: type[_Kind]) -> _Kind | None:
    """The record, or the state, that `line` is with its line end; None where it is none."""
    if not line.endswith(b"\n"):
        return None
    try:
        parsed: _Kind = _DECODERS[kind].decode(line)
    except msgspec.ValidationError:
        return None
    except _PARSE_ERRORS:
        return _parse_odd_name(line, kind)
    return parsed


def _parse_odd_name(line: bytes, kind: type[_Kind]) -> _Kind | None:
    """As `parse`, for names that are no Unicode, which only Python's own parser lets pass."""
    if b"\\ud" not in line:
        return None
    try:
        return msgspec.convert(json.loads(line), kind)
    except _PARSE_ERRORS:
        return None


def line_of(record: Record) -> bytes:
    """`record` as a line of plain ASCII."""
    return json.dumps(msgspec.to_builtins(record), allow_nan=False).encode() + b"\n"


class Manifest:
    """The manifest of `folder`, to read, and to add lines to from a single process.

    Attributes
    ----------
    folder, path : Path
        Where it is, and its file, which need not be there.
    damaged : int
        How many lines are no records; one that was cut off at the end is not among them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / FILE
        self.damaged = 0
        self._offsets: dict[str, int] = {}
        self._needs_rewrite = False
        if self.path.exists():
            with read_errors(self.path), self.path.open("rb") as file:
                self._index(file)

    @classmethod
    def of_run(cls, folder: Path) -> Manifest:
        """The manifest that a run has left in `folder`.

        Raises
        ------
        UsageError
            Where there is none.
        """
        remedy = "Name the output folder of a `gradcam explain` over many sources."
        if not folder.is_dir():
            raise UsageError(f"there is no folder {folder}", remedy)
        if not (folder / FILE).is_file():
            raise UsageError(f"there is no {FILE} in {folder}", remedy)
        return cls(folder)

    def _index(self, file: BinaryIO) -> None:
        offset = 0
        for line in file:
            if record := parse(line, Record):
                self._needs_rewrite |= record.key in self._offsets
                self._offsets[record.key] = offset
            else:
                self._needs_rewrite = True
                self.damaged += line.endswith(b"\n")
            offset += len(line)

    def __len__(self) -> int:
        """The number of sources in it."""
        return len(self._offsets)

    @property
    def damage(self) -> str:
        """A sentence on the lines that are no records; empty where there are none."""
        if not self.damaged:
            return ""
        lines = "1 line is" if self.damaged == 1 else f"{self.damaged:,} lines are"
        return f"{lines} damaged in {self.path}, and passed over."

    @contextmanager
    def reader(self) -> Iterator[ManifestReader]:
        """A reader of its records, open for as long as the block runs."""
        if not self._offsets:
            yield ManifestReader(None, {})
            return
        with self.path.open("rb") as file:
            yield ManifestReader(file, self._offsets)

    @contextmanager
    def writer(self) -> Iterator[ManifestWriter]:
        """Add lines to it, once what later lines replaced and what is no line is dropped.

        Raises
        ------
        UsageError
            Where it cannot be written.
        """
        with write_errors(self.path):
            if self._needs_rewrite:
                self._rewrite()
            file = self.path.open("ab", buffering=0)
        with file:
            yield ManifestWriter(self.path, file, self._offsets)

    def _rewrite(self) -> None:
        offsets: dict[str, int] = {}
        length = 0
        with self.path.open("rb") as old, whole_file(self.path) as new:
            for key, offset in sorted(self._offsets.items(), key=itemgetter(1)):
                old.seek(offset)
                offsets[key] = length
                length += new.write(old.readline())
        self._offsets, self._needs_rewrite = offsets, False


class ManifestReader:
    """Looks records up in an open manifest."""

    def __init__(self, file: BinaryIO | None, offsets: dict[str, int]) -> None:
        self._file = file
        self._offsets = offsets

    def state(self, key: str) -> State | None:
        """That of the source that has this key."""
        offset = self._offsets.get(key)
        return None if offset is None else self._read_at(offset, State)

    def records(self, keys: Iterable[str] | None = None) -> Iterator[Record]:
        """Those of `keys`, in their order, or all in any."""
        return (
            record for offset in self._offsets_of(keys) if (record := self._read_at(offset, Record))
        )

    def ordered(self, keys: Iterable[str] | None = None) -> Iterator[Record]:
        """Those of `keys`, or all, ordered by the source's name.

        The order in which they were added is that of threads, and another one each time.
        """
        offsets = self._offsets_of(keys)
        by_source = [
            (state.source, offset) for offset in offsets if (state := self._read_at(offset, State))
        ]
        return (
            record for _, offset in sorted(by_source) if (record := self._read_at(offset, Record))
        )

    def _offsets_of(self, keys: Iterable[str] | None) -> Iterable[int]:
        if keys is None:
            return self._offsets.values()
        offsets = self._offsets
        return dict.fromkeys(offsets[key] for key in keys if key in offsets)

    def _read_at(self, offset: int, kind: type[_Kind]) -> _Kind | None:
        assert self._file is not None
        self._file.seek(offset)
        return parse(self._file.readline(), kind)


class ManifestWriter:
    """Adds lines to an open manifest."""

    def __init__(self, path: Path, file: FileIO, offsets: dict[str, int]) -> None:
        self._path = path
        self._file = file
        self._offsets = offsets
        self._length = os.fstat(file.fileno()).st_size

    def add(self, record: Record) -> None:
        """Add `record`, whose outputs are on the disk.

        Raises
        ------
        UsageError
            Where it does not fit; the manifest is then as it was.
        """
        line = line_of(record)
        with write_errors(self._path):
            try:
                write_all(self._file, line)
            except OSError:
                os.ftruncate(self._file.fileno(), self._length)
                raise
        self._offsets[record.key] = self._length
        self._length += len(line)
