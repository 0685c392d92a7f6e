"""Models in files, prepared and explained, against what the frameworks that made them computed.

The models are those of `tests.zoo`. Each is prepared once, in the cache that all tests share.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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
from gradcam_cli.engines.openvino.model_files.reading import reason_of
from gradcam_cli.engines.openvino.runtime import ops
from gradcam_cli.engines.openvino.vjp import STANDARD
from gradcam_cli.engines.selection import open_engine
from gradcam_cli.errors import ModelError, UsageError
from gradcam_cli.explainer import Explainer
from gradcam_cli.methods import Question, parse_method
from gradcam_cli.models.about import GRAPH, compiled_folder, place_of
from gradcam_cli.models.file_options import FileOptions, GraphOptions
from gradcam_cli.models.model_file import ModelFile
from gradcam_cli.models.sources.model_file import FileSource
from gradcam_cli.passes import (
    FORWARD,
    INPUT,
    LAYER_GRADIENTS,
    TAIL_CURVATURE,
    TAIL_GRADIENTS,
    Curvature,
    Engine,
    Gradients,
    Pass,
)
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


def refused(path: Path, options: GraphOptions | None = None) -> str:
    with pytest.raises(ModelError) as error:
        prepare(path, options)
    return str(error.value)


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that no other test looks into."""
    monkeypatch.setenv("GRADCAM_CACHE", str(tmp_path / "own"))
    return tmp_path / "own"


@pytest.mark.parametrize(("name", "reason"), WITHOUT_GRADIENTS.items())
def test_without_gradients_there_is_score_cam(name: str, reason: str) -> None:
    source = prepare(zoo.path(name))
    with pytest.raises(ModelError) as error:
        open_source(source)
    assert reason in error.value.what
    assert "of the layers near it" not in error.value.what
    assert "score-cam" in error.value.remedy
    model = source.open(offline=True, progress=no_progress, note=no_note)
    explainer = Explainer.load(model, methods="score-cam")
    picture = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    (target,) = explainer.explain(picture).targets
    assert target.heatmap.shape == (8, 8)
    assert target.heatmap.max() == 1


@pytest.mark.parametrize("name", ["normalized_inside", "tflite_int8"])
def test_a_model_that_takes_pixels_says_why(name: str) -> None:
    assert opened(name).source.findings.preprocessing == "none"
    assert "model" in opened(name).source.findings.preprocessing_reason


def test_sides_that_are_open_are_guessed_or_given(own_cache: Path) -> None:
    path = zoo.path("dynamic_sides")
    guessed = prepare(path, None, [FORWARD])
    assert guessed.info.input == (224, 224, 3)
    assert any("--input-size" in guess for guess in guessed.guesses)
    given = prepare(path, GraphOptions(input_size=(48, 64)))
    assert given.info.input == (48, 64, 3)
    assert not any("--input-size" in guess for guess in given.guesses)
    assert {layer.shape for layer in given.layers() if layer.default} == {(12, 16, 16)}
    assert guessed.file.digest() != given.file.digest()


def test_an_array_that_would_fill_the_memory_is_not_made(own_cache: Path) -> None:
    said = refused(zoo.path("dynamic_sides"), GraphOptions(input_size=(99_999, 99_999)))
    assert "1x3x99999x99999, more than 1 GB" in said
    assert not [path for path in own_cache.rglob("*") if path.suffix == ".gradcam-tmp"]


@pytest.mark.parametrize("tokens", [3, 16, 10**20])
def test_there_are_only_so_many_tokens_before_those_of_the_picture(
    tokens: int, own_cache: Path
) -> None:
    with pytest.raises(UsageError, match=r"of the 18 tokens 16 are .* --tokens with 0 to 2"):
        prepare(zoo.path("deit_like"), GraphOptions(tokens=tokens))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Check 'false'\nLoading input model\nUnsupported type\n\n", "Unsupported type"),
        (
            "Check\n-- Conv-17 with a message:\nWhile\nIt is 0.\n\nSummary:\n-- x",
            "Conv-17: It is 0",
        ),
        ("FrontEnd API failed\n-- com.Gelu\nSummary", "com.Gelu"),
        ("", "it gives no reason"),
    ],
)
def test_the_reason_is_what_openvino_says_last(text: str, reason: str) -> None:
    assert reason_of(RuntimeError(text)) == reason


def test_sides_that_are_fixed_stay() -> None:
    said = refused(zoo.path("cnn_nchw"), GraphOptions(input_size=(48, 64)))
    assert "32x32 only" in said
    assert "--input-size" in said


def test_one_of_several_outputs_is_to_be_named() -> None:
    path = zoo.path("two_outputs")
    for said in (refused(path), refused(path, GraphOptions(output_name="logit"))):
        assert "logits, features" in said
    assert opened("two_outputs").source.findings.output == "logits"
    features = prepare(path, GraphOptions(output_name="features"), [FORWARD])
    assert features.findings.classes == zoo.reference("two_outputs").outputs[1].shape[1]


def test_tokens_of_no_patch_can_be_counted_for_the_model() -> None:
    expected = zoo.reference("vit_like")
    first, *_ = expected.layers.values()
    source = prepare(zoo.path("vit_like"), GraphOptions(tokens=0), [FORWARD])
    engine = open_source(source, [FORWARD]).engine
    captured = engine.capture(expected.pixels, [first.facts.name])
    grid = first.activations[:, :-1].reshape(captured.activations[first.facts.name].shape)
    assert_close("vit_like", captured.activations[first.facts.name], grid)


def test_weights_in_a_second_file_belong_to_the_model(tmp_path: Path) -> None:
    path, data = (Path(shutil.copy(zoo.path(f"external_data.onnx{end}"), tmp_path))
                  for end in ("", ".data"))  # fmt: skip
    pixels, expected = zoo.reference("external_data").pixels, expected_scores("external_data")
    before = open_source(prepare(path))
    digest = before.source.file.digest()
    weights = np.fromfile(data, np.float32)
    (weights * np.float32(1.1)).tofile(data)
    after = open_source(prepare(path))
    assert after.source.file.digest() != digest
    assert np.allclose(before.engine.forward(pixels), expected, atol=1e-4)
    assert not np.allclose(after.engine.forward(pixels), expected, atol=0.1)
    data.unlink()
    with pytest.raises(ModelError, match=r"external_data\.onnx\.data"):
        prepare(path)


@pytest.mark.parametrize("name", ["saved_model", "swin_new", "tflite_vit"])
def test_layers_are_called_the_same_when_the_file_is_read_again(name: str, own_cache: Path) -> None:
    again = FileSource.prepared(zoo.path(name))  # in a process of its own
    assert again.layers() == opened(name).source.layers()
    assert again.findings == opened(name).source.findings


Rule = Callable[[Any, Any, int], Any]


def scaled(rule: Rule) -> Rule:
    def wrong(node: Any, g: Any, number: int) -> Any:
        return ops.multiply(rule(node, g, number), ops.constant(np.float32(1.1))).output(0)

    return wrong


@pytest.mark.parametrize(
    ("name", "layer", "operation", "closest"),
    [
        ("cnn_nchw", "/features/features.4/features.4.2/Relu", "MaxPool", "/pool/MaxPool"),
        ("resnet_like", "/blocks/blocks.0/relu/Relu", "Convolution", "Conv"),
    ],
)
def test_a_rule_that_is_wrong_is_noticed(
    name: str, layer: str, operation: str, closest: str,
    own_cache: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setitem(STANDARD, operation, scaled(STANDARD[operation]))
    source = prepare(zoo.path(name), layer=layer)
    with pytest.raises(ModelError, match="differ from finite differences") as error:
        open_source(source, layer=layer)
    _, _, named = error.value.what.partition("of the layers near it, ")
    sound = named.removesuffix(" can be used")
    assert closest in sound
    assert open_source(source, layer=sound).layer == sound


class Distorted(OpenVINOEngine):
    """An engine whose gradients are not those of its scores."""

    distortion: Callable[[Array], Array]

    def gradients(self, *arguments: Any, **options: Any) -> Gradients:
        right = super().gradients(*arguments, **options)
        wrong = {place: self.distortion(array) for place, array in right.gradients.items()}
        return Gradients(right.activations, right.scores, wrong)

    def tail_gradients(self, *arguments: Any, **options: Any) -> Gradients:
        right = super().tail_gradients(*arguments, **options)
        wrong = {place: self.distortion(array) for place, array in right.gradients.items()}
        return replace(right, gradients=wrong)

    def tail_curvature(self, *arguments: Any, **options: Any) -> Curvature:
        right = super().tail_curvature(*arguments, **options)
        wrong = {place: self.distortion(array) for place, array in right.gradients.items()}
        return replace(right, gradients=wrong)


@pytest.mark.parametrize(
    ("distortion", "noticed"),
    [
        (lambda g: g, False),
        (lambda g: g * 1.001, False),
        (lambda g: g * 1.05, True),
        (lambda g: g * 0.95, True),
        (lambda g: -g, True),
        (lambda g: 0 * g, True),
        (lambda g: g[:, :, ::-1], True),
        (lambda g: g.transpose(0, 2, 1, 3), True),
        (lambda g: np.roll(g, 1, axis=-1), True),
        (lambda g: np.where(np.arange(g.shape[-1]) == g.std((0, 1, 2)).argmax(), 0, g), True),
        (lambda g: g * np.nan, True),
    ],
    ids=["right", "rounded", "longer", "shorter", "negative", "zero", "mirrored", "transposed",
         "channels", "one channel", "nan"],
)  # fmt: skip
def test_finite_differences_tell_right_from_wrong(
    distortion: Callable[[Array], Array], noticed: bool
) -> None:
    model = opened("cnn_nchw")
    source, findings = model.source, model.source.findings
    graph = place_of(source.file.name, source.file.digest()) / GRAPH
    engine = Distorted(graph)
    engine.distortion = distortion
    for need in (LAYER_GRADIENTS, TAIL_GRADIENTS, TAIL_CURVATURE):
        what = need.at_layer(model.layer)
        said = difference_from_finite_differences(
            engine, what, findings.input, findings.preprocessing
        )
        assert bool(said) == noticed
