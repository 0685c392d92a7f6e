"""The graph of each pass, cut from a converted forward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import numpy as np

from gradcam_cli.engines.openvino.attention import attention_in, tokens_of
from gradcam_cli.engines.openvino.biases import biases_between, times_bias
from gradcam_cli.engines.openvino.graph_inputs import (
    ACTIVATIONS,
    IMAGE,
    PROBABILITY,
    TARGET_INPUTS,
    TOP,
    WEIGHTS,
    gradient_inputs,
)
from gradcam_cli.engines.openvino.runtime import openvino, ops
from gradcam_cli.engines.openvino.views import own_output, unviewed, viewed
from gradcam_cli.engines.openvino.vjp import (
    GUIDED,
    LINEARIZED,
    STANDARD,
    gradients,
    is_relu,
    relevance_rules,
)
from gradcam_cli.engines.openvino.vjp.ports import Rules
from gradcam_cli.engines.refusals import check_places, without_relu
from gradcam_cli.passes import (
    ATTENTION,
    BIASES,
    BLOCK_ATTENTION,
    INPUT,
    NO_LAYERS,
    RULE_PARAMETERS,
    Pass,
)
from gradcam_cli.targets import Head

LOGITS = "logits"

_LAYER = "layer "

_RULES: dict[str, Callable[..., Rules]] = {
    "standard": lambda: STANDARD,
    "guided": lambda: GUIDED,
    "relevance": relevance_rules,
    "linearized": lambda: LINEARIZED,
}
"""What gives the rules, of their parameters."""


@dataclass(frozen=True)
class Graph:
    """A graph to compile, and what its inputs are for, in their order.

    The outputs are the activations of the layers, their gradients, those of biases, and the scores,
    as far as the pass has them. What goes in does not come out.
    """

    model: Any
    inputs: tuple[str, ...]


def output_name(layer: str) -> str:
    """What the output for `layer` is called in the file; no layer's can be `LOGITS`."""
    return f"{_LAYER}{layer}"


def places_of(forward: Any) -> list[str]:
    """The layers, and places of attention, that a converted forward pass has an output for."""
    attention = (ATTENTION, BLOCK_ATTENTION) if tokens_of(forward) else ()
    return [*layer_shapes(forward), *attention]


def layer_shapes(forward: Any) -> dict[str, tuple[int, int, int]]:
    """(h, w, C) of each layer that a converted forward pass has an output for, in their order."""
    shapes = (
        (name.removeprefix(_LAYER), port.get_partial_shape())
        for name, port in _outputs(forward).items()
        if name.startswith(_LAYER)
    )
    return {
        name: (shape[1].get_length(), shape[2].get_length(), shape[3].get_length())
        for name, shape in shapes
    }


def has_relu(forward: Any) -> bool:
    """True where a ReLU is between the input and the scores."""
    scores = openvino.Model([_outputs(forward)[LOGITS]], forward.get_parameters(), LOGITS)
    return any(map(is_relu, scores.get_ordered_ops()))


def check_pass(forward: Any, what: Pass, model: str) -> None:
    """Raise UsageError where `model` has no place of `what`, or no ReLU for guided gradients."""
    check_places(what, places_of(forward), model)
    if what.rules == "guided" and not has_relu(forward.clone()):
        raise without_relu(model)


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
    logits = ports[LOGITS]
    layers = [ports[output_name(name)] for name in what.at if name not in NO_LAYERS]
    image = _reshaped_input(forward, [*layers, logits], rows)
    if what.is_tail:
        return (
            _tail(image, layers[0], logits, what, head)
            if layers
            else _factors(forward, logits, what)
        )
    last = sorted(what.at, key=BIASES.__eq__)
    places = [_place(forward, ports, name) for name in last]
    arrays = [place.array for place in places if place.array is not None]
    if what.kind == "gradients":
        return _with_gradients(image, places, arrays, logits, what, head)
    return Graph(openvino.Model([*arrays, logits], [image], str(what)), (IMAGE,))


@dataclass(frozen=True)
class _Place:
    """Where gradients are taken.

    Attributes
    ----------
    array : openvino.Output or None
        What comes out for it; None of the input and of biases.
    points : sequence of (openvino.Output, openvino.Output)
        The outputs that the gradients are taken at, each with the scores that they are of.
    view : callable
        Makes of their gradients what comes out: one, and of biases as many as there are.
    """

    array: Any | None
    points: Sequence[tuple[Any, Any]]
    view: Callable[[Sequence[Any]], list[Any]]


def _place(forward: Any, ports: dict[str, Any], name: str) -> _Place:
    logits = ports[LOGITS]
    if name == INPUT:
        image = forward.get_parameters()[0].output(0)
        return _Place(None, [(image, logits)], list)
    if name == BIASES:
        biases = biases_between(forward.get_parameters()[0], logits)
        return _Place(None, [(bias.port, logits) for bias in biases], partial(times_bias, biases))
    if name in NO_LAYERS:
        attention = attention_in(forward)
        assert attention is not None  # `check_places` refuses others
        matrices = attention.matrices
        scores = attention.scores(logits) if name == BLOCK_ATTENTION else [logits] * len(matrices)
        points = list(zip(matrices, scores, strict=True))
        return _Place(attention.arrays(matrices), points, lambda each: [attention.arrays(each)])
    array = ports[output_name(name)]
    own, steps = own_output(array)
    return _Place(array, [(own, logits)], lambda each: [viewed(each[0], steps)])


def _outputs(forward: Any) -> dict[str, Any]:
    return {result.get_friendly_name(): result.input_value(0) for result in forward.get_results()}


def _reshaped_input(forward: Any, outputs: Sequence[Any], rows: int) -> Any:
    """The input, once all that leads from it to `outputs` has the shapes for `rows`."""
    image = forward.get_parameters()[0]
    pruned = openvino.Model(list(outputs), [image], LOGITS)
    pruned.reshape([rows, *(side.get_length() for side in list(image.partial_shape)[1:])])
    return image


def _with_gradients(
    image: Any, places: Sequence[_Place], arrays: Sequence[Any], logits: Any, what: Pass, head: Head
) -> Graph:
    seed, target = _target(logits, what, head)
    parameters = [
        ops.parameter([], np.float32, name) for name in RULE_PARAMETERS.get(what.rules, ())
    ]
    rules = _RULES[what.rules](*(parameter.output(0) for parameter in parameters))
    points = [point for place in places for point in place.points]
    operations = openvino.Model(
        [*arrays, *(scores for _, scores in points), logits], [image], LOGITS
    ).get_ordered_ops()
    found = iter(_gradients_at(points, operations, seed, rules))
    views = [place.view([next(found) for _ in place.points]) for place in places]
    inputs = [image, *target, *parameters]
    model = openvino.Model([*arrays, *chain(*views), logits], inputs, str(what))
    return Graph(model, gradient_inputs(what.rules))


def _gradients_at(
    points: Sequence[tuple[Any, Any]],
    operations: Sequence[Any],
    seed: Callable[[Any], Any],
    rules: Rules,
) -> list[Any]:
    """The gradients at `points`, in their order, by one walk for those of the same scores."""
    by_scores: dict[str, list[int]] = {}
    for number, (_, scores) in enumerate(points):
        by_scores.setdefault(scores.get_node().get_name(), []).append(number)
    found: dict[int, Any] = {}
    for numbers in by_scores.values():
        ports = [points[number][0] for number in numbers]
        scores = points[numbers[0]][1]
        walked = gradients(operations, scores, seed(scores), ports, rules)
        found |= zip(numbers, walked, strict=True)
    return [found[number] for number in range(len(points))]


def _class_weights(logits: Any, weights: Any, top: Any) -> Any:
    """The weight of each score in y, with `top` for the class that is predicted."""
    count, axis = ops.constant(np.int64(1)), ops.constant(np.array([1], np.int64))
    predicted_index = ops.topk(logits, count, 1, "max", "value", index_element_type="i64").output(1)
    classes = ops.constant(np.int64(logits.get_shape()[1]))
    off, on = ops.constant(np.float32(0)), ops.constant(np.float32(1))
    predicted = ops.one_hot(ops.squeeze(predicted_index, axis), classes, on, off, axis=1)
    return ops.add(weights, ops.multiply(ops.unsqueeze(top, axis), predicted))


def _target(logits: Any, what: Pass, head: Head) -> tuple[Callable[[Any], Any], list[Any]]:
    """What gives the gradient of each row's y with respect to scores, or their relevance.

    The scores are `logits`, which tell the predicted class, or others of their shape; the inputs
    the `TARGET_INPUTS`.
    """
    rows, classes = logits.get_shape()
    weights = ops.parameter([rows, classes], np.float32, WEIGHTS)
    top = ops.parameter([rows], np.float32, TOP)
    probability = ops.parameter([], bool, PROBABILITY)
    of_classes = _class_weights(logits, weights.output(0), top.output(0))

    def seed(scores: Any) -> Any:
        start = _score_gradient(scores, of_classes, probability.output(0), _SCORE_GRADIENTS[head])
        return ops.multiply(start, scores).output(0) if what.rules == "relevance" else start

    return seed, [weights, top, probability]


def _score_gradient(
    logits: Any, weights: Any, probability: Any, head_gradient: _ScoreGradient
) -> Any:
    """The gradient of each row's y with respect to the logits z.

    With w the weight of each score, y = Σ_i w_i·z_i has the gradient w. For y = Σ_i w_i·p_i of the
    probabilities p see `head_gradient`.
    """
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


def _factors(forward: Any, logits: Any, what: Pass) -> Graph:
    """From what attention is multiplied by, and the image, to the scores."""
    attention = attention_in(forward)
    assert attention is not None  # `check_places` refuses others
    shape = attention.arrays(attention.matrices).get_shape()
    factors = ops.parameter(list(shape), np.float32, ACTIVATIONS)
    by_block = what.at == (BLOCK_ATTENTION,)
    multiplied = attention.multiplied_by_block if by_block else attention.multiplied
    scores = multiplied(factors.output(0), logits)
    inputs = [factors, attention.image]
    return Graph(openvino.Model([scores], inputs, LOGITS), (ACTIVATIONS, IMAGE))


def _tail(image: Any, activations: Any, logits: Any, what: Pass, head: Head) -> Graph:
    """From the layer's output to the scores, and from the image where they read it as well."""
    replacement, replaced, steps = _replaced(activations)
    model = openvino.Model([logits], [replacement, image], LOGITS)
    fold(model)
    results = [model.get_results()[0].input_value(0)]
    target: list[Any] = []
    if what.has_gradients:
        seed, target = _target(results[0], what, head)
        operations = model.get_ordered_ops()
        ends = gradients(operations, results[0], seed(results[0]), [replaced])
        if what.kind == "tail_curvature":
            ends.append(_curvature(ends[0], replaced))
        results = [*(viewed(end, steps) for end in ends), *results]
    reads_image = image.get_name() in _ancestors([port.get_node() for port in results])
    inputs = (ACTIVATIONS, *([IMAGE] if reads_image else []), *(TARGET_INPUTS if target else ()))
    parameters = [replacement, *([image] if reads_image else []), *target]
    return Graph(openvino.Model(results, parameters, str(what)), inputs)


def _curvature(gradient: Any, place: Any) -> Any:
    """H A from the gradient G at `place`, which has the values A: that of Σ G·A with A fixed."""
    nodes = _ancestors([gradient.get_node()]).values()
    inputs = [node for node in nodes if node.get_type_name() == "Parameter"]
    backward = openvino.Model([gradient], inputs, LOGITS).get_ordered_ops()
    (product,) = gradients(backward, gradient, place, [place])
    return product


def _replaced(activations: Any) -> tuple[Any, Any, list[Any]]:
    """An input in the place of a layer's output, it in the layer's own form, and the view of it."""
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
    return replacement, replaced, steps


def fold(model: Any) -> None:
    """Make constants of what is computed from shapes alone."""
    from openvino import passes

    manager = passes.Manager()
    manager.register_pass(passes.ConstantFolding())
    manager.run_passes(model)


def _ancestors(ends: Sequence[Any]) -> dict[str, Any]:
    """All operations that `ends` depend on, themselves among them, by their names."""
    found: dict[str, Any] = {}
    pending = list(ends)
    while pending:
        node = pending.pop()
        if node.get_name() not in found:
            found[node.get_name()] = node
            pending.extend(
                node_input.get_source_output().get_node() for node_input in node.inputs()
            )
    return found
