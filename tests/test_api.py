"""One call for one picture, models in any form, and many pictures in a loop."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradcam_cli
from gradcam_cli import Explainer, FileOptions, explain, read_image, select_model
from gradcam_cli.batches import MOST_PICTURES, read_ahead
from gradcam_cli.errors import GradcamError, ImageError, ModelError, UsageError
from tests.conftest import SAMPLES
from tests.zoo.keras_models import LAST_LAYER, batch_for, build, save

CAT = SAMPLES / "egyptian_cat.jpg"
NAMES = ("circle", "square", "star", "line", "dot")


@pytest.fixture(scope="module")
def explainer() -> Explainer:
    return Explainer.load("efficientnet-lite0")


# One call


@pytest.mark.usefixtures("compiled_lite0")
def test_one_call_is_loading_and_explaining() -> None:
    options = {"model": "efficientnet-lite0", "offline": True}
    got = explain(CAT, target=["tabby", 285], method=["hirescam", "grad-cam"], top=3, **options)
    loaded = Explainer.load("efficientnet-lite0", methods=["hirescam", "grad-cam"], offline=True)
    expected = loaded.explain(CAT, ["tabby", 285], top=3)
    assert got.to_dict() == expected.to_dict()
    assert len(got.predictions) == 3
    for mine, theirs in zip(got.targets, expected.targets, strict=True):
        np.testing.assert_array_equal(mine.heatmap, theirs.heatmap)
    np.testing.assert_array_equal(got.heatmap, got.targets[0].heatmap)


@pytest.mark.usefixtures("compiled_lite0")
def test_one_call_explains_the_predicted_class_by_grad_cam() -> None:
    got = explain(CAT, model="efficientnet-lite0")
    assert (got.targets[0].prediction.rank, got.method) == (1, "grad-cam")
    with pytest.raises(UsageError, match="no explainable layer called 'nope'"):
        explain(CAT, model="efficientnet-lite0", layer="nope")


def test_the_function_costs_nothing_until_it_is_used() -> None:
    code = (
        "import sys, gradcam_cli; from gradcam_cli import FileOptions;"
        "print([name for name in ('numpy', 'cv2', 'openvino', 'tensorflow', 'keras', 'PIL')"
        " if name in sys.modules])"
    )
    root = str(Path(gradcam_cli.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


# Models in files and in memory


def test_a_model_is_a_path(tmp_path: Path) -> None:
    path = save("cnn", tmp_path, ".keras")
    for as_path in (str, Path):
        explainer = Explainer.load(as_path(path))
        assert (explainer.model.name, explainer.engine.name) == (path.name, "openvino")
        with pytest.raises(ModelError, match="nowhere"):
            Explainer.load(as_path(tmp_path / "nowhere.keras"))


@pytest.mark.parametrize("name", ["cnn", "nested", "one_unit", "multi_label"])
def test_a_model_in_memory_is_explained_as_its_file_is(name: str, tmp_path: Path) -> None:
    methods = ["grad-cam", "saliency"]
    in_memory = Explainer.load(build(name), methods=methods)
    in_file = Explainer.load(save(name, tmp_path, ".keras"), methods=methods)
    assert (in_memory.engine.name, in_file.engine.name) == ("tensorflow", "openvino")
    assert in_memory.model.preprocessing == in_file.model.preprocessing
    assert in_memory.layer == in_file.layer
    got, expected = in_memory.explain(CAT), in_file.explain(CAT)
    assert (got.weights, expected.weights) == ("memory", "file")
    assert [each.index for each in got.predictions] == [each.index for each in expected.predictions]
    for mine, theirs in zip(got.targets, expected.targets, strict=True):
        assert theirs.heatmap.any()
        np.testing.assert_allclose(mine.heatmap, theirs.heatmap, atol=2e-5)
        assert mine.prediction.probability == pytest.approx(theirs.prediction.probability)


def test_a_subclassed_model_in_memory_is_explained_once_it_was_called() -> None:
    model = build("subclassed")
    model(batch_for(model), training=False)
    explainer = Explainer.load(model)
    assert explainer.layer == "last"
    batch = explainer.input_of(read_image(CAT).pixels)[np.newaxis]
    (explanation,) = explainer.explain_inputs(list(batch), "top")
    assert explanation.predictions[0].index == model(batch, training=False).numpy().argmax()
    assert explanation.heatmap.any()


def test_a_model_in_memory_is_left_as_it_is_and_explained_as_it_is_then() -> None:
    model = build("cnn")
    before = [weight.numpy() for weight in model.weights]
    first = explain(CAT, model=model)
    for weight, values in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), values)
    kernel = model.get_layer("scores").kernel
    kernel.assign(-kernel.numpy())
    second = explain(CAT, model=model, target=first.predictions[0].index)
    assert second.predictions != first.predictions
    digests = {Explainer.load(each).model.digest() for each in (model, build("cnn"), model)}
    assert len(digests) == 2


def test_what_a_model_in_memory_does_not_say_is_guessed_or_passed() -> None:
    model = build("logits")
    (guess,) = Explainer.load(model).model.guesses
    assert "scale=0..1 is a guess" in guess
    assert "FileOptions(preprocessing=...)" in guess
    options = FileOptions(labels=NAMES, preprocessing="tf", head="sigmoid")
    loaded = Explainer.load(select_model(model, file_options=options))
    assert (loaded.model.preprocessing, loaded.model.head) == ("tf", "sigmoid")
    assert loaded.model.guesses == ()
    assert loaded.explain(CAT, "star").targets[0].prediction.index == 2
    assert "Rescaling" in {type(layer).__name__ for layer in build("rescaling").layers}
    rescaling = Explainer.load(build("rescaling")).model
    assert (rescaling.preprocessing, rescaling.guesses) == ("none", ())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": NAMES[:3]}, "expected labels for 5 classes, got 3"),
        ({"labels": (*NAMES[:4], 5)}, "expected the names of classes, got 5"),
        ({"head": "sigmoid"}, "has a softmax head"),
        ({"preprocessing": "backwards"}, "backwards"),
    ],
    ids=str,
)
def test_options_that_a_model_in_memory_cannot_have(options: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Explainer.load(select_model(build("cnn"), file_options=FileOptions(**options)))


def test_names_are_labels_of_a_file_too(tmp_path: Path) -> None:
    path = save("cnn", tmp_path, ".keras")
    selection = select_model(path, file_options=FileOptions(labels=list(NAMES)))
    assert [label.name for label in selection.labels] == list(NAMES)
    with pytest.raises(UsageError, match="expected labels for 5 classes, got 1"):
        _ = select_model(path, file_options=FileOptions(labels=["one"])).labels


def test_what_is_in_memory_is_not_compiled() -> None:
    model = build("cnn")
    with pytest.raises(ModelError, match="it is in memory, and not in a file"):
        Explainer.load(model, engine="openvino")
    loaded = Explainer.load(model, layer=LAST_LAYER["cnn"])
    with pytest.raises(ModelError, match="it is in memory, and not in a file"):
        loaded.with_precision("bf16")
    with pytest.raises(UsageError, match=r"weights, so w\.h5 is of no use"):
        select_model(model, weights=Path("w.h5"))
    with pytest.raises(UsageError, match="no explainable layer called 'nope'"):
        select_model(model, layer="nope")


# Many pictures


def pictures(asymmetric: np.ndarray, count: int) -> Iterator[np.ndarray]:
    return (np.roll(asymmetric, 3 * number, axis=1) for number in range(count))


@pytest.mark.parametrize("count", [0, 1, 2 * MOST_PICTURES + 3])
def test_many_are_explained_in_their_order(
    explainer: Explainer, asymmetric: np.ndarray, count: int
) -> None:
    got = list(explainer.explain_many(pictures(asymmetric, count), ["top", 285], top=2))
    assert len(got) == count
    for explanation, picture in zip(got, pictures(asymmetric, count), strict=True):
        alone = explainer.explain(picture, ["top", 285], top=2)
        assert [p.index for p in explanation.predictions] == [p.index for p in alone.predictions]
        np.testing.assert_array_equal(explanation.pixels, picture)
        for mine, theirs in zip(explanation.targets, alone.targets, strict=True):
            np.testing.assert_allclose(mine.heatmap, theirs.heatmap, atol=1e-5)


def test_what_comes_of_one_does_not_depend_on_the_others(
    explainer: Explainer, asymmetric: np.ndarray
) -> None:
    first, *_ = explainer.explain_many(pictures(asymmetric, MOST_PICTURES + 1))
    (alone,) = explainer.explain_many(pictures(asymmetric, 1))
    np.testing.assert_array_equal(first.heatmap, alone.heatmap)
    assert first.predictions == alone.predictions


def test_sources_are_taken_as_they_are_needed(explainer: Explainer, asymmetric: np.ndarray) -> None:
    taken = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal taken
        while True:
            taken += 1
            yield asymmetric

    explanations = explainer.explain_many(endless())
    assert taken == 0
    for _ in range(3):
        next(explanations)
    explanations.close()  # type: ignore[attr-defined]
    assert 3 <= taken <= 2 * MOST_PICTURES + 1


def test_a_failure_is_raised_in_its_turn(explainer: Explainer) -> None:
    explanations = explainer.explain_many([CAT, "nowhere.jpg", CAT])
    assert next(explanations).source == str(CAT)
    with pytest.raises(ImageError, match=r"nowhere\.jpg"):
        next(explanations)
    assert list(explanations) == []


def test_or_a_failure_is_told_and_passed_over(explainer: Explainer, asymmetric: np.ndarray) -> None:
    events: list[Any] = []

    def told(source: object, error: GradcamError) -> None:
        events.append((source, type(error)))

    floats = asymmetric / 255.0
    many = explainer.explain_many(["a.jpg", CAT, floats, CAT], on_failure=told)
    events.extend(explanation.source for explanation in many)
    (first, second, third, fourth) = events
    assert (first, second, fourth) == (("a.jpg", ImageError), str(CAT), str(CAT))
    assert third[0] is floats
    assert third[1] is UsageError


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("photo.jpg",), "expected several pictures, got 'photo.jpg'"),
        ((b"JPEG",), "expected several pictures"),
        ((5,), "expected several pictures, got 5"),
        (([], "no such class"), "no class called"),
    ],
    ids=str,
)
def test_arguments_for_many_are_checked_at_once(
    explainer: Explainer, arguments: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        explainer.explain_many(*arguments)
    with pytest.raises(UsageError, match="expected top to be"):
        explainer.explain_many([], top=0)


def test_reading_ahead_keeps_order_and_bounds() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(20):
            taken.append(number)
            yield number

    results = read_ahead(lambda number: number * number, items(), 3)
    assert next(results) == 0
    assert len(taken) == 4
    assert list(results) == [number * number for number in range(1, 20)]
