"""Where an object is in a picture: boxes, polygons, run lengths, masks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradcam_cli.errors import ImageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_OUTSIDE = 1.0
"""By how many pixels a region may stick out of the picture, as by rounding."""

_REMEDY = "Mend the annotation, or leave it out."


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle.

    Attributes
    ----------
    x, y, width, height : float
        Of its left upper corner, and its size: pixels of the picture as shown.
    relative : bool
        True where they are shares of the picture's width and height instead.
    """

    x: float
    y: float
    width: float
    height: float
    relative: bool = False


@dataclass(frozen=True, slots=True)
class Polygons:
    """What lies in any of some polygons, each as x, y, x, y, …; `relative` as in `Box`."""

    rings: tuple[tuple[float, ...], ...]
    relative: bool = False


@dataclass(frozen=True, slots=True)
class RunLengths:
    """A mask as COCO writes it, column by column: (height, width), and its runs.

    Attributes
    ----------
    counts : str or tuple of int
        As in COCO's files, packed to text or not.
    """

    size: tuple[int, int]
    counts: str | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MaskFile:
    """A picture of the object: it is where a pixel is not black."""

    path: Path


Region = Box | Polygons | RunLengths | MaskFile


@dataclass(frozen=True, slots=True)
class AnnotatedObject:
    """A region, and where the data set has it, for messages: "annotations.json: annotation 17"."""

    region: Region
    where: str


def object_mask(
    objects: tuple[AnnotatedObject, ...], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """How much of each pixel belongs to any of these objects.

    Parameters
    ----------
    objects : tuple of AnnotatedObject
        At least one.
    shape : (int, int)
        Height and width of the picture.

    Returns
    -------
    (H, W) float32, 0..1
        Of boxes to the fraction of a pixel.

    Raises
    ------
    ImageError
        For a region that does not fit the picture, or has no area.
    """
    import numpy as np

    mask = np.zeros(shape, np.float32)
    for each in objects:
        np.maximum(mask, _mask_of(each.region, shape, each.where), out=mask)
    if not mask.any():
        raise ImageError(f"{objects[0].where} has no area", _REMEDY)
    return mask


def object_boxes(
    objects: tuple[AnnotatedObject, ...], shape: tuple[int, int]
) -> list[tuple[float, float, float, float]]:
    """The box around each object: (left, top, width, height), in pixels of the picture."""
    boxes = []
    for each in objects:
        if isinstance(each.region, Box):
            left, top, right, bottom = _corners(each.region, shape, each.where)
            boxes.append((left, top, right - left, bottom - top))
        else:
            boxes.append(_box_around(_mask_of(each.region, shape, each.where)))
    return boxes


def _mask_of(region: Region, shape: tuple[int, int], where: str) -> NDArray[Any]:
    if isinstance(region, Box):
        return _box_mask(region, shape, where)
    if isinstance(region, MaskFile):
        return _mask_in_file(region, shape, where)
    if isinstance(region, RunLengths):
        return _decoded(region, shape, where)
    return _polygon_mask(region, shape, where)


def _corners(box: Box, shape: tuple[int, int], where: str) -> tuple[float, float, float, float]:
    """Left, top, right and bottom, clipped to the picture."""
    height, width = shape
    across, down = (width, height) if box.relative else (1, 1)
    left, right = box.x * across, (box.x + box.width) * across
    top, bottom = box.y * down, (box.y + box.height) * down
    if min(left, top) < -_OUTSIDE or right > width + _OUTSIDE or bottom > height + _OUTSIDE:
        raise ImageError(
            f"{where} has a box from {left:g}, {top:g} to {right:g}, {bottom:g}, outside of a "
            f"picture of {width} x {height}",
            _REMEDY,
        )
    return max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))


def _box_mask(box: Box, shape: tuple[int, int], where: str) -> NDArray[np.float32]:
    import numpy as np

    left, top, right, bottom = _corners(box, shape, where)
    rows, columns = (_covered(*ends) for ends in ((top, bottom, shape[0]), (left, right, shape[1])))
    mask: NDArray[np.float32] = np.outer(rows, columns)
    return mask


def _covered(start: float, end: float, length: int) -> NDArray[np.float32]:
    """How much of each of `length` pixels lies between `start` and `end`."""
    import numpy as np

    pixels = np.arange(length)
    shares = np.minimum(pixels + 1, end) - np.maximum(pixels, start)
    covered: NDArray[np.float32] = np.clip(shares, 0, 1).astype(np.float32)
    return covered


def _polygon_mask(polygons: Polygons, shape: tuple[int, int], where: str) -> NDArray[Any]:
    from pycocotools import mask as coco

    height, width = shape
    across, down = (width, height) if polygons.relative else (1, 1)
    rings = [
        [value * (across if number % 2 == 0 else down) for number, value in enumerate(ring)]
        for ring in polygons.rings
    ]
    for ring in rings:
        low, right, bottom = min(ring), max(ring[::2]), max(ring[1::2])
        if low < -_OUTSIDE or right > width + _OUTSIDE or bottom > height + _OUTSIDE:
            raise ImageError(
                f"{where} has a polygon that leaves the picture of {width} x {height}", _REMEDY
            )
    mask: NDArray[Any] = coco.decode(coco.merge(coco.frPyObjects(rings, height, width)))
    return mask


def _decoded(runs: RunLengths, shape: tuple[int, int], where: str) -> NDArray[Any]:
    import numpy as np

    height, width = shape
    if runs.size != shape:
        raise ImageError(
            f"{where} has a mask of {runs.size[1]} x {runs.size[0]} for a picture of "
            f"{width} x {height}",
            _REMEDY,
        )
    counts = _unpacked(runs.counts) if isinstance(runs.counts, str) else runs.counts
    if min(counts, default=0) < 0 or sum(counts) != height * width:
        raise ImageError(f"{where} has runs that do not fill {width} x {height}", _REMEDY)
    values = np.arange(len(counts), dtype=np.uint8) % 2
    mask: NDArray[Any] = values.repeat(counts).reshape(width, height).T
    return mask


def _unpacked(text: str) -> list[int]:
    """The runs that COCO packs six bits a character; none where it is no such text.

    pycocotools, which has it in C, writes beyond its memory where runs are too long.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            return []
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    return counts if not shift else []


def _mask_in_file(region: MaskFile, shape: tuple[int, int], where: str) -> NDArray[Any]:
    from gradcam_cli.images.reading import read_image

    pixels = read_image(region.path).pixels
    if pixels.shape[:2] != shape:
        raise ImageError(
            f"{where} is {pixels.shape[1]} x {pixels.shape[0]} for a picture of "
            f"{shape[1]} x {shape[0]}",
            _REMEDY,
        )
    mask: NDArray[Any] = pixels.max(axis=2) > 0
    return mask


def _box_around(mask: NDArray[Any]) -> tuple[float, float, float, float]:
    import numpy as np

    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return 0.0, 0.0, 0.0, 0.0
    left, top = float(columns[0]), float(rows[0])
    return left, top, float(columns[-1]) + 1 - left, float(rows[-1]) + 1 - top
