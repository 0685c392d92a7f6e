"""A model as a value: what is known of it before its weights are here, and after."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from gradcam_cli.errors import ModelError
from gradcam_cli.models.labels import Labels
from gradcam_cli.models.layers import LayerInfo, explainable_layers
from gradcam_cli.targets import Head

Origin = Literal["bundled", "cached", "fetched", "file", "memory"]
"""Where weights came from."""


class InputShape(NamedTuple):
    """What a model takes for one picture."""

    height: int
    width: int
    channels: int = 3


@dataclass(frozen=True)
class ModelInfo:
    """What is known of a model before its weights are here.

    Attributes
    ----------
    name : str
        As `--model` takes it.
    input : InputShape
        (height, width, channels); pictures are squashed to it.
    preprocessing : str
        How its input is made, as `preprocessing.parse_preprocessing` takes it.
    labels : Labels
        Its classes, in the order of its scores.
    head : "softmax" or "sigmoid"
        What makes probabilities of its scores.
    parameters : int
        How many weights it has.
    layer_names : tuple of str
        The layers that can be explained, input to output, where they are known beforehand; else
        empty.
    """

    name: str
    input: InputShape
    preprocessing: str
    labels: Labels = field(repr=False)
    head: Head
    parameters: int
    layer_names: tuple[str, ...] = field(default=(), repr=False)


class Weights(Protocol):
    """Weights that are on this machine, and the network they belong to."""

    @property
    def origin(self) -> Origin:
        """Where they came from."""
        ...

    @property
    def run_in_tensorflow(self) -> bool:
        """True where `network` can be had."""
        ...

    def digest(self) -> str:
        """The SHA-256 of the weights; ModelError where they cannot be read."""
        ...

    def network(self) -> Any:
        """The Keras model with the weights in; ModelError where they do not fit."""
        ...


@dataclass(frozen=True, kw_only=True)
class Model(ModelInfo):
    """A model whose weights are here.

    Attributes
    ----------
    weights : Weights
        What it computes with.
    fallback : str
        Why it is not the first choice of `auto`; empty where it is, or was named.
    guesses : tuple of str
        What was guessed of it, a sentence each.

    Raises
    ------
    ModelError
        Where no picture can be made into its input, or no probability of its scores.
    UsageError
        Where its preprocessing is none.
    """

    weights: Weights = field(repr=False)
    fallback: str = ""
    guesses: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_input(self)
        _check_head(self)

    @classmethod
    def of(cls, info: ModelInfo, weights: Weights, guesses: tuple[str, ...] = ()) -> Model:
        """The model of `info` with `weights`."""
        return cls(**vars(info), weights=weights, guesses=guesses)

    @property
    def origin(self) -> Origin:
        """Where its weights came from: "bundled", "cached", "fetched", "file" or "memory"."""
        return self.weights.origin

    def digest(self) -> str:
        """The SHA-256 of its weights.

        Raises
        ------
        ModelError
            Where they cannot be read.
        """
        return self.weights.digest()

    def network(self) -> Any:
        """The Keras model: (N, height, width, channels) float32 -> (N, classes) scores, no head.

        Built and loaded anew with every call.

        Raises
        ------
        ModelError
            Where the weights do not fit it, or its classes are not those of `labels`.
        """
        network = self.weights.network()
        units = getattr(network, "classes", None) or network.output_shape[-1]
        if units != len(self.labels):
            raise ModelError(
                f"expected labels for the {units} classes of {self.name}, got {len(self.labels)}",
                "Pass one for each class, in the order of its scores.",
            )
        return network

    def layers(self) -> list[LayerInfo]:
        """The layers that can be explained, from input to output.

        Raises
        ------
        ModelError
            As `network`.
        """
        return explainable_layers(self.network())


def _check_input(info: ModelInfo) -> None:
    from gradcam_cli.models.preprocessing import parse_preprocessing

    shape, channels = tuple(info.input), info.input.channels
    if channels not in (1, 3):
        raise ModelError(
            f"expected a model that takes pictures of 3 channels (RGB) or 1 (grey), got {info.name}"
            f", which takes (height, width, channels) = {shape}",
            "Pass another model.",
        )
    if not parse_preprocessing(info.preprocessing).takes_grey and channels == 1:
        raise ModelError(
            f"expected 3 channels (RGB) for the preprocessing {info.preprocessing!r}, got "
            f"{info.name}, which takes (height, width, channels) = {shape}",
            "Pass a preprocessing that treats all channels alike.",
        )


def _check_head(info: ModelInfo) -> None:
    if info.head == "softmax" and len(info.labels) < 2:
        raise ModelError(
            f"expected a softmax over at least 2 classes, got {info.name}, which has "
            f"{len(info.labels)}",
            "Pass sigmoid for the head of a model with one score.",
        )
