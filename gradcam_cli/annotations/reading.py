"""From a data set, in any of its formats, to annotated pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from gradcam_cli.annotations.coco import read_coco
from gradcam_cli.annotations.contract import Annotations
from gradcam_cli.annotations.folders import read_class_folders, read_masks
from gradcam_cli.annotations.paths import PictureFolders
from gradcam_cli.annotations.tables import read_table
from gradcam_cli.annotations.voc import read_voc
from gradcam_cli.annotations.yolo import is_yolo, read_yolo
from gradcam_cli.errors import UsageError

Format = Literal["folders", "csv", "coco", "voc", "yolo", "masks"]
FORMATS: tuple[Format, ...] = get_args(Format)

_REMEDY = (
    "Pass a folder of folders that are named after classes, a CSV file of path,class, COCO's JSON, "
    "a folder of Pascal VOC's XML or in YOLO's form, or images/ and masks/."
)


def read_annotations(data: Path, images: Path | None = None) -> Annotations:
    """What the data set at `data` says, in whatever format it is.

    Parameters
    ----------
    data : Path
        A file, or a folder.
    images : Path, optional
        Where the paths in a file start from; by default the file's own folder, or images/ and
        JPEGImages/ in it, or beside it.

    Raises
    ------
    UsageError
        Where it is no data set, or there is nothing in it, or `images` is no folder.
    """
    if images is not None and not images.is_dir():
        raise UsageError(f"{images} is no folder of pictures", "Pass another one with --images.")
    kind = format_of(data)
    beside = data if data.is_dir() else data.parent
    places = [images] if images is not None else [
        beside, beside / "images", beside.parent / "images", beside.parent / "JPEGImages",
    ]  # fmt: skip
    folders = PictureFolders([place for place in places if place.is_dir()])
    if kind == "coco":
        annotations = read_coco(data, folders)
    elif kind == "csv":
        annotations = read_table(data, folders)
    elif kind == "voc":
        files = sorted(data.glob("*.xml")) if data.is_dir() else [data]
        annotations = read_voc(files, folders)
    elif kind == "yolo":
        annotations = read_yolo(data)
    else:
        annotations = read_masks(data) if kind == "masks" else read_class_folders(data)
    if not annotations.pictures and not annotations.problems:
        raise UsageError(f"there is no annotated picture in {data}", _REMEDY)
    return annotations


def format_of(data: Path) -> Format:
    """The format of the data set at `data`, by its name and what is in it.

    Raises
    ------
    UsageError
        Where it is none of them.
    """
    if data.is_dir():
        if is_yolo(data):
            return "yolo"
        if (data / "images").is_dir() and (data / "masks").is_dir():
            return "masks"
        return "voc" if any(data.glob("*.xml")) else "folders"
    if not data.exists():
        raise UsageError(f"there is no {data}", _REMEDY)
    formats: dict[str, Format] = {".json": "coco", ".csv": "csv", ".xml": "voc"}
    found = formats.get(data.suffix.lower())
    if found is None:
        raise UsageError(f"{data} is no data set that is known", _REMEDY)
    return found
