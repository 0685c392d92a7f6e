"""The walk as a whole, on the bundled model."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from gradcam_cli.errors import ImageError, ModelError, UsageError
from gradcam_cli.explainer import Explainer
from gradcam_cli.images.reading import read_image
from gradcam_cli.models.labels import imagenet_labels
from gradcam_cli.models.ranking import Ranking
from gradcam_cli.models.selection import select_model
from gradcam_cli.results.explanation import Explanation
from gradcam_cli.targets import TOP
from tests.conftest import SAMPLES


@pytest.fixture(scope="module")
def explainer() -> Explainer:
    return Explainer.load("efficientnet-lite0")


def test_top_is_the_predicted_class_and_is_explained_once(
    explainer: Explainer, asymmetric: np.ndarray
) -> None:
    best = explainer.explain(asymmetric, [TOP]).predictions[0].index
    explanation = explainer.explain(asymmetric, [837, TOP, best, 837])
    assert [target.prediction.index for target in explanation.targets] == [837, best]
    assert explanation.targets[1].prediction.rank == 1


def test_several_classes_at_once_equal_each_alone(
    explainer: Explainer, asymmetric: np.ndarray
) -> None:
    together = explainer.explain(asymmetric, [1, 285, 837])
    for target in together.targets:
        (alone,) = explainer.explain(asymmetric, [target.prediction.index]).targets
        np.testing.assert_array_equal(target.heatmap, alone.heatmap)


@pytest.mark.parametrize("rows", [None, 2, 3])
def test_several_images_at_once_equal_each_alone_in_order(
    explainer: Explainer, asymmetric: np.ndarray, rows: int | None
) -> None:
    images = [np.roll(asymmetric, shift, axis=1) for shift in (0, 9, 30, 51, 70)]
    inputs = [explainer.input_of(image) for image in images]
    together = explainer.explain_inputs(inputs, [TOP, 837], rows=rows)
    assert len(together) == 5
    for image, explanation in zip(images, together, strict=True):
        alone = explainer.explain(image, [TOP, 837])
        for found, expected in zip(explanation.targets, alone.targets, strict=True):
            assert found.prediction.index == expected.prediction.index
            np.testing.assert_allclose(found.heatmap, expected.heatmap, atol=1e-5)


def test_the_callers_image_is_left_alone(explainer: Explainer, asymmetric: np.ndarray) -> None:
    before = asymmetric.copy()
    explainer.explain(asymmetric, [TOP])
    np.testing.assert_array_equal(asymmetric, before)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 3), (500, 1, 3)])
def test_the_smallest_images_are_explained(explainer: Explainer, shape: tuple[int, ...]) -> None:
    explanation = explainer.explain(np.full(shape, 77, np.uint8), [TOP], top=3)
    assert len(explanation.predictions) == 3
    assert np.isfinite(explanation.targets[0].heatmap).all()


def indices(explanation: Explanation) -> list[int]:
    return [target.prediction.index for target in explanation.targets]


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (285, [285]),
        ("Egyptian cat", [285]),
        ("n02124075", [285]),
        ("285", [285]),
        (np.int16(285), [285]),
        (np.array(285), [285]),
        (np.array([837, 1]), [837, 1]),
        (["sunglasses", 285, np.uint64(1), "837"], [837, 285, 1]),
        ((n for n in (3, 2)), [3, 2]),
    ],
)
def test_classes_are_written_in_many_ways(
    explainer: Explainer, asymmetric: np.ndarray, targets: Any, expected: list[int]
) -> None:
    assert indices(explainer.explain(asymmetric, targets)) == expected
    if isinstance(targets, str | int):
        inputs = [explainer.input_of(asymmetric)] * 2
        assert [*map(indices, explainer.explain_inputs(inputs, targets))] == [expected] * 2


@pytest.mark.parametrize("targets", [TOP, "top", [TOP], ["Top"]])
def test_the_predicted_class_has_a_word_and_is_the_default(
    explainer: Explainer, asymmetric: np.ndarray, targets: Any
) -> None:
    assert indices(explainer.explain(asymmetric, targets)) == indices(explainer.explain(asymmetric))


@pytest.mark.parametrize(
    "targets",
    [1000, -2, True, np.True_, 285.0, float("nan"), None, [], b"285", [[285]], 10**5000, [None]],
    ids=lambda targets: f"{type(targets).__name__}",
)
def test_what_is_no_class_is_refused(
    explainer: Explainer, asymmetric: np.ndarray, targets: Any
) -> None:
    with pytest.raises(UsageError, match=r"^expected .*class.*, got "):
        explainer.explain(asymmetric, targets)


def test_a_name_that_no_class_has_is_refused(explainer: Explainer, asymmetric: np.ndarray) -> None:
    with pytest.raises(UsageError, match="837 sunglasses"):
        explainer.explain(asymmetric, [285, "sunglassez"])


@pytest.mark.parametrize("top", [0, -1, True, 2.0, "5", None])
def test_top_is_a_number_of_classes(explainer: Explainer, asymmetric: np.ndarray, top: Any) -> None:
    with pytest.raises(UsageError, match="expected top to be a whole number of at least 1, got"):
        explainer.explain(asymmetric, top=top)
    assert len(explainer.explain(asymmetric, top=np.int64(7)).predictions) == 7  # type: ignore[arg-type]
    assert len(explainer.explain(asymmetric, top=10**6).predictions) == 1000


def test_pixels_that_are_not_in_0_to_255_are_refused(
    explainer: Explainer, asymmetric: np.ndarray
) -> None:
    for wrong in (asymmetric / 255.0, asymmetric.astype(int), asymmetric[..., 0]):
        for call in (explainer.explain, explainer.input_of):
            with pytest.raises(UsageError, match="expected an image of"):
                call(wrong)


def test_views_and_read_only_arrays_are_explained_as_their_copies(
    explainer: Explainer, asymmetric: np.ndarray
) -> None:
    asymmetric.flags.writeable = False
    for view in (asymmetric, asymmetric[::2, ::-1], np.asfortranarray(asymmetric)):
        got, expected = explainer.explain(view, 285), explainer.explain(view.copy(), 285)
        np.testing.assert_array_equal(got.targets[0].heatmap, expected.targets[0].heatmap)
        assert got.predictions == expected.predictions


def test_a_picture_comes_in_many_forms(explainer: Explainer, own_home: Path) -> None:
    cat = SAMPLES / "egyptian_cat.jpg"
    picture = read_image(cat)
    expected = explainer.explain(picture.pixels)
    with cat.open("rb") as file, Image.open(cat) as image:
        for source in (cat, str(cat), cat.read_bytes(), file, image, picture):
            got = explainer.explain(source)
            assert got.predictions == expected.predictions
            np.testing.assert_array_equal(got.targets[0].heatmap, expected.targets[0].heatmap)


def test_what_was_done_to_a_picture_is_noted(explainer: Explainer) -> None:
    floats = Image.fromarray(np.linspace(-5, 5, 16, dtype=np.float32).reshape(4, 4))
    assert "stretched" in explainer.explain(floats).notes[0]
    assert explainer.explain(floats.convert("RGB")).notes == ()


def test_what_is_no_picture_is_refused(explainer: Explainer) -> None:
    for source in (None, 3, [[1, 2]]):
        with pytest.raises(UsageError, match="expected a path, a URL, bytes"):
            explainer.explain(source)  # type: ignore[arg-type]
    with pytest.raises(ImageError, match="no such file"):
        explainer.explain("nowhere.jpg")
    with pytest.raises(ImageError, match="not an image"):
        explainer.explain(io.BytesIO(b"text"))


def test_offline_means_urls_as_well() -> None:
    explainer = Explainer.load("efficientnet-lite0", offline=True)
    with pytest.raises(ImageError, match="offline"):
        explainer.explain("http://127.0.0.1/photo.jpg")


def test_inputs_are_those_of_input_of(explainer: Explainer, asymmetric: np.ndarray) -> None:
    good = explainer.input_of(asymmetric)
    for inputs in ([], None, good, [good.astype(float)], [asymmetric], (n for n in [good]), [[1]]):
        with pytest.raises(UsageError, match=r"expected inputs of \(224, 224, 3\) float32"):
            explainer.explain_inputs(inputs, 285)  # type: ignore[arg-type]
    for rows in (0, -1, True, 1.5, "2"):
        with pytest.raises(UsageError, match="expected rows to be a whole number of at least 1"):
            explainer.explain_inputs([good], 285, rows=rows)  # type: ignore[arg-type]
    assert len(explainer.explain_inputs(np.stack([good, good]), 285)) == 2  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [
        {"model": 5},
        {"model": b"vgg16"},
        {"layer": 3},
        {"score": "softmax"},
        {"engine": "torch"},
    ],
    ids=str,
)
def test_loading_takes_names(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"^expected the .*, got "):
        Explainer.load(**{"model": "efficientnet-lite0", **options})


def test_a_part_is_explained_as_the_part_alone(
    explainer: Explainer, asymmetric: np.ndarray
) -> None:
    height, width = asymmetric.shape[:2]
    margin = (width - height) // 2
    assert margin > 0
    middle = asymmetric[:, margin : margin + height]
    between_bars = np.pad(asymmetric, ((margin, width - height - margin), (0, 0), (0, 0)))
    for resize, alone in (("crop", middle), ("letterbox", between_bars)):
        got = replace(explainer, resize=resize).explain(asymmetric, 285)
        expected = explainer.explain(alone, 285)
        assert got.predictions == expected.predictions
        np.testing.assert_array_equal(got.targets[0].heatmap, expected.targets[0].heatmap)
        assert got.size == (width, height)
        part = slice(margin, margin + height)
        if resize == "crop":
            drawn = asymmetric.copy()
            drawn[:, part] = expected.overlay()
            np.testing.assert_array_equal(got.overlay(), drawn)
        else:
            np.testing.assert_allclose(got.overlay(), expected.overlay()[part], atol=6)


def test_a_selection_is_opened() -> None:
    with pytest.raises(ModelError, match=r"no weights file nowhere\.h5"):
        Explainer.load(select_model("vgg16", weights=Path("nowhere.h5")))


def test_an_unknown_method_lists_those_there_are(explainer: Explainer) -> None:
    with pytest.raises(UsageError, match=r"no method called 'cam'.*gradcam methods"):
        Explainer.load(explainer.model, methods="cam")
    for methods in ([], 5, [5]):
        with pytest.raises(UsageError, match="expected the name"):
            Explainer.load(explainer.model, methods=methods)


def test_methods_have_options_and_each_is_taken_once(explainer: Explainer) -> None:
    methods = ["grad-cam", "Integrated_Gradients:steps=3", "gradcam"]
    loaded = Explainer.load(explainer.model, methods=methods)
    assert [method.text for method in loaded.methods] == [
        "grad-cam",
        "integrated-gradients:steps=3",
    ]


@given(hnp.arrays(np.float32, 1000, elements=st.floats(-(2.0**99), 2.0**99, width=32)))
def test_a_ranking_is_a_distribution_in_falling_order(logits: np.ndarray) -> None:
    predictions = Ranking(logits, imagenet_labels(), "softmax").top(1000)
    probabilities = [prediction.probability for prediction in predictions]
    assert sum(probabilities) == pytest.approx(1)
    assert probabilities == sorted(probabilities, reverse=True)
    assert [prediction.rank for prediction in predictions] == list(range(1, 1001))
    assert sorted(prediction.index for prediction in predictions) == list(range(1000))


# Baselines ---------------------------------------------------------------------------------------

EXPECTED = "expected-gradients:samples=6"


def by_expected_gradients(explainer: Explainer) -> Explainer:
    return replace(Explainer.load("efficientnet-lite0", methods=EXPECTED), resize=explainer.resize)


def test_baselines_are_paths_pictures_or_arrays(
    explainer: Explainer, asymmetric: np.ndarray
) -> None:
    black, path = by_expected_gradients(explainer), SAMPLES / "espresso.jpg"
    plain = black.explain(asymmetric, 285)
    assert plain.baselines is None
    assert "baselines" not in plain.to_dict()
    answers = [
        black.with_baselines(images).explain(asymmetric, 285)
        for images in ([path], str(path), [read_image(path)], [read_image(path).pixels])
    ]
    for answer in answers:
        assert answer.baselines == answers[0].baselines
        np.testing.assert_array_equal(answer.targets[0].heatmap, answers[0].targets[0].heatmap)
    assert not np.array_equal(answers[0].targets[0].heatmap, plain.targets[0].heatmap)
    assert Explanation.from_dict(answers[0].to_dict()).baselines == answers[0].baselines


def test_a_black_baseline_is_the_default(explainer: Explainer, asymmetric: np.ndarray) -> None:
    by_default = by_expected_gradients(explainer)
    given_one = by_default.with_baselines([np.zeros((5, 7, 3), np.uint8)])
    heatmaps = [
        each.explain(asymmetric, 285).targets[0].heatmap for each in (by_default, given_one)
    ]
    np.testing.assert_array_equal(*heatmaps)


def test_baselines_that_cannot_be(explainer: Explainer, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="baselines are of no use: grad-cam compares"):
        explainer.with_baselines([SAMPLES / "espresso.jpg"])
    with pytest.raises(ImageError, match=r"nothing\.jpg"):
        by_expected_gradients(explainer).with_baselines([tmp_path / "nothing.jpg"])
