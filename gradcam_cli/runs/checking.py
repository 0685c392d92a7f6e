"""The stages of a check: each picture is explained for its own classes, and measured.

CheckItem ─▶ read: picture, masks of its objects ─▶ explain: heatmaps, scores without the object
                                                     ─▶ write: overlays ─▶ Outcome with Measures
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.annotations.regions import AnnotatedObject, object_boxes, object_mask
from gradcam_cli.errors import GradcamError, ImageError
from gradcam_cli.heads import probabilities
from gradcam_cli.images.blurring import blurred_where
from gradcam_cli.images.framing import Frame, upsampled_over
from gradcam_cli.images.listing import Item
from gradcam_cli.images.overlay import model_input
from gradcam_cli.images.properties import properties_of
from gradcam_cli.images.regions import hot_box
from gradcam_cli.metrics.coarse_maps import packed
from gradcam_cli.metrics.objects import (
    Rectangle,
    best_overlap,
    heat_in_object,
    lift,
    pointing_hit,
)
from gradcam_cli.results.measures import Measures
from gradcam_cli.runs.stages import Loaded, Outcome, Stages
from gradcam_cli.targets import TOP, Target

if TYPE_CHECKING:
    from gradcam_cli.images.reading import Picture
    from gradcam_cli.results.explanation import Explanation, TargetExplanation

TOLERANCE = 15
"""Pixels of the picture by which the peak of the heat may miss the object (Zhang et al., 2016)."""

_MEASURED_SIDE = 256
"""Heat and objects are measured on a grid of so many cells along the longer side, at most."""


@dataclass(frozen=True, slots=True)
class ExpectedClass:
    """A class that a picture is annotated with, and where in the picture it is.

    Attributes
    ----------
    index : int
        The model's class.
    category : str
        What the data set calls it.
    objects : tuple of AnnotatedObject
        None where the data set says nothing of them.
    where : str
        Where the data set says so, for messages.
    """

    index: int
    category: str
    objects: tuple[AnnotatedObject, ...]
    where: str


@dataclass(frozen=True, slots=True)
class CheckItem(Item):
    """A picture with what is expected in it.

    Attributes
    ----------
    classes : tuple of ExpectedClass
        At least one, no two of one index.
    size : (int, int) or None
        The height and width that the data set says it has.
    counterfactual : bool
        Score it with objects blurred, too.
    """

    classes: tuple[ExpectedClass, ...] = ()
    size: tuple[int, int] | None = None
    counterfactual: bool = True

    @property
    def digest(self) -> str:
        """See `Item.digest`."""
        text = repr((self.classes, self.size, self.counterfactual))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True)
class ObjectGrid:
    """An object on the grid that it is measured on: the part of the picture that the model sees.

    Attributes
    ----------
    mask : (h, w) float32, 0..1
    boxes : tuple of Rectangle
        Of its regions, in cells.
    """

    mask: NDArray[np.float32] = field(repr=False)
    boxes: tuple[Rectangle, ...]


@dataclass(frozen=True)
class LoadedCheck(Loaded):
    """A picture that was read.

    Attributes
    ----------
    grid : MeasuredGrid
        On which heat is measured.
    objects : tuple of ObjectGrid or None
        One for each class; None where no object is known.
    blurred : list of (height, width, channels) float32
        The inputs with the object blurred, and with all else blurred, of each class with one.
    """

    grid: MeasuredGrid
    objects: tuple[ObjectGrid | None, ...]
    blurred: list[NDArray[np.float32]] = field(repr=False)


@dataclass(frozen=True)
class Extras:
    """What is computed beside the explanation of a picture.

    Attributes
    ----------
    scores : list of (classes,) float32
        Of its blurred inputs.
    predicted_heat : bytes
        See `Measures`.
    """

    scores: list[NDArray[np.float32]] = field(repr=False)
    predicted_heat: bytes


@dataclass(frozen=True)
class MeasuredGrid:
    """The picture, scaled so that heat and objects are measured on few cells.

    Attributes
    ----------
    scale : float
        Cells for a pixel.
    height, width : int
        Of the scaled picture.
    frame : Frame
        What the model sees, in cells of it.
    """

    scale: float
    height: int
    width: int
    frame: Frame

    @classmethod
    def of(cls, height: int, width: int, frame: Frame) -> MeasuredGrid:
        """That of a picture of this size, of which the model sees `frame`."""
        scale = min(1.0, _MEASURED_SIDE / max(frame.width, frame.height))
        left, top = (round(start * scale) for start in frame[:2])
        size = (max(1, round(side * scale)) for side in frame[2:])
        rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
        return cls(scale, rows, columns, Frame(left, top, *size))

    def heat(self, heatmap: NDArray[np.float32]) -> NDArray[np.float32]:
        """`heatmap` on the part of the picture that the model sees."""
        return upsampled_over(heatmap, self.frame, self.height, self.width)

    def object(
        self, mask: NDArray[np.float32], boxes: list[tuple[float, float, float, float]]
    ) -> ObjectGrid:
        """The object with this mask, of the size of the picture, and these boxes in its pixels."""
        rows, columns = self.frame.over(self.height, self.width)
        on_grid = []
        for box in boxes:
            x, y, width, height = (value * self.scale for value in box)
            on_grid.append(Rectangle(x - columns.start, y - rows.start, width, height))
        return ObjectGrid(self.scaled(mask)[rows, columns], tuple(on_grid))

    def scaled(self, mask: NDArray[np.float32]) -> NDArray[np.float32]:
        """`mask`, of the size of the picture, on the cells of the scaled picture."""
        import cv2

        size = (self.width, self.height)
        scaled = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
        return scaled.astype(np.float32, copy=False)


@dataclass(frozen=True)
class CheckStages(Stages):
    """What is done with each picture of a check; see `Stages`."""

    def read(self, item: Item) -> Loaded | Outcome:
        """See `Stages.read`."""
        loaded = super().read(item)
        if isinstance(loaded, Outcome):  # such as an item that stands for a problem of the data set
            return loaded
        assert isinstance(item, CheckItem)
        try:
            return self._with_objects(item, loaded)
        except GradcamError as error:
            return self._failed_outcome(item, loaded.stamp, error)

    def _with_objects(self, item: CheckItem, loaded: Loaded) -> LoadedCheck:
        picture = loaded.picture
        check_size(item, picture)
        height, width = picture.pixels.shape[:2]
        frame = self.opener.explainer.frame_of(picture.pixels)
        grid = MeasuredGrid.of(height, width, frame)
        objects: list[ObjectGrid | None] = []
        blurred: list[NDArray[np.float32]] = []
        for expected in item.classes:
            if not expected.objects:
                objects.append(None)
                continue
            mask = object_mask(expected.objects, (height, width))
            boxes = object_boxes(expected.objects, (height, width))
            objects.append(grid.object(mask, boxes))
            if item.counterfactual:
                blurred += self._blurred_inputs(picture, frame, grid, mask)
        fields = {name: getattr(loaded, name) for name in ("item", "stamp", "picture", "input")}
        return LoadedCheck(**fields, grid=grid, objects=tuple(objects), blurred=blurred)

    def _blurred_inputs(
        self, picture: Picture, frame: Frame, grid: MeasuredGrid, mask: NDArray[np.float32]
    ) -> list[NDArray[np.float32]]:
        """With the object blurred, and with all but the object blurred."""
        explainer = self.opener.explainer
        height, width, _ = shape = explainer.model.input
        seen = model_input(picture.pixels, shape, frame)
        levels = np.rint(grid.scaled(mask) * 255).astype(np.uint8)[..., np.newaxis]
        on_input = model_input(levels.repeat(3, axis=2), (height, width, 3), grid.frame)
        share = on_input[..., 0].astype(np.float32) / np.float32(255)
        parts = (share, np.float32(1) - share)
        return [explainer.preprocess(pixels) for pixels in blurred_where(seen, parts)]

    def explain(self, group: list[Loaded]) -> list[Any]:
        """The explanation of each of `group`, and the scores of its blurred inputs."""
        explainer = self.opener.explainer
        rows = self.rows or explainer.engine.rows
        explanations = explainer.explain_each(
            [loaded.input for loaded in group],
            [[Target(each.index) for each in classes_of(loaded)] for loaded in group],
            top=max(self.settings.top, 5),
            rows=rows,
            progress=self.progress,
        )
        scores = iter(self._scores([each for loaded in group for each in blurred_of(loaded)], rows))
        mistaken = self._predicted_heat(group, explanations, rows)
        return [
            (explanation, Extras([next(scores) for _ in blurred_of(loaded)], heat))
            for explanation, heat, loaded in zip(explanations, mistaken, group, strict=True)
        ]

    def _predicted_heat(
        self, group: list[Loaded], explanations: list[Explanation], rows: int
    ) -> list[bytes]:
        """Where the model looked for the class that it took each picture for, where it is wrong."""
        wrong = [
            loaded.input
            for loaded, explanation in zip(group, explanations, strict=True)
            if not is_right(loaded, explanation)
        ]
        if not wrong:
            return [b""] * len(group)
        targets = [[Target(TOP)]] * len(wrong)
        explained = self.opener.explainer.explain_each(wrong, targets, top=1, rows=rows)
        heat = (packed(each.targets[0].heatmap) for each in explained)
        return [
            b"" if is_right(loaded, explanation) else next(heat)
            for loaded, explanation in zip(group, explanations, strict=True)
        ]

    def _scores(self, inputs: list[NDArray[np.float32]], rows: int) -> list[NDArray[np.float32]]:
        engine = self.opener.explainer.engine
        starts = range(0, len(inputs), rows)
        return [row for start in starts for row in engine.forward(np.stack(inputs[start:][:rows]))]

    def write(self, loaded: Loaded, explanation: Any) -> Outcome:
        """Write the overlays of a picture, and measure it."""
        assert isinstance(loaded, LoadedCheck)
        explained, extras = explanation
        outcome = super().write(loaded, explained)
        if outcome.explanation is None:
            return outcome
        return replace(outcome, measures=tuple(self._measures(loaded, outcome.explanation, extras)))

    def _measures(
        self, loaded: LoadedCheck, explanation: Explanation, extras: Extras
    ) -> list[Measures]:
        classes = classes_of(loaded)
        top1 = is_right(loaded, explanation)
        head, left = self.opener.explainer.model.head, iter(extras.scores)
        properties = properties_of(loaded.picture)
        measured = []
        for each, target, on_grid in zip(classes, explanation.targets, loaded.objects, strict=True):
            without: dict[str, Any] = {}
            if on_grid is not None and extras.scores:
                blurred = [float(probabilities(next(left), head)[each.index]) for _ in range(2)]
                without = {
                    "object_blurred": blurred[0],
                    "rest_blurred": blurred[1],
                    "object_drop": blurred[1] - blurred[0],
                }
            measured.append(
                Measures(
                    category=each.category,
                    where=each.where,
                    top1=top1,
                    top5=target.prediction.rank <= 5,
                    empty=target.evidence == "none",
                    heat=packed(target.heatmap),
                    predicted_heat=extras.predicted_heat,
                    properties=properties,
                    **without,
                    **measured_on(loaded.grid, target, on_grid),
                )
            )
        return measured


def is_right(loaded: Loaded, explanation: Explanation) -> bool:
    """Whether the predicted class is one of those that are expected."""
    return explanation.predictions[0].index in {each.index for each in classes_of(loaded)}


def check_size(item: CheckItem, picture: Picture) -> None:
    """Raise ImageError where the data set was made for a picture of another size."""
    found = picture.pixels.shape[:2]
    if item.size is not None and item.size != found:
        height, width = item.size
        raise ImageError(
            f"{item.name} is {found[1]} x {found[0]} as shown, but {item.classes[0].where} says "
            f"{width} x {height}",
            "Annotate the picture as it is shown.",
        )


def classes_of(loaded: Loaded) -> tuple[ExpectedClass, ...]:
    """What is expected in a picture."""
    assert isinstance(loaded.item, CheckItem)
    return loaded.item.classes


def blurred_of(loaded: Loaded) -> list[NDArray[np.float32]]:
    """The blurred inputs of a picture."""
    assert isinstance(loaded, LoadedCheck)
    return loaded.blurred


def measured_on(
    grid: MeasuredGrid, target: TargetExplanation, on_grid: ObjectGrid | None
) -> dict[str, Any]:
    """What the heat of `target` and the object have in common; empty without an object."""
    if on_grid is None:
        return {}
    mask = on_grid.mask
    heat = grid.heat(target.heatmap)
    tolerance = TOLERANCE * grid.scale
    box = hot_box(heat)
    return {
        "object_size": float(mask.mean()),
        "object_cells": packed(mask),
        "heat_in_object": heat_in_object(heat, mask),
        "lift": lift(heat, mask),
        "pointing": pointing_hit(heat, mask, (tolerance, tolerance)),
        "overlap": best_overlap(None if box is None else Rectangle(*box), on_grid.boxes),
    }
