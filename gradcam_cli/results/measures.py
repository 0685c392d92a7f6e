"""What `gradcam check` measures of one explained class in one picture."""

from __future__ import annotations

from typing import Annotated

import msgspec

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Cells = Annotated[bytes, msgspec.Meta(max_length=64)]


class Measures(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Whether a model sees an object, and looks at it.

    Attributes
    ----------
    category : str
        The expected class, as the data set calls it.
    where : str
        Where the data set says so, for messages: ``annotations.json: annotation 17``.
    top1, top5 : bool
        Whether the expected class, or another one that the picture is annotated with, is the most
        probable; whether the expected class is among the five most probable.
    empty : bool
        True where nothing speaks for the class: its heatmap is zero.
    object_size : float, 0..1, or None
        The object's share of the picture; None, like all that follows, where no object is known.
    heat_in_object : float, 0..1, or None
        The share of the heat that lies in it; None, like `lift`, where there is no heat.
    lift : float or None
        Their quotient; 1 is chance.
    pointing : float, 0..1, or None
        1 where the peak of the heat is on the object, or near.
    overlap : float, 0..1, or None
        The intersection over union of the box of the hot region and an object's.
    object_blurred, rest_blurred : float, 0..1, or None
        The probability of the class once the object is blurred, and once all but the object is.
    object_drop : float, -1..1, or None
        How much more probable the class is with the object alone than with all but the object:
        what the object is worth to the model. No heatmap is involved.
    heat : bytes
        The heatmap on a few cells; see `metrics.coarse_maps`.
    object_cells : bytes
        The share of each cell that the object takes; empty where none is known.
    predicted_heat : bytes
        The heatmap of the predicted class, where it is a wrong one; else empty.
    properties : dict of str to float
        Of the picture and its file; see `images.properties`.
    """

    category: str
    where: str
    top1: bool
    top5: bool
    empty: bool
    object_size: Share | None = None
    heat_in_object: Share | None = None
    lift: float | None = None
    pointing: Share | None = None
    overlap: Share | None = None
    object_blurred: Share | None = None
    rest_blurred: Share | None = None
    object_drop: float | None = None
    heat: Cells = b""
    object_cells: Cells = b""
    predicted_heat: Cells = b""
    properties: dict[str, float] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse maps of another number of cells."""
        if {len(self.heat), len(self.object_cells), len(self.predicted_heat)} - {0, 64}:
            raise ValueError("a map has 64 cells")
