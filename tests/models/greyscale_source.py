"""A source of a model as a user may bring one: seven classes, 48 × 64 grey pixels, sigmoids."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gradcam_cli.callbacks import Note, Progress
from gradcam_cli.models.framework import fresh_keras
from gradcam_cli.models.labels import Labels
from gradcam_cli.models.layers import LayerInfo, explainable_layers
from gradcam_cli.models.model import InputShape, Model, ModelInfo, Origin
from gradcam_cli.models.sources.contract import WeightsState
from gradcam_cli.models.weights import WeightsFile

WEATHER = ("sun", "light rain", "heavy rain", "snow", "fog", "hail", "wind")
INFO = ModelInfo("weather", InputShape(48, 64, 1), "tf", Labels.named(WEATHER), "sigmoid", 1051)


@dataclass(frozen=True)
class SeededWeights:
    """Values that are drawn: `seed` says which."""

    seed: int
    origin: Origin = "file"
    run_in_tensorflow: bool = True

    def digest(self) -> str:
        return hashlib.sha256(f"seed {self.seed}".encode()).hexdigest()

    def network(self) -> Any:
        keras = fresh_keras()
        layers = keras.layers
        image = keras.Input((48, 64, 1), name="image")
        x = layers.Conv2D(8, 3, strides=2, activation="relu", padding="same", name="first")(image)
        x = layers.Conv2D(12, 3, strides=2, activation="relu", padding="same", name="last")(x)
        scores = layers.Dense(7, name="scores")(layers.GlobalAveragePooling2D(name="pool")(x))
        network = keras.Model(image, scores, name="weather")
        random = np.random.default_rng(self.seed)
        for variable in network.weights:
            variable.assign(random.normal(0, 0.6, variable.shape))
        return network


@dataclass(frozen=True)
class WeatherSource:
    """See `ModelSource`."""

    seed: int = 5
    info: ModelInfo = INFO
    downloads: tuple[WeightsFile, ...] = ()

    def state(self) -> WeightsState:
        return "file"

    def layers(self) -> list[LayerInfo]:
        return explainable_layers(SeededWeights(self.seed).network())

    def pull(
        self, *, offline: bool, force: bool, progress: Progress, note: Note
    ) -> tuple[Path, ...]:
        return ()

    def open(self, *, offline: bool, progress: Progress, note: Note) -> Model:
        return Model.of(self.info, SeededWeights(self.seed))
