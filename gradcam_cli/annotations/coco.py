"""COCO's JSON: pictures, categories, and annotations with boxes, polygons or run lengths."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from gradcam_cli.annotations.contract import Annotations, Category, Gathered
from gradcam_cli.annotations.regions import Box, Polygons, Region, RunLengths
from gradcam_cli.annotations.tables import box_problem
from gradcam_cli.errors import UsageError

if TYPE_CHECKING:
    from gradcam_cli.annotations.paths import PictureFolders


class _Image(msgspec.Struct, frozen=True):
    id: int
    file_name: str
    width: int | None = None
    height: int | None = None


class _Category(msgspec.Struct, frozen=True):
    id: int
    name: str = ""


class _Runs(msgspec.Struct, frozen=True):
    size: tuple[int, int]
    counts: str | list[int]


class _Annotation(msgspec.Struct, frozen=True):
    id: int
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float] | None = None
    segmentation: _Runs | list[list[float]] | None = None


class _Found(msgspec.Struct, frozen=True):
    """The file of an image."""

    path: Path
    size: tuple[int, int] | None


def read_coco(file: Path, folders: PictureFolders) -> Annotations:
    """The annotations of a file in COCO's form, a class in a picture each.

    Polygons or run lengths are used where there are some, and else the box. An image without an
    annotation is left out, for nothing is expected in it; its absence is counted nowhere.

    Raises
    ------
    UsageError
        Where it is no such file.
    """
    content = _content(file)
    gathered = Gathered()
    reader = _Reader(file.name, gathered)
    categories = {
        category.id: Category(category.name or str(category.id), category.id)
        for category in reader.records(content["categories"], "category", _Category)
    }
    images = {
        image.id: found
        for image in reader.records(content["images"], "image", _Image)
        if (found := _found(image, folders, reader)) is not None
    }
    for annotation in reader.records(content["annotations"], "annotation", _Annotation):
        _add(annotation, images, categories, reader)
    return gathered.annotations()


def is_coco(content: Any) -> bool:
    """Whether parsed JSON is in COCO's form."""
    keys = ("images", "annotations", "categories")
    return isinstance(content, dict) and all(isinstance(content.get(key), list) for key in keys)


def _content(file: Path) -> dict[str, Any]:
    try:
        content = msgspec.json.decode(file.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise UsageError(
            f"{file} is no JSON: {error}", "Pass annotations as COCO has them."
        ) from error
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror or error}") from error
    if not is_coco(content):
        raise UsageError(
            f"{file} is JSON, but not in COCO's form",
            "It is to have lists of images, annotations and categories.",
        )
    return content  # type: ignore[no-any-return]


class _Reader:
    """Converts records, and keeps what is wrong with them."""

    def __init__(self, name: str, gathered: Gathered) -> None:
        self.name = name
        self.gathered = gathered
        self.refused: set[str] = set()
        """The ids of images that are of no use, which has been said."""

    def records(self, values: list[Any], kind: str, form: type[Any]) -> list[Any]:
        """The sound ones of `values`, each id once."""
        sound, ids = [], set()
        for number, value in enumerate(values):
            where = f"{self.name}: {kind} {_id(value, number)}"
            try:
                record = msgspec.convert(value, form)
            except (msgspec.ValidationError, ValueError, RecursionError) as error:
                self.refuse(where, str(error))
                if kind == "image":
                    self.refused.add(_id(value, number))
                continue
            if record.id in ids:
                self.refuse(where, "another one before it has the same id")
                continue
            ids.add(record.id)
            sound.append(record)
        return sound

    def refuse(self, where: str, what: str) -> None:
        """Add a problem."""
        self.gathered.result.refuse(where, what)


def _id(value: Any, number: int) -> str:
    known = value.get("id") if isinstance(value, dict) else None
    return str(known) if isinstance(known, int) else f"number {number + 1}"


def _found(image: _Image, folders: PictureFolders, reader: _Reader) -> _Found | None:
    path, reason = folders.find(image.file_name)
    if path is None:
        reader.refuse(f"{reader.name}: image {image.id}", reason)
        reader.refused.add(str(image.id))
        return None
    sides = (image.height, image.width)
    return _Found(path, None if None in sides else sides)  # type: ignore[arg-type]


def _add(
    annotation: _Annotation,
    images: dict[int, _Found],
    categories: dict[int, Category],
    reader: _Reader,
) -> None:
    where = f"{reader.name}: annotation {annotation.id}"
    image, category = images.get(annotation.image_id), categories.get(annotation.category_id)
    if image is None:
        known = str(annotation.image_id) in reader.refused
        what = "is of no use, see above" if known else "is not in the file"
        reader.refuse(where, f"its image {annotation.image_id} {what}")
    elif category is None:
        reader.refuse(where, f"its category {annotation.category_id} is not in the file")
    else:
        regions, problem = _regions(annotation)
        if problem:
            reader.refuse(where, problem)
        else:
            reader.gathered.add(image.path, category, regions, where, image.size)


def _regions(annotation: _Annotation) -> tuple[tuple[Region, ...], str]:
    """The object, and what is wrong with it."""
    shape = annotation.segmentation
    if isinstance(shape, _Runs):
        counts = shape.counts if isinstance(shape.counts, str) else tuple(shape.counts)
        if not isinstance(counts, str) and any(count < 0 for count in counts):
            return (), "it has runs of negative length"
        return (RunLengths(shape.size, counts),), ""
    if shape:
        if any(len(ring) < 6 or len(ring) % 2 for ring in shape):
            return (), "a polygon takes three corners, of x and y each, or more"
        return (Polygons(tuple(map(tuple, shape))),), ""
    if annotation.bbox is None:
        return (), ""
    return (Box(*annotation.bbox),), box_problem(*annotation.bbox)
