"""The scores of a model that was read: those before its last activation, one for each class."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcam_cli.engines.openvino.model_files.inputs import names_of
from gradcam_cli.engines.openvino.runtime import ops
from gradcam_cli.engines.openvino.vjp.ports import Port, shape_of
from gradcam_cli.errors import ModelError
from gradcam_cli.targets import Head

_ACTIVATIONS = {"Softmax": "softmax", "LogSoftmax": "log_softmax", "Sigmoid": "sigmoid"}
_CHANGES_NO_VALUE = ("Convert", "FakeQuantize", "Reshape", "Squeeze", "Unsqueeze", "Transpose")


@dataclass(frozen=True)
class ClassScores:
    """What a model says of a picture.

    Attributes
    ----------
    port : openvino.Output
        The scores before the head, (1, classes); of one unit z, -z and z.
    output : str
        What the output is called in the file.
    head : "softmax" or "sigmoid"
        What makes probabilities of the scores.
    activation : "softmax", "log_softmax", "sigmoid" or "none"
        What the file has after them.
    units : int
        How many values the file gives: one for each class, or 1.
    """

    port: Port
    output: str
    head: Head
    activation: str
    units: int


def class_scores(model: Any, output_name: str | None) -> ClassScores:
    """The scores of `model`, an `openvino.Model` of static shapes.

    Parameters
    ----------
    output_name : str, optional
        Which of several outputs.

    Raises
    ------
    ModelError
        Where it gives something else than one score for each class.
    """
    result = _chosen_output(model, output_name)
    name = names_of(result)
    end = result.get_node().input_value(0) if _is_result(result) else result
    scores, activation = _before_activation(end)
    classes = _class_count(scores, name)
    flat = ops.reshape(scores, ops.constant(np.array([-1, classes], np.int64)), special_zero=False)
    if classes == 1:
        if "softmax" in activation:
            raise ModelError(
                f"the output {name} is a softmax over one class, which is always 1",
                "Pass a model whose last activation is a sigmoid, or which has two classes.",
            )
        pair = ops.concat([ops.negative(flat), flat], 1).output(0)
        return ClassScores(pair, name, "sigmoid", activation, 1)
    head: Head = "sigmoid" if activation == "sigmoid" else "softmax"
    return ClassScores(flat.output(0), name, head, activation, classes)


def output_names(model: Any) -> tuple[str, ...]:
    """What the outputs are called."""
    return tuple(names_of(output) for output in model.outputs)


def _is_result(port: Port) -> bool:
    return bool(port.get_node().get_type_name() == "Result")


def _chosen_output(model: Any, name: str | None) -> Port:
    outputs = list(model.outputs)
    listing = ", ".join(output_names(model))
    if name is not None:
        for output in outputs:
            if name in output.get_names() or name == names_of(output):
                return output
        raise ModelError(f"the model has no output {name!r}", f"It has: {listing}.")
    if len(outputs) == 1:
        return outputs[0]
    if not outputs:
        raise ModelError("the model has no output", "Pass another model.")
    raise ModelError(
        f"the model has {len(outputs)} outputs: {listing}",
        "Pass --output-name with the one that gives the scores of the classes.",
    )


def _before_activation(end: Port) -> tuple[Port, str]:
    """The input of the last activation, and its kind; `end` and "none" where there is none."""
    port = end
    while port.get_node().get_type_name() in _CHANGES_NO_VALUE:
        port = port.get_node().input_value(0)
    activation = _ACTIVATIONS.get(port.get_node().get_type_name())
    return (end, "none") if activation is None else (port.get_node().input_value(0), activation)


def _class_count(scores: Port, name: str) -> int:
    shape = shape_of(scores)
    count = math.prod(shape)
    if max(shape, default=0) != count:
        sides = ", ".join(map(str, shape))
        raise ModelError(
            f"expected one score for each class, got an output {name} of shape ({sides})",
            "Pass a classifier, or name another output with --output-name.",
        )
    return count
