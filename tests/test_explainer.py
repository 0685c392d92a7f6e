"""The walk as a whole, on the bundled model."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradcam_cli.explainer import Explainer, Ranking
from gradcam_cli.records import TOP


@pytest.fixture(scope="module")
def explainer() -> Explainer:
    return Explainer.load("efficientnet-lite0")


def test_top_is_the_predicted_class_and_is_explained_once(
    explainer: Explainer, asymmetric: np.ndarray
) -> None:
    best = explainer.explain(asymmetric, [TOP]).predictions[0].label.index
    explanation = explainer.explain(asymmetric, [837, TOP, best, 837])
    assert [target.prediction.label.index for target in explanation.targets] == [837, best]
    assert explanation.targets[1].prediction.rank == 1


def test_several_classes_at_once_equal_each_alone(
    explainer: Explainer, asymmetric: np.ndarray
) -> None:
    together = explainer.explain(asymmetric, [1, 285, 837])
    for target in together.targets:
        (alone,) = explainer.explain(asymmetric, [target.prediction.label.index]).targets
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
            assert found.prediction.label == expected.prediction.label
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


@given(hnp.arrays(np.float32, 1000, elements=st.floats(-(2.0**99), 2.0**99, width=32)))
def test_a_ranking_is_a_distribution_in_falling_order(logits: np.ndarray) -> None:
    predictions = Ranking(logits).top(1000)
    probabilities = [prediction.probability for prediction in predictions]
    assert sum(probabilities) == pytest.approx(1)
    assert probabilities == sorted(probabilities, reverse=True)
    assert [prediction.rank for prediction in predictions] == list(range(1, 1001))
    assert sorted(prediction.label.index for prediction in predictions) == list(range(1000))
