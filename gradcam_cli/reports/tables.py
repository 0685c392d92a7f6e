"""Tables that give way where a terminal is narrow, and never lose a number there.

    cells ─▶ their widths ─▶ the steps, until all fit the terminal ─▶ rich's table

Where there is no terminal, everything fits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gradcam_cli.text import encodable, printable

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.table import Table

Justify = Literal["left", "right"]
Step = tuple[str, int | None]
"""A column's name and how narrow it may become: 0 for going, None for the width of its cells,
which shortens the header alone."""

GAP = "the gap between columns"
_WIDE_GAP = 3
_BAR_CELLS = 20


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    name : str
        What the steps call it.
    justify : "left" or "right"
        Numbers stand on the right.
    header : str, optional
        Its name, where not given.
    shortened : bool
        True where long text ends in an ellipsis; else it goes on in the next line.
    optional : bool
        True where it is left out if nothing is in it.
    """

    name: str
    justify: Justify = "left"
    header: str | None = None
    shortened: bool = False
    optional: bool = False

    @property
    def title(self) -> str:
        """What stands above it."""
        return self.name if self.header is None else self.header


@dataclass(frozen=True)
class Bar:
    """A cell that is drawn as a bar, for a `probability` in 0..1."""

    probability: float


Cell = str | Bar


@dataclass(frozen=True)
class _Row:
    cells: dict[str, Cell]
    style: str | None


class NarrowingTable:
    """Rows below headers, which rich prints; see `steps_for` for what gives way by default.

    Parameters
    ----------
    columns : sequence of Column
        From left to right, no two of one name.
    steps : sequence of Step, optional
        What gives way, in this order, where the terminal is too narrow.
    title : str
        A line above the table, where there is one.
    """

    def __init__(
        self, columns: Sequence[Column], steps: Sequence[Step] | None = None, title: str = ""
    ) -> None:
        self.columns = columns
        self.steps = steps_for(columns) if steps is None else steps
        self.title = title
        self._rows: list[_Row] = []

    def add_row(self, *cells: Cell, style: str | None = None) -> None:
        """Add a row of one cell for each column; control characters in it are drawn escaped."""
        names = (column.name for column in self.columns)
        self._rows.append(_Row(dict(zip(names, cells, strict=True)), style))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table]:
        cell_text = _CellText(options.encoding)
        columns = [column for column in self.columns if not self._left_out(column)]
        headers = {column.name: cell_text.text(column.title) for column in columns}
        contents = {
            column.name: max(
                (cell_text.width(row.cells[column.name]) for row in self._rows), default=0
            )
            for column in columns
        }
        natural = {name: max(contents[name], cell_text.width(headers[name])) for name in headers}
        widths, gap = fit_widths(natural, contents, self.steps, options.max_width)
        limits = {name: width if width < natural[name] else None for name, width in widths.items()}
        table = _rich_table(cell_text.text(self.title), gap)
        shown = [column for column in columns if column.name in widths]
        for column in shown:
            room = limits[column.name]
            header = cell_text.shorten(headers[column.name], room)
            _add_column(table, header, column.justify, room, wraps=gap < _WIDE_GAP)
        for row in self._rows:
            cells = (
                cell_text.cell(row.cells[column.name], limits[column.name], column.shortened)
                for column in shown
            )
            table.add_row(*cells, style=row.style)
        yield table

    def _left_out(self, column: Column) -> bool:
        return column.optional and not any(row.cells[column.name] for row in self._rows)


def steps_for(columns: Sequence[Column]) -> list[Step]:
    """Closer together, then shorter headers over numbers, then narrower text."""
    text = [column.name for column in columns if column.justify == "left"]
    numbers = [column.name for column in columns if column.justify == "right"]
    return [
        (GAP, 1),
        *((name, None) for name in numbers),
        *((name, 12) for name in text),
        *((name, 5) for name in text),
    ]


def fit_widths(
    natural: Mapping[str, int], contents: Mapping[str, int], steps: Sequence[Step], room: int
) -> tuple[dict[str, int], int]:
    """The widths of the columns that stay and the gap between them, in `room` if the steps can.

    Parameters
    ----------
    natural, contents : mapping of a column's name to characters
        How wide it is with its header, and how wide its cells are.
    steps : sequence of Step
        What gives way; taken in order, each as far as it must.
    room : int
        How wide the terminal is.
    """
    widths, gap = dict(natural), _WIDE_GAP
    for name, least in steps:
        excess = sum(widths.values()) + gap * (len(widths) - 1) - room
        if excess <= 0:
            break
        if name == GAP:
            gap = least or 0
        elif least == 0:
            widths.pop(name, None)
        elif name in widths:
            floor = contents[name] if least is None else least
            widths[name] = max(min(floor, widths[name]), widths[name] - excess, 1)
    return widths, gap


def bar(probability: float, blocks: str, cells: int = _BAR_CELLS) -> str:
    """`probability` as a bar of up to `cells` cells; the last of `blocks` is a full cell."""
    steps = len(blocks)
    full, part = divmod(round(probability * cells * steps), steps)
    return blocks[-1] * full + (blocks[part - 1] if part else "")


@dataclass(frozen=True)
class _CellText:
    """How cells are drawn in the characters of an encoding."""

    encoding: str

    def text(self, text: str) -> str:
        return encodable(printable(text), self.encoding)

    def width(self, cell: Cell) -> int:
        from rich.cells import cell_len

        return cell_len(self.cell(cell))

    def cell(self, cell: Cell, room: int | None = None, shortened: bool = False) -> str:
        """`cell` as text, for a column that is narrowed to `room` characters where that is set."""
        if isinstance(cell, Bar):
            blocks = "▏▎▍▌▋▊▉█" if self.encoding.startswith("utf") else "#"
            return bar(cell.probability, blocks, _BAR_CELLS if room is None else room)
        return self.shorten(self.text(cell), room) if shortened else self.text(cell)

    def shorten(self, text: str, room: int | None) -> str:
        """`text` with an ellipsis for what `room` characters do not hold."""
        from rich.cells import cell_len, set_cell_size

        if room is None or cell_len(text) <= room:
            return text
        ellipsis = self.text("…")[:room]
        return set_cell_size(text, room - len(ellipsis)) + ellipsis


def _rich_table(title: str, gap: int) -> Table:
    from rich import box
    from rich.table import Table

    sides = (gap - 1) // 2  # the box has one character between columns
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, sides))
    table.title = title or None
    table.title_justify = "left"
    return table


def _add_column(
    table: Table, header: str, justify: Justify, room: int | None, *, wraps: bool
) -> None:
    """Add a column of `room` characters, or as wide as its cells; `wraps`, its text may go on."""
    table.add_column(
        header,
        justify=justify,
        width=room,
        no_wrap=not wraps,
        overflow="fold" if wraps else "ellipsis",
    )
