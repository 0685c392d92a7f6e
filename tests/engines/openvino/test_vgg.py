"""VGG16 from its weights alone, whatever file they are in; what it computes: `test_engine`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from gradcam_cli.engines.openvino.makers import VGGMaker, maker_of
from gradcam_cli.engines.openvino.vgg import forward_graph
from gradcam_cli.errors import ModelError
from gradcam_cli.models import vgg
from gradcam_cli.models.catalog import find_model
from gradcam_cli.models.layers import explainable_layers, vgg_layers
from gradcam_cli.models.selection import select_model

Pairs = list[tuple[np.ndarray, np.ndarray]]


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Pairs:
    """Weights of a VGG16 with a hundredth of the channels, in the order of its layers."""
    monkeypatch.setattr(vgg, "_FILTERS", (1, 2, 3, 4, 5))
    monkeypatch.setattr(vgg, "_HEAD", {"fc1": 6, "fc2": 7, "predictions": 8})
    random = np.random.default_rng(0)
    return [
        (random.random(step.kernel_shape, np.float32), random.random(step.outputs, np.float32))
        for step in vgg.steps("vgg16")
        if step.kind != "MaxPooling2D"
    ]


def write_legacy(group: Any, pairs: Pairs) -> None:
    """Under names of one's own: their order is what counts."""
    names = ["input_1", *(f"layer{number}" for number in range(len(pairs))), "flatten"]
    group.attrs["layer_names"] = np.array(names, "S")
    for name in names:
        group.create_group(name).attrs["weight_names"] = np.array([], "S")
    for number, (kernel, bias) in enumerate(pairs):
        layer = group[f"layer{number}"]
        layer.attrs["weight_names"] = np.array(["kernel:0", "bias:0"], "S")
        layer["kernel:0"], layer["bias:0"] = kernel, bias


def write_keras_3(file: h5py.File, pairs: Pairs) -> None:
    counts = {"conv2d": 0, "dense": 0}
    for kernel, bias in pairs:
        kind = "conv2d" if kernel.ndim == 4 else "dense"
        name = f"{kind}_{counts[kind]}" if counts[kind] else kind
        counts[kind] += 1
        file[f"layers/{name}/vars/0"], file[f"layers/{name}/vars/1"] = kernel, bias
    file.create_group("layers/max_pooling2d/vars")


@pytest.mark.parametrize("layout", ["legacy", "whole model", "keras 3"])
def test_weights_are_read_from_each_of_keras_layouts(
    tmp_path: Path, narrow: Pairs, layout: str
) -> None:
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        if layout == "keras 3":
            write_keras_3(file, narrow)
        else:
            write_legacy(file if layout == "legacy" else file.create_group("model_weights"), narrow)
    with vgg.opened_weights(path, "vgg16") as weights:
        for (kernel, bias), (got_kernel, got_bias) in zip(narrow, weights.values(), strict=True):
            np.testing.assert_array_equal(got_kernel[()], kernel)
            np.testing.assert_array_equal(got_bias[()], bias)


@pytest.mark.parametrize(
    ("file_options", "options"),
    [
        ({}, {}),
        ({"userblock_size": 512}, {}),
        ({}, {"chunks": (3, 2), "compression": "gzip"}),
        ({}, {"dtype": "<f8"}),
        ({}, {"dtype": ">f4"}),
    ],
    ids=["in one piece", "behind other bytes", "compressed", "in double precision", "big endian"],
)
def test_dense_kernels_are_transposed_however_they_are_stored(
    tmp_path: Path, narrow: Pairs, file_options: dict[str, Any], options: dict[str, Any]
) -> None:
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w", **file_options) as file:
        write_legacy(file, narrow)
        for number, (kernel, _) in list(enumerate(narrow))[-3:]:
            layer = file[f"layer{number}"]
            del layer["kernel:0"]
            layer.create_dataset("kernel:0", data=kernel, **options)
    with vgg.opened_weights(path, "vgg16") as weights:
        parts = {name: list(each) for name, each in forward_graph("vgg16", weights).kernels.items()}
    assert list(parts) == ["fc1/kernel", "fc2/kernel", "predictions/kernel"]
    for (kernel, _), arrays in zip(narrow[-3:], parts.values(), strict=True):
        assert all(array.flags.c_contiguous and array.dtype == np.float32 for array in arrays)
        np.testing.assert_array_equal(np.concatenate(arrays), kernel.T)


def test_weights_of_another_network_are_refused(tmp_path: Path, narrow: Pairs) -> None:
    wrong = [*narrow[:-1], (narrow[-1][0][:, :-1], narrow[-1][1][:-1])]
    for name, pairs in (("shapes.h5", wrong), ("fewer.h5", narrow[:-1])):
        with h5py.File(tmp_path / name, "w") as file:
            write_legacy(file, pairs)
    (tmp_path / "text.h5").write_text("no weights")
    for path in tmp_path.glob("*.h5"):
        model = select_model("vgg16", weights=path).open()
        maker = maker_of(model, dict, model.digest())
        assert isinstance(maker, VGGMaker)
        with pytest.raises(ModelError, match="does not hold the weights of vgg16"):
            maker.load()


@pytest.mark.slow
@pytest.mark.parametrize("name", vgg.MODELS)
def test_its_layers_are_those_that_are_found_in_keras(name: str) -> None:
    assert vgg_layers(name) == explainable_layers(find_model(name).build())
