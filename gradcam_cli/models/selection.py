"""Which model to use, then its weights: `select_model` decides, `Selection.open` fetches.

select_model("auto", layer="block5_conv3") ─▶ Selection ─▶ open() ─▶ Model
                                        labels, input, layers: all that is to be checked first
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from gradcam_cli.arguments import check_layer, describe
from gradcam_cli.callbacks import Note, Progress, no_note, no_progress
from gradcam_cli.errors import ModelError, UsageError
from gradcam_cli.models import efficientnet_lite
from gradcam_cli.models.catalog import find_model, is_name
from gradcam_cli.models.file_options import FileOptions
from gradcam_cli.models.labels import Labels
from gradcam_cli.models.layers import find_layer, unknown_layer
from gradcam_cli.models.model import Model
from gradcam_cli.models.sources.contract import ModelSource
from gradcam_cli.models.sources.own_weights import OwnWeights

if TYPE_CHECKING:
    from gradcam_cli.models.sources.memory import KerasModel

ModelName: TypeAlias = "str | os.PathLike[str] | KerasModel"
"""What `select_model` takes: a name, the path of a file, or a Keras model in memory."""

AUTO = "auto"
AUTO_MODELS = ("vgg16", efficientnet_lite.NAME)
"""What `auto` stands for: the first of them whose weights can be had."""


@dataclass(frozen=True)
class Selection:
    """A model that was selected, nothing of it fetched yet.

    Attributes
    ----------
    candidates : tuple of ModelSource
        The first of them whose weights can be had is opened; all have the same classes.
    layer : str or None
        The layer that it must have.
    guesses : tuple of str
        What is guessed of a model in a file, a sentence each.
    """

    candidates: tuple[ModelSource, ...]
    layer: str | None = None
    guesses: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the model; "auto" where that is still open."""
        return self.candidates[0].info.name if len(self.candidates) == 1 else AUTO

    @property
    def labels(self) -> Labels:
        """Its classes."""
        return self.candidates[0].info.labels

    def without_fetching(self) -> ModelSource:
        """The first candidate whose weights are here, or else the last."""
        available = (source for source in self.candidates if source.state() != "to fetch")
        return next(available, self.candidates[-1])

    def open(
        self, *, offline: bool = False, progress: Progress = no_progress, note: Note = no_note
    ) -> Model:
        """The model, its weights fetched if need be.

        Parameters
        ----------
        offline : bool
            Use no network.
        progress : callable
            Called with the bytes so far and their number at the end.
        note : callable
            Called with one sentence for each thing worth saying: a fallback, or a wait.

        Raises
        ------
        UsageError
            For a layer that the model does not have.
        ModelError
            Where the weights cannot be had.
        """
        first, *others = self.candidates
        _check_layer(first, self.layer)
        try:
            return first.open(offline=offline, progress=progress, note=note)
        except ModelError as error:
            if not others:
                raise
            instead = f"Using the bundled {others[0].info.name} instead of {first.info.name}"
            note(f"{error.what}. {instead}.")
            fallbacks = Selection(tuple(others), self.layer)
            opened = fallbacks.open(offline=offline, progress=progress, note=note)
            return replace(opened, fallback=error.what)


def select_model(
    name: ModelName = AUTO,
    *,
    weights: Path | None = None,
    layer: str | None = None,
    file_options: FileOptions | None = None,
    note: Note = no_note,
) -> Selection:
    """What `name` means, before anything is looked up on the network or built.

    Under "auto", a weights file and a layer that only VGG16 has mean VGG16 and nothing else; a
    layer that only the bundled model has means that one.

    Parameters
    ----------
    name : str, path-like or keras.Model
        One of `gradcam models`, "auto", or the path of a model's file; or a Keras model in memory,
        which TensorFlow runs as it is.
    weights : Path, optional
        A file of Keras weights for it.
    layer : str, optional
        The layer to explain.
    file_options : FileOptions, optional
        Of a model in a file, which is read at once, or in memory: its labels, preprocessing and
        whatever else it does not say itself.
    note : callable
        Called with one sentence for what takes long.

    Raises
    ------
    UsageError
        For an unknown model, or a layer that the model, or either of auto's, is known not to have.
    ModelError
        For a file with no model that can be explained.
    """
    check_layer(layer)
    if not isinstance(name, (str, os.PathLike)):
        return _select_in_memory(name, weights, layer, file_options)
    if isinstance(name, os.PathLike) or is_path(name):
        return _select_file(Path(name), weights, layer, file_options, note)
    if file_options is not None:
        raise UsageError(
            f"{name} is a model of the catalogue, of which all is known",
            "Drop the options that are for a model in a file, or pass its path with --model.",
        )
    names = AUTO_MODELS if name.lower() == AUTO else (name,)
    sources = [find_model(model_name) for model_name in names]
    if weights is not None:
        return Selection(_with_layer(layer, (OwnWeights(sources[0], weights),)), layer)
    return Selection(_with_layer(layer, tuple(sources)), layer)


def is_path(name: str) -> bool:
    """True where `name` is not one of `gradcam models` but a model's file."""
    if is_name(name) or name.lower() == AUTO:
        return False
    from gradcam_cli.models.formats.detection import looks_like_a_path

    return looks_like_a_path(name)


def _select_file(
    path: Path, weights: Path | None, layer: str | None, options: FileOptions | None, note: Note
) -> Selection:
    if weights is not None:
        raise UsageError(
            f"{path} is a model with its weights, so --weights {weights} is of no use",
            "Drop --weights, or pass a name of `gradcam models` with --model.",
        )
    from gradcam_cli.models.sources.model_file import FileSource

    source = FileSource.prepared(path, options, layer=layer, note=note)
    return Selection(_with_layer(layer, (source,), str(path)), layer, source.guesses)


def _select_in_memory(
    model: object, weights: Path | None, layer: str | None, options: FileOptions | None
) -> Selection:
    from gradcam_cli.models.sources.memory import MemorySource, is_keras_model

    if not is_keras_model(model):
        raise UsageError(
            f"expected the name of a model, a path or a Keras model, got {describe(model)}",
            "Pass one of `gradcam models`, or what `select_model` gives.",
        )
    if weights is not None:
        raise UsageError(
            f"a Keras model in memory has its weights, so {weights} is of no use",
            "Load them into it, or pass the name of a model.",
        )
    source = MemorySource.of(model, options)
    return Selection(_with_layer(layer, (source,)), layer, source.guesses)


def _with_layer(
    layer: str | None, sources: tuple[ModelSource, ...], argument: str | None = None
) -> tuple[ModelSource, ...]:
    """Those of `sources` that have `layer`, or may have it."""
    known = [source.info.layer_names for source in sources]
    if layer is None or not all(known):
        return sources
    with_layer = tuple(source for source in sources if layer in source.info.layer_names)
    if not with_layer:
        names = [name for names in known for name in names]
        raise unknown_layer(layer, names, sources[0].info.name, argument)
    return with_layer


def _check_layer(source: ModelSource, layer: str | None) -> None:
    """Have nothing fetched, nor refused, for a layer that the model does not have."""
    if layer is not None and not source.info.layer_names and source.state() == "to fetch":
        find_layer(source.layers(), layer, source.info.name)


def check_model_and_layer(model: object, layer: object) -> None:
    """Raise UsageError unless these are of the types that `Explainer.load` takes."""
    if not isinstance(model, (str, Selection, Model)):
        raise UsageError(
            f"expected the name of a model, got {describe(model)}",
            "Pass one of `gradcam models`, or what `select_model` gives.",
        )
    if layer is not None and not isinstance(layer, str):
        raise UsageError(
            f"expected the name of a layer, got {describe(layer)}",
            "Pass one of `gradcam layers`.",
        )
