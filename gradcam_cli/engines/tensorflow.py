"""The reference engine: TensorFlow, with a gradient tape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property, lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.engines.refusals import (
    check_places,
    check_rows,
    is_compiled_only,
    rule_parameters,
    without_relevance,
    without_relu,
)
from gradcam_cli.errors import UsageError
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.models.keras_head import ancestors
from gradcam_cli.models.keras_network import KerasNetwork
from gradcam_cli.models.layers import explainable_layers
from gradcam_cli.passes import (
    NO_PARAMETERS,
    Captured,
    Curvature,
    Gradients,
    Pass,
    Precision,
    Rules,
)
from gradcam_cli.targets import Head, Score, Target, score_weights

Array = NDArray[np.float32]
_Run = tuple[Any, list[Any], list[Any]]
"""Scores, and the activations and gradients at places."""

_RELUS = {"Relu": "GradcamGuidedRelu", "Relu6": "GradcamGuidedRelu6"}
"""TensorFlow's operations that are ReLUs, and what their guided gradients are registered as."""


class TensorFlowEngine:
    """Runs a Keras model of any kind, and leaves it as it is.

    Parameters
    ----------
    model : KerasNetwork or keras.Model
    model_name : str, optional
        The model's name, for errors; by default its own.
    head : "softmax" or "sigmoid", optional
        What makes probabilities of the scores; by default what the model has.
    """

    name = "tensorflow"
    reference = ""
    rows = 8
    forward_rows = 8
    precision: Precision = "f32"
    parallel = 1  # it uses every core by itself

    def __init__(
        self, model: Any, *, model_name: str | None = None, head: Head | None = None
    ) -> None:
        self._tf, _ = tensorflow()
        self._network = KerasNetwork.of(model)
        self._name = model_name or self._network.name
        probabilities = {"softmax": self._tf.nn.softmax, "sigmoid": self._tf.sigmoid}
        self._probabilities = probabilities[head or self._network.head]
        self._traced_capture = lru_cache(maxsize=8)(self._trace_capture)
        self._tail = lru_cache(maxsize=8)(self._trace_tail)
        self._tail_derivatives = lru_cache(maxsize=8)(self._trace_tail_derivatives)
        self._traced_gradients = lru_cache(maxsize=8)(self._trace_gradients)

    @cached_property
    def layers(self) -> dict[str, tuple[int, int, int]]:
        """See `Engine.layers`."""
        return {layer.name: layer.shape for layer in explainable_layers(self._network)}

    def forward(self, batch: Array) -> Array:
        """See `Engine.forward`."""
        scores: Array = self._traced_capture(())(batch)[0].numpy()
        return scores

    def capture(self, batch: Array, at: Sequence[str]) -> Captured:
        """See `Engine.capture`."""
        what = Pass("capture", tuple(dict.fromkeys(at)))
        check_places(what, self._network.layers, self._name)
        if self._network.scores_are_output:
            scores, activations = self._network.run(self._tf.convert_to_tensor(batch), what.at)
        else:
            scores, activations = self._traced_capture(what.at)(batch)
        return Captured(_arrays(what.at, activations), scores.numpy())

    def gradients(
        self,
        batch: Array,
        targets: Sequence[Target],
        at: Sequence[str],
        *,
        score: Score = "logit",
        rules: Rules = "standard",
        parameters: Mapping[str, float] = NO_PARAMETERS,
    ) -> Gradients:
        """See `Engine.gradients`.

        Rows do not mix at inference, so the gradient of the sum over the batch is each row's own.
        """
        what = Pass("gradients", tuple(dict.fromkeys(at)), rules)
        self._check(what)
        rule_parameters(rules, parameters)  # of which none are for rules that it has
        weights, top = score_weights(targets, self._network.classes)
        inputs = self._tf.convert_to_tensor(batch)
        probability = score == "probability"
        run: Callable[..., Any]
        if rules == "standard" and self._network.scores_are_output:
            run = partial(self._run_eagerly, what.at, probability)
        else:
            run = self._traced_gradients(what, probability)
        scores, activations, gradients = run(inputs, weights, top)
        for name, gradient in zip(what.at, gradients, strict=True):
            if gradient is None:
                raise _independent_layer_error(name)
        return Gradients(_arrays(what.at, activations), scores.numpy(), _arrays(what.at, gradients))

    def tail(self, activations: Array, layer: str, batch: Array) -> Array:
        """See `Engine.tail`."""
        check_places(Pass("tail", (layer,)), self._network.layers, self._name)
        tail, reads_batch = self._tail(layer)
        inputs = self._tail_inputs(activations, batch, reads_batch)
        scores: Array = tail(inputs, activations).numpy()
        return scores

    def tail_gradients(
        self,
        activations: Array,
        layer: str,
        batch: Array,
        targets: Sequence[Target],
        *,
        score: Score = "logit",
    ) -> Gradients:
        """See `Engine.tail_gradients`."""
        what = Pass("tail_gradients", (layer,))
        scores, gradients = self._run_tail(what, activations, batch, targets, score)
        return Gradients({layer: activations}, scores, {layer: gradients})

    def tail_curvature(
        self,
        activations: Array,
        layer: str,
        batch: Array,
        targets: Sequence[Target],
        *,
        score: Score = "logit",
    ) -> Curvature:
        """See `Engine.tail_curvature`."""
        what = Pass("tail_curvature", (layer,))
        scores, gradients, products = self._run_tail(what, activations, batch, targets, score)
        return Curvature({layer: activations}, scores, {layer: gradients}, {layer: products})

    def _run_tail(
        self, what: Pass, activations: Array, batch: Array, targets: Sequence[Target], score: Score
    ) -> list[Array]:
        """The scores, the gradients and, of curvature, the Hessian's products."""
        check_places(what, self._network.layers, self._name)
        run, reads_batch = self._tail_derivatives(what, score == "probability")
        inputs = self._tail_inputs(activations, batch, reads_batch)
        weights, top = score_weights(targets, self._network.classes)
        return [result.numpy() for result in run(inputs, activations, weights, top)]

    def _tail_inputs(self, activations: Array, batch: Array, reads_batch: bool) -> Array:
        """The inputs for a tail: zeros where they do not reach the scores past it."""
        if not reads_batch:
            return np.zeros((1, *self._network.input), np.float32)
        check_rows(len(activations), len(batch))
        inputs: Array = np.broadcast_to(batch, (len(activations), *batch.shape[1:]))
        return inputs

    def prepare(self, what: Pass) -> None:
        """Make what `what` needs once.

        Raises
        ------
        UsageError
            Where the model has no such layer, or no ReLU for guided gradients; at attention or
            biases, or where relevance or linearized gradients are requested.
        """
        self._check(what)
        if what.rules == "guided":
            self._traced_gradients(what, False)

    def _check(self, what: Pass) -> None:
        """Raise UsageError where it cannot run `what`."""
        if is_compiled_only(what) and what.rules != "relevance":
            raise UsageError(
                f"expected a pass that the engine tensorflow has, got {what}",
                "Leave --engine at auto, or choose another method.",
            )
        check_places(what, self._network.layers, self._name)
        if what.rules == "relevance":
            raise without_relevance(self._name)

    def _run_eagerly(
        self, at: tuple[str, ...], probability: bool, inputs: Any, weights: Array, top: Array
    ) -> _Run:
        """The scores, and activations and gradients at `at`."""
        with self._tf.GradientTape() as tape:
            tape.watch(inputs)
            scores, places = self._network.run(inputs, at)
            y = self._target_score(scores, weights, top, probability)
        return scores, places, tape.gradient(y, places)

    def _target_score(self, scores: Any, weights: Any, top: Any, probability: bool) -> Any:
        tf = self._tf
        predicted = tf.one_hot(tf.argmax(scores, axis=-1), scores.shape[-1])
        s = self._probabilities(scores) if probability else scores
        return tf.reduce_sum(s * (weights + top[:, np.newaxis] * predicted))

    def _trace_gradients(self, what: Pass, probability: bool) -> Callable[..., _Run]:
        """The same as `_run_eagerly` as a graph, for these two arguments only.

        There, TensorFlow lets the gradients of its operations be others, as guided ones are, and
        takes none that are not asked for, as the eager tape does those of every weight.
        """
        tf = self._tf
        overridden = _guided_gradients() if what.rules == "guided" else {}

        def run(inputs: Any, weights: Any, top: Any) -> _Run:
            with tf.compat.v1.get_default_graph().gradient_override_map(overridden):
                scores, places = self._network.run(inputs, what.at)
            y = self._target_score(scores, weights, top, probability)
            return scores, places, tf.gradients(y, places)

        vectors = [(None, self._network.classes), (None,)]
        traced = self._trace(run, [tf.TensorSpec(each, tf.float32) for each in vectors])
        operations = traced.graph.get_operations()
        if overridden and not any(operation.type in overridden for operation in operations):
            raise without_relu(self._name)
        return lambda *arrays: traced(*map(tf.convert_to_tensor, arrays))

    def _trace_capture(self, at: tuple[str, ...]) -> Callable[..., Any]:
        """`KerasNetwork.run`, in half the time of the same operations one by one."""
        traced = self._trace(lambda inputs: self._network.run(inputs, at))
        return lambda batch: traced(self._tf.convert_to_tensor(batch))

    def _trace_tail(self, layer: str) -> tuple[Callable[..., Any], bool]:
        """From the layer's output and the inputs to the scores; whether they read the inputs."""

        def run(inputs: Any, activations: Any) -> Any:
            return self._network.run(inputs, replace={layer: activations})[0]

        return self._traced_tail(run, [(None, *self._network.shapes[layer])])

    def _trace_tail_derivatives(
        self, what: Pass, probability: bool
    ) -> tuple[Callable[..., Any], bool]:
        """The same with a target, to what `_run_tail` gives."""
        tf = self._tf
        (layer,) = what.at

        def run(inputs: Any, activations: Any, weights: Any, top: Any) -> Any:
            scores, _ = self._network.run(inputs, replace={layer: activations})
            y = self._target_score(scores, weights, top, probability)
            (gradients,) = tf.gradients(y, [activations])
            if gradients is None:
                raise _independent_layer_error(layer)
            if what.kind == "tail_gradients":
                return scores, gradients
            along = tf.reduce_sum(gradients * tf.stop_gradient(activations))
            (products,) = tf.gradients(along, [activations], unconnected_gradients="zero")
            return scores, gradients, products

        vectors = [(None, self._network.classes), (None,)]
        return self._traced_tail(run, [(None, *self._network.shapes[layer]), *vectors])

    def _traced_tail(
        self, run: Callable[..., Any], shapes: Sequence[tuple[int | None, ...]]
    ) -> tuple[Callable[..., Any], bool]:
        """`run` of a batch and arrays of `shapes` as a graph; whether it reads the batch."""
        tf = self._tf
        traced = self._trace(run, [tf.TensorSpec(shape, tf.float32) for shape in shapes])
        read = set().union(*map(ancestors, traced.outputs))
        reads_batch = traced.inputs[0].op.name in read
        return lambda *arrays: traced(*map(tf.convert_to_tensor, arrays)), reads_batch

    def _trace(self, function: Callable[..., Any], more: Sequence[Any] = ()) -> Any:
        """`function` of a batch, and of what `more` specifies, as a graph."""
        signature = [self._network.signature, *more]
        return self._tf.function(function, autograph=False).get_concrete_function(*signature)


def _arrays(names: Sequence[str], tensors: Sequence[Any]) -> dict[str, Array]:
    return {name: tensor.numpy() for name, tensor in zip(names, tensors, strict=True)}


@cache
def _guided_gradients() -> dict[str, str]:
    """What lets a gradient pass a ReLU only where it is positive (Springenberg et al., 2015)."""
    tf, _ = tensorflow()
    raw = tf.raw_ops

    @tf.RegisterGradient(_RELUS["Relu"])  # type: ignore[untyped-decorator]
    def relu(operation: Any, gradient: Any) -> Any:
        return raw.ReluGrad(gradients=tf.nn.relu(gradient), features=operation.outputs[0])

    @tf.RegisterGradient(_RELUS["Relu6"])  # type: ignore[untyped-decorator]
    def relu6(operation: Any, gradient: Any) -> Any:
        return raw.Relu6Grad(gradients=tf.nn.relu(gradient), features=operation.outputs[0])

    return _RELUS


def _independent_layer_error(layer: str) -> UsageError:
    return UsageError(
        f"the class score does not depend on the layer {layer!r}",
        "`gradcam layers` lists the layers that can be explained.",
    )
