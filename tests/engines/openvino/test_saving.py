"""Graphs that are written: what is read back, how large the files are, a full disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from openvino import Model

from gradcam_cli.engines.openvino.runtime import core, ops
from gradcam_cli.engines.openvino.saving import save
from tests.disks import full_at

UNITS = 600  # a matrix of 1.4 MB, which is large


def network(*matrices: NDArray[np.float32]) -> Any:
    """x -> relu(x·M) for each of `matrices`, one after the other."""
    image = ops.parameter([-1, UNITS], np.float32, "image")
    port = image.output(0)
    for number, matrix in enumerate(matrices):
        kernel = ops.constant(matrix)
        kernel.set_friendly_name(f"kernel <{number}> & more")
        port = ops.relu(ops.matmul(port, kernel, False, False)).output(0)
    return Model([ops.result(port)], [image], "dense")


def matrix(seed: int, columns: int = UNITS) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 0.05, (UNITS, columns)).astype(np.float32)


def scores(model: Any) -> NDArray[np.float32]:
    inputs = np.random.default_rng(9).normal(size=(2, UNITS)).astype(np.float32)
    result: NDArray[np.float32] = core().compile_model(model, "CPU")(inputs)[0]
    return result


@pytest.mark.parametrize("last_columns", [UNITS, 3], ids=["all large", "one small"])
def test_what_is_read_back_is_the_same(tmp_path: Path, last_columns: int) -> None:
    matrices = [matrix(0), matrix(1), matrix(2, last_columns)]
    model, graph = network(*matrices), tmp_path / "model.xml"
    save(model, graph)
    read = core().read_model(graph)
    np.testing.assert_array_equal(scores(read), scores(model))
    assert len(read.get_parameters()) == 1
    kernels = {
        node.get_friendly_name(): node.data
        for node in read.get_ordered_ops()
        if node.get_friendly_name().startswith("kernel")
    }
    for number, values in enumerate(matrices[:2]):
        np.testing.assert_array_equal(kernels[f"kernel <{number}> & more"], values)


def test_the_model_is_left_as_it_was(tmp_path: Path) -> None:
    model = network(matrix(0))
    before = scores(model)
    save(model, tmp_path / "model.xml")
    assert len(model.get_parameters()) == 1
    np.testing.assert_array_equal(scores(model), before)


def test_what_several_read_is_written_once(tmp_path: Path) -> None:
    image = ops.parameter([-1, UNITS], np.float32, "image")
    kernel = ops.constant(matrix(0))
    twice = ops.matmul(ops.matmul(image, kernel, False, False), kernel, False, False)
    model, graph = Model([ops.result(twice)], [image], "tied"), tmp_path / "model.xml"
    save(model, graph)
    np.testing.assert_array_equal(scores(core().read_model(graph)), scores(model))
    assert graph.with_suffix(".bin").stat().st_size < 1.01 * matrix(0).nbytes


def test_weights_in_parts_are_constants_of_the_file(tmp_path: Path) -> None:
    image, values = ops.parameter([-1, UNITS], np.float32, name="image"), matrix(0, 5)
    kernel = ops.parameter([UNITS, 5], np.float32, name="kernel")
    product = ops.result(ops.matmul(image, kernel, False, False))
    model, graph = Model([product], [image, kernel], "parts"), tmp_path / "model.xml"
    save(model, graph, {"kernel": (values[row : row + 7] for row in range(0, UNITS, 7))})
    read = core().read_model(graph)
    (constant,) = (each for each in read.get_ordered_ops() if each.get_type_name() == "Constant")
    assert constant.get_friendly_name() == "kernel"
    np.testing.assert_array_equal(constant.data, values)
    assert len(read.get_parameters()) == 1


@pytest.mark.parametrize("how", ["disk", "limit"])
def test_a_full_disk_is_an_error(tmp_path: Path, how: str) -> None:
    folder, said = tmp_path / "small", r"could not be written|space|large"
    with full_at(folder, how, 1 << 20), pytest.raises(OSError, match=said):
        save(network(matrix(0), matrix(1)), folder / "model.xml")
