"""A model of the catalogue with weights of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradcam_cli.callbacks import Note, Progress
from gradcam_cli.errors import ModelError
from gradcam_cli.models.layers import LayerInfo
from gradcam_cli.models.model import Model, ModelInfo
from gradcam_cli.models.sources.contract import KerasSource, WeightsState
from gradcam_cli.models.sources.keras_weights import KerasWeights
from gradcam_cli.models.weights import WeightsFile, remedies


@dataclass(frozen=True)
class OwnWeights:
    """The network of `source` with the weights in the file `path`; see `ModelSource`."""

    source: KerasSource
    path: Path
    downloads: tuple[WeightsFile, ...] = ()

    @property
    def info(self) -> ModelInfo:
        """See `ModelSource.info`."""
        return self.source.info

    def state(self) -> WeightsState:
        """See `ModelSource.state`."""
        return "file"

    def build(self) -> Any:
        """See `KerasSource.build`."""
        return self.source.build()

    def layers(self) -> list[LayerInfo]:
        """See `ModelSource.layers`."""
        return self.source.layers()

    def pull(
        self, *, offline: bool, force: bool, progress: Progress, note: Note
    ) -> tuple[Path, ...]:
        """See `ModelSource.pull`."""
        note(f"{self.path} is a file of yours; there is nothing to fetch.")
        return ()

    def open(self, *, offline: bool, progress: Progress, note: Note) -> Model:
        """See `ModelSource.open`."""
        name = self.info.name
        if not self.path.is_file():
            raise ModelError(f"there is no weights file {self.path}", remedies(name))
        misfit = (
            f"{self.path} does not hold the weights of {name} in Keras's .h5 or .weights.h5 layout",
            "Pass the file that belongs to this model, or name the model with --model.",
        )
        return Model.of(self.info, KerasWeights(self.path, "file", self.build, misfit))
