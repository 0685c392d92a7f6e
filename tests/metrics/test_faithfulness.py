"""Metrics of faithfulness: worked out by hand, and on models whose truth is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve

from gradcam_cli.metrics.complexity import coherency, complexity, composite, sparsity
from gradcam_cli.metrics.faithfulness import (
    Removals,
    Subject,
    area_under,
    average_drop,
    average_gain,
    deletion_curve,
    increase_in_confidence,
    insertion_curve,
    masked_input,
    max_sensitivity,
    ranked_pixels,
    removals,
)
from gradcam_cli.metrics.road import imputed, road_combined, road_scores
from gradcam_cli.metrics.similarity import correlation, rank_correlation

Array = NDArray[np.float32]
SIDE = 18


def float_map(*rows: list[float]) -> Array:
    return np.array(rows, np.float32)


def subject(input: Array, weights: Array, baseline: Array | None = None) -> Subject:
    """Its score is the sum of the weighted input."""

    def score(batch: Array) -> NDArray[np.float64]:
        assert batch.dtype == np.float32
        return (batch.astype(np.float64) * weights[..., np.newaxis]).sum(axis=(1, 2, 3))

    nothing = np.zeros_like(input) if baseline is None else baseline
    return Subject(input, nothing, score, rows=3)


# By hand


def test_deletion_and_insertion() -> None:
    ones = np.ones((2, 2, 1), np.float32)
    each = subject(ones, float_map([0.4, 0.3], [0.2, 0.1]))
    heat = float_map([4, 3], [2, 1])
    np.testing.assert_allclose(deletion_curve(each, heat, 4), [1, 0.6, 0.3, 0.1, 0], atol=1e-6)
    np.testing.assert_allclose(insertion_curve(each, heat, 4), [0, 0.4, 0.7, 0.9, 1], atol=1e-6)
    assert area_under(deletion_curve(each, heat, 4)) == pytest.approx((0.8 + 0.45 + 0.2 + 0.05) / 4)
    np.testing.assert_allclose(deletion_curve(each, heat, 2), [1, 0.3, 0], atol=1e-6)


def test_equal_pixels_go_in_their_order() -> None:
    assert ranked_pixels(float_map([1, 2], [2, 1])).tolist() == [1, 2, 0, 3]


def test_drop_increase_and_gain() -> None:
    assert average_drop(0.8, 0.6) == pytest.approx(0.25)
    assert average_drop(0.8, 0.9) == 0
    assert average_drop(0.0, 0.0) == 0
    assert increase_in_confidence(0.8, 0.9) == 1
    assert increase_in_confidence(0.8, 0.8) == 0
    assert average_gain(0.8, 0.9) == pytest.approx(0.5)
    assert average_gain(0.8, 0.6) == 0
    assert average_gain(1.0, 1.0) == 0


def test_what_is_masked_is_black() -> None:
    shown = masked_input(
        np.full((1, 2, 1), 5, np.float32), float_map([1, 0.5]), np.float32([[[1]]])
    )
    np.testing.assert_array_equal(shown[0, :, 0], [5, 3])


def test_removals_of_a_linear_model_are_told_by_its_truth() -> None:
    random = np.random.default_rng(0)
    picture = random.random((SIDE, SIDE, 1), np.float32)
    weights = random.random((SIDE, SIDE), np.float32)
    truth = weights * picture[..., 0]
    found = removals(subject(picture, weights), truth, samples=8)
    np.testing.assert_allclose(found.attributions, found.drops, rtol=1e-4)
    assert found.mu_fidelity() == pytest.approx(1)
    assert found.sensitivity_n() == pytest.approx(1)
    assert found.infidelity() == pytest.approx(0, abs=1e-6)
    half = removals(subject(picture, weights), truth / 2, samples=8)
    assert half.infidelity() == pytest.approx(0, abs=1e-6)  # a map has no unit
    none = removals(subject(picture, weights), np.zeros_like(truth), samples=8)
    assert (none.sensitivity_n(), none.mu_fidelity(), none.infidelity()) == (0, 0, 1)


def test_correlations_by_hand() -> None:
    found = Removals(np.array([[1.0, 2, 3], [1, 2, 3]]), np.array([[1.0, 2, 9], [3, 2, 1]]))
    assert found.mu_fidelity() == 0  # the mean of 1 and -1
    assert found.sensitivity_n() == pytest.approx((np.corrcoef([1, 2, 3], [1, 2, 9])[0, 1] - 1) / 2)
    ours = 1 - (1 + 4 + 27 + 3 + 4 + 3) ** 2 / 28 / (1 + 4 + 81 + 14)
    assert found.infidelity() == pytest.approx(ours)
    assert correlation(np.array([1.0, 1]), np.array([1.0, 2])) == 0
    assert rank_correlation(np.array([[1.0, 5], [2, 2]]), np.array([[0.0, 9], [3, 3]])) == 1


def test_the_opposite_of_the_truth_explains_nothing() -> None:
    drops = np.random.default_rng(0).random((2, 8))
    assert Removals(drops, drops).infidelity() == pytest.approx(0)
    assert Removals(-drops, drops).infidelity() == 1


def test_sensitivity_to_noise() -> None:
    picture = np.arange(4, dtype=np.float32).reshape(2, 2, 1)

    def explain(inputs: list[Array]) -> Array:
        return np.stack([each[..., 0] for each in inputs])

    found = max_sensitivity(picture, picture[..., 0], explain, radius=0.1, samples=50)
    assert 0 < found <= 0.3 * 2 / np.sqrt(14)  # each of four pixels moves by 0.3 at most
    still = max_sensitivity(
        picture, picture[..., 0], lambda inputs: explain([picture] * len(inputs))
    )
    assert still == 0


def test_sparsity_and_complexity() -> None:
    assert sparsity(float_map([1, 1], [1, 1])) == pytest.approx(0)
    assert sparsity(float_map([0, 0], [0, 3])) == 0.75
    assert sparsity(float_map([1, 2, 3])) == pytest.approx(
        2 / 9
    )  # mean difference ÷ twice the mean
    assert complexity(float_map([1, 1], [1, 1])) == pytest.approx(1)
    assert complexity(float_map([0, 0], [0, 3])) == 0
    assert complexity(float_map([1, 1], [0, 0])) == pytest.approx(0.5)
    assert (sparsity(float_map([0, 0])), complexity(float_map([0, 0]))) == (0, 0)


def test_composites() -> None:
    assert composite(0.5, 0.5, 0.5) == pytest.approx(0.5)
    assert composite(1, 0.25, 0.5) == pytest.approx(3 / (1 + 4 / 3 + 2))
    assert composite(1, 0, 0) == 0
    one = float_map([1, 2], [3, 4])
    assert coherency(one, 2 * one + 1) == pytest.approx(1)
    assert coherency(one, -one) == pytest.approx(0)
    assert coherency(one, 0 * one) == 0.5


# Imputing


def solved(image: Array, missing: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The linear system of the paper, solved by SciPy."""
    height, width, _ = image.shape
    places = np.argwhere(missing)
    number = np.full(missing.shape, -1)
    number[missing] = np.arange(len(places))
    entries: list[tuple[int, int, float]] = []
    right = np.zeros((len(places), image.shape[2]))
    for at, (row, column) in enumerate(places):
        for down, across in np.ndindex(3, 3):
            y, x = row + down - 1, column + across - 1
            if (down, across) == (1, 1) or not (0 <= y < height and 0 <= x < width):
                continue
            weight = 1 / 6 if 1 in (down, across) else 1 / 12
            entries.append((at, at, weight))
            if missing[y, x]:
                entries.append((at, number[y, x], -weight))
            else:
                right[at] += weight * image[y, x]
    rows, columns, weights = zip(*entries, strict=True)
    filled = image.astype(np.float64)
    matrix = coo_matrix((weights, (rows, columns))).tocsc()
    filled[missing] = spsolve(matrix, right).reshape(len(places), -1)
    return filled


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("shape", [(24, 24, 3), (17, 30, 1), (5, 5, 1)])
def test_imputing_solves_the_system(shape: tuple[int, int, int], share: float) -> None:
    random = np.random.default_rng(0)
    image = np.cumsum(random.normal(size=shape), axis=1).astype(np.float32)
    missing = random.random(shape[:2]) < share
    found = imputed(image, missing)
    np.testing.assert_array_equal(found[~missing], image[~missing])
    np.testing.assert_allclose(found, solved(image, missing), atol=0.02 * np.ptp(image))


def test_what_is_even_stays_even() -> None:
    even = np.full((20, 20, 2), 3, np.float32)
    missing = np.zeros((20, 20), bool)
    missing[3:17, 2:] = True
    np.testing.assert_allclose(imputed(even, missing), 3, atol=1e-4)
    np.testing.assert_array_equal(imputed(even, np.zeros((20, 20), bool)), even)
    np.testing.assert_array_equal(imputed(even, np.ones((20, 20), bool)), 0)


# An oracle beats noise, and its opposite loses


def box_model() -> tuple[Subject, Array]:
    """A model that looks at a box, and says how sure it is, 0..1; and where the box is."""
    random = np.random.default_rng(1)
    box = np.zeros((SIDE, SIDE), np.float32)
    box[4:10, 6:14] = 1
    noise = np.float32(0.2) * random.random((SIDE, SIDE), np.float32)
    picture = (noise + np.float32(0.2) + box)[..., np.newaxis]
    weights = box * random.random((SIDE, SIDE), np.float32)
    whole = float((picture[..., 0] * weights).sum())

    def score(batch: Array) -> NDArray[np.float64]:
        seen = (batch[..., 0].astype(np.float64) * weights).sum(axis=(1, 2)) / whole
        return 1 / (1 + np.exp(-8 * (seen - 0.6)))

    return Subject(picture, np.zeros_like(picture), score), box


def measured(heat: Array) -> dict[str, float]:
    """Each metric that claims a direction, turned so that more is better."""
    each, _ = box_model()
    shown = masked_input(each.input, heat, each.baseline)
    whole, masked = each.score(np.stack([each.input, shown])).tolist()
    found = removals(each, heat)
    most, least = road_scores(each, heat)
    return {
        "deletion": -area_under(deletion_curve(each, heat)),
        "insertion": area_under(insertion_curve(each, heat)),
        "average drop": -average_drop(whole, masked),
        "road": road_combined(most, least),
        "mu fidelity": found.mu_fidelity(),
        "sensitivity n": found.sensitivity_n(),
        "infidelity": -found.infidelity(),
    }


def test_the_truth_beats_noise_and_its_opposite_loses() -> None:
    _, box = box_model()
    noise = [np.random.default_rng(seed).random((SIDE, SIDE), np.float32) for seed in range(5)]
    truth, opposite = measured(box), measured(1 - box)
    by_chance = [measured(each) for each in noise]
    for name, value in truth.items():
        chances = [each[name] for each in by_chance]
        assert value > max(chances), name
        assert opposite[name] < np.mean(chances) + 1e-9, name


# Properties

HEAT = hnp.arrays(np.float32, (6, 6), elements=st.floats(0, 1, width=16))
FUNCTIONS: list[Callable[[Array], float]] = [sparsity, complexity]


@given(HEAT)
def test_bounds(heat: Array) -> None:
    each = subject(np.ones((6, 6, 1), np.float32), np.full((6, 6), 1 / 36, np.float32))
    for function in (deletion_curve, insertion_curve):
        curve = function(each, heat, 5)
        assert curve.shape == (6,)
        # As all pixels count the same, whatever the map.
        assert area_under(curve) == pytest.approx(0.5, abs=0.02)
    for measure in FUNCTIONS:
        assert -1e-9 <= measure(heat) <= 1 + 1e-9
        if heat.max() > 0:
            assert measure(heat) == pytest.approx(measure(heat / 2), abs=1e-4)
