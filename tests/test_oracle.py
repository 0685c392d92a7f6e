"""Heatmaps against the published pipeline, written out plainly, and against a plain tape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from gradcam_cli.explainer import Explainer
from gradcam_cli.images.overlay import overlay
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.models.model import Model
from gradcam_cli.models.selection import select_model

Arrays = tuple[np.ndarray, np.ndarray]


def plain_heatmap(model: Any, x: Any, layer: str, index: int, *, probability: bool) -> Arrays:
    """Steps 2 to 5 of the reference; `model` gives probabilities or logits as it is asked."""
    tf, keras = tensorflow()
    output = model.get_layer(layer).output
    both = keras.Model(model.inputs[0], [output, model.output])
    with tf.GradientTape() as tape:
        activations, scores = both(x)
        y = tf.nn.softmax(scores)[:, index] if probability else scores[:, index]
    gradients = tape.gradient(y, activations).numpy()
    weights = gradients.mean(axis=(0, 1, 2))
    heatmap = (activations.numpy()[0] * weights).mean(axis=-1)
    heatmap = np.maximum(heatmap, 0) / heatmap.max()
    return heatmap, tf.nn.softmax(scores).numpy()[0]


@pytest.fixture(scope="module")
def vgg16(vgg16_weights: Path) -> Any:
    """Keras's own VGG16 with the same file, softmax and all."""
    _, keras = tensorflow()
    model = keras.applications.VGG16(weights=None)
    model.load_weights(vgg16_weights)
    return model


@pytest.fixture(scope="module")
def random_vgg16(vgg16_weights: Path) -> Model:
    return select_model("vgg16", weights=vgg16_weights).open()


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["openvino", "tensorflow"])
@pytest.mark.parametrize("layer", ["block5_conv3", "block3_conv2"])
def test_probability_equals_the_published_pipeline_on_vgg16(
    vgg16: Any, random_vgg16: Model, asymmetric: np.ndarray, layer: str, engine: Any
) -> None:
    tf, keras = tensorflow()
    image = cv2.resize(asymmetric, (224, 224), interpolation=cv2.INTER_CUBIC)
    array = np.expand_dims(keras.utils.img_to_array(image), 0)
    x = keras.applications.vgg16.preprocess_input(array)
    predictions = vgg16(x).numpy()
    both = keras.Model(vgg16.inputs[0], [vgg16.get_layer(layer).output, vgg16.output])
    with tf.GradientTape() as tape:
        activations, output = both(x)
        y = output[:, 837]
    gradients = tape.gradient(y, activations).numpy()
    weights = gradients.mean(axis=(0, 1, 2))
    heatmap = (weights * activations.numpy()[0]).mean(axis=-1)
    heatmap = np.maximum(heatmap, 0) / np.max(heatmap)

    explainer = Explainer.load(random_vgg16, layer=layer, score="probability", engine=engine)
    explanation = explainer.explain(asymmetric, [837])

    (target,) = explanation.targets
    assert explanation.engine == engine
    assert target.evidence == "positive"
    at_kinks = engine == "openvino" and layer == "block3_conv2"  # where processors differ
    np.testing.assert_allclose(target.heatmap, heatmap, atol=5e-3 if at_kinks else 1e-5)
    top = np.argsort(-predictions[0])[:5]
    assert [p.index for p in explanation.predictions] == top.tolist()
    np.testing.assert_allclose(
        [p.probability for p in explanation.predictions], predictions[0][top], rtol=1e-4
    )


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["openvino", "tensorflow"])
def test_logit_equals_a_plain_tape_on_vgg16(
    vgg16: Any, random_vgg16: Model, asymmetric: np.ndarray, engine: Any
) -> None:
    _, keras = tensorflow()
    vgg16.layers[-1].activation = keras.activations.linear
    try:
        image = cv2.resize(asymmetric, (224, 224), interpolation=cv2.INTER_CUBIC)
        x = keras.applications.vgg16.preprocess_input(image[None].astype(np.float32))
        expected, _ = plain_heatmap(vgg16, x, "block5_conv3", 285, probability=False)
    finally:
        vgg16.layers[-1].activation = keras.activations.softmax
    explanation = Explainer.load(random_vgg16, engine=engine).explain(asymmetric, [285])
    assert explanation.layer == "block5_conv3"
    np.testing.assert_allclose(explanation.targets[0].heatmap, expected, atol=1e-5)


@pytest.mark.parametrize("engine", ["openvino", "tensorflow"])
@pytest.mark.parametrize("score", ["logit", "probability"])
@pytest.mark.parametrize("index", [285, 837])
def test_efficientnet_lite0_equals_a_plain_tape(
    lite0: Any, asymmetric: np.ndarray, score: Any, index: int, engine: Any
) -> None:
    image = cv2.resize(asymmetric, (224, 224), interpolation=cv2.INTER_CUBIC)
    x = (image[None].astype(np.float32) - 127) / 128
    expected, probabilities = plain_heatmap(
        lite0, x, "top_activation", index, probability=score == "probability"
    )
    explainer = Explainer.load("efficientnet-lite0", score=score, engine=engine)
    explanation = explainer.explain(asymmetric, [index])
    (target,) = explanation.targets
    np.testing.assert_allclose(target.heatmap, expected, atol=1e-5)
    assert target.prediction.probability == pytest.approx(probabilities[index], rel=1e-3)


def test_overlay_equals_the_published_blend_in_rgb(asymmetric: np.ndarray) -> None:
    heatmap = np.random.default_rng(0).random((7, 7), np.float32)
    height, width = asymmetric.shape[:2]
    resized = np.uint8(255 * cv2.resize(heatmap, (width, height)))
    colors_bgr = cv2.applyColorMap(resized, cv2.COLORMAP_JET)
    image_bgr = cv2.cvtColor(asymmetric, cv2.COLOR_RGB2BGR)
    blended_bgr = cv2.addWeighted(colors_bgr, 0.5, image_bgr, 0.5, 0)
    expected = cv2.cvtColor(blended_bgr, cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(overlay(asymmetric, heatmap), expected)
