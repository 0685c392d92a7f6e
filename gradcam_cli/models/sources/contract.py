"""What a source of a model offers: what is known of the model, and how to fetch and open it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Protocol

from gradcam_cli.callbacks import Note, Progress
from gradcam_cli.models.layers import LayerInfo
from gradcam_cli.models.model import Model, ModelInfo
from gradcam_cli.models.weights import WeightsFile

WeightsState = Literal["bundled", "cached", "to fetch", "file", "memory"]
"""Where the weights are, as `gradcam models` has it."""


class ModelSource(Protocol):
    """A model that can be opened."""

    @property
    def info(self) -> ModelInfo:
        """What is known of it beforehand."""
        ...

    @property
    def downloads(self) -> tuple[WeightsFile, ...]:
        """The files that are kept in `weights.folder()` for it."""
        ...

    def state(self) -> WeightsState:
        """Where its weights are now."""
        ...

    def layers(self) -> list[LayerInfo]:
        """The layers that can be explained, from input to output; nothing is fetched for that."""
        ...

    def pull(
        self, *, offline: bool, force: bool, progress: Progress, note: Note
    ) -> tuple[Path, ...]:
        """Fetch its weights ahead of time; the paths of its `downloads`.

        Parameters
        ----------
        offline, force, progress, note
            As `weights.ensure` takes them.

        Raises
        ------
        ModelError
            Where they cannot be had.
        """
        ...

    def open(self, *, offline: bool, progress: Progress, note: Note) -> Model:
        """The model, its weights fetched if need be.

        Parameters
        ----------
        offline, progress, note
            As `weights.ensure` takes them.

        Raises
        ------
        ModelError
            Where the weights cannot be had.
        """
        ...


class KerasSource(ModelSource, Protocol):
    """A model that is built by Keras."""

    def build(self) -> Any:
        """The Keras model, its output the scores before the head, its weights all zero."""
        ...
