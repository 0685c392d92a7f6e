"""The names of classes in a table: CSV with commas, semicolons or tabs, with a header or without.

    index,name          0,cat          cat
    0,cat               1,dog          dog
    1,dog

Columns are told by the words of the header, or else by what is in them: numbers, WordNet ids, names.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from gradcam_cli.arguments import describe
from gradcam_cli.errors import UsageError
from gradcam_cli.results.explanation import ClassLabel
from gradcam_cli.suggestions import folded

_DELIMITERS = ",;\t"
# The first that is there counts. A class or label is a number in some tables, a name in others.
_INDEX_WORDS = ("index", "idx", "classindex", "classid", "labelid", "categoryid", "id")
_EITHER_WORDS = ("class", "label")
_NAME_WORDS = ("name", "classname", "labelname", "displayname", *_EITHER_WORDS, "category")
_WNID_WORDS = ("wnid", "wordnetid", "synset", "synsetid", "id")
_REMEDY = 'Begin the file with the line index,name, and quote names that have a comma: 0,"a, b".'

Rows = Sequence[Sequence[str]]


class Columns(NamedTuple):
    """Where in a row each is; the index and the WordNet id may be missing."""

    name: int
    index: int | None = None
    wnid: int | None = None


def labels_in_csv(text: str) -> list[ClassLabel]:
    """What each row of `text` says of a class, in their order; indices are not checked.

    Raises
    ------
    UsageError
        Where it is no table, or its columns cannot be told.
    """
    rows = _rows(text)
    if not rows:
        return []
    words = [folded(cell) for cell in rows[0]]
    known = _NAME_WORDS if len(words) == 1 else (*_INDEX_WORDS, *_NAME_WORDS, *_WNID_WORDS)
    if any(word in known for word in words) and not any(map(is_index, words)):
        columns, rows = _columns_by_header(words, rows[1:]), rows[1:]
    else:
        columns = _columns_by_content(rows)
    return [
        ClassLabel(
            position if columns.index is None else _index(row[columns.index]),
            "" if columns.wnid is None else row[columns.wnid],
            row[columns.name],
        )
        for position, row in enumerate(rows)
        if columns.index is None or any(row)
    ]


def is_index(text: str) -> bool:
    """True where `text` is a whole number of up to 20 digits."""
    return re.fullmatch(r"-?[0-9]{1,20}", text) is not None


def is_wnid(text: str) -> bool:
    """True where `text` is an id of WordNet's nouns, such as n02124075."""
    return re.fullmatch(r"n[0-9]{8}", text) is not None


def _rows(text: str) -> Rows:
    """The rows of cells, all of one length, without blank ones in the end."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(_DELIMITERS, key=lambda one: len(next(csv.reader([first], delimiter=one), [])))
    try:
        read = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise UsageError(f"expected a table, got {error}", _REMEDY) from None
    rows = [[cell.strip() for cell in row] for row in read]
    while rows and not any(rows[-1]):
        rows.pop()
    width = next((len(row) for row in rows if row), 0)
    return [_of_width(width, row, number) for number, row in enumerate(rows, 1)]


def _of_width(width: int, row: list[str], number: int) -> list[str]:
    if not any(row):
        return [""] * width
    if len(row) < width or any(row[width:]):
        raise UsageError(
            f"expected {width} columns in each row, got {len(row)} in row {number}", _REMEDY
        )
    return row[:width]


def _columns_by_header(words: list[str], rows: Rows) -> Columns:
    def first(known: Iterable[str], suits: Callable[[int], bool]) -> int | None:
        places = (words.index(word) for word in known if word in words)
        return next((place for place in places if suits(place)), None)

    index = first(_INDEX_WORDS, lambda place: any(map(is_index, _cells(rows, place))))
    if index is None:
        index = first(_EITHER_WORDS, lambda place: _all(is_index, rows, place))
    wnid = first(_WNID_WORDS, lambda place: _all(is_wnid, rows, place))
    name = first(_NAME_WORDS, lambda place: place not in (index, wnid))
    if name is None and index is not None and words[index] in _EITHER_WORDS:
        name, index = index, None  # classes that are called 0, 1 …
    if name is None:
        name = _only_other(len(words), index, wnid)
    return Columns(name, index, wnid)


def _columns_by_content(rows: Rows) -> Columns:
    width = len(rows[0])
    places = range(width) if width > 1 else ()
    index = next((place for place in places if _all(is_index, rows, place)), None)
    wnid = next((place for place in places if _all(is_wnid, rows, place)), None)
    return Columns(_only_other(width, index, wnid), index, wnid)


def _only_other(width: int, index: int | None, wnid: int | None) -> int:
    others = [place for place in range(width) if place not in (index, wnid)]
    if len(others) != 1:
        raise UsageError(f"expected one column of names, got {len(others)}", _REMEDY)
    return others[0]


def _all(suits: Callable[[str], bool], rows: Rows, place: int) -> bool:
    return all(map(suits, _cells(rows, place)))


def _cells(rows: Rows, place: int) -> list[str]:
    """The cells of a column, but for those of rows that are blank."""
    return [row[place] for row in rows if any(row)]


def _index(text: str) -> int:
    if is_index(text):
        return int(text)
    raise UsageError(f"expected the index of a class, got {describe(text)}", _REMEDY)
