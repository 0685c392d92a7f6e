"""From the output of a traced model back to the scores before its last activation.

The walk is along the operations of TensorFlow's graph. So it finds a softmax wherever it is
written: in a dense layer, a layer of its own, a nested model, or a line of a subclassed one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal

from gradcam_cli.errors import ModelError

Activation = Literal["softmax", "sigmoid", "none"]

_ACTIVATIONS: dict[str, Activation] = {
    "Softmax": "softmax",
    "LogSoftmax": "softmax",
    "Sigmoid": "sigmoid",
}
_UNCHANGED = ("Identity", "IdentityN", "Reshape", "Squeeze", "ExpandDims", "Cast", "StopGradient")
_OTHER_ACTIVATIONS = ("Tanh", "Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Softplus", "Softsign")
_POOLINGS = ("Mean", "Max", "AvgPool", "MaxPool")


def before_activation(output: Any) -> tuple[Any, Activation]:
    """The input of the activation that `output` comes out of, and which that is.

    Parameters
    ----------
    output : tf.Tensor
        Symbolic, (N, units), or with sides of 1 as well.

    Returns
    -------
    scores : tf.Tensor
        (N, units); `output` itself where there is no activation.
    activation : "softmax", "sigmoid" or "none"

    Raises
    ------
    ModelError
        Where there is no score for each class, or no probability can be made of one unit.
    """
    units = unit_count(output.shape)
    last = _without_reshaping(output)
    activation = _ACTIVATIONS.get(last.op.type, "none")
    if units == 1:
        _check_single_unit(last.op.type)
    scores = output
    if activation != "none" and last.shape.rank and last.shape[-1] == units:
        scores = last.op.inputs[0]
    else:
        activation = "none"
    return _flat(scores, units), activation


def unit_count(shape: Any) -> int:
    """How many scores an output of `shape`, (N, …), gives.

    Raises
    ------
    ModelError
        Where that is not one for each class.
    """
    sides = list(shape)[1:]
    if None in sides or max(sides, default=1) != math.prod(sides):
        text = ", ".join("any" if side is None else str(side) for side in sides)
        kind = "a map of scores, not one" if len(sides) == 3 else "no single score"
        raise ModelError(
            f"the model's output, ({text}), gives {kind} per class",
            "Pass a classifier, or name another output with --output-name.",
        )
    return math.prod(sides)


def head_tensors(output: Any) -> set[str]:
    """The names of the tensors between which and `output` there are only poolings and the like."""
    passed = (*_UNCHANGED, *_ACTIVATIONS, *_OTHER_ACTIVATIONS, *_POOLINGS)
    names = {output.name}
    while output.op.type in passed:
        output = output.op.inputs[output.value_index if output.op.type == "IdentityN" else 0]
        names.add(output.name)
    return names


def ancestors(tensor: Any) -> set[str]:
    """The names of all operations that `tensor` depends on, its own among them."""
    names: set[str] = set()
    pending = [tensor.op]
    while pending:
        operation = pending.pop()
        if operation.name not in names:
            names.add(operation.name)
            pending.extend(each.op for each in operation.inputs)
    return names


def _without_reshaping(tensor: Any) -> Any:
    *_, last = _unchanged_tensors(tensor)
    return last


def _unchanged_tensors(tensor: Any) -> Iterator[Any]:
    yield tensor
    while tensor.op.type in _UNCHANGED:
        tensor = tensor.op.inputs[tensor.value_index if tensor.op.type == "IdentityN" else 0]
        yield tensor


def _flat(scores: Any, units: int) -> Any:
    from gradcam_cli.models.framework import tensorflow

    tf, _ = tensorflow()
    return scores if scores.shape.rank == 2 else tf.reshape(scores, (-1, units))


def _check_single_unit(operation: str) -> None:
    if operation in ("Softmax", "LogSoftmax"):
        raise ModelError(
            "the model has a softmax over a single unit, which is 1 for every picture",
            "Pass a model with a sigmoid there, or with a unit for each class.",
        )
    if operation in _OTHER_ACTIVATIONS:
        raise ModelError(
            f"the model's single unit comes out of {operation.lower()}, of which no probability is "
            "made",
            "Pass a model with a sigmoid there, or with no activation.",
        )
