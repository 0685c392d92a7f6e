"""A CSV file with a row for each object: path, class, and where it has one x, y, width, height."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import TYPE_CHECKING

from gradcam_cli.annotations.contract import Annotations, Category, Gathered
from gradcam_cli.annotations.regions import Box
from gradcam_cli.errors import UsageError

if TYPE_CHECKING:
    from gradcam_cli.annotations.paths import PictureFolders

_COLUMNS = {
    "path": ("path", "file", "filename", "file_name", "image"),
    "class": ("class", "label", "category"),
    "x": ("x", "left"),
    "y": ("y", "top"),
    "width": ("width", "w"),
    "height": ("height", "h"),
}
_BOX = ("x", "y", "width", "height")


def read_table(file: Path, folders: PictureFolders) -> Annotations:
    """The rows of a CSV file; several of one picture and class are several objects.

    Raises
    ------
    UsageError
        Where it has no header that names a path and a class.
    """
    gathered = Gathered()
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.reader(stream, strict=True)
            columns = _columns(next(rows, []), file)
            for row in rows:
                if row:
                    _add_row(gathered, row, columns, f"{file.name}: line {rows.line_num}", folders)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"cannot read {file}: {error}", "Pass a CSV file in UTF-8.") from error
    return gathered.annotations()


def _columns(header: list[str], file: Path) -> dict[str, int]:
    names = [name.strip().lower() for name in header]
    columns = {
        column: names.index(name)
        for column, known in _COLUMNS.items()
        for name in known
        if name in names
    }
    has_box = [name in columns for name in _BOX]
    if "path" not in columns or "class" not in columns or any(has_box) != all(has_box):
        raise UsageError(
            f"{file} has no line of column names at its top",
            "Begin it with path,class or with path,class,x,y,w,h.",
        )
    return columns


def _add_row(
    gathered: Gathered,
    row: list[str],
    columns: dict[str, int],
    where: str,
    folders: PictureFolders,
) -> None:
    values = {name: row[place].strip() for name, place in columns.items() if place < len(row)}
    path, reason = folders.find(values.get("path", ""))
    if path is None:
        gathered.result.refuse(where, reason)
        return
    if not values.get("class"):
        gathered.result.refuse(where, "it names no class")
        return
    numbers = [values.get(name, "") for name in _BOX]
    regions: tuple[Box, ...] = ()
    if any(numbers):
        try:
            x, y, width, height = map(float, numbers)
        except ValueError:
            gathered.result.refuse(where, f"{','.join(numbers)} is no box of four numbers")
            return
        if problem := box_problem(x, y, width, height):
            gathered.result.refuse(where, problem)
            return
        regions = (Box(x, y, width, height),)
    gathered.add(path, Category(values["class"]), regions, where)


def box_problem(x: float, y: float, width: float, height: float) -> str:
    """What is wrong with a box in any picture; empty where nothing is."""
    if not all(map(math.isfinite, (x, y, width, height))):
        return "its box has numbers that are not finite"
    if width <= 0 or height <= 0:
        return f"its box has no area: it is {width:g} wide and {height:g} high"
    return ""
