"""The catalogue against Keras itself, row by row."""

from __future__ import annotations

import importlib
import json
from importlib import resources
from typing import Any

import numpy as np
import pytest

from gradcam_cli.errors import UsageError
from gradcam_cli.models.catalog import find_model, models
from gradcam_cli.models.framework import fresh_keras, tensorflow
from gradcam_cli.models.known_layers import known_layers, models_with
from gradcam_cli.models.labels import imagenet_labels
from gradcam_cli.models.layers import explainable_layers, find_layer
from gradcam_cli.models.preprocessing import PREPROCESSING
from gradcam_cli.models.sources.keras_applications import KerasApplication, zero_initializers

ROWS = json.loads(
    resources.files("gradcam_cli.models").joinpath("keras_applications.json").read_text()
)
DEFAULTS = {
    "vgg16": ("block5_conv3", (14, 14, 512)),
    "vgg19": ("block5_conv4", (14, 14, 512)),
    "efficientnet-lite0": ("top_activation", (7, 7, 1280)),
    "convnexttiny": ("add_17", (7, 7, 768)),
    "densenet121": ("relu", (7, 7, 1024)),
    "efficientnetb0": ("top_activation", (7, 7, 1280)),
    "efficientnetv2b0": ("top_activation", (7, 7, 1280)),
    "inceptionresnetv2": ("conv_7b_ac", (8, 8, 1536)),
    "inceptionv3": ("mixed10", (8, 8, 2048)),
    "mobilenet": ("conv_pw_13_relu", (7, 7, 1024)),
    "mobilenetv2": ("out_relu", (7, 7, 1280)),
    "mobilenetv3small": ("activation_17", (7, 7, 576)),
    "nasnetmobile": ("activation_187", (7, 7, 1056)),
    "resnet50": ("conv5_block3_out", (7, 7, 2048)),
    "resnet50v2": ("post_relu", (7, 7, 2048)),
    "xception": ("block14_sepconv2_act", (10, 10, 2048)),
}
LARGE = {"convnextxlarge", "convnextlarge", "efficientnetv2l", "nasnetlarge"}


def test_every_classifier_of_keras_is_there() -> None:
    _, keras = tensorflow()
    builders = {name for name in dir(keras.applications) if name[0].isupper()}
    assert builders == {row["builder"] for row in ROWS}


@pytest.mark.parametrize("name", ["VGG16", "vgg-16", "Vgg_16"])
def test_names_are_forgiving(name: str) -> None:
    assert find_model(name).info.name == "vgg16"


def test_an_unknown_name_offers_the_closest() -> None:
    with pytest.raises(UsageError, match=r"resnet50"):
        find_model("resnet5O")


@pytest.mark.parametrize("name", known_layers())
def test_layers_that_are_known_are_those_of_the_model(name: str) -> None:
    source = find_model(name)
    assert tuple(layer.name for layer in source.layers()) == known_layers()[name]
    assert source.info.layer_names == known_layers()[name]


def test_whose_a_layer_is() -> None:
    assert models_with("block5_conv3") == ["vgg16", "vgg19"]
    assert models_with("block5_conv4") == ["vgg19"]
    assert models_with("top_activation") == ["efficientnet-lite0"]
    assert models_with("nothing") == []


def check_default_layer(name: str, model: Any) -> None:
    """Where the family is one of `DEFAULTS`, the layer is that, and the only one of its name."""
    if name in DEFAULTS:
        layer = find_layer(explainable_layers(model), None, name)
        assert (layer.name, layer.shape) == DEFAULTS[name]
        assert [op.name for op in model.operations].count(layer.name) == 1


def of_keras(source: KerasApplication, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """The model that Keras makes for weights that it would fetch, and what it asks for."""
    from keras.src.utils import file_utils

    asked: dict[str, Any] = {}

    def get_file(fname: str | None = None, origin: str | None = None, **options: Any) -> str:
        asked.update(options, origin=origin)
        return "weights.h5"

    monkeypatch.setattr(file_utils, "get_file", get_file)
    keras = fresh_keras()
    monkeypatch.setattr(keras.Model, "load_weights", lambda *_, **__: None)
    with zero_initializers(keras):
        model = getattr(keras.applications, source.builder)(
            weights="imagenet", input_shape=source.info.input
        )
    return model, asked


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in models() if name not in LARGE])
def test_structure_default_layer_and_weights_are_those_of_keras(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = find_model(name)
    assert (source.info.labels, source.info.head) == (imagenet_labels(), "softmax")
    if not isinstance(source, KerasApplication):
        model = source.build()
    else:
        model, asked = of_keras(source, monkeypatch)
    assert model.count_params() == source.info.parameters
    assert model.input_shape == (None, *source.info.input)
    assert model.output_shape == (None, len(source.info.labels))
    check_default_layer(name, model)
    if not isinstance(source, KerasApplication):
        return
    assert asked["origin"] == source.file.url
    assert (asked.get("file_hash") or "") == source.file.checksum.partition(":")[2]


@pytest.mark.parametrize("module", sorted({row["module"] for row in ROWS}))
def test_preprocessing_equals_keras(module: str) -> None:
    tensorflow()
    (mode,) = {row["preprocessing"] for row in ROWS if row["module"] == module}
    batch = np.random.default_rng(7).integers(0, 256, (2, 5, 6, 3), np.uint8)
    before = batch.copy()
    theirs = importlib.import_module(f"keras.applications.{module}").preprocess_input(
        batch.astype(np.float32)
    )
    ours = PREPROCESSING[mode](batch)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    np.testing.assert_array_equal(batch, before)


@pytest.mark.parametrize("mode", PREPROCESSING)
def test_a_float_batch_is_left_alone(mode: str) -> None:
    batch = np.full((1, 2, 2, 3), 100, np.float32)
    PREPROCESSING[mode](batch)
    assert (batch == 100).all()
