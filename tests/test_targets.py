"""Targets as weights of scores: linear, whatever they are made of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcam_cli.heads import probabilities, target_scores
from gradcam_cli.targets import TOP, Head, Score, Target, score_weights

CLASSES = 7
INDICES = st.integers(TOP, CLASSES - 1)
TARGETS = st.builds(Target, INDICES, st.none() | INDICES, st.booleans())


def y_of(target: Target, scores: np.ndarray) -> float:
    """As the formulas of the module have it."""
    best = int(np.argmax(scores))
    y = scores[best if target.index == TOP else target.index]
    if target.versus is not None:
        y = y - scores[best if target.versus == TOP else target.versus]
    return float(-y if target.counterfactual else y)


@given(st.lists(TARGETS, min_size=1, max_size=5), st.integers(0, 2**32 - 1))
def test_weights_give_y(targets: list[Target], seed: int) -> None:
    scores = np.random.default_rng(seed).permutation(CLASSES).astype(np.float32)
    weights, top = score_weights(targets, CLASSES)
    assert weights.dtype == top.dtype == np.float32
    predicted = np.arange(CLASSES) == scores.argmax()
    for row, target in enumerate(targets):
        assert float((weights[row] + top[row] * predicted) @ scores) == y_of(target, scores)


@pytest.mark.parametrize("score", ["logit", "probability"])
@pytest.mark.parametrize("head", ["softmax", "sigmoid"])
@given(targets=st.lists(TARGETS, min_size=1, max_size=5), seed=st.integers(0, 2**32 - 1))
def test_scores_of_targets(score: Score, head: Head, targets: list[Target], seed: int) -> None:
    scores = np.random.default_rng(seed).standard_normal((3, CLASSES)).astype(np.float32)
    values = scores if score == "logit" else probabilities(scores, head)
    found = target_scores(scores, targets, score, head)
    expected = [[y_of(target, row.astype(np.float64)) for target in targets] for row in values]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@given(TARGETS, st.integers(0, CLASSES - 1))
def test_a_resolved_target_names_its_classes(target: Target, predicted: int) -> None:
    resolved = target.resolved(predicted)
    assert TOP not in (resolved.index, resolved.versus)
    assert resolved.resolved(0) == resolved
    assert resolved.counterfactual == target.counterfactual


@pytest.mark.parametrize(
    ("target", "slug"),
    [
        (Target(285), "285"),
        (Target(TOP), "top"),
        (Target(285, 281), "285-vs-281"),
        (Target(285, TOP), "285-vs-top"),
        (Target(285, counterfactual=True), "not-285"),
        (Target(285, 281, counterfactual=True), "not-285-vs-281"),
    ],
)
def test_the_names_in_file_names(target: Target, slug: str) -> None:
    assert target.slug == slug
    assert target.is_plain == (slug in ("285", "top"))
