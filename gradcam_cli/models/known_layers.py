"""The layers of the models whose names follow a rule, known without building or loading anything.

A test compares them with the models themselves.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from gradcam_cli.models import efficientnet_lite, vgg


@cache
def known_layers() -> dict[str, tuple[str, ...]]:
    """The explainable layers, input to output, of VGG16, VGG19 and the bundled model, by name."""
    of_vgg = {model: vgg.layer_names(model) for model in vgg.MODELS}
    return {**of_vgg, efficientnet_lite.NAME: efficientnet_lite.layer_names()}


def models_with(layer: str) -> list[str]:
    """Which of the models of `known_layers` have `layer`."""
    return [model for model, layers in known_layers().items() if layer in layers]


@cache
def application_preprocessing() -> dict[str, str]:
    """The preprocessing of each network of `keras.applications`, by its name in lower case."""
    table = Path(__file__).with_name("keras_applications.json")
    rows = json.loads(table.read_text("utf-8"))
    return {row["builder"].lower(): row["preprocessing"] for row in rows}
