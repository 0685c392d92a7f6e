"""What holds for every method in the table of convolutional networks."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from gradcam_cli.engines.openvino.engine import OpenVINOEngine
from gradcam_cli.engines.tensorflow import TensorFlowEngine
from gradcam_cli.methods import METHODS, Method, normalize
from gradcam_cli.targets import TOP, Target
from tests.methods.conftest import (
    CLASSES,
    HEIGHT,
    LAYER,
    ONLY_COMPILED,
    WIDTH,
    Ask,
    few_passes,
    network,
)

ALL = [few_passes(method) for method in METHODS.values() if method.looks_at != "attention"]
"""The others are in `test_attention.py`, on a network that has attention."""
MAP = (5, 7)
NEGATED = (
    *("grad-cam", "hirescam", "xgrad-cam", "eigen-grad-cam", "finer-cam", "shapley-cam"),
    *("ablation-cam", "recipro-cam", "occlusion", "rise"),
    *("input-x-gradient", "integrated-gradients", "expected-gradients", "lrp", "attn-lrp"),
)
"""Linear in y, so that -y gives the map negated; Ablation-CAM by its definition here."""
ROUNDING = 1e-5

IN_TENSORFLOW = [method for method in ALL if method.name not in ONLY_COMPILED]

every_method = pytest.mark.parametrize("method", ALL, ids=[method.name for method in ALL])
every_method_of_tensorflow = pytest.mark.parametrize(
    "method", IN_TENSORFLOW, ids=[method.name for method in IN_TENSORFLOW]
)


@pytest.fixture
def ask(ask: Ask, compiled: OpenVINOEngine, request: pytest.FixtureRequest) -> Ask:
    """A question to an engine that has the passes of the method that is tested."""
    method = (
        request.node.callspec.params.get("method") if "method" in request.fixturenames else None
    )
    return ask if method in (None, *IN_TENSORFLOW) else partial(ask, engine=compiled)


def shape_of(method: Method) -> tuple[int, int]:
    return MAP if method.resolution == "the layer" else (HEIGHT, WIDTH)


def assert_close(found: NDArray[np.float32], expected: NDArray[np.float32]) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=ROUNDING * np.abs(expected).max())


@every_method
@pytest.mark.parametrize("score", ["logit", "probability"])
@pytest.mark.parametrize("target", [Target(1), Target(TOP), Target(1, 3), Target(2, None, True)])
def test_a_map_is_finite_and_of_its_shape(
    method: Method, score: str, target: Target, ask: Ask, inputs: list[np.ndarray]
) -> None:
    question = ask([target], score=score)
    maps = method.maps(question)
    assert maps.raw.shape == (1, *shape_of(method))
    assert maps.raw.dtype == maps.scores.dtype == np.float32
    assert np.isfinite(maps.raw).all()
    assert maps.raw.std() > 0
    assert_close(maps.scores, question.engine.forward(inputs[0][np.newaxis]))


@every_method
def test_the_same_question_has_the_same_answer(method: Method, ask: Ask) -> None:
    question = ask([Target(1), Target(2)], [0, 1], rows=2)
    first, second = method.maps(question), method.maps(question)
    np.testing.assert_array_equal(first.raw, second.raw)
    np.testing.assert_array_equal(first.scores, second.scores)


@every_method
@pytest.mark.parametrize("rows", [1, 2, 4])
def test_a_row_is_what_it_is_alone(method: Method, rows: int, ask: Ask) -> None:
    targets = [Target(1), Target(0), Target(TOP, 2), Target(1), Target(3, None, True)]
    which = [0, 0, 1, 2, 2]
    together = method.maps(ask(targets, which, rows=rows))
    for row, (target, number) in enumerate(zip(targets, which, strict=True)):
        alone = method.maps(ask([target], [number]))
        assert_close(together.raw[row], alone.raw[0])
        assert_close(together.scores[row], alone.scores[0])


@every_method
def test_a_row_is_the_same_whatever_is_beside_it(method: Method, ask: Ask) -> None:
    one = method.maps(ask([Target(1), Target(2)], [0, 1], rows=2))
    other = method.maps(ask([Target(2), Target(1), Target(3)], [1, 0, 2], rows=2))
    assert_close(other.raw[:2], one.raw[::-1])


@every_method
def test_the_target_matters_where_it_is_used(method: Method, ask: Ask) -> None:
    one, other = method.maps(ask([Target(1), Target(2)], [0, 0])).raw
    assert np.array_equal(one, other) != method.uses_target


@every_method
def test_top_is_the_predicted_class(method: Method, ask: Ask) -> None:
    maps = method.maps(ask([Target(TOP)]))
    predicted = int(maps.scores[0].argmax())
    assert_close(method.maps(ask([Target(predicted)])).raw, maps.raw)
    second = int(maps.scores[0].argsort()[-2])
    against = method.maps(ask([Target(second, TOP)])).raw
    assert_close(against, method.maps(ask([Target(second, predicted)])).raw)


@every_method
def test_a_method_changes_nothing_that_it_is_given(method: Method, ask: Ask) -> None:
    question = ask([Target(1), Target(2)], [0, 1])
    arrays = [*question.inputs, question.baseline]
    before = [array.copy() for array in arrays]
    options = dict(method.defaults)
    method.maps(question, **options)
    assert options == method.defaults
    for array, kept in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, kept)


@every_method
def test_what_is_given_may_be_read_only(method: Method, ask: Ask) -> None:
    question = ask()
    arrays = [question.inputs[0].copy(), question.baseline.copy()]
    for array in arrays:
        array.setflags(write=False)
    locked = replace(question, inputs=arrays[:1], baseline=arrays[1])
    np.testing.assert_array_equal(method.maps(locked).raw, method.maps(question).raw)


@every_method
def test_inputs_may_be_one_array(method: Method, ask: Ask) -> None:
    question = ask([Target(1), Target(2)], [0, 1])
    stacked = replace(question, inputs=np.stack(question.inputs))
    np.testing.assert_array_equal(method.maps(stacked).raw, method.maps(question).raw)


@every_method_of_tensorflow
def test_one_channel_will_do(method: Method, ask: Ask) -> None:
    random = np.random.default_rng(1)
    gray = random.standard_normal((HEIGHT, WIDTH, 1)).astype(np.float32)
    engine = TensorFlowEngine(network(maps=1, channels=1))
    maps = method.maps(ask(engine=engine, inputs=[gray], baseline=np.zeros_like(gray)))
    assert maps.raw.shape == (1, *shape_of(method))
    assert np.isfinite(maps.raw).all()


@every_method
def test_counterfactuals(method: Method, ask: Ask) -> None:
    for target in (Target(1), Target(1, 3), Target(TOP)):
        plain, against = method.maps(
            ask([target, replace(target, counterfactual=True)], [0, 0])
        ).raw
        assert np.array_equal(against, -plain) == (method.name in NEGATED)


@every_method
def test_unsigned_maps_are_not_negative(method: Method, ask: Ask) -> None:
    raw = method.maps(ask([Target(index) for index in range(CLASSES)], [0] * CLASSES)).raw
    assert method.signed == bool((raw < 0).any())


@every_method
def test_an_input_of_zeros_is_no_trouble(method: Method, ask: Ask) -> None:
    maps = method.maps(ask(inputs=[np.zeros((HEIGHT, WIDTH, 3), np.float32)]))
    heatmap, _ = normalize(maps.raw[0])
    assert np.isfinite(maps.raw).all()
    assert np.isfinite(heatmap).all()


MANY_PASSES = (
    *("score-cam", "ss-cam", "is-cam", "group-cam", "opti-cam", "ablation-cam", "recipro-cam"),
    *("occlusion", "rise", "integrated-gradients", "expected-gradients", "smooth-grad-cam++"),
)


@pytest.mark.parametrize("name", MANY_PASSES)
def test_methods_of_many_passes_tell_how_far_they_are(name: str, ask: Ask) -> None:
    calls: list[tuple[int, int | None]] = []
    question = ask(
        [Target(1), Target(2), Target(1)], [0, 0, 1], progress=lambda *call: calls.append(call)
    )
    few_passes(METHODS[name]).maps(question)
    done, totals = zip(*calls, strict=True)
    assert len(set(totals)) == 1
    assert done[-1] == totals[0]
    assert list(done) == sorted(set(done))


@every_method_of_tensorflow
def test_threads_change_nothing(method: Method, ask: Ask, engine: TensorFlowEngine) -> None:
    class SideBySide(TensorFlowEngine):
        rows, forward_rows, parallel = 2, 2, 3

    threaded = SideBySide(engine._network)
    serial = SideBySide(engine._network)
    serial.parallel = 1
    targets, which = [Target(1), Target(2), Target(0)], [0, 1, 2]
    found, expected = (
        method.maps(ask(targets, which, engine=each, rows=2)).raw for each in (threaded, serial)
    )
    np.testing.assert_array_equal(found, expected)


def test_every_layer_of_a_method_is_the_one_in_question(ask: Ask) -> None:
    for method in IN_TENSORFLOW:
        maps = method.maps(ask(layer="first"))
        assert maps.raw.shape[1:] == (HEIGHT, WIDTH), method.name
    assert LAYER != "first"
