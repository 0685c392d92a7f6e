"""The reference engine: TensorFlow, with a gradient tape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.engines.refusals import check_places, check_rows, without_relu
from gradcam_cli.errors import UsageError
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.passes import INPUT, Captured, Gradients, Pass, Rules
from gradcam_cli.targets import Head, Score, Target, score_weights

Array = NDArray[np.float32]

_RELUS = {"Relu": "GradcamGuidedRelu", "Relu6": "GradcamGuidedRelu6"}
"""TensorFlow's operations that are ReLUs, and what their guided gradients are registered as."""


class TensorFlowEngine:
    """Runs a Keras model whose output is scores before the softmax, and leaves it as it is.

    Parameters
    ----------
    model : keras.Model
        (N, H, W, C) -> (N, classes) scores.
    model_name : str, optional
        The model's name, for errors; by default its own.
    head : "softmax" or "sigmoid"
        What makes probabilities of the scores.
    """

    name = "tensorflow"
    reference = ""
    rows = 8
    forward_rows = 8
    parallel = 1  # it uses every core by itself

    def __init__(
        self, model: Any, *, model_name: str | None = None, head: Head = "softmax"
    ) -> None:
        self._tf, self._keras = tensorflow()
        self._model = model
        self._name = model_name or model.name
        self._probabilities = {"softmax": self._tf.nn.softmax, "sigmoid": self._tf.sigmoid}[head]
        self._outputs = {op.name: op.output for op in model.operations}
        self._submodel = lru_cache(maxsize=8)(self._build_submodel)
        self._tail = lru_cache(maxsize=8)(self._build_tail)
        self._guided = lru_cache(maxsize=8)(self._trace_guided)

    def forward(self, batch: Array) -> Array:
        """See `Engine.forward`."""
        scores: Array = self._traced_forward(batch).numpy()
        return scores

    def capture(self, batch: Array, at: Sequence[str]) -> Captured:
        """See `Engine.capture`."""
        check_places(Pass("capture", tuple(at)), self._outputs, self._name)
        inputs = self._tf.convert_to_tensor(batch)
        activations, scores = self._submodel(tuple(at))(inputs, training=False)
        return Captured(
            {name: a.numpy() for name, a in zip(at, activations, strict=True)}, scores.numpy()
        )

    def gradients(
        self,
        batch: Array,
        targets: Sequence[Target],
        at: Sequence[str],
        *,
        score: Score = "logit",
        rules: Rules = "standard",
    ) -> Gradients:
        """See `Engine.gradients`.

        Rows do not mix at inference, so the gradient of the sum over the batch is each row's own.
        """
        what = Pass("gradients", tuple(dict.fromkeys(at)), rules)
        check_places(what, self._outputs, self._name)
        weights, top = score_weights(targets, self._model.output.shape[-1])
        inputs = self._tf.convert_to_tensor(batch)
        probability = score == "probability"
        run = self._guided(what.at, probability) if rules == "guided" else self._run_eagerly
        scores, activations, gradients = run(inputs, weights, top, probability, what.at)
        for name, gradient in zip(what.at, gradients, strict=True):
            if gradient is None:
                raise _independent_layer_error(name)
        return Gradients(
            {name: a.numpy() for name, a in zip(what.at, activations, strict=True)},
            scores.numpy(),
            {name: g.numpy() for name, g in zip(what.at, gradients, strict=True)},
        )

    def tail(self, activations: Array, layer: str, batch: Array) -> Array:
        """See `Engine.tail`."""
        check_places(Pass("tail", (layer,)), self._outputs, self._name)
        tail, reads_batch = self._tail(layer)
        inputs = [activations]
        if reads_batch:
            check_rows(len(activations), len(batch))
            inputs.append(np.broadcast_to(batch, (len(activations), *batch.shape[1:])))
        scores: Array = tail(*inputs).numpy()
        return scores

    def prepare(self, what: Pass) -> None:
        """Make what `what` needs once.

        Raises
        ------
        UsageError
            Where the model has no such layer, or no ReLU for guided gradients.
        """
        check_places(what, self._outputs, self._name)
        if what.rules == "guided":
            self._guided(what.at, False)

    def _run_eagerly(
        self, inputs: Any, weights: Array, top: Array, probability: bool, at: tuple[str, ...]
    ) -> tuple[Any, list[Any], list[Any]]:
        """The scores, and activations and gradients at `at`."""
        with self._tf.GradientTape() as tape:
            tape.watch(inputs)
            places, scores = self._places(inputs, at)
            y = self._target_score(scores, weights, top, probability)
        return scores, places, tape.gradient(y, places)

    def _places(self, inputs: Any, at: tuple[str, ...]) -> tuple[list[Any], Any]:
        """The tensors at `at`, and the scores."""
        layers = tuple(name for name in at if name != INPUT)
        activations, scores = self._submodel(layers)(inputs, training=False)
        tensors = {INPUT: inputs, **dict(zip(layers, activations, strict=True))}
        return [tensors[name] for name in at], scores

    def _target_score(self, scores: Any, weights: Any, top: Any, probability: bool) -> Any:
        tf = self._tf
        predicted = tf.one_hot(tf.argmax(scores, axis=-1), scores.shape[-1])
        s = self._probabilities(scores) if probability else scores
        return tf.reduce_sum(s * (weights + top[:, np.newaxis] * predicted))

    def _trace_guided(self, at: tuple[str, ...], probability: bool) -> Callable[..., Any]:
        """The same as `_run_eagerly` with guided gradients, for these two arguments only.

        It is traced, for that is where TensorFlow lets the gradients of its operations be others,
        and no layer has to be changed.
        """
        tf = self._tf
        _register_guided_gradients()

        @tf.function(autograph=False)  # type: ignore[untyped-decorator]
        def run(inputs: Any, weights: Any, top: Any) -> Any:
            with tf.compat.v1.get_default_graph().gradient_override_map(_RELUS):
                places, scores = self._places(inputs, at)
            return (
                scores,
                places,
                tf.gradients(self._target_score(scores, weights, top, probability), places),
            )

        classes = self._model.output.shape[-1]
        shapes = ((None, *self._model.inputs[0].shape[1:]), (None, classes), (None,))
        traced = run.get_concrete_function(*(tf.TensorSpec(shape, tf.float32) for shape in shapes))
        if not any(operation.type in _RELUS for operation in traced.graph.get_operations()):
            raise without_relu(self._name)
        return lambda inputs, weights, top, *_: traced(
            inputs, tf.constant(weights), tf.constant(top)
        )

    def _build_submodel(self, layers: tuple[str, ...]) -> Any:
        outputs = [self._outputs[layer] for layer in layers]
        return self._keras.Model(self._model.inputs[0], [outputs, self._model.output])

    @cached_property
    def _traced_forward(self) -> Callable[..., Any]:
        return self._trace(lambda batch: self._model(batch, training=False), self._model.inputs)

    def _build_tail(self, layer: str) -> tuple[Callable[..., Any], bool]:
        """From the layer's output to the scores; whether they read the inputs as well.

        A `keras.Function`, for a `keras.Model` from the middle of another adds nodes to it.
        """
        inputs = [self._outputs[layer], self._model.inputs[0]]
        try:
            tail, inputs = self._keras.Function(inputs[:1], self._model.output), inputs[:1]
        except ValueError:  # not connected to the layer alone
            tail = self._keras.Function(inputs, self._model.output)
        return self._trace(lambda *tensors: tail(list(tensors)), inputs), len(inputs) > 1

    def _trace(self, function: Callable[..., Any], inputs: Sequence[Any]) -> Callable[..., Any]:
        """`function` as a graph, which takes half the time of the same operations one by one."""
        tf = self._tf
        signature = [tf.TensorSpec(tensor.shape, tf.float32) for tensor in inputs]
        traced = tf.function(function, autograph=False).get_concrete_function(*signature)
        return lambda *arrays: traced(*map(tf.convert_to_tensor, arrays))


@cache
def _register_guided_gradients() -> None:
    """Let a gradient pass a ReLU only where it is positive (Springenberg et al., 2015)."""
    tf, _ = tensorflow()
    raw = tf.raw_ops

    @tf.RegisterGradient(_RELUS["Relu"])  # type: ignore[untyped-decorator]
    def relu(operation: Any, gradient: Any) -> Any:
        return raw.ReluGrad(gradients=tf.nn.relu(gradient), features=operation.outputs[0])

    @tf.RegisterGradient(_RELUS["Relu6"])  # type: ignore[untyped-decorator]
    def relu6(operation: Any, gradient: Any) -> Any:
        return raw.Relu6Grad(gradients=tf.nn.relu(gradient), features=operation.outputs[0])


def _independent_layer_error(layer: str) -> UsageError:
    return UsageError(
        f"the class score does not depend on the layer {layer!r}",
        "`gradcam layers` lists the layers that can be explained.",
    )
