"""Models in files, prepared and explained, against what the frameworks that made them computed.

The models are those of `tests.zoo`. Each is prepared once, in the cache that all tests share.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gradcam_cli.callbacks import no_note, no_progress
from gradcam_cli.engines.openvino.engine import OpenVINOEngine
from gradcam_cli.engines.openvino.finite_differences import difference_from_finite_differences
from gradcam_cli.engines.openvino.model_cache import prepare_file
from gradcam_cli.engines.openvino.runtime import ops
from gradcam_cli.engines.openvino.vjp import STANDARD
from gradcam_cli.engines.selection import open_engine
from gradcam_cli.errors import ModelError
from gradcam_cli.explainer import Explainer
from gradcam_cli.heads import probabilities
from gradcam_cli.methods import Question, parse_method
from gradcam_cli.models.about import GRAPH, compiled_folder, place_of
from gradcam_cli.models.file_options import FileOptions, GraphOptions
from gradcam_cli.models.model_file import ModelFile
from gradcam_cli.models.sources.model_file import FileSource
from gradcam_cli.passes import FORWARD, INPUT, LAYER, LAYER_GRADIENTS, Engine, Gradients, Pass
from gradcam_cli.targets import Target
from tests.zoo import zoo

Array = NDArray[np.float32]

OPTIONS = {
    "dynamic_sides": GraphOptions(input_size=(32, 32)),
    "two_outputs": GraphOptions(output_name="logits"),
}
"""What the user has to say of a model."""
ACTIVATIONS = {"logits": "none"}
"""What we call what a model ends in, where the zoo has another word."""
WITHOUT_GRADIENTS = {"tflite_int8": "quantized", "condition": "If"}
"""Models that are explained without gradients, and a word on why."""
DIFFERENTIABLE = [name for name in zoo.EXPLAINABLE if name not in WITHOUT_GRADIENTS]
UNREADABLE = [name for name in zoo.REFUSED if name not in WITHOUT_GRADIENTS]


@dataclass(frozen=True)
class Opened:
    """A model that was prepared and opened."""

    source: FileSource
    engine: Engine
    layer: str


def prepare(
    path: Path,
    options: GraphOptions | None = None,
    needs: Sequence[Pass] = (LAYER_GRADIENTS,),
    layer: str | None = None,
) -> FileSource:
    """Prepare a file in this process, where `FileSource.prepared` would start another."""
    options = options or GraphOptions()
    prepare_file(ModelFile(path, options), layer, needs, no_note)
    return FileSource.prepared(path, FileOptions(graph=options))


def open_source(
    source: FileSource, needs: Sequence[Pass] = (LAYER_GRADIENTS,), layer: str | None = None
) -> Opened:
    model = source.open(offline=True, progress=no_progress, note=no_note)
    return Opened(source, *open_engine(model, layer, needs))


@cache
def opened(name: str) -> Opened:
    """A model of the zoo, ready for gradients at its default layer, and for scores."""
    needs = [FORWARD] if name in WITHOUT_GRADIENTS else [LAYER_GRADIENTS]
    source = prepare(zoo.path(name), OPTIONS.get(name), needs)
    return open_source(source, needs)


def compared_places(name: str) -> tuple[str, ...]:
    """The layers of a model that have a reference, and its input if that has one."""
    expected = zoo.reference(name)
    return (*expected.layers, *([] if expected.input_gradients is None else [INPUT]))


def expected_scores(name: str) -> Array:
    """Those of one unit z are -z and z."""
    logits = zoo.reference(name).logits
    return np.concatenate([-logits, logits], 1) if logits.shape[1] == 1 else logits


def targets_of(name: str) -> list[Target]:
    expected = zoo.reference(name)
    index = 1 if expected.logits.shape[1] == 1 else expected.class_index
    return [Target(index)] * len(expected.batch)


def assert_close(name: str, ours: Array, theirs: Array) -> None:
    """Within 1e-3 of the largest of `theirs`; where the file rounds, within 3 % of them all.

    Rounding takes an activation across a kink here and there, where its gradient changes at once.
    """
    assert ours.shape == theirs.shape
    if zoo.NAMES[name].precise:
        largest = max(np.abs(theirs).max(), 1e-6)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-3 * largest)
    else:
        assert np.linalg.norm(ours - theirs) <= 0.03 * np.linalg.norm(theirs)


@pytest.mark.parametrize("name", zoo.EXPLAINABLE)
def test_what_is_noticed_of_a_model(name: str) -> None:
    source, facts = opened(name).source, zoo.NAMES[name]
    findings = source.findings
    assert tuple(findings.input) == facts.input
    assert findings.layout == facts.layout
    assert findings.activation == ACTIVATIONS.get(facts.head, facts.head)
    assert findings.head == ("sigmoid" if "sigmoid" in facts.head or facts.classes == 1
                             else "softmax")  # fmt: skip
    assert findings.classes == max(facts.classes, 2)
    assert opened(name).layer == facts.default_layer
    default = next(layer for layer in source.layers() if layer.default)
    assert default.shape == zoo.reference(name).layers[default.name].maps()[0].shape[1:]


@pytest.mark.parametrize("name", zoo.EXPLAINABLE)
def test_labels_and_preprocessing_are_those_that_the_file_has(name: str) -> None:
    source, facts = opened(name).source, zoo.NAMES[name]
    labels = facts.labels or tuple(f"class {index}" for index in range(max(facts.classes, 2)))
    assert tuple(label.name for label in source.info.labels) == labels
    if facts.preprocessing:
        assert source.info.preprocessing == facts.preprocessing
    assert source.findings.preprocessing_guessed != bool(facts.preprocessing)
    assert any("--preprocess" in guess for guess in source.guesses) != bool(facts.preprocessing)


@pytest.mark.parametrize("name", zoo.EXPLAINABLE)
def test_scores_are_those_of_the_framework(name: str) -> None:
    scores = opened(name).engine.forward(zoo.reference(name).pixels)
    tolerance = max(1e-4, zoo.NAMES[name].tolerance)
    np.testing.assert_allclose(scores, expected_scores(name), rtol=1e-5, atol=tolerance)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_grad_cam_is_that_of_the_framework(name: str) -> None:
    model, expected = opened(name), zoo.reference(name)
    head = model.source.info.head
    question = Question(
        model.engine, expected.pixels, targets_of(name), model.layer, "logit",
        np.zeros_like(expected.pixels[0]), head,
    )  # fmt: skip
    maps = parse_method("grad-cam").method.maps(question)
    theirs = expected.layers[model.layer]
    channels = theirs.maps()[0].shape[-1]  # our map is a mean over the channels, theirs a sum
    assert_close(name, maps.raw * channels, theirs.cam)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_activations_and_gradients_are_those_of_the_framework(name: str) -> None:
    expected, places = zoo.reference(name), compared_places(name)
    source = opened(name).source
    graph = place_of(source.file.name, source.file.digest()) / GRAPH
    engine = OpenVINOEngine(graph, head=source.info.head)
    ours = engine.gradients(expected.pixels, targets_of(name), places)
    for place, layer in expected.layers.items():
        activations, gradients = layer.maps()
        assert_close(name, ours.activations[place], activations)
        assert_close(name, ours.gradients[place], gradients)
    if expected.input_gradients is not None:
        assert_close(name, ours.gradients[INPUT], expected.input_gradients)


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_explained_is_refused_in_a_line_and_leaves_nothing(name: str) -> None:
    with pytest.raises(ModelError) as error:
        prepare(zoo.path(name))
    text = str(error.value)
    assert zoo.NAMES[name].refusal in text
    assert "\n" not in text
    assert len(text) < 300
    assert not [path for path in compiled_folder().glob(f"{name}*") if path.is_dir()]
