"""The reference engine: TensorFlow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcam_cli.engines.tensorflow import TensorFlowEngine
from gradcam_cli.errors import UsageError
from gradcam_cli.models.catalog import find_model
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.models.keras_network import KerasNetwork
from gradcam_cli.models.layers import explainable_layers
from gradcam_cli.models.preprocessing import PREPROCESSING
from gradcam_cli.targets import TOP, Target

LAST = "top_activation"


def batch_of(name: str, count: int) -> np.ndarray:
    info = find_model(name).info
    pixels = np.random.default_rng(3).integers(0, 256, (count, *info.input), np.uint8)
    return PREPROCESSING[info.preprocessing](pixels)


def test_rows_do_not_mix(lite0: Any) -> None:
    engine = TensorFlowEngine(lite0)
    batch = batch_of("efficientnet-lite0", 3)
    targets = [Target(285), Target(TOP), Target(837)]
    together = engine.gradients(batch, targets, [LAST], score="probability")
    for row in range(3):
        alone = engine.gradients(batch[[row]], [targets[row]], [LAST], score="probability")
        for expected, got in (
            (alone.activations[LAST], together.activations[LAST]),
            (alone.gradients[LAST], together.gradients[LAST]),
            (alone.scores, together.scores),
        ):
            np.testing.assert_allclose(got[row], expected[0], atol=1e-5 * np.abs(expected).max())


def test_gradients_are_those_of_a_small_step(lite0: Any) -> None:
    # From the last activation on the model is linear: mean over positions, then one dense layer.
    engine = TensorFlowEngine(lite0)
    results = engine.gradients(batch_of("efficientnet-lite0", 1), [Target(285)], [LAST])
    kernel = lite0.get_layer("predictions").kernel.numpy()[:, 285]
    expected = np.broadcast_to(kernel / (7 * 7), (7, 7, 1280))
    np.testing.assert_allclose(results.gradients[LAST][0], expected, rtol=1e-4, atol=1e-7)


def test_a_graph_gives_what_the_operations_give_one_by_one(lite0: Any) -> None:
    batch = batch_of("efficientnet-lite0", 2)
    expected = lite0(batch, training=False).numpy()
    np.testing.assert_allclose(TensorFlowEngine(lite0).forward(batch), expected, atol=1e-5)


@pytest.mark.parametrize("rules", ["standard", "guided"])
def test_a_layer_off_the_way_to_the_score_is_refused(rules: Any) -> None:
    _, keras = tensorflow()
    inputs = keras.Input((8, 8, 3))
    aside = keras.layers.Conv2D(2, 3, name="aside")(inputs)
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(inputs))
    scores = keras.layers.Dense(4, name="scores")(pooled)
    network = KerasNetwork(keras.Model(inputs, [scores, aside]), output_name="scores")
    assert "aside" not in [layer.name for layer in explainable_layers(network)]
    engine = TensorFlowEngine(network, model_name="two heads")
    with pytest.raises(UsageError, match=r"does not depend on the layer 'aside'"):
        engine.gradients(np.ones((1, 8, 8, 3), np.float32), [Target(1)], ["aside"], rules=rules)
