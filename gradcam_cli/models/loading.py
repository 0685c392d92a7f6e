"""Choosing a model and loading it: which one, whose weights, and what is said about it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradcam_cli.callbacks import Note, Progress, no_note, no_progress
from gradcam_cli.errors import ModelError
from gradcam_cli.models import efficientnet_lite
from gradcam_cli.models.catalog import (
    AUTO,
    BUNDLED,
    FIRST_CHOICE,
    ModelSpec,
    find_model,
)
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.models.known_layers import known_layers
from gradcam_cli.models.layers import explainable_layers, find_layer, unknown_layer
from gradcam_cli.models.weights import ensure, find, remedies
from gradcam_cli.storage import digests


@dataclass(frozen=True)
class Choice:
    """A model and the weights it is going to have.

    Attributes
    ----------
    spec : ModelSpec
        Which model.
    weights : Path or None
        The weights file; None for the bundled ones.
    origin : str
        "bundled", "cached", "fetched" or "file".
    fallback : str
        Why it is not the first choice of `auto`; empty where it is, or was named.
    """

    spec: ModelSpec
    weights: Path | None
    origin: str
    fallback: str = ""

    def digest(self) -> str:
        """The SHA-256 of the weights.

        Raises
        ------
        ModelError
            Where the file cannot be read.
        """
        if self.weights is None:
            return efficientnet_lite.SHA256
        try:
            return digests.sha256(self.weights)
        except OSError as error:
            raise ModelError(
                f"the weights file {self.weights} cannot be read: {error.strerror or error}",
                "Pass another with `--weights FILE`.",
            ) from error


def wanted_model(name: str, *, weights: Path | None = None, layer: str | None = None) -> str:
    """What `name` means before anything is looked up: a model's name, or still "auto".

    Under "auto", a weights file and a layer that only VGG16 has mean VGG16 and nothing else; a
    layer that only the bundled model has means that one.

    Raises
    ------
    UsageError
        For an unknown model, or a layer that the model, or either of auto's, is known not to have.
    """
    candidates = _candidates(name, weights)
    known = known_layers()
    if layer is not None and candidates[0] in known:
        having = [model for model in candidates if layer in known[model]]
        if not having:
            layers = [each for model in candidates for each in known[model]]
            raise unknown_layer(layer, layers, candidates[0])
        candidates = having
    return candidates[0] if len(candidates) == 1 else AUTO


def _candidates(name: str, weights: Path | None) -> list[str]:
    """The models that `name` may come to."""
    if name.lower() != AUTO:
        return [find_model(name).name]
    return [FIRST_CHOICE, BUNDLED] if weights is None else [FIRST_CHOICE]


def choose(
    name: str = AUTO,
    *,
    weights: Path | None = None,
    layer: str | None = None,
    offline: bool = False,
    progress: Progress = no_progress,
    note: Note = no_note,
) -> Choice:
    """Decide on the model and bring its weights here, fetching them if need be.

    Raises
    ------
    UsageError
        For an unknown name, or a layer that the model does not have.
    ModelError
        Where the model was named, or implied, and its weights cannot be had.
    """
    wanted = wanted_model(name, weights=weights, layer=layer)
    spec = find_model(FIRST_CHOICE if wanted == AUTO else wanted)
    if weights is not None:
        if not weights.is_file():
            raise ModelError(f"there is no weights file {weights}", remedies(spec.name))
        return Choice(spec, weights, "file")
    if spec.weights is None:
        return Choice(spec, None, "bundled")
    if layer is not None and wanted not in known_layers() and find(spec.weights) is None:
        # Nothing is fetched, nor refused, for a layer that the model does not have.
        find_layer(explainable_layers(build(spec)), layer, spec.name)
    try:
        path, origin = ensure(
            spec.weights, name=spec.name, offline=offline, progress=progress, note=note
        )
    except ModelError as error:
        if wanted != AUTO:
            raise
        return _fallen_back(error, note)
    return Choice(spec, path, origin)


def _fallen_back(error: ModelError, note: Note) -> Choice:
    note(f"{error.what}. Using the bundled {BUNDLED} instead of {FIRST_CHOICE}.")
    return Choice(find_model(BUNDLED), None, "bundled", fallback=error.what)


def choose_without_weights(name: str = AUTO) -> ModelSpec:
    """The model that `name` means where only its structure is of interest; nothing is fetched."""
    if name.lower() != AUTO:
        return find_model(name)
    first = find_model(FIRST_CHOICE)
    cached = first.weights is not None and find(first.weights) is not None
    return first if cached else find_model(BUNDLED)


def build(spec: ModelSpec) -> Any:
    """The Keras model of `spec`, its output the logits, its weights all zero.

    Drawing VGG16's random initial values takes longer than reading its trained ones, so the
    initialisers that `keras.applications` names are answered with zeros while it builds.
    """
    _, keras = tensorflow()
    # Keras numbers the layers that have no name of their own from where it last stopped.
    keras.utils.clear_session()
    if not spec.builder:
        return efficientnet_lite.build()

    with zero_initializers(keras):
        builder = getattr(keras.applications, spec.builder)
        return builder(
            weights=None, input_shape=(spec.side, spec.side, 3), classifier_activation=None
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


def load(choice: Choice) -> Any:
    """The Keras model of `choice` with its weights in.

    Raises
    ------
    ModelError
        Where the file does not hold the weights of this model.
    """
    model = build(choice.spec)
    if choice.weights is None:
        efficientnet_lite.load_bundled(model)
        return model
    try:
        model.load_weights(choice.weights)
    except Exception as error:
        raise _unfit(choice) from error
    return model


def _unfit(choice: Choice) -> ModelError:
    if choice.origin == "file":
        return ModelError(
            f"{choice.weights} does not hold the weights of {choice.spec.name} "
            "in Keras's .h5 or .weights.h5 layout",
            "Pass the file that belongs to this model, or name the model with --model.",
        )
    return ModelError(
        f"the cached weights of {choice.spec.name} cannot be read: {choice.weights}",
        f"Fetch them again: `gradcam models pull {choice.spec.name} --force`.",
    )
