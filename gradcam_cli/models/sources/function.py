"""A function of one's own as a model: pictures in, scores out, and nothing to look into."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn, get_args

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.arguments import check_word, checked_integer, describe
from gradcam_cli.errors import ModelError, UsageError
from gradcam_cli.models.labels import Labels
from gradcam_cli.models.model import InputShape, Model, Origin
from gradcam_cli.text import printable

Ends = Literal["softmax", "sigmoid", "none"]
"""What a function ends in: probabilities that share 1, one for each class by itself, or scores."""

WHOLE_PIXELS = "uint8"
"""The preprocessing of a function that takes pixels as they are in pictures."""

ScoreFunction = Callable[[NDArray[Any]], Any]


@dataclass(frozen=True, eq=False)
class FunctionWeights:
    """What a model that is a function computes with; see `Weights`.

    Attributes
    ----------
    function : callable
        (N, H, W, C) -> (N, classes).
    ends : "softmax", "sigmoid" or "none"
        What it ends in.
    whole_pixels : bool
        Whether it takes uint8 in place of float32.
    """

    function: ScoreFunction = field(repr=False)
    ends: Ends
    whole_pixels: bool
    origin: Origin = "memory"
    run_in_tensorflow: bool = False

    def digest(self) -> NoReturn:
        """See `Weights.digest`."""
        raise ModelError("a function has no weights that could be told from others'")

    def network(self) -> NoReturn:
        """See `Weights.network`."""
        raise ModelError(
            "a function has no layers to look into", "Pass the model itself, if there is one."
        )


def function_model(
    function: ScoreFunction,
    input: Sequence[int],
    labels: int | Sequence[str],
    *,
    preprocessing: str = WHOLE_PIXELS,
    ends: Ends = "softmax",
) -> Model:
    """The model that `function` is; see `Explainer.of_function`.

    Raises
    ------
    UsageError
        Where an argument is not as there.
    ModelError
        For an input of other than 1 or 3 channels, or a softmax of one class.
    """
    if not callable(function):
        raise UsageError(
            f"expected a function of pictures, got {describe(function)}",
            "Pass one from (N, H, W, C) to (N, classes).",
        )
    check_word("what a function ends in", ends, get_args(Ends))
    classes = _labels(labels)
    whole_pixels = preprocessing == WHOLE_PIXELS
    alone = len(classes) == 1 and ends == "none"
    return Model(
        name=printable(getattr(function, "__name__", type(function).__name__)),
        input=_input(input),
        preprocessing="none" if whole_pixels else preprocessing,
        labels=classes,
        head="sigmoid" if ends == "sigmoid" or alone else "softmax",
        parameters=0,
        weights=FunctionWeights(function, ends, whole_pixels),
    )


def _input(shape: Sequence[int]) -> InputShape:
    if not isinstance(shape, Sequence) or len(shape) != 3:
        raise UsageError(
            f"expected the shape of one input, (height, width, channels), got {describe(shape)}",
            "Pass (224, 224, 3), for instance.",
        )
    named = zip(InputShape._fields, shape, strict=True)
    return InputShape(*(checked_integer(f"the input's {name}", side, 1) for name, side in named))


def _labels(labels: int | Sequence[str]) -> Labels:
    if isinstance(labels, Sequence) and not isinstance(labels, str):
        return Labels.of_names(labels)
    return Labels.unnamed(checked_integer("the number of classes", labels, 1))


def scores_of(answer: object, rows: int, classes: int, ends: Ends) -> NDArray[np.float32]:
    """The scores before the softmax or sigmoid, of what a function answered.

    Of probabilities p they are log p, and log p − log(1 − p) of a sigmoid's: what the head makes p
    of. A probability of 0 has the score of the least positive float32, about -87.

    Parameters
    ----------
    answer : (rows, classes) array-like
    rows, classes : int
        How many it has to have.
    ends : "softmax", "sigmoid" or "none"

    Returns
    -------
    (rows, classes) float32

    Raises
    ------
    UsageError
        Where it has another shape, or no probabilities where there should be some.
    """
    values = np.asarray(answer)
    if values.shape != (rows, classes) or values.dtype.kind not in "fiub":
        raise UsageError(
            f"expected ({rows}, {classes}) numbers of the function, got {describe(values)}",
            "Have it give a row for each picture, and a column for each of the labels.",
        )
    if ends == "none":
        return values.astype(np.float32)
    shares = _checked_probabilities(values.astype(np.float64), ends)
    tiny, eps = np.finfo(np.float32).tiny, np.finfo(np.float32).eps
    scores = np.log(np.maximum(shares, tiny))
    if ends == "sigmoid":
        scores -= np.log(np.maximum(1 - shares, eps))
    return scores.astype(np.float32)


def _checked_probabilities(values: NDArray[np.float64], ends: Ends) -> NDArray[np.float64]:
    rounding = 1e-3
    in_range = ((values >= -rounding) & (values <= 1 + rounding)).all()
    if not in_range:
        raise UsageError(
            f"expected probabilities in 0..1 of the function, got {describe(values)}",
            "Pass ends='none' for scores before a softmax.",
        )
    if ends == "softmax" and (np.abs(values.sum(axis=-1) - 1) > rounding).any():
        raise UsageError(
            "expected probabilities of the function that add up to 1, got "
            f"{values.sum(axis=-1)[0]:.3g} of a picture",
            "Pass ends='sigmoid' for classes that are each by themselves.",
        )
    return np.clip(values, 0, 1)
