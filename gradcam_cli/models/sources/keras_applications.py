"""The models of `keras.applications`, with the ImageNet weights that Keras publishes.

Their table stands in keras_applications.json, so that listing it loads no TensorFlow; a test
compares each row with Keras itself.
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradcam_cli.callbacks import Note, Progress
from gradcam_cli.models import vgg
from gradcam_cli.models.about import records_of
from gradcam_cli.models.framework import fresh_keras, is_installed, needed_to_compile
from gradcam_cli.models.known_layers import known_layers
from gradcam_cli.models.labels import imagenet_labels
from gradcam_cli.models.layers import LayerInfo, explainable_layers, vgg_layers
from gradcam_cli.models.model import InputShape, Model, ModelInfo
from gradcam_cli.models.sources.contract import WeightsState
from gradcam_cli.models.sources.keras_weights import KerasWeights
from gradcam_cli.models.weights import WeightsFile, ensure, find


@dataclass(frozen=True)
class KerasApplication:
    """One of them; see `ModelSource`.

    Attributes
    ----------
    info : ModelInfo
        What is known of it.
    builder : str
        The function of `keras.applications` that builds it.
    file : WeightsFile
        Its published weights.
    """

    info: ModelInfo
    builder: str
    file: WeightsFile

    @property
    def downloads(self) -> tuple[WeightsFile, ...]:
        """See `ModelSource.downloads`."""
        return (self.file,)

    def state(self) -> WeightsState:
        """See `ModelSource.state`."""
        return "to fetch" if find(self.file) is None else "cached"

    def build(self) -> Any:
        """See `KerasSource.build`.

        Drawing VGG16's random initial values takes longer than reading its trained ones, so the
        initialisers that `keras.applications` names are answered with zeros while it builds.
        """
        keras = fresh_keras()
        with zero_initializers(keras):
            return getattr(keras.applications, self.builder)(
                weights=None, input_shape=tuple(self.info.input), classifier_activation=None
            )

    def layers(self) -> list[LayerInfo]:
        """See `ModelSource.layers`."""
        if self.info.name in vgg.MODELS:
            return vgg_layers(self.info.name)
        if is_installed():
            return explainable_layers(self.build())
        if not (records := records_of(self.info.name)):
            raise needed_to_compile(self.info.name)
        return records[0].layers

    def pull(
        self, *, offline: bool, force: bool, progress: Progress, note: Note
    ) -> tuple[Path, ...]:
        """See `ModelSource.pull`."""
        path, _ = ensure(
            self.file,
            name=self.info.name,
            offline=offline,
            force=force,
            progress=progress,
            note=note,
        )
        return (path,)

    def open(self, *, offline: bool, progress: Progress, note: Note) -> Model:
        """See `ModelSource.open`."""
        name = self.info.name
        needs_tensorflow = name not in vgg.MODELS and not records_of(name)
        if needs_tensorflow and not is_installed():  # it is large, and could not be used
            raise needed_to_compile(name)
        path, origin = ensure(self.file, name=name, offline=offline, progress=progress, note=note)
        misfit = (
            f"the cached weights of {name} cannot be read: {path}",
            f"Fetch them again: `gradcam models pull {name} --force`.",
        )
        return Model.of(self.info, KerasWeights(path, origin, self.build, misfit))


def keras_applications() -> list[KerasApplication]:
    """All of them, VGG16 first."""
    table = Path(__file__).parent.with_name("keras_applications.json")
    return [_from_row(row) for row in json.loads(table.read_text("utf-8"))]


def _from_row(row: dict[str, Any]) -> KerasApplication:
    name, parameters = row["builder"].lower(), row["parameters"]
    info = ModelInfo(
        name=name,
        input=InputShape(row["side"], row["side"]),
        preprocessing=row["preprocessing"],
        labels=imagenet_labels(),
        head="softmax",
        parameters=parameters,
        layer_names=known_layers().get(name, ()),
    )
    return KerasApplication(
        info, row["builder"], WeightsFile(row["url"], row["checksum"], 4 * parameters)
    )


def zero_initializers(keras: Any) -> AbstractContextManager[Any]:
    """A scope in which the random initialisers of `keras.applications` give zeros."""

    class Zeros(keras.initializers.Zeros):  # type: ignore[misc]
        def __init__(self, **ignored: Any) -> None:
            super().__init__()

    names = ("glorot_uniform", "GlorotUniform", "VarianceScaling", "TruncatedNormal")
    scope: AbstractContextManager[Any] = keras.saving.custom_object_scope(
        dict.fromkeys(names, Zeros)
    )
    return scope
