"""Kernels that are shuffled from the scores down."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from gradcam_cli.engines.openvino.engine import OpenVINOEngine
from gradcam_cli.engines.openvino.randomization import kernels, shuffle_kernels
from gradcam_cli.engines.shuffling import kernels_of, with_shuffled_kernels
from gradcam_cli.errors import ModelError
from tests.planted import samples, trained


@pytest.fixture(scope="module")
def model() -> ov.Model:
    return trained(samples("none", 20, 1))


def constants(graph: ov.Model) -> dict[str, np.ndarray]:
    """The kernel of each operation that has one, by its name."""
    return {
        node.get_friendly_name(): node.input_value(1).get_node().get_data()
        for node in kernels(graph)
    }


def test_the_nearest_to_the_scores_come_first(model: ov.Model) -> None:
    kinds = [node.get_type_name() for node in kernels(model)]
    assert kinds == ["MatMul", "Convolution", "Convolution"]


@pytest.mark.parametrize("count", range(4))
def test_so_many_are_shuffled_and_no_others(model: ov.Model, count: int) -> None:
    graph = model.clone()
    shuffle_kernels(graph, count, seed=3)
    before, after = constants(model), constants(graph)
    changed = [not np.array_equal(before[name], after[name]) for name in before]
    assert changed == [number < count for number in range(3)]
    for name, values in before.items():
        np.testing.assert_array_equal(np.sort(values, axis=None), np.sort(after[name], axis=None))


def test_deeper_shuffles_what_is_above_alike(model: ov.Model) -> None:
    graphs = [model.clone() for _ in range(3)]
    for graph, count in zip(graphs, (1, 3, 3), strict=True):
        shuffle_kernels(graph, count)
    one, all_of_them, again = map(constants, graphs)
    head = next(iter(one))
    np.testing.assert_array_equal(one[head], all_of_them[head])
    for name, values in all_of_them.items():
        np.testing.assert_array_equal(values, again[name])
    other = model.clone()
    shuffle_kernels(other, 1, seed=1)
    assert not np.array_equal(constants(other)[head], one[head])


def test_kernels_behind_conversions_and_whole_numbers() -> None:
    picture = ops.parameter([1, 3, 4, 4], np.float32)
    packed = ops.constant(np.arange(-27, 27, dtype=np.int8).reshape(2, 3, 3, 3))
    scaled = ops.multiply(ops.convert(packed, "f32"), np.float32(0.1))
    convolved = ops.convolution(picture, scaled, [1, 1], [0, 0], [0, 0], [1, 1])
    added = ops.matmul(convolved, convolved, False, False)  # of two computed inputs: no kernel
    graph = ov.Model([added], [picture], "packed")
    assert [node.get_type_name() for node in kernels(graph)] == ["Convolution"]
    batch = np.random.default_rng(0).random((1, 3, 4, 4), np.float32)
    before = ov.Core().compile_model(graph, "CPU")(batch)[0]
    shuffle_kernels(graph, 1)
    after = ov.Core().compile_model(graph, "CPU")(batch)[0]
    assert not np.allclose(before, after)


def test_an_engine_of_shuffled_kernels(compiled_lite0: None) -> None:
    from gradcam_cli.explainer import Explainer

    explainer = Explainer.load("efficientnet-lite0", engine="openvino")
    engine = explainer.engine
    assert len(kernels_of(engine)) == 50
    picture = np.random.default_rng(0).integers(0, 256, (90, 90, 3)).astype(np.uint8)
    batch = explainer.input_of(picture)[np.newaxis]
    scores = engine.forward(batch)
    np.testing.assert_array_equal(with_shuffled_kernels(engine, 0).forward(batch), scores)
    shuffled = with_shuffled_kernels(engine, 1).forward(batch)
    assert abs(np.corrcoef(scores[0], shuffled[0])[0, 1]) < 0.5
    np.testing.assert_array_equal(engine.forward(batch), scores)  # which stays as it is


def test_engines_and_models_without_kernels_to_shuffle() -> None:
    class Other:
        name = "tensorflow"

    other: Any = Other()
    with pytest.raises(ModelError, match="engine tensorflow runs cannot be shuffled"):
        kernels_of(other)
    picture = ops.parameter([1, 4, 4, 3], np.float32)
    picture.output(0).set_names({"image"})
    means = ops.reduce_mean(picture, np.array([1, 2]))
    result = ops.result(means)
    result.set_friendly_name("logits")
    engine = OpenVINOEngine(ov.Model([result], [picture], "mean"))
    with pytest.raises(ModelError, match="no kernels"):
        kernels_of(engine)
