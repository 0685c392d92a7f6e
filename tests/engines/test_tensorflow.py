"""The reference engine on every family of the catalogue, with seeded random weights."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gradcam_cli.engines.tensorflow import TensorFlowEngine
from gradcam_cli.errors import UsageError
from gradcam_cli.models.catalog import find_model
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.models.layers import explainable_layers, find_layer
from gradcam_cli.models.loading import build
from gradcam_cli.models.preprocessing import PREPROCESSING
from gradcam_cli.records import TOP

SMALLEST = (
    *("vgg16", "convnexttiny", "densenet121", "efficientnetb0", "efficientnetv2b0"),
    *("inceptionresnetv2", "inceptionv3", "mobilenet", "mobilenetv2", "mobilenetv3small"),
    *("nasnetmobile", "resnet50", "resnet50v2", "xception"),
)


def batch_of(name: str, count: int) -> np.ndarray:
    spec = find_model(name)
    pixels = np.random.default_rng(3).integers(0, 256, (count, spec.side, spec.side, 3), np.uint8)
    return PREPROCESSING[spec.preprocessing](pixels)


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALLEST)
def test_every_family_gives_features_at_its_default_layer(name: str) -> None:
    model = build(find_model(name))
    random = np.random.default_rng(5)
    for variable in model.trainable_variables:
        if len(variable.shape) > 1:
            fan_in = np.prod(variable.shape[:-1])
            drawn = random.standard_normal(variable.shape, np.float32)
            variable.assign(drawn / np.float32(np.sqrt(fan_in)))
    layer = find_layer(explainable_layers(model), None, name)
    engine = TensorFlowEngine(model, layer.name)
    features = engine.features(batch_of(name, 1), np.array([TOP]), "logit")
    assert features.activations.shape == features.gradients.shape == (1, *layer.shape)
    assert features.logits.shape == (1, 1000)
    assert features.targets.tolist() == [features.logits[0].argmax()]
    assert np.isfinite(features.gradients).all()
    assert features.gradients.any()


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
