"""What each bias adds to the score: by hand, and that all of it together is the score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcam_cli.engines.openvino.engine import OpenVINOEngine
from gradcam_cli.engines.openvino.graphs import LOGITS
from gradcam_cli.engines.openvino.model_files.preparing import write_graph
from gradcam_cli.engines.openvino.runtime import openvino, ops
from gradcam_cli.models.model_file import ModelFile
from gradcam_cli.passes import BIASES, INPUT, Gradients
from gradcam_cli.targets import Target
from tests.engines.openvino.vjp_values import number, whole
from tests.zoo import zoo

NONE = [0, 0]
OF_RELUS = ("cnn_nchw", "cnn_opset9", "resnet_like", "nhwc", "gray", "normalized_inside")
"""Batch norms apart and merged; channels first and last; constants before the first layer."""


def engine_of(build: Any, height: int, width: int) -> OpenVINOEngine:
    """Runs what `build` makes of a grey picture, channels first."""
    image = ops.parameter([-1, height, width, 1], np.float32, "image")
    scores = ops.result(build(ops.transpose(image, whole([0, 3, 1, 2]))))
    scores.set_friendly_name(LOGITS)
    return OpenVINOEngine(openvino.Model([scores], [image], "small"))


def constant(values: Any, *shape: int) -> Any:
    return ops.constant(np.reshape(values, shape).astype(np.float32))


def convolved(x: Any) -> Any:
    """2·x - 3 and -x + 1 of each pixel."""
    product = ops.convolution(x, constant([2, -1], 2, 1, 1, 1), [1, 1], NONE, NONE, [1, 1])
    return ops.add(product, constant([-3, 1], 1, 2, 1, 1))


def dense(x: Any, weights: Any, offset: float) -> Any:
    flat = ops.reshape(x, whole([0, len(weights)]), True)
    return ops.add(ops.matmul(flat, constant(weights, len(weights), 1), False, False), offset)


def answer(engine: OpenVINOEngine, inputs: Any, target: int) -> Gradients:
    return engine.gradients(inputs, [Target(target)] * len(inputs), [BIASES, INPUT])


def test_a_network_by_hand() -> None:
    # Of x = (1, 2) the maps are (-1, 1) and (0, -1), cut (0, 1) and (0, 0); y = 7·1 + 0.5, to which
    # x adds 2·2·7 at its second pixel and the bias -3·7.
    def network(x: Any) -> Any:
        return dense(ops.relu(convolved(x)), [5, 7, 11, 13], constant([0.5], 1, 1))

    found = answer(engine_of(network, 1, 2), np.array([[[[1], [2]]]], np.float32), 0)
    assert found.scores.tolist() == [[7.5]]
    assert found.gradients[INPUT].ravel().tolist() == [0, 14]
    of_maps, of_score = found.biases
    assert of_maps.tolist() == [[[[0, 0], [-21, 0]]]]
    assert of_score.tolist() == [[[[0.5]]]]


def test_what_is_subtracted_counts_and_single_numbers_do_not() -> None:
    def network(x: Any) -> Any:
        less = ops.subtract(convolved(x), constant([1, -2], 1, 2, 1, 1))
        turned = ops.subtract(constant([4, 8], 1, 2, 1, 1), less)
        return ops.add(ops.reduce_sum(turned, whole([2, 3]), False), number(1e-3))

    found = answer(engine_of(network, 1, 1), np.ones((1, 1, 1, 1), np.float32), 0)
    assert [part.ravel().tolist() for part in found.biases] == [[3, 0], [1, 0], [4, 0]]


@pytest.mark.parametrize("name", OF_RELUS)
def test_input_and_biases_add_up_to_the_score(name: str, tmp_path: Path) -> None:
    write_graph(ModelFile(zoo.path(name)), tmp_path / "model.xml")
    engine = OpenVINOEngine(tmp_path / "model.xml")
    inputs = np.random.default_rng(3).uniform(0, 1, (2, *zoo.NAMES[name].input))
    for target in (0, 1):
        found = answer(engine, inputs.astype(np.float32), target)
        parts = [inputs * found.gradients[INPUT], *found.biases]
        total = sum(part.sum(axis=(1, 2, 3), dtype=np.float64) for part in parts)
        scale = np.abs(found.scores).max()
        np.testing.assert_allclose(total, found.scores[:, target], atol=1e-4 * scale)
        assert sum(np.abs(part).sum() for part in found.biases) > 0.1 * scale


def test_rows_are_what_they_are_alone(tmp_path: Path) -> None:
    write_graph(ModelFile(zoo.path("cnn_nchw")), tmp_path / "model.xml")
    engine = OpenVINOEngine(tmp_path / "model.xml")
    shape = (3, *zoo.NAMES["cnn_nchw"].input)
    inputs = np.random.default_rng(3).uniform(0, 1, shape).astype(np.float32)
    together = answer(engine, inputs, 1)
    for row in range(3):
        alone = answer(engine, inputs[row : row + 1], 1)
        for one, several in zip(alone.biases, together.biases, strict=True):
            np.testing.assert_allclose(several[row], one[0], atol=1e-5 * np.abs(one).max())
