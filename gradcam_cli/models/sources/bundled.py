"""The model whose weights come with the package: EfficientNet-Lite0."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gradcam_cli.callbacks import Note, Progress
from gradcam_cli.models import efficientnet_lite
from gradcam_cli.models.efficientnet_lite import Step
from gradcam_cli.models.framework import fresh_keras
from gradcam_cli.models.known_layers import known_layers
from gradcam_cli.models.labels import imagenet_labels
from gradcam_cli.models.layers import LayerInfo, last_activation
from gradcam_cli.models.model import InputShape, Model, ModelInfo, Origin
from gradcam_cli.models.sources.contract import WeightsState
from gradcam_cli.models.weights import WeightsFile


@dataclass(frozen=True)
class BundledModel:
    """EfficientNet-Lite0; see `ModelSource`."""

    downloads: tuple[WeightsFile, ...] = ()

    @property
    def info(self) -> ModelInfo:
        """See `ModelSource.info`."""
        return ModelInfo(
            name=efficientnet_lite.NAME,
            input=InputShape(efficientnet_lite.SIZE, efficientnet_lite.SIZE),
            preprocessing="lite",
            labels=imagenet_labels(),
            head="softmax",
            parameters=4_694_024,
            layer_names=known_layers()[efficientnet_lite.NAME],
        )

    def state(self) -> WeightsState:
        """See `ModelSource.state`."""
        return "bundled"

    def build(self) -> Any:
        """See `KerasSource.build`."""
        fresh_keras()
        return efficientnet_lite.build()

    def layers(self) -> list[LayerInfo]:
        """See `ModelSource.layers`."""
        *before, last = map(_layer, efficientnet_lite.map_steps())
        return [*before, replace(last, default=True, reason=last_activation(*last.shape))]

    def pull(
        self, *, offline: bool, force: bool, progress: Progress, note: Note
    ) -> tuple[Path, ...]:
        """See `ModelSource.pull`."""
        note(f"{self.info.name} is bundled; there is nothing to fetch.")
        return ()

    def open(self, *, offline: bool, progress: Progress, note: Note) -> Model:
        """See `ModelSource.open`."""
        return Model.of(self.info, BundledWeights())


@dataclass(frozen=True)
class BundledWeights:
    """Those of the installed package; see `Weights`."""

    origin: Origin = "bundled"
    run_in_tensorflow: bool = True

    def digest(self) -> str:
        """See `Weights.digest`; that of the file, which is checked whenever it is read."""
        return efficientnet_lite.SHA256

    def network(self) -> Any:
        """See `Weights.network`."""
        network = BundledModel().build()
        efficientnet_lite.load_bundled(network)
        return network


def _layer(step: Step) -> LayerInfo:
    return LayerInfo(step.name, step.kind, (step.side, step.side, step.filters), default=False)
