"""The reference engine: TensorFlow, eagerly, with a gradient tape."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.errors import UsageError
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.passes import INPUT, Captured, Gradients, Rules
from gradcam_cli.targets import Score, Target, score_weights

Array = NDArray[np.float32]


class TensorFlowEngine:
    """Runs a Keras model whose output is logits.

    Parameters
    ----------
    model : keras.Model
        (N, H, W, C) -> (N, classes) logits.
    """

    name = "tensorflow"
    rows = 8
    parallel = 1  # it uses every core by itself

    def __init__(self, model: Any) -> None:
        self._tf, self._keras = tensorflow()
        self._model = model
        self._outputs = {op.name: op.output for op in model.operations}
        self._submodel = lru_cache(maxsize=8)(self._built_submodel)
        self._tail = lru_cache(maxsize=8)(self._built_tail)

    def forward(self, batch: Array) -> Array:
        """See `Engine.forward`."""
        scores: Array = self._model(self._tf.convert_to_tensor(batch), training=False).numpy()
        return scores

    def capture(self, batch: Array, at: Sequence[str]) -> Captured:
        """See `Engine.capture`."""
        inputs = self._tf.convert_to_tensor(batch)
        *activations, scores = self._arrays(tuple(at), inputs)
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
        tf = self._tf
        layers = tuple(name for name in at if name != INPUT)
        with tf.GradientTape() as tape:
            inputs = tf.convert_to_tensor(batch)
            tape.watch(inputs)
            *activations, logits = self._arrays(layers, inputs)
            y = self._score(logits, targets, score)
        places = {INPUT: inputs, **dict(zip(layers, activations, strict=True))}
        gradients = tape.gradient(y, {name: places[name] for name in at})
        for name, gradient in gradients.items():
            if gradient is None:
                raise UsageError(
                    f"the class score does not depend on the layer {name!r}",
                    "`gradcam layers` lists the layers that can be explained.",
                )
        return Gradients(
            {name: places[name].numpy() for name in at},
            logits.numpy(),
            {name: gradient.numpy() for name, gradient in gradients.items()},
        )

    def tail(self, activations: Array, layer: str, batch: Array) -> Array:
        """See `Engine.tail`."""
        given = [self._tf.convert_to_tensor(each) for each in (batch, activations)]
        scores: Array = self._tail(layer)(given, training=False).numpy()
        return scores

    def _arrays(self, layers: tuple[str, ...], inputs: Any) -> list[Any]:
        """The outputs of `layers`, and the scores; Keras gives a list of one without the list."""
        arrays = self._submodel(layers)(inputs, training=False)
        return list(arrays) if layers else [arrays]

    def _score(self, logits: Any, targets: Sequence[Target], score: Score) -> Any:
        tf = self._tf
        weights, top = score_weights(targets, logits.shape[-1])
        best = tf.one_hot(tf.argmax(logits, axis=-1), logits.shape[-1])
        scores = tf.nn.softmax(logits) if score == "probability" else logits
        return tf.reduce_sum(scores * (weights + top[:, np.newaxis] * best))

    def _built_submodel(self, layers: tuple[str, ...]) -> Any:
        outputs = [self._outputs[layer] for layer in layers]
        return self._keras.Model(self._model.inputs[0], [*outputs, self._model.output])

    def _built_tail(self, layer: str) -> Any:
        given = [self._model.inputs[0], self._outputs[layer]]
        return self._keras.Model(given, self._model.output)
