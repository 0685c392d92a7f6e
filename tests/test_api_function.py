"""A function of pictures as a model, by methods that need its scores only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gradcam_cli import Explainer
from gradcam_cli.errors import ModelError, UsageError
from gradcam_cli.heads import probabilities, target_scores
from gradcam_cli.methods import METHODS, Method, Question
from gradcam_cli.methods.batching import RowMap, by_row
from gradcam_cli.models.sources.function import scores_of
from gradcam_cli.passes import FORWARD, LAYER_GRADIENTS
from tests.conftest import SAMPLES

LABELS = ["left", "right"]
CALLS: list[np.ndarray] = []


@by_row
def halves(question: Question) -> Iterator[RowMap]:
    """What y loses where the left half is black, and where the right half is: (1, 2)."""
    for row, (array, target) in enumerate(zip(question.inputs, question.targets, strict=True)):
        middle = array.shape[1] // 2
        batch = np.stack([array, array, array])
        batch[1, :, :middle] = batch[2, :, middle:] = question.baseline[0, 0]
        scores = question.engine.forward(batch)
        resolved = target.resolved(int(scores[0].argmax()))
        y = target_scores(scores, [resolved], question.score, question.head)[:, 0]
        yield row, (y[0] - y[1:])[np.newaxis], scores[0]


@pytest.fixture(autouse=True)
def halves_is_a_method(monkeypatch: pytest.MonkeyPatch) -> None:
    method = Method(
        name="halves", title="Halves", summary="", paper="none", needs=(FORWARD,),
        cost="3 forward passes", signed=True, maps=halves,
    )  # fmt: skip
    monkeypatch.setitem(METHODS, "halves", method)
    CALLS.clear()


def brightness(batch: np.ndarray) -> np.ndarray:
    """The share of the light in the left half, and in the right one."""
    CALLS.append(batch)
    middle = batch.shape[2] // 2
    light = batch.astype(np.float64)
    sums = [light[:, :, :middle].sum((1, 2, 3)), light[:, :, middle:].sum((1, 2, 3))]
    return np.stack(sums, axis=-1) / np.maximum(sums[0] + sums[1], 1)[:, np.newaxis]


def explainer_of(function: Any = brightness, **options: Any) -> Explainer:
    options = {"input": (4, 8, 3), "labels": LABELS, "methods": "halves"} | options
    return Explainer.of_function(function, **options)


def picture(left: int, right: int) -> np.ndarray:
    pixels = np.full((4, 8, 3), left, np.uint8)
    pixels[:, 4:] = right
    return pixels


def test_a_map_is_what_the_function_says() -> None:
    explanation = explainer_of().explain(picture(60, 180), ["left", "right"])
    assert [each.probability for each in explanation.predictions] == pytest.approx([0.75, 0.25])
    assert explanation.predictions[0].name == "right"
    assert (explanation.model, explanation.engine) == ("brightness", "function")
    assert (explanation.layer, explanation.score) == ("input", "probability")
    assert (explanation.weights, explanation.guesses) == ("memory", ())
    left, right = explanation.targets
    # Without the left half "left" loses 0.25 - 0, and without the right one 0.25 - 1.
    np.testing.assert_allclose(left.heatmap, [[1, 0]], atol=1e-6)
    np.testing.assert_allclose(right.heatmap, [[0, 1]], atol=1e-6)


def test_the_function_gets_pixels_as_they_are() -> None:
    explainer_of().explain(picture(3, 250))
    assert {(each.dtype.name, each.shape[1:]) for each in CALLS} == {("uint8", (4, 8, 3))}
    np.testing.assert_array_equal(CALLS[0][0], picture(3, 250))


@pytest.mark.parametrize(
    ("preprocessing", "expected"), [("none", [0, 255]), ("scale=0..1", [0, 1]), ("tf", [-1, 1])]
)
def test_or_as_a_preprocessing_makes_them(preprocessing: str, expected: list[float]) -> None:
    explainer_of(labels=2, preprocessing=preprocessing, ends="none").explain(picture(0, 255))
    (first, *_) = CALLS
    assert first.dtype == np.float32
    assert np.unique(first[0]).tolist() == pytest.approx(expected)


def test_a_function_may_write_to_what_it_gets() -> None:
    def overwriting(batch: np.ndarray) -> np.ndarray:
        answer = brightness(batch.copy())
        batch[:] = 7
        return answer

    for preprocessing in ("uint8", "none"):
        plain = explainer_of(preprocessing=preprocessing).explain(picture(60, 180), "left")
        other = explainer_of(overwriting, preprocessing=preprocessing)
        np.testing.assert_array_equal(
            other.explain(picture(60, 180), "left").heatmap, plain.heatmap
        )


def test_many_pictures_and_a_photo_go_the_same_way() -> None:
    explainer = explainer_of()
    got = list(explainer.explain_many([picture(10, 90), SAMPLES / "tripod.jpg"] * 9))
    assert [each.predictions[0].name for each in got[::2]] == ["right"] * 9
    assert len({each.predictions for each in got[1::2]}) == 1


@pytest.mark.parametrize("method", [n for n, m in METHODS.items() if m.needs != (FORWARD,)])
def test_what_needs_more_than_scores_is_refused(method: str) -> None:
    with pytest.raises(
        UsageError, match=r"brightness is a function.*forward passes only: .*halves"
    ):
        explainer_of(methods=["halves", method])
    with pytest.raises(UsageError, match="brightness is a function"):
        explainer_of().with_passes(METHODS[method].needs)


def test_an_engine_that_has_only_scores_says_so() -> None:
    explainer = explainer_of()
    for call in (
        lambda: Explainer.load(explainer.model, layer="last", methods="halves"),
        lambda: explainer.with_passes([LAYER_GRADIENTS]),
    ):
        with pytest.raises(UsageError, match="brightness is a function"):
            call()
    for refused in (
        lambda: explainer.with_precision("bf16"),
        explainer.model.network,
        explainer.model.digest,
    ):
        with pytest.raises(ModelError):
            refused()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"function": 5}, "expected a function of pictures, got 5"),
        ({"input": (4, 8)}, r"expected the shape of one input"),
        ({"input": (4, 0, 3)}, "expected the input's width to be a whole number of at least 1"),
        ({"input": 224}, r"expected the shape of one input.*got 224"),
        ({"labels": 0}, "expected the number of classes"),
        ({"labels": "cat"}, "expected the number of classes"),
        ({"labels": []}, "expected the names of classes, got none"),
        ({"labels": [1, 2]}, "expected the names of classes, got 1"),
        ({"ends": "tanh"}, "expected the name of what a function ends in, got 'tanh'"),
        ({"preprocessing": "upside-down"}, "upside-down"),
    ],
    ids=str,
)
def test_arguments_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        explainer_of(**options)


@pytest.mark.parametrize(
    ("answer", "ends", "message"),
    [
        (np.zeros(2), "none", r"expected \(2, 3\) numbers of the function"),
        (np.zeros((2, 4)), "none", r"expected \(2, 3\) numbers.*got \(2, 4\)"),
        ([["a"] * 3] * 2, "none", "expected .* numbers"),
        (np.full((2, 3), 2.0), "softmax", r"probabilities in 0\.\.1.*ends='none'"),
        (np.full((2, 3), np.nan), "sigmoid", r"probabilities in 0\.\.1"),
        (np.full((2, 3), 0.5), "softmax", r"add up to 1, got 1\.5.*ends='sigmoid'"),
    ],
)
def test_answers_are_checked(answer: Any, ends: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        scores_of(answer, 2, 3, ends)


def test_the_head_makes_what_the_function_gave_of_the_scores() -> None:
    shares = np.array([[0.2, 0.3, 0.5], [1, 0, 0], [0.01, 0.98, 0.01]])
    for ends, head in (("softmax", "softmax"), ("sigmoid", "sigmoid")):
        scores = scores_of(shares, 3, 3, ends)  # type: ignore[arg-type]
        assert np.isfinite(scores).all()
        np.testing.assert_allclose(probabilities(scores, head), shares, atol=1e-6)  # type: ignore[arg-type]
    np.testing.assert_array_equal(scores_of(shares, 3, 3, "none"), shares.astype(np.float32))


def test_a_single_score_is_a_sigmoids() -> None:
    alone = explainer_of(lambda batch: batch[:, 0, 0, :1] / 25.5 - 5, labels=1, ends="none")
    explanation = alone.explain(picture(128, 0), 0)
    expected = 1 / (1 + np.exp(-(128 / 25.5 - 5)))
    assert explanation.predictions[0].probability == pytest.approx(expected)
    with pytest.raises(ModelError, match="at least 2 classes"):
        explainer_of(labels=1)


def test_scores_can_be_explained_as_probabilities() -> None:
    def scores(batch: np.ndarray) -> np.ndarray:
        return np.log(brightness(batch) + 1e-9)

    by_scores = explainer_of(scores, ends="none")
    assert by_scores.score == "logit"
    got = replace(by_scores, score="probability").explain(picture(60, 180), "left")
    expected = explainer_of().explain(picture(60, 180), "left")
    np.testing.assert_allclose(got.heatmap, expected.heatmap, atol=1e-6)
