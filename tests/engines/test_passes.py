"""Every pass, of both engines, on small networks whose answers can be had in another way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcam_cli.engines.comparison import relative_difference
from gradcam_cli.engines.openvino.conversion import convert
from gradcam_cli.engines.openvino.engine import OpenVINOEngine
from gradcam_cli.engines.tensorflow import TensorFlowEngine
from gradcam_cli.errors import UsageError
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.models.layers import explainable_layers
from gradcam_cli.passes import (
    BIAS_GRADIENTS,
    GUIDED_GRADIENTS,
    INPUT,
    LINEARIZED_GRADIENTS,
    RELEVANCE,
    STAGE_GRADIENTS,
    Engine,
    Pass,
    stages,
)
from gradcam_cli.targets import Score, Target

LAYERS = ("stem", "inside", "capped", "total", "last")
Make = Callable[[Any], Engine]


def seeded(model: Any) -> Any:
    random = np.random.default_rng(7)
    for variable in model.weights:
        variable.assign(random.normal(0, 0.4, variable.shape))
    return model


def residual(relu: Any = "relu", relu6: Any = None, layer: Any = None) -> Any:
    """A network of one residual block with a ReLU in each of the ways that Keras has."""
    _, keras = tensorflow()
    layers = keras.layers
    relu6 = relu6 or keras.activations.relu6
    image = keras.Input((10, 12, 3))
    stem = layers.Conv2D(6, 3, activation=relu, name="stem")(image)
    inside = layers.Conv2D(6, 3, padding="same", activation=relu6, name="inside")(stem)
    capped = (layer or layers.ReLU)(max_value=6, name="capped")(2.0 * inside - 0.5)
    second = layers.Conv2D(6, 1, name="second")(capped)
    total = layers.Add(name="total")([stem, second])
    last = layers.Activation(relu, name="last")(total)
    scores = layers.Dense(5, name="scores")(layers.GlobalAveragePooling2D()(last))
    return seeded(keras.Model(image, scores, name="residual"))


def smooth() -> Any:
    """A network without a kink."""
    _, keras = tensorflow()
    layers = keras.layers
    image = keras.Input((10, 12, 3))
    x = layers.Conv2D(6, 3, activation="swish", name="stem")(image)
    x = layers.AveragePooling2D(2)(layers.Conv2D(6, 3, activation="gelu", name="last")(x))
    scores = layers.Dense(5)(layers.Flatten()(layers.LayerNormalization()(x)))
    return seeded(keras.Model(image, scores, name="smooth"))


def batch(rows: int = 3) -> np.ndarray:
    return np.random.default_rng(2).uniform(-1, 1, (rows, 10, 12, 3)).astype(np.float32)


@pytest.fixture(params=["openvino", "tensorflow"])
def engine_of(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Makes an engine of a Keras model."""

    def make(model: Any, **options: Any) -> Engine:
        if request.param == "tensorflow":
            return TensorFlowEngine(model, **options)
        convert(model, [layer.name for layer in explainable_layers(model)], tmp_path / "model.xml")
        return OpenVINOEngine(tmp_path / "model.xml", **options)

    return make


@pytest.mark.parametrize("score", ["logit", "probability"])
@pytest.mark.parametrize(
    "target", [Target(2), Target(2, versus=4), Target(2, counterfactual=True)], ids=repr
)
def test_input_gradients_are_the_slopes_of_a_small_step(
    engine_of: Make, score: Score, target: Target
) -> None:
    engine, inputs = engine_of(smooth()), batch(1)
    gradient = engine.gradients(inputs, [target], [INPUT], score=score).gradients[INPUT]

    def y(shifted: np.ndarray) -> float:
        scores = engine.forward(shifted)[0].astype(np.float64)
        s = np.exp(scores) / np.exp(scores).sum() if score == "probability" else scores
        value = s[target.index] - (0 if target.versus is None else s[target.versus])
        return -value if target.counterfactual else value

    random = np.random.default_rng(5)
    for _ in range(4):
        step = random.choice([-1, 1], inputs.shape).astype(np.float32) * np.float32(2e-3)
        slope = (y(inputs + step) - y(inputs - step)) / 2
        assert (gradient * step).sum() == pytest.approx(slope, rel=2e-2, abs=1e-5)


def test_gradients_at_several_layers_are_those_of_one_by_one(engine_of: Make) -> None:
    engine, targets = engine_of(residual()), [Target(0), Target(-1), Target(3, versus=-1)]
    together = engine.gradients(batch(), targets, [*LAYERS, INPUT])
    for place in (*LAYERS, INPUT):
        alone = engine.gradients(batch(), targets, [place])
        assert relative_difference(together.gradients[place], alone.gradients[place]) <= 1e-5
    assert all(array.any() for array in together.gradients.values())


@pytest.mark.parametrize("layer", LAYERS)
def test_tails_start_from_a_layer_in_a_branch_as_well(engine_of: Make, layer: str) -> None:
    engine = engine_of(residual())
    captured = engine.capture(batch(), LAYERS)
    own = engine.tail(captured.activations[layer], layer, batch())
    np.testing.assert_allclose(own, captured.scores, atol=1e-5)
    emptied = engine.tail(captured.activations[layer] * 0, layer, batch())
    assert not np.allclose(emptied, captured.scores, atol=1e-3)
    reads_inputs = np.ptp(emptied, axis=0).max() > 1e-4
    assert reads_inputs == (layer in ("inside", "capped"))  # the others have no branch around them


def test_a_tail_is_linear_after_the_last_activation(engine_of: Make) -> None:
    model = residual()
    engine = engine_of(model)
    kernel, bias = model.get_layer("scores").get_weights()
    activations = np.random.default_rng(1).random((4, 8, 10, 6), np.float32)
    scores = engine.tail(activations, "last", batch(1))
    np.testing.assert_allclose(scores, activations.mean(axis=(1, 2)) @ kernel + bias, atol=1e-5)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("score", ["logit", "probability"])
@pytest.mark.parametrize("kind", ["tail_gradients", "tail_curvature"])
def test_the_gradients_of_a_tail_at_its_own_activations_are_those_of_the_model(
    engine_of: Make, layer: str, score: Score, kind: str
) -> None:
    engine, targets = engine_of(residual()), [Target(0), Target(-1), Target(3, None, True)]
    whole = engine.gradients(batch(), targets, [layer], score=score)
    own = whole.activations[layer]
    tail = getattr(engine, kind)(own, layer, batch(), targets, score=score)
    np.testing.assert_array_equal(tail.activations[layer], own)
    np.testing.assert_allclose(tail.scores, whole.scores, atol=1e-5)
    assert relative_difference(tail.gradients[layer], whole.gradients[layer]) <= 1e-5


@pytest.mark.parametrize("layer", LAYERS)
def test_both_engines_have_the_same_curvature_elsewhere(layer: str, tmp_path: Path) -> None:
    model = residual()
    convert(model, [each.name for each in explainable_layers(model)], tmp_path / "model.xml")
    engines: list[Engine] = [OpenVINOEngine(tmp_path / "model.xml"), TensorFlowEngine(model)]
    activations = engines[1].capture(batch(1), [layer]).activations[layer]
    random = np.random.default_rng(4).random((3, *activations.shape[1:]), np.float32)
    targets = [Target(0), Target(1, versus=2), Target(-1)]
    got, expected = (
        engine.tail_curvature(activations * random, layer, batch(1), targets, score="probability")
        for engine in engines
    )
    assert relative_difference(got.scores, expected.scores) <= 1e-5
    assert relative_difference(got.gradients[layer], expected.gradients[layer]) <= 1e-5
    assert relative_difference(got.products[layer], expected.products[layer]) <= 1e-4
    assert np.ptp(got.gradients[layer], axis=0).max() > 0
    assert np.ptp(got.products[layer], axis=0).max() > 0


@pytest.mark.parametrize("score", ["logit", "probability"])
@pytest.mark.parametrize("layer", ["stem", "last"])
def test_the_curvature_of_a_tail_is_that_of_small_steps(
    engine_of: Make, layer: str, score: Score
) -> None:
    engine = engine_of(smooth())
    random = np.random.default_rng(5)
    own = engine.capture(batch(1), [layer]).activations[layer]
    start = own + random.normal(0, 0.3, own.shape).astype(np.float32)
    found = engine.tail_curvature(start, layer, batch(1), [Target(2)], score=score)

    def y(activations: np.ndarray) -> float:
        s = engine.tail(activations, layer, batch(1))[0].astype(np.float64)
        return float(np.exp(s)[2] / np.exp(s).sum() if score == "probability" else s[2])

    for _ in range(4):
        step = random.choice([-1, 1], start.shape).astype(np.float32) * np.float32(2e-3)
        slope = (y(start + step) - y(start - step)) / 2
        assert (found.gradients[layer] * step).sum() == pytest.approx(slope, rel=2e-2, abs=1e-5)
    if engine.name == "tensorflow":  # whose gradients are too rough for a difference
        return
    above, below = (
        engine.tail_curvature(
            start * np.float32(1 + step), layer, batch(1), [Target(2)], score=score
        ).gradients[layer]
        for step in (2e-3, -2e-3)
    )
    product = (above - below) / 4e-3
    assert relative_difference(found.products[layer], product) <= 5e-3


def test_kinks_alone_are_no_curvature(engine_of: Make) -> None:
    engine = engine_of(residual())
    for layer in LAYERS:
        a = engine.capture(batch(), [layer]).activations[layer]
        assert not engine.tail_curvature(a, layer, batch(), [Target(1)] * 3).products[layer].any()


@pytest.mark.parametrize("kind", ["tail_gradients", "tail_curvature"])
def test_derivatives_are_refused_where_tails_are(engine_of: Make, kind: str) -> None:
    engine = engine_of(residual(), model_name="small")
    run = getattr(engine, kind)
    activations = engine.capture(batch(), ["inside"]).activations["inside"]
    with pytest.raises(UsageError, match="expected a layer of small, got 'insid'"):
        run(activations, "insid", batch(), [Target(0)] * 3)
    with pytest.raises(UsageError, match="expected one input, or one for each of 3 rows"):
        run(activations, "inside", batch(2), [Target(0)] * 3)


def test_layers_stand_in_their_order_with_their_sizes(engine_of: Make) -> None:
    model = residual()
    sizes = engine_of(model).layers
    assert list(sizes.items()) == [(each.name, each.shape) for each in explainable_layers(model)]
    assert [name for name in sizes if name in LAYERS] == list(LAYERS)
    assert sizes["last"] == (8, 10, 6)


def test_stages_end_where_maps_get_smaller() -> None:
    sides = {"a": 32, "pad": 34, "b": 16, "c": 16, "pad_c": 17, "d": 8, "e": 8, "f": 4, "g": 2}
    shapes = {name: (side, side, 3) for name, side in sides.items()}
    assert stages(shapes, "g") == ("pad_c", "e", "f")
    assert stages(shapes, "d") == ("pad", "pad_c")
    assert stages(shapes, "b") == ("pad",)
    assert stages(shapes, "a") == ()
    both = STAGE_GRADIENTS.at_layer("d", stages(shapes, "d"))
    assert str(both) == "gradients at pad, pad_c, d"
    assert str(STAGE_GRADIENTS.at_layer("a")) == "gradients at a"


# Guided ------------------------------------------------------------------------------------------


def guided_by_definition() -> Any:
    """The network with ReLUs whose gradients are written down as Springenberg et al. have them."""
    tf, keras = tensorflow()

    def guided(ceiling: float) -> Any:
        @tf.custom_gradient
        def relu(x: Any) -> Any:
            inside = (x > 0) & (x < ceiling)
            return tf.clip_by_value(x, 0.0, ceiling), lambda g: tf.where(inside & (g > 0), g, 0.0)

        return relu

    class Capped(keras.layers.Layer):
        def __init__(self, max_value: float, name: str) -> None:
            super().__init__(name=name)
            self.relu = guided(float(max_value))

        def call(self, x: Any) -> Any:
            return self.relu(x)

    return residual(guided(np.inf), guided(6.0), Capped)


@pytest.mark.parametrize("score", ["logit", "probability"])
def test_guided_gradients_are_as_they_were_defined(engine_of: Make, score: Score) -> None:
    targets = [Target(0), Target(1, versus=2), Target(-1)]
    places = ["stem", "inside", INPUT]
    expected = TensorFlowEngine(guided_by_definition()).gradients(
        batch(), targets, places, score=score
    )
    engine = engine_of(residual())
    got = engine.gradients(batch(), targets, places, score=score, rules="guided")
    plain = engine.gradients(batch(), targets, places, score=score)
    np.testing.assert_allclose(got.scores, expected.scores, atol=1e-5)
    for place in places:
        assert relative_difference(got.gradients[place], expected.gradients[place]) <= 1e-5
        assert relative_difference(plain.gradients[place], expected.gradients[place]) > 0.01


def test_guided_gradients_leave_the_model_as_it_was() -> None:
    model = residual()
    engine, targets = TensorFlowEngine(model), [Target(0)] * 3

    def state() -> Any:
        nodes = [len(operation._inbound_nodes) for operation in model.operations]
        return nodes, model.to_json(), [layer.__dict__.get("activation") for layer in model.layers]

    before, plain = state(), engine.gradients(batch(), targets, [INPUT]).gradients[INPUT]
    engine.gradients(batch(), targets, [INPUT], rules="guided")
    engine.tail(engine.capture(batch(), ["inside"]).activations["inside"], "inside", batch())
    assert state() == before
    again = engine.gradients(batch(), targets, [INPUT]).gradients[INPUT]
    np.testing.assert_array_equal(again, plain)


def test_guided_gradients_of_a_model_without_relus_are_refused(engine_of: Make) -> None:
    expected = r"guided gradients need a model with ReLUs, and small has none.* Choose another"
    engine = engine_of(smooth(), model_name="small")
    with pytest.raises(UsageError, match=expected):
        engine.gradients(batch(), [Target(0)] * 3, [INPUT], rules="guided")
    with pytest.raises(UsageError, match=expected):
        engine.prepare(GUIDED_GRADIENTS)


# Relevance ---------------------------------------------------------------------------------------


def test_relevance_comes_whole_to_every_place(tmp_path: Path) -> None:
    model = residual()
    convert(model, list(LAYERS), tmp_path / "model.xml")
    engine, targets = OpenVINOEngine(tmp_path / "model.xml"), [Target(0), Target(3, versus=1)]
    computed = engine.gradients(batch(2), targets, ["stem", "last", INPUT], rules="relevance")
    bias = model.get_layer("scores").get_weights()[1]
    shared = computed.scores - bias  # the dense layer's own share is lost
    y = [shared[0, 0], shared[1, 3] - shared[1, 1]]
    sums = {place: array.sum(axis=(1, 2, 3)) for place, array in computed.gradients.items()}
    np.testing.assert_allclose(sums["last"], y, rtol=0.01)
    # Between both, a branch is constant wherever all of `capped` is 0, and what it got is lost.
    np.testing.assert_allclose(sums["stem"], y, rtol=0.2)
    np.testing.assert_allclose(sums[INPUT], sums["stem"], rtol=0.01)
    against = engine.gradients(
        batch(1), [Target(0, counterfactual=True)], [INPUT], rules="relevance"
    ).gradients[INPUT][0]
    assert relative_difference(against, -computed.gradients[INPUT][0]) <= 1e-4


def test_parameters_of_relevance(tmp_path: Path) -> None:
    convert(residual(), list(LAYERS), tmp_path / "model.xml")
    engine, targets = OpenVINOEngine(tmp_path / "model.xml"), [Target(0)] * 2

    def relevance(rows: int = 2, **parameters: float) -> Any:
        given = {"rules": "relevance", "parameters": parameters}
        return engine.gradients(batch(rows), targets[:rows], ["last", INPUT], **given).gradients

    default, stated = relevance(), relevance(epsilon=1e-4, gamma=1)
    np.testing.assert_array_equal(stated[INPUT], default[INPUT])
    np.testing.assert_allclose(relevance(1, gamma=0.25)[INPUT], relevance(gamma=0.25)[INPUT][:1])
    against = [-np.minimum(relevance(gamma=g)[INPUT], 0).sum() for g in (0.25, 1, 100)]
    assert against == sorted(against, reverse=True) != [against[0]] * 3
    np.testing.assert_array_equal(relevance(gamma=9)["last"], default["last"])  # a dense layer away
    kept = [relevance(epsilon=epsilon)["last"].sum() for epsilon in (0, 1, 10)]
    assert np.abs(kept).tolist() == sorted(np.abs(kept), reverse=True)
    with pytest.raises(UsageError, match="expected parameters of the rules relevance, got 'delta'"):
        relevance(delta=1)


def test_tensorflow_has_no_relevance() -> None:
    engine = TensorFlowEngine(residual(), model_name="small")
    expected = "only the engine openvino propagates relevance, and TensorFlow runs small"
    with pytest.raises(UsageError, match=expected):
        engine.prepare(RELEVANCE)
    with pytest.raises(UsageError, match=expected):
        engine.gradients(batch(1), [Target(0)], [INPUT], rules="relevance")


@pytest.mark.parametrize(
    ("what", "words"),
    [(BIAS_GRADIENTS, "gradients at .* the biases"), (LINEARIZED_GRADIENTS, "linearized")],
)
def test_tensorflow_has_no_biases_and_no_linearized_gradients(what: Pass, words: str) -> None:
    engine = TensorFlowEngine(residual(), model_name="small")
    expected = f"expected a pass that the engine tensorflow has, got {words}"
    with pytest.raises(UsageError, match=expected):
        engine.prepare(what)
    with pytest.raises(UsageError, match=expected):
        engine.gradients(batch(1), [Target(0)], what.at, rules=what.rules)
