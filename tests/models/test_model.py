"""A model of other classes, another shape and another head, from a source of its own to a map."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradcam_cli.errors import ModelError, UsageError
from gradcam_cli.explainer import Explainer
from gradcam_cli.heads import probabilities
from gradcam_cli.images.overlay import model_input, overlay
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.models.labels import Labels, imagenet_labels
from gradcam_cli.models.model import InputShape, Model
from gradcam_cli.models.selection import Selection, select_model
from gradcam_cli.targets import TOP, Target
from tests.models.greyscale_source import INFO, WEATHER, SeededWeights, WeatherSource

SCORES = hnp.arrays(np.float32, (3, 7), elements=st.floats(-(2.0**99), 2.0**99, width=32))


@pytest.fixture(scope="module")
def weather() -> Model:
    return Selection((WeatherSource(),)).open()


@pytest.fixture(params=["openvino", "tensorflow"])
def explainer(request: pytest.FixtureRequest, weather: Model) -> Explainer:
    return Explainer.load(weather, engine=request.param)


def test_what_is_known_before_it_is_opened() -> None:
    selection = Selection((WeatherSource(),))
    assert selection.name == "weather"
    assert selection.labels.resolve("Light-Rain") == 1
    assert selection.without_fetching().info.input == (48, 64, 1)
    assert [layer.name for layer in selection.without_fetching().layers()] == ["first", "last"]


def test_a_layer_it_does_not_have_is_the_users_mistake(weather: Model) -> None:
    with pytest.raises(UsageError, match="weather has no explainable layer called 'lost'"):
        Explainer.load(weather, layer="lost", engine="tensorflow")


def test_its_map_is_that_of_a_plain_tape(explainer: Explainer, asymmetric: np.ndarray) -> None:
    tf, keras = tensorflow()
    squashed = cv2.resize(asymmetric, (64, 48), interpolation=cv2.INTER_CUBIC)
    grey = cv2.cvtColor(squashed, cv2.COLOR_RGB2GRAY)
    batch = (grey[np.newaxis, ..., np.newaxis] / 127.5 - 1).astype(np.float32)
    network = explainer.model.network()
    seen = keras.Model(network.input, [network.get_layer("last").output, network.output])
    with tf.GradientTape() as tape:
        activations, scores = seen(batch)
        y = scores[:, 2]
    weights = tape.gradient(y, activations).numpy().mean(axis=(1, 2), keepdims=True)
    raw = np.maximum((weights * activations.numpy()).mean(axis=-1)[0], 0)
    assert raw.any()

    explanation = explainer.explain(asymmetric, "heavy rain")
    (target,) = explanation.targets
    assert (explanation.model, explanation.weights) == ("weather", "file")
    assert target.heatmap.shape == (12, 16)
    np.testing.assert_allclose(target.heatmap, raw / raw.max(), atol=1e-5)
    assert overlay(asymmetric, target.heatmap).shape == asymmetric.shape
    each = 1 / (1 + np.exp(-scores.numpy()[0].astype(float)))
    assert target.prediction.probability == pytest.approx(each[2], abs=1e-6)


def test_ranks_and_top_are_of_its_own_classes(explainer: Explainer, asymmetric: np.ndarray) -> None:
    explanation = explainer.explain(asymmetric, [TOP, "snow", 6, "SUN"], top=1000)
    assert sorted(one.name for one in explanation.predictions) == sorted(WEATHER)
    assert [one.rank for one in explanation.predictions] == [1, 2, 3, 4, 5, 6, 7]
    chances = [one.probability for one in explanation.predictions]
    assert chances == sorted(chances, reverse=True)
    assert sum(chances) != pytest.approx(1)  # each class is by itself
    best = explanation.predictions[0].index
    indices = [target.prediction.index for target in explanation.targets]
    assert indices == list(dict.fromkeys([best, 3, 6, 0]))
    assert len(explainer.explain(asymmetric, top=2).predictions) == 2


def test_a_class_against_another(explainer: Explainer, asymmetric: np.ndarray) -> None:
    (target,) = explainer.explain(asymmetric, Target(2, versus=1)).targets
    assert target.versus == explainer.model.labels[1]
    with pytest.raises(UsageError, match=r"got 2 heavy rain twice"):
        explainer.explain(asymmetric, Target(2, versus=2))


@pytest.mark.parametrize("wrong", ["Egyptian cat", "7", 7, Target(1, versus=7), "837"])
def test_the_classes_of_imagenet_are_not_its(
    explainer: Explainer, asymmetric: np.ndarray, wrong: object
) -> None:
    with pytest.raises(UsageError, match=r"no class called|from 0 to 6"):
        explainer.explain(asymmetric, wrong)


@pytest.mark.parametrize("channels", [2, 4, 0])
def test_channels_that_no_picture_has(weather: Model, channels: int) -> None:
    info = replace(INFO, input=InputShape(48, 64, channels))
    with pytest.raises(ModelError, match=rf"got weather, .* \(48, 64, {channels}\)\. "):
        Selection((WeatherSource(info=info),)).open()


@pytest.mark.parametrize("preprocessing", ["caffe", "torch"])
def test_a_preprocessing_of_three_channels_for_one(preprocessing: str) -> None:
    info = replace(INFO, preprocessing=preprocessing)
    with pytest.raises(ModelError, match=rf"preprocessing '{preprocessing}', got weather"):
        Selection((WeatherSource(info=info),)).open()


def test_one_score_is_no_softmax(weather: Model) -> None:
    with pytest.raises(ModelError, match="at least 2 classes, got weather, which has 1"):
        replace(weather, labels=Labels.unnamed(1), head="softmax")
    assert replace(weather, labels=Labels.unnamed(1)).head == "sigmoid"


def test_labels_are_one_for_each_class(weather: Model) -> None:
    with pytest.raises(ModelError, match="labels for the 7 classes of weather, got 1000"):
        replace(weather, labels=imagenet_labels()).network()


def test_a_model_is_a_value(weather: Model) -> None:
    assert weather == Model.of(INFO, SeededWeights(5))
    assert weather != Model.of(INFO, SeededWeights(6))
    assert len({weather, Selection((WeatherSource(),)).open()}) == 1
    assert "light rain" not in repr(weather)
    assert [layer.name for layer in weather.layers()] == ["first", "last"]


@settings(deadline=None)
@given(SCORES)
def test_a_softmax_is_a_distribution(scores: np.ndarray) -> None:
    shares = probabilities(scores, "softmax")
    np.testing.assert_allclose(shares.sum(axis=-1), 1)
    best = scores.argmax(axis=-1)
    np.testing.assert_array_equal(shares[range(3), best], shares.max(axis=-1))


@settings(deadline=None)
@given(SCORES)
def test_sigmoids_are_each_by_itself(scores: np.ndarray) -> None:
    shares = probabilities(scores, "sigmoid")
    assert ((shares >= 0) & (shares <= 1)).all()
    for column in range(7):
        alone = probabilities(scores[:, [column]], "sigmoid")
        np.testing.assert_array_equal(shares[:, [column]], alone)
    np.testing.assert_allclose(shares + probabilities(-scores, "sigmoid"), 1)


@pytest.mark.parametrize("head", ["softmax", "sigmoid"])
def test_scores_that_are_not_finite_have_no_probability(head: object) -> None:
    scores = np.array([[1, np.nan, 2], [1, 3, 2], [np.inf, 0, 0]], np.float32)
    shares = probabilities(scores, head)
    assert not shares[[0, 2]].any()
    assert shares[1].all()


@pytest.mark.parametrize("shape", [(5, 9, 3), (48, 64, 1), (1, 1, 1), (64, 2, 3)])
def test_the_whole_picture_is_squashed(asymmetric: np.ndarray, shape: tuple) -> None:
    before = asymmetric.copy()
    made = model_input(asymmetric, shape)
    assert (made.shape, made.dtype) == (shape, np.uint8)
    np.testing.assert_array_equal(asymmetric, before)
    rgb = cv2.resize(asymmetric, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., np.newaxis]
    np.testing.assert_array_equal(made, rgb if shape[2] == 3 else luma)


def test_weights_of_ones_own_have_their_digest_and_no_download(own_home) -> None:
    (own_home / "w.h5").write_bytes(b"weights")
    selection = select_model(weights=own_home / "w.h5")
    (source,) = selection.candidates
    assert (selection.name, source.state(), source.downloads) == ("vgg16", "file", ())
    model = selection.open(offline=True)
    (own_home / "w.h5").unlink()
    with pytest.raises(ModelError, match=r"the weights file .*w\.h5 cannot be read"):
        model.digest()
