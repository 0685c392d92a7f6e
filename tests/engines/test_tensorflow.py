"""The reference engine: TensorFlow."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gradcam_cli.engines.tensorflow import TensorFlowEngine
from gradcam_cli.errors import UsageError
from gradcam_cli.models.catalog import find_model
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.models.preprocessing import PREPROCESSING
from gradcam_cli.targets import TOP


def batch_of(name: str, count: int) -> np.ndarray:
    spec = find_model(name)
    pixels = np.random.default_rng(3).integers(0, 256, (count, spec.side, spec.side, 3), np.uint8)
    return PREPROCESSING[spec.preprocessing](pixels)


def test_rows_do_not_mix(lite0: Any) -> None:
    engine = TensorFlowEngine(lite0, "top_activation")
    batch = batch_of("efficientnet-lite0", 3)
    targets = np.array([285, TOP, 837])
    together = engine.features(batch, targets, "probability")
    for row in range(3):
        alone = engine.features(batch[row : row + 1], targets[row : row + 1], "probability")
        assert alone.targets[0] == together.targets[row]
        for name in ("activations", "gradients", "logits"):
            expected, got = getattr(alone, name)[0], getattr(together, name)[row]
            np.testing.assert_allclose(got, expected, atol=1e-5 * np.abs(expected).max())


def test_gradients_are_those_of_a_small_step(lite0: Any) -> None:
    # From the last activation on the model is linear: mean over positions, then one dense layer.
    engine = TensorFlowEngine(lite0, "top_activation")
    features = engine.features(batch_of("efficientnet-lite0", 1), np.array([285]), "logit")
    kernel = lite0.get_layer("predictions").kernel.numpy()[:, 285]
    expected = np.broadcast_to(kernel / (7 * 7), (7, 7, 1280))
    np.testing.assert_allclose(features.gradients[0], expected, rtol=1e-4, atol=1e-7)


def test_a_layer_off_the_way_to_the_score_is_refused() -> None:
    _, keras = tensorflow()
    inputs = keras.Input((8, 8, 3))
    aside = keras.layers.Conv2D(2, 3, name="aside")(inputs)
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    merged = keras.layers.Dense(4)(pooled)
    model = keras.Model(inputs, [merged, aside])
    scores_only = SimpleNamespace(operations=model.operations, inputs=model.inputs, output=merged)
    engine = TensorFlowEngine(scores_only, "aside")
    with pytest.raises(UsageError, match=r"does not depend on the layer 'aside'"):
        engine.features(np.ones((1, 8, 8, 3), np.float32), np.array([1]), "logit")
