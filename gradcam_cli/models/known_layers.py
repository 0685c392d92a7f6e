"""The layers of the models whose names follow a rule, known without building or loading anything.

A test compares them with the models themselves.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from gradcam_cli.models import efficientnet_lite

_VGG_CONVOLUTIONS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
"""How many convolutions each block has; a pooling follows them."""


@cache
def known_layers() -> dict[str, tuple[str, ...]]:
    """The explainable layers, input to output, of VGG16, VGG19 and the bundled model, by name."""
    vgg = {model: _vgg_layers(numbers) for model, numbers in _VGG_CONVOLUTIONS.items()}
    return {**vgg, efficientnet_lite.NAME: efficientnet_lite.layer_names()}


def models_with(layer: str) -> list[str]:
    """Which of the models of `known_layers` have `layer`."""
    return [model for model, layers in known_layers().items() if layer in layers]


def _vgg_layers(convolutions: tuple[int, ...]) -> tuple[str, ...]:
    names: list[str] = []
    for block, number in enumerate(convolutions, 1):
        names += [f"block{block}_conv{i}" for i in range(1, number + 1)]
        names.append(f"block{block}_pool")
    return tuple(names)


@cache
def application_preprocessing() -> dict[str, str]:
    """The preprocessing of each network of `keras.applications`, by its name in lower case."""
    table = Path(__file__).with_name("keras_applications.json")
    rows = json.loads(table.read_text("utf-8"))
    return {row["builder"].lower(): row["preprocessing"] for row in rows}
