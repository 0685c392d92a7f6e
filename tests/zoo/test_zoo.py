"""The files are whole: OpenVINO computes with each what the framework that made it computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gradcam_cli.engines.openvino.runtime import openvino
from tests.zoo import zoo

CORE = openvino.Core()
LEVEL, BYTES = 2, 256
"""Of outputs in 8 bits: how far they may be apart, and what stands for 1."""
PRECISE = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}


def read(name: str) -> Any:
    path = zoo.path(name)
    return CORE.read_model(path if path.is_file() else str(path))


def computed(name: str) -> tuple[list[NDArray[np.float32]], dict[str, NDArray[np.float32]]]:
    """The model's own outputs, and the outputs of the layers that have a reference."""
    model, expected = read(name), zoo.reference(name)
    model.reshape({model.inputs[0]: list(expected.batch.shape)})
    count = len(model.outputs)
    operations = {node.get_friendly_name(): node for node in model.get_ops()}
    named = [name for name, layer in expected.layers.items() if layer.facts.tensor]
    model.add_outputs([operations[layer].output(0) for layer in named])
    compiled = CORE.compile_model(model, "CPU", PRECISE)
    dtype = model.inputs[0].get_element_type().to_dtype()
    results = compiled([expected.batch.astype(dtype)])
    values = [results[port].astype(np.float32) for port in compiled.outputs]
    layers = dict(zip(named, values[count:], strict=True))
    return values[:count], layers


@pytest.mark.parametrize("name", zoo.EXPLAINABLE)
def test_a_model_computes_what_its_reference_says(name: str) -> None:
    expected, facts = zoo.reference(name), zoo.NAMES[name]
    outputs, layers = computed(name)
    assert len(outputs) == len(expected.outputs)
    for ours, theirs in zip(outputs, expected.outputs, strict=True):
        step = LEVEL if facts.in_bytes else facts.tolerance
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=step)
    for layer, activations in layers.items():
        theirs = expected.layers[layer].activations
        np.testing.assert_allclose(
            activations, theirs, rtol=1e-4, atol=facts.tolerance * np.ptp(theirs)
        )


@pytest.mark.parametrize("name", zoo.EXPLAINABLE)
def test_a_reference_has_something_to_say(name: str) -> None:
    expected, facts = zoo.reference(name), zoo.NAMES[name]
    assert expected.pixels.shape[1:] == facts.input
    assert expected.logits.shape == (len(expected.batch), facts.classes)
    assert expected.class_index == expected.logits[0].argmax()
    for layer in expected.layers.values():
        activations, gradients = layer.maps()
        weights = gradients.mean((1, 2), keepdims=True)
        np.testing.assert_allclose(layer.cam, (weights * activations).sum(-1), atol=1e-5)
    if expected.layers:
        assert expected.layers[facts.default_layer].cam.max() > 0


@pytest.mark.parametrize("name", zoo.EXPLAINABLE)
def test_logits_and_head_give_the_output(name: str) -> None:
    expected, facts = zoo.reference(name), zoo.NAMES[name]
    scale = BYTES if facts.in_bytes else 1
    logits = expected.logits.astype(np.float64)
    raised = np.exp(logits)
    applied = {
        "logits": logits,
        "softmax": raised / raised.sum(1, keepdims=True),
        "log_softmax": logits - np.log(raised.sum(1, keepdims=True)),
        "sigmoid": 1 / (1 + np.exp(-logits)),
    }[facts.head]
    assert any(
        output.shape == applied.shape and np.allclose(output / scale, applied, atol=facts.tolerance)
        for output in expected.outputs
    )


@pytest.mark.parametrize("name", zoo.REFUSED)
def test_what_is_to_be_refused_is_there(name: str) -> None:
    assert zoo.path(name).exists()


def test_files_are_small() -> None:
    files = [path for path in zoo.HERE.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    files = [path for path in files if path.parent.name != "published"]
    assert all(path.stat().st_size < 160_000 for path in files)
    assert sum(path.stat().st_size for path in files) < 4_000_000
