"""The reference engine: TensorFlow, eagerly, with a gradient tape."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.errors import UsageError
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.results.explanation import TOP, Features, Score


class TensorFlowEngine:
    """Runs a Keras model whose output is logits, looking at one of its layers.

    Parameters
    ----------
    model : keras.Model
        (N, H, W, 3) -> (N, classes) logits.
    layer : str
        The operation of `model` whose output is A.
    """

    name = "tensorflow"
    rows = 8
    parallel = 1  # it uses every core by itself

    def __init__(self, model: Any, layer: str) -> None:
        self._tf, keras = tensorflow()
        self.layer = layer
        activations = next(op.output for op in model.operations if op.name == layer)
        self._submodel = keras.Model(model.inputs[0], [activations, model.output])

    def features(
        self, batch: NDArray[np.float32], targets: NDArray[np.int64], score: Score
    ) -> Features:
        """See `Engine.features`.

        Rows do not mix at inference, so the gradient of the sum over the batch is each row's own.
        """
        tf = self._tf
        with tf.GradientTape() as tape:
            inputs = tf.convert_to_tensor(batch)
            tape.watch(inputs)
            activations, logits = self._submodel(inputs, training=False)
            asked = tf.convert_to_tensor(targets, tf.int64)
            chosen = tf.where(asked == TOP, tf.argmax(logits, axis=-1), asked)
            scores = tf.nn.softmax(logits) if score == "probability" else logits
            y = tf.reduce_sum(tf.gather(scores, chosen, batch_dims=1))
        gradients = tape.gradient(y, activations)
        if gradients is None:
            raise UsageError(
                f"the class score does not depend on the layer {self.layer!r}",
                "`gradcam layers` lists the layers that can be explained.",
            )
        return Features(activations.numpy(), gradients.numpy(), logits.numpy(), chosen.numpy())
