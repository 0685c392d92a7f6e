"""A Keras model that is in memory, as a notebook has it."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from gradcam_cli.callbacks import Note, Progress
from gradcam_cli.models.file_options import FileOptions
from gradcam_cli.models.keras_network import KerasNetwork
from gradcam_cli.models.labels import Labels
from gradcam_cli.models.layers import LayerInfo, explainable_layers
from gradcam_cli.models.model import Model, ModelInfo, Origin
from gradcam_cli.models.preprocessing import guess_for
from gradcam_cli.models.sources.contract import WeightsState
from gradcam_cli.models.weights import WeightsFile


class KerasModel(Protocol):
    """A `keras.Model`, for type checkers; Keras itself is imported by whoever made it."""

    name: str

    def count_params(self) -> int:
        """How many weights it has."""
        ...


def is_keras_model(value: object) -> bool:
    """True for a Keras model; Keras is not imported for that."""
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(value, keras.Model)


@dataclass(frozen=True, eq=False)
class MemorySource:
    """One that is in memory; see `ModelSource`. It is explained as it is then, and left so.

    Attributes
    ----------
    network : KerasNetwork
    options : FileOptions
        What its user says of it.
    """

    network: KerasNetwork = field(repr=False)
    options: FileOptions = field(default_factory=FileOptions)
    downloads: tuple[WeightsFile, ...] = ()

    @classmethod
    def of(cls, model: Any, options: FileOptions | None = None) -> MemorySource:
        """The source of `model`, a `keras.Model`.

        Raises
        ------
        UsageError
            For a head that it cannot have, or labels of another number of classes.
        ModelError
            Where it takes no pictures, gives no scores, or cannot be called.
        """
        options = options or FileOptions()
        graph = options.graph
        network = KerasNetwork(model, output_name=graph.output_name, input_size=graph.input_size)
        source = cls(network, options)
        source.info  # noqa: B018 - what is wrong with the options is said at once
        return source

    @cached_property
    def info(self) -> ModelInfo:
        """See `ModelSource.info`."""
        network, own = self.network, self.options
        labels = own.labels_of(network.classes) or Labels.unnamed(network.classes)
        return ModelInfo(
            name=network.name,
            input=network.input,
            preprocessing=own.preprocessing or self._preprocessing[0],
            labels=labels,
            head=own.head_over(network.head, network.activation, network.name),
            parameters=network.parameters,
            layer_names=tuple(layer.name for layer in self.layers()),
        )

    @property
    def guesses(self) -> tuple[str, ...]:
        """What is guessed of it, a sentence each."""
        preprocessing, reason = self._preprocessing
        if self.options.preprocessing or self.network.preprocessing_hint[0]:
            return ()
        return (
            f"{self.network.name} does not say how pixels become its input; {preprocessing} is a "
            f"guess, {reason}. Pass what it was trained with: "
            "select_model(model, file_options=FileOptions(preprocessing=...)).",
        )

    @property
    def _preprocessing(self) -> tuple[str, str]:
        hint = self.network.preprocessing_hint
        return hint if hint[0] else guess_for("keras", "NHWC", self.network.input.channels)

    def state(self) -> WeightsState:
        """See `ModelSource.state`."""
        return "memory"

    def layers(self) -> list[LayerInfo]:
        """See `ModelSource.layers`."""
        return explainable_layers(self.network)

    def pull(
        self, *, offline: bool, force: bool, progress: Progress, note: Note
    ) -> tuple[Path, ...]:
        """See `ModelSource.pull`."""
        return ()

    def open(self, *, offline: bool, progress: Progress, note: Note) -> Model:
        """See `ModelSource.open`."""
        return Model.of(self.info, MemoryWeights(self.network), self.guesses)


@dataclass(frozen=True, eq=False)
class MemoryWeights:
    """Those of a model in memory; see `Weights`."""

    keras_network: KerasNetwork
    origin: Origin = "memory"
    run_in_tensorflow: bool = True

    def digest(self) -> str:
        """See `Weights.digest`; of the weights alone, so that no compiled model goes by it."""
        digest = hashlib.sha256()
        for name, values in self.keras_network.weights():
            digest.update(f"{name} {values.dtype} {values.shape}\n".encode())
            digest.update(values.tobytes())
        return digest.hexdigest()

    def network(self) -> KerasNetwork:
        """See `Weights.network`."""
        return self.keras_network
