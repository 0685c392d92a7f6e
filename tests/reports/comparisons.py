"""Comparisons that were never computed, of every shape, for whoever draws or prints them."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcam_cli.images.framing import Frame
from gradcam_cli.results.comparison import (
    AT_THE_INPUT,
    AXES,
    Axes,
    Cell,
    ComparedPicture,
    Comparison,
)
from gradcam_cli.results.explanation import Prediction

NAMES = {
    "pictures": ["photos/cat $x_1$.jpg", "photos/猫.jpg", "other/cat.jpg"],
    "models": ["mine.onnx", "a-model-with-a-name-that-fits-no-column.keras"],
    "classes": ["top", "tabby", "lynx"],
    "layers": ["default", "stage4/unit2/conv3_activation_after_addition", "top"],
    "methods": [f"method-{number}" for number in range(13)],
}
SIZES = ((30, 40), (90, 30), (20, 80))  # height, width


def prediction(index: int, probability: float) -> Prediction:
    return Prediction(index, f"n{index}", f"class_number_{index}", probability, 1)


def comparison(rows: str, columns: str, counts: dict[str, int], **cell: Any) -> Comparison:
    """So many values of each axis; `cell` are fields of every cell."""
    values = {axis: NAMES[axis][: counts.get(axis, 1)] for axis in AXES}
    made = Comparison(Axes(rows, columns), values)  # type: ignore[arg-type]
    for number, name in enumerate(values["pictures"]):
        height, width = SIZES[number]
        rows_, columns_ = np.mgrid[:height, :width]
        pixels = np.stack([rows_ * 2, columns_ * 2, rows_ + columns_], axis=-1).astype(np.uint8)
        made.pictures[number] = ComparedPicture(name, pixels)
    for place in made.places():
        size = made.pictures[place.pictures].pixels.shape
        key = (place.pictures, place.models)
        made.frames[key] = Frame(0, 0, size[1], size[0])
        made.predictions[key] = (prediction(0, 0.75), prediction(1, 0.2), prediction(7, 0.001))
        heat = np.eye(7, dtype=np.float16)[:: 1 - 2 * (place.methods % 2)]
        fields = {
            "layer": AT_THE_INPUT if place.methods == 2 else "top",
            "prediction": prediction(place.classes, 0.75),
            "heatmap": heat,
            "seconds": 0.25,
        }
        made.cells[place] = Cell(**{**fields, **cell})
    return made
