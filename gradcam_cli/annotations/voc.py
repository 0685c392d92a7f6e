"""Pascal VOC's XML: a file for each picture, with a box for each object."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, ParseError

from gradcam_cli.annotations.contract import Annotations, Category, Gathered
from gradcam_cli.annotations.regions import Box
from gradcam_cli.annotations.tables import box_problem

if TYPE_CHECKING:
    from gradcam_cli.annotations.paths import PictureFolders


def read_voc(files: list[Path], folders: PictureFolders) -> Annotations:
    """The objects in each of `files`; one that is no XML is a problem."""
    gathered = Gathered()
    for file in files:
        _read_file(file, folders, gathered)
    return gathered.annotations()


def _read_file(file: Path, folders: PictureFolders, gathered: Gathered) -> None:
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import parse

    try:
        root = parse(file, forbid_dtd=True).getroot()
    except DefusedXmlException:
        gathered.result.refuse(file.name, "it has a document type, which may hide entities")
        return
    except (ParseError, OSError, ValueError) as error:
        gathered.result.refuse(file.name, f"it is no XML that can be read: {error}")
        return
    if root is None or root.tag != "annotation":
        gathered.result.refuse(file.name, "it is no annotation of Pascal VOC's")
        return
    path, reason = folders.find(_text(root, "filename"))
    if path is None:
        gathered.result.refuse(file.name, reason)
        return
    size = _size(root)
    objects = root.findall("object")
    if not objects:
        gathered.result.refuse(file.name, "it has no object")
    for number, each in enumerate(objects, 1):
        _add_object(each, f"{file.name}: object {number}", path, size, gathered)


def _add_object(
    element: Element, where: str, path: Path, size: tuple[int, int] | None, gathered: Gathered
) -> None:
    name, box = _text(element, "name"), element.find("bndbox")
    if not name:
        gathered.result.refuse(where, "it has no name")
        return
    if box is None:
        gathered.add(path, Category(name), (), where, size)
        return
    try:
        left, top, right, bottom = (float(_text(box, side)) for side in _SIDES)
    except ValueError:
        gathered.result.refuse(where, "its box has not four numbers")
        return
    # Pixels are counted from 1, and the last one belongs to the box.
    x, y, width, height = left - 1, top - 1, right - left + 1, bottom - top + 1
    if problem := box_problem(x, y, width, height):
        gathered.result.refuse(where, problem)
        return
    gathered.add(path, Category(name), (Box(x, y, width, height),), where, size)


_SIDES = ("xmin", "ymin", "xmax", "ymax")


def _text(element: Element, tag: str) -> str:
    return (element.findtext(tag) or "").strip()


def _size(root: Element) -> tuple[int, int] | None:
    size = root.find("size")
    if size is None:
        return None
    try:
        height, width = int(_text(size, "height")), int(_text(size, "width"))
    except ValueError:
        return None
    return (height, width) if height > 0 and width > 0 else None  # some tools write 0
