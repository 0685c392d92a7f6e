"""A picture of a comparison: what the model gets of it, where its objects are, and a small copy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.annotations.regions import object_boxes, object_mask
from gradcam_cli.images.framing import Frame
from gradcam_cli.images.reading import read_image
from gradcam_cli.metrics.objects import heat_in_object, lift
from gradcam_cli.results.comparison import Box, ComparedPicture
from gradcam_cli.runs.checking import CheckItem, MeasuredGrid, ObjectGrid, check_size

if TYPE_CHECKING:
    from gradcam_cli.explainer import Explainer
    from gradcam_cli.images.listing import Item
    from gradcam_cli.runs.comparing import CompareOptions

FIGURE_SIDE = 400
"""Pixels of the longer side of the small copy, for figures."""


@dataclass(frozen=True)
class AnnotatedGrid:
    """The objects of a class in a picture: on the grid that heat is measured on, and in shares."""

    on_grid: ObjectGrid
    boxes: tuple[Box, ...]


@dataclass(frozen=True, eq=False)
class Subject:
    """A picture as a model gets it.

    Attributes
    ----------
    input : (H, W, C) float32
    small : ComparedPicture
    frame : Frame
        What heatmaps cover, in pixels of the small copy.
    grid : MeasuredGrid
        On which heat is measured.
    objects : dict of int to AnnotatedGrid
        Those that are annotated, by the model's class.
    """

    input: NDArray[np.float32] = field(repr=False)
    small: ComparedPicture
    frame: Frame
    grid: MeasuredGrid
    objects: dict[int, AnnotatedGrid]

    def shares(self, heatmap: NDArray[np.float32], index: int) -> tuple[float | None, float | None]:
        """The share of the heat in the objects of class `index`, and its lift; None without."""
        if (annotated := self.objects.get(index)) is None:
            return None, None
        heat, mask = self.grid.heat(heatmap), annotated.on_grid.mask
        return heat_in_object(heat, mask), lift(heat, mask)

    def boxes(self, index: int) -> tuple[Box, ...]:
        """Those around the objects of class `index`."""
        annotated = self.objects.get(index)
        return () if annotated is None else annotated.boxes


def read_subject(
    explainer: Explainer, item: Item, annotated: CheckItem | None, options: CompareOptions
) -> Subject:
    """Read the picture of `item`, of which `annotated` is known, as `options` say.

    Raises
    ------
    ImageError, UsageError
        Where it cannot be read, or does not fit what is known of it.
    """
    picture = read_image(item.source, max_pixels=options.max_pixels, offline=explainer.offline)
    pixels = picture.pixels
    height, width = pixels.shape[:2]
    frame = explainer.frame_of(pixels)
    grid = MeasuredGrid.of(height, width, frame)
    objects = {}
    if annotated is not None:
        check_size(annotated, picture)
        objects = _objects(annotated, (height, width), grid)
    small, small_frame = _small_copy(pixels, frame, options.side)
    return Subject(
        explainer.input_of(pixels), ComparedPicture(item.name, small), small_frame, grid, objects
    )


def _objects(
    annotated: CheckItem, size: tuple[int, int], grid: MeasuredGrid
) -> dict[int, AnnotatedGrid]:
    objects = {}
    height, width = size
    for expected in annotated.classes:
        if expected.objects:
            mask = object_mask(expected.objects, size)
            boxes = object_boxes(expected.objects, size)
            shares = tuple((x / width, y / height, w / width, h / height) for x, y, w, h in boxes)
            objects[expected.index] = AnnotatedGrid(grid.object(mask, boxes), shares)
    return objects


def _small_copy(
    pixels: NDArray[np.uint8], frame: Frame, side: int
) -> tuple[NDArray[np.uint8], Frame]:
    """`pixels` and `frame`, scaled so that the longer side has `side` pixels."""
    import cv2

    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(pixels, size, interpolation=interpolation).astype(np.uint8, copy=False)
    if (frame.width, frame.height) == (width, height):
        return small, Frame(0, 0, *size)
    left, top, *sides = (round(value * scale) for value in frame)
    return small, Frame(left, top, *(max(1, side) for side in sides))
