"""Models in files, each against what the framework that made it computed: see tests/zoo."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcam_cli.callbacks import no_note, no_progress
from gradcam_cli.engines.openvino.model_cache import prepare_file
from gradcam_cli.engines.selection import open_engine
from gradcam_cli.errors import ModelError
from gradcam_cli.models.file_options import FileOptions, GraphOptions
from gradcam_cli.models.model_file import ModelFile
from gradcam_cli.models.sources.model_file import FileSource
from gradcam_cli.passes import ACTIVATIONS, FORWARD, LAYER_GRADIENTS
from gradcam_cli.targets import Target
from tests.zoo import zoo

OPTIONS = {
    "dynamic_sides": GraphOptions(input_size=(32, 32)),
    "two_outputs": GraphOptions(output_name="logits"),
}
every_model = pytest.mark.parametrize("name", zoo.EXPLAINABLE)


def source_of(name: str) -> FileSource:
    """The model `name`, prepared in this process, which is quicker than in one of its own."""
    options = OPTIONS.get(name, GraphOptions())
    file = ModelFile(zoo.path(name), options)
    prepare_file(file, None, [LAYER_GRADIENTS], no_note)
    return FileSource.prepared(zoo.path(name), FileOptions(graph=options))


def close(found: Any, expected: Any, tolerance: float) -> None:
    """Within a share of the largest value."""
    largest = max(float(np.abs(expected).max()), 1e-6)
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * largest)


@every_model
def test_what_is_noticed(name: str) -> None:
    facts, findings = zoo.NAMES[name], source_of(name).findings
    assert findings.input == facts.input
    assert findings.layout == facts.layout
    assert findings.classes == max(facts.classes, 2)
    activation = {"logits": "none"}.get(facts.head, facts.head)
    assert findings.activation == activation
    assert findings.head == (
        "sigmoid" if facts.classes == 1 or facts.head == "sigmoid" else "softmax"
    )


@every_model
def test_scores_and_gradients_are_those_of_the_framework(name: str) -> None:
    facts, reference = zoo.NAMES[name], zoo.reference(name)
    model = source_of(name).open(offline=True, progress=no_progress, note=no_note)
    engine, _ = open_engine(model)
    batch = np.ascontiguousarray(reference.pixels[:1], np.float32)
    logits = reference.logits[:1]
    expected = np.concatenate([-logits, logits], axis=1) if facts.classes == 1 else logits
    close(engine.forward(batch), expected, max(facts.tolerance, 1e-4))
    if not facts.precise:
        return
    index = 1 if facts.classes == 1 else reference.class_index
    known = {layer.name for layer in model_layers(name)}
    for layer, at_layer in reference.layers.items():
        if layer not in known:
            continue
        engine, _ = open_engine(model, layer)
        found = engine.gradients(batch, [Target(index)], [layer])
        activations, gradients = at_layer.maps()
        close(found.activations[layer], activations[:1], 1e-3)
        close(found.gradients[layer], gradients[:1], 1e-3)
        weights = found.gradients[layer].mean(axis=(1, 2), keepdims=True)
        close((weights * found.activations[layer]).sum(axis=-1), at_layer.cam[:1], 1e-3)


@cache
def model_layers(name: str) -> list[Any]:
    """The layers of a model."""
    return source_of(name).layers()


@pytest.mark.parametrize("name", zoo.REFUSED)
def test_what_cannot_be_explained_is_refused_in_a_line(name: str) -> None:
    file = ModelFile(zoo.path(name))
    try:
        prepare_file(file, None, [LAYER_GRADIENTS], no_note)
        model = FileSource.prepared(zoo.path(name)).open(
            offline=True, progress=no_progress, note=no_note
        )
        open_engine(model)
    except ModelError as error:
        assert "\n" not in str(error)
        assert zoo.NAMES[name].refusal.casefold() in str(error).casefold()
    else:
        pytest.fail("it was opened")


def test_other_weights_beside_a_file_make_another_model(tmp_path: Path) -> None:
    for file in ("external_data.onnx", "external_data.onnx.data"):
        (tmp_path / file).write_bytes(zoo.path(file).read_bytes())
    before = ModelFile(tmp_path / "external_data.onnx").digest()
    data = tmp_path / "external_data.onnx.data"
    content = bytearray(data.read_bytes())
    content[0] ^= 1
    data.write_bytes(content)
    assert ModelFile(tmp_path / "external_data.onnx").digest() != before


OTHER_FORMATS = ("plain.tflite", "half.tflite", "weights_of_bytes.tflite", "saved", "graph.xml")


@pytest.mark.parametrize("file", [*OTHER_FORMATS, "graph_half.xml"])
def test_other_formats_are_read_without_tensorflow(file: str) -> None:
    path = zoo.HERE / "keras" / file
    prepare_file(ModelFile(path), None, [LAYER_GRADIENTS], no_note)
    source = FileSource.prepared(path)
    findings = source.findings
    assert (tuple(findings.input), findings.classes) == ((32, 32, 3), 5)
    assert (findings.head, findings.activation) == ("softmax", "softmax")
    engine, layer = open_engine(source.open(offline=True, progress=no_progress, note=no_note))
    with np.load(zoo.HERE / "keras" / "reference.npz") as file_of_arrays:
        reference = dict(file_of_arrays)
    found = engine.gradients(reference["batch"], [Target(int(reference["index"]))], [layer])
    exact = file in ("plain.tflite", "saved", "graph.xml")
    tolerance = 1e-4 if exact else 0.03  # half precision, or weights of bytes
    close(found.scores, reference["logits"], tolerance)
    close(found.activations[layer], reference["activations"], tolerance * 10)
    close(found.gradients[layer], reference["gradients"], tolerance * 10)


def test_what_an_openvino_file_says_is_used() -> None:
    path = zoo.HERE / "keras" / "graph.xml"
    prepare_file(ModelFile(path), None, [LAYER_GRADIENTS], no_note)
    source = FileSource.prepared(path)
    assert [label.name for label in source.info.labels] == ["cat", "dog", "bird", "fish", "rocket"]
    assert source.info.preprocessing == "mean=127.5/127.5/127.5,std=127.5/127.5/127.5"
    assert source.guesses == ()


def test_a_quantized_model_is_explained_without_gradients() -> None:
    path = zoo.HERE / "keras" / "bytes.tflite"
    prepare_file(ModelFile(path), None, [LAYER_GRADIENTS], no_note)
    model = FileSource.prepared(path).open(offline=True, progress=no_progress, note=no_note)
    assert model.preprocessing == "none"
    with pytest.raises(ModelError, match="quantized activations have no gradient"):
        open_engine(model)
    engine, layer = open_engine(model, None, [FORWARD, ACTIVATIONS])
    batch = np.full((1, 32, 32, 3), 128, np.float32)
    assert engine.capture(batch, [layer]).activations[layer].shape[0] == 1
