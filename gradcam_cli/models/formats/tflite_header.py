"""TensorFlow Lite files: whole or not, and the labels that may be packed behind them.

A .tflite file is a FlatBuffer (https://flatbuffers.dev/internals): tables that point at others by
offsets. The metadata's labels are in a ZIP archive that is appended to it.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path
from zipfile import ZipFile, ZipInfo

from gradcam_cli.errors import ModelError
from gradcam_cli.models.formats.refusals import damaged
from gradcam_cli.models.formats.wire import open_mapped
from gradcam_cli.models.formats.zip_members import open_archive

MAGIC = b"TFL3"
MOST_LABEL_BYTES = 4 << 20
MOST_TABLES = 1_000_000
_VERSION, _OPERATOR_CODES, _SUBGRAPHS, _DESCRIPTION, _BUFFERS = range(5)
_CUSTOM_CODE = 1
_TENSORS, _INPUTS, _OUTPUTS, _OPERATORS = range(4)
_DATA, _OFFSET, _SIZE = range(3)
_LONGEST_TEXT, _LONGEST_LABEL, _MOST_TEXTS = 200, 1000, 10


class _TableError(ValueError):
    """An offset leads out of the file, or something is missing."""


@dataclass(frozen=True)
class TfliteHeader:
    """What a TFLite file says about itself.

    Attributes
    ----------
    description : str
        What wrote it.
    operators : int
        How many operations there are in its graphs.
    custom_operators : tuple of str
        Those that TFLite itself does not have, sorted.
    """

    description: str
    operators: int
    custom_operators: tuple[str, ...]


@dataclass(frozen=True)
class _Table:
    """A table of a FlatBuffer; every offset is checked before it is followed.

    Attributes
    ----------
    budget : list of int
        How many more tables may be followed, one number for all: many offsets may lead to one.
    """

    content: mmap.mmap
    position: int
    budget: list[int] = dataclass_field(default_factory=lambda: [MOST_TABLES])

    def number(self, position: int, size: int) -> int:
        """The unsigned number of `size` bytes at `position`."""
        if not 0 <= position <= len(self.content) - size:
            raise _TableError("it is cut short")
        return int.from_bytes(self.content[position : position + size], "little")

    def vtable(self) -> int:
        """Where it is said which fields the table has, and how long it is."""
        distance = self.number(self.position, 4)
        vtable = self.position - (distance - (1 << 32) if distance >> 31 else distance)
        if self.position + self.number(vtable + 2, 2) > len(self.content):
            raise _TableError("it is cut short")
        return vtable

    def field(self, index: int) -> int | None:
        """Where the field's value is; None where it is left out."""
        vtable, place = self.vtable(), 4 + 2 * index
        if self.number(vtable, 2) < place + 2:
            return None
        offset = self.number(vtable + place, 2)
        return self.position + offset if offset else None

    def follow(self, position: int) -> int:
        """Where the offset at `position` leads."""
        return position + self.number(position, 4)

    def vector(self, index: int, item_bytes: int) -> tuple[int, int]:
        """Where the items of a field begin, and how many there are, all within the file."""
        place = self.field(index)
        if place is None:
            return 0, 0
        start = self.follow(place)
        count = self.number(start, 4)
        if start + 4 + count * item_bytes > len(self.content):
            raise _TableError("it is cut short")
        return start + 4, count

    def tables(self, index: int) -> list[_Table]:
        """The tables in a field."""
        start, count = self.vector(index, 4)
        self.budget[0] -= count
        if self.budget[0] < 0:
            raise _TableError(f"it has more than {MOST_TABLES:,} parts")
        places = range(start, start + 4 * count, 4)
        return [_Table(self.content, self.follow(place), self.budget) for place in places]

    def text(self, index: int) -> str:
        """The text of a field, of modest length: many fields may share one."""
        start, count = self.vector(index, 1)
        end = start + min(count, _LONGEST_TEXT)
        return self.content[start:end].decode("utf-8", "replace")


def read_tflite_header(path: Path) -> TfliteHeader:
    """Check that a TFLite file is whole, and read what it says about itself.

    Raises
    ------
    ModelError
        Where it cannot be read, is cut short or is no TFLite file.
    """
    with open_mapped(path, "TFLite") as content:
        try:
            return _read(content)
        except _TableError as error:
            raise damaged(path, "TFLite", str(error)) from error


def _read(content: mmap.mmap) -> TfliteHeader:
    if content[4:8] != MAGIC:
        raise _TableError("it does not begin as one")
    model = _Table(content, int.from_bytes(content[:4], "little"))
    graphs = model.tables(_SUBGRAPHS)
    if not graphs:
        raise _TableError("it holds no graph")
    operators = sum(_checked_operators(graph) for graph in graphs)
    for buffer in model.tables(_BUFFERS):
        _check_buffer(buffer)
    codes = {code.text(_CUSTOM_CODE) for code in model.tables(_OPERATOR_CODES)}
    custom = tuple(sorted(codes - {""}))
    return TfliteHeader(model.text(_DESCRIPTION), operators, custom)


def _checked_operators(graph: _Table) -> int:
    """How many operations `graph` has, whose tensors and operations are where it says."""
    for table in (*graph.tables(_TENSORS), *graph.tables(_OPERATORS)):
        table.vtable()
    for index in (_INPUTS, _OUTPUTS):
        if graph.vector(index, 4)[1] == 0:
            raise _TableError("its graph has no input or no output")
    return graph.vector(_OPERATORS, 4)[1]


def _check_buffer(buffer: _Table) -> None:
    """Weights stand in the FlatBuffer, or behind it where it would grow beyond 2 GB."""
    buffer.vector(_DATA, 1)
    offset, size = (
        buffer.number(place, 8) if (place := buffer.field(index)) else 0
        for index in (_OFFSET, _SIZE)
    )
    if offset > 1 and offset + size > len(buffer.content):
        raise _TableError("it is cut short")


def read_tflite_labels(path: Path) -> str | None:
    """The labels in the metadata of a TFLite file.

    Returns
    -------
    str or None
        The text, a label a line, of the file that is called after labels, or else of the only
        text file that looks like them; None where there is none.
    """
    try:
        with open_archive(path, "ZIP") as archive:
            members = archive.infolist()
            texts = [member for member in members if member.filename.lower().endswith(".txt")]
            named = [member for member in texts if "label" in member.filename.lower()]
            candidates = named or (texts if len(texts) == 1 else [])
            contents = (_label_text(archive, member) for member in candidates[:_MOST_TEXTS])
            return next((text for text in contents if text), None)
    except ModelError:
        return None


def _label_text(archive: ZipFile, member: ZipInfo) -> str | None:
    """The content of `member` if it looks like labels."""
    with archive.open(member) as file:
        content = file.read(MOST_LABEL_BYTES + 1)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    lines = text.splitlines()
    fits = len(content) <= MOST_LABEL_BYTES and "\0" not in text and text.strip()
    return text if fits and max(map(len, lines)) <= _LONGEST_LABEL else None
