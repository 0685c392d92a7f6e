"""The graph of each pass, cut from a converted forward pass."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gradcam_cli.engines.openvino.graph_inputs import (
    ACTIVATIONS,
    GRADIENT_INPUTS,
    IMAGE,
    PROBABILITY,
    TOP,
    WEIGHTS,
)
from gradcam_cli.engines.openvino.runtime import openvino, ops
from gradcam_cli.engines.openvino.views import own_output, unviewed, viewed
from gradcam_cli.engines.openvino.vjp import GUIDED, RELEVANCE, STANDARD, gradients, is_relu
from gradcam_cli.passes import INPUT, Pass
from gradcam_cli.targets import Head

LOGITS = "logits"

_LAYER = "layer "

_RULES = {"standard": STANDARD, "guided": GUIDED, "relevance": RELEVANCE}


@dataclass(frozen=True)
class Graph:
    """A graph to compile, and what its inputs are for, in their order.

    The outputs are the activations of the layers, their gradients, and the scores, as far as the
    pass has them.
    """

    model: Any
    inputs: tuple[str, ...]


def output_name(layer: str) -> str:
    """What the output for `layer` is called in the file; no layer's can be `LOGITS`."""
    return f"{_LAYER}{layer}"


def layers_of(forward: Any) -> list[str]:
    """The layers that a converted forward pass has an output for."""
    return [name.removeprefix(_LAYER) for name in _outputs(forward) if name != LOGITS]


def has_relu(forward: Any) -> bool:
    """True where a ReLU is between the input and the scores."""
    scores = openvino.Model([_outputs(forward)[LOGITS]], forward.get_parameters(), LOGITS)
    return any(map(is_relu, scores.get_ordered_ops()))


def graph_of(forward: Any, what: Pass, rows: int, head: Head) -> Graph:
    """The graph that answers `what` for batches of `rows`.

    Parameters
    ----------
    forward : openvino.Model
        With an output for each layer of `what` and for the logits; not to be used afterwards.
    what : Pass
    rows : int
    head : "softmax" or "sigmoid"
        What makes probabilities of the scores.

    Raises
    ------
    NotDifferentiableError
        Where an operation between a place and the scores has no rule.
    """
    ports = _outputs(forward)
    layers = [ports[output_name(name)] for name in what.at if name != INPUT]
    image = _reshaped_input(forward, [*layers, ports[LOGITS]], rows)
    if what.kind == "gradients":
        return _with_gradients(image, layers, ports[LOGITS], what, head)
    if what.kind == "tail":
        return _tail(image, layers[0], ports[LOGITS])
    return Graph(openvino.Model([*layers, ports[LOGITS]], [image], str(what)), (IMAGE,))


def _outputs(forward: Any) -> dict[str, Any]:
    return {result.get_friendly_name(): result.input_value(0) for result in forward.get_results()}


def _reshaped_input(forward: Any, outputs: Sequence[Any], rows: int) -> Any:
    """The input, once all that leads from it to `outputs` has the shapes for `rows`."""
    image = forward.get_parameters()[0]
    pruned = openvino.Model(list(outputs), [image], LOGITS)
    pruned.reshape([rows, *(side.get_length() for side in list(image.partial_shape)[1:])])
    return image


def _with_gradients(
    image: Any, layers: Sequence[Any], logits: Any, what: Pass, head: Head
) -> Graph:
    rows, classes = logits.get_shape()
    weights = ops.parameter([rows, classes], np.float32, WEIGHTS)
    top = ops.parameter([rows], np.float32, TOP)
    probability = ops.parameter([], bool, PROBABILITY)
    seed = _score_gradient(
        logits, weights.output(0), top.output(0), probability.output(0), _SCORE_GRADIENTS[head]
    )
    if what.rules == "relevance":
        seed = ops.multiply(seed, logits).output(0)
    outputs = iter(layers)
    places = [
        (image.output(0), []) if name == INPUT else own_output(next(outputs)) for name in what.at
    ]
    operations = openvino.Model([*layers, logits], [image], LOGITS).get_ordered_ops()
    layer_gradients = gradients(
        operations, logits, seed, [port for port, _ in places], _RULES[what.rules]
    )
    output_gradients = [
        viewed(port, steps) for port, (_, steps) in zip(layer_gradients, places, strict=True)
    ]
    model = openvino.Model(
        [*layers, *output_gradients, logits], [image, weights, top, probability], str(what)
    )
    return Graph(model, GRADIENT_INPUTS)


def _score_gradient(
    logits: Any, weights: Any, top: Any, probability: Any, head_gradient: _ScoreGradient
) -> Any:
    """The gradient of each row's y with respect to the logits z.

    With w the weight of each score, y = Σ_i w_i·z_i has the gradient w. For y = Σ_i w_i·p_i of the
    probabilities p see `head_gradient`.
    """
    count, axis = ops.constant(np.int64(1)), ops.constant(np.array([1], np.int64))
    predicted_index = ops.topk(logits, count, 1, "max", "value", index_element_type="i64").output(1)
    classes = ops.constant(np.int64(logits.get_shape()[1]))
    off, on = ops.constant(np.float32(0)), ops.constant(np.float32(1))
    predicted = ops.one_hot(ops.squeeze(predicted_index, axis), classes, on, off, axis=1)
    weights = ops.add(weights, ops.multiply(ops.unsqueeze(top, axis), predicted))
    return ops.select(probability, head_gradient(logits, weights), weights).output(0)


_ScoreGradient = Callable[[Any, Any], Any]


def _softmax_gradient(logits: Any, weights: Any) -> Any:
    """The gradient of y = Σ_i w_i·p_i with p = softmax(z): p_j · (w_j - y)."""
    shares = ops.softmax(logits, 1)
    axis = ops.constant(np.array([1], np.int64))
    y = ops.reduce_sum(ops.multiply(shares, weights), axis, keep_dims=True)
    return ops.multiply(shares, ops.subtract(weights, y))


def _sigmoid_gradient(logits: Any, weights: Any) -> Any:
    """The gradient of y = Σ_i w_i·p_i with p = σ(z): w_j · p_j · (1 - p_j)."""
    shares = ops.sigmoid(logits)
    slope = ops.multiply(shares, ops.subtract(ops.constant(np.float32(1)), shares))
    return ops.multiply(weights, slope)


_SCORE_GRADIENTS: dict[Head, _ScoreGradient] = {
    "softmax": _softmax_gradient,
    "sigmoid": _sigmoid_gradient,
}


def _tail(image: Any, activations: Any, logits: Any) -> Graph:
    """From the layer's output to the scores, and from the image where they read it as well."""
    replacement = ops.parameter(list(activations.get_shape()), np.float32, ACTIVATIONS)
    source, steps = own_output(activations)
    of_view = {step.get_name() for step in steps}
    readers = [
        reader
        for reader in source.get_target_inputs()
        if reader.get_node().get_name() not in of_view
    ]
    replaced = unviewed(replacement.output(0), source, steps)
    for reader in readers:
        reader.replace_source_output(replaced)
    model = openvino.Model([logits], [replacement, image], LOGITS)
    fold(model)
    if image.get_friendly_name() in _ancestors(model.get_results()[0]):
        return Graph(model, (ACTIVATIONS, IMAGE))
    model.remove_parameter(image)
    return Graph(model, (ACTIVATIONS,))


def save(model: Any, graph: Path) -> None:
    """Write `model` to `graph`, an .xml file, with its weights beside it.

    Raises
    ------
    OSError
        Where it cannot be written.
    """
    try:
        openvino.save_model(model, graph, compress_to_fp16=False)
    except RuntimeError as error:
        raise OSError(errno.EIO, "it could not be written") from error


def fold(model: Any) -> None:
    """Make constants of what is computed from shapes alone."""
    from openvino import passes

    manager = passes.Manager()
    manager.register_pass(passes.ConstantFolding())
    manager.run_passes(model)


def _ancestors(end: Any) -> set[str]:
    """The names of all operations that `end` depends on."""
    names: set[str] = set()
    pending = [end]
    while pending:
        node = pending.pop()
        if node.get_friendly_name() not in names:
            names.add(node.get_friendly_name())
            pending.extend(
                node_input.get_source_output().get_node() for node_input in node.inputs()
            )
    return names
