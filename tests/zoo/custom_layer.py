"""Classes of somebody's own, which a saved model names and a reader has to be given."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable("zoo")
class ChannelGain(keras.layers.Layer):
    """Multiplies each channel by a weight."""

    def build(self, shape: tuple[Any, ...]) -> None:
        self.gain = self.add_weight(shape=(shape[-1],), initializer="ones", name="gain")

    def call(self, x: Any) -> Any:
        return x * self.gain


@keras.saving.register_keras_serializable("zoo")
class Classifier(keras.Model):
    """A subclassed model: what it computes is in `call`, and no graph of layers says it."""

    def __init__(self, classes: int = 5, **options: Any) -> None:
        super().__init__(**options)
        self.classes = classes
        self.first = keras.layers.Conv2D(8, 3, 2, "same", activation="relu")
        self.last = keras.layers.Conv2D(12, 3, 2, "same", activation="relu", name="last")
        self.pool = keras.layers.GlobalAveragePooling2D()
        self.scores = keras.layers.Dense(classes, name="scores")

    def build(self, shape: tuple[Any, ...]) -> None:
        for layer in (self.first, self.last, self.pool, self.scores):
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def call(self, x: Any) -> Any:
        return self.scores(self.pool(self.last(self.first(x))))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"classes": self.classes}
