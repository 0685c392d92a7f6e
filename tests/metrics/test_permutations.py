"""How often by chance: against formulas, SciPy, and data without any difference."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gradcam_cli.metrics.permutations import (
    between_by_chance,
    excess_by_chance,
    group_means,
    ranks_of,
    separation,
    separation_by_chance,
)

GROUPS = np.array([0, 0, 2, 2, 2], np.intp)


def test_means_of_groups() -> None:
    values = np.array([[1.0, 0], [3, 0], [1, 1], [2, 1], [6, 1]])
    np.testing.assert_array_equal(group_means(values, GROUPS, 3), [[2, 0], [0, 0], [3, 1]])


def test_excess_in_standard_errors() -> None:
    values = np.array([[1.0, 7], [3, 7], [1, 7], [2, 7], [6, 7]])
    spread = values[:, 0].std()
    excess, _ = excess_by_chance(values, GROUPS, 3)
    np.testing.assert_allclose(excess[[0, 2], 0], [-0.6 * 2**0.5 / spread, 0.4 * 3**0.5 / spread])
    assert not excess[:, 1].any()  # which does not vary


def test_ranks_are_scipys() -> None:
    values = np.random.default_rng(0).integers(0, 9, (40, 3)).astype(float)
    np.testing.assert_array_equal(ranks_of(values), stats.rankdata(values, axis=0))


def test_the_share_between_groups_is_that_of_kruskal_and_wallis() -> None:
    random = np.random.default_rng(1)
    groups = random.integers(0, 4, 60)
    values = random.normal(size=(60, 1)) + groups[:, np.newaxis] * 0.5
    h, _ = stats.kruskal(*(values[groups == each, 0] for each in range(4)))
    eta_squared = h / 59
    ((share,), _) = between_by_chance(ranks_of(values), groups, 4)
    assert share == pytest.approx((eta_squared - 3 / 59) / (1 - 3 / 59))


def test_separation_is_twice_the_area_less_one() -> None:
    random = np.random.default_rng(2)
    values, flags = random.normal(size=(50, 1)), random.random(50) < 0.3
    u, _ = stats.mannwhitneyu(values[flags, 0], values[~flags, 0])
    area = u / (flags.sum() * (~flags).sum())
    assert separation(ranks_of(values), flags)[0] == pytest.approx(2 * area - 1)
    assert separation(ranks_of(flags[:, np.newaxis].astype(float)), flags)[0] == 1


def test_what_is_planted_is_rare_by_chance_and_the_same_each_time() -> None:
    random = np.random.default_rng(3)
    groups = np.arange(60, dtype=np.intp) % 3
    values = random.normal(size=(60, 10))
    values[groups == 1, 4] += 2
    excess, chance = excess_by_chance(values, groups, 3)
    assert np.unravel_index(excess.argmax(), excess.shape) == (1, 4)
    assert chance[1, 4] == 1 / 200
    assert (np.delete(chance.ravel(), 14) > 0.05).all()
    np.testing.assert_array_equal(excess_by_chance(values, groups, 3)[1], chance)
    _, chance = between_by_chance(ranks_of(values), groups, 3)
    assert (chance[4], (np.delete(chance, 4) > 0.05).all()) == (1 / 200, True)


def test_what_differs_between_groups_only_does_not_tell_errors() -> None:
    random = np.random.default_rng(4)
    groups = np.repeat([0, 1], 100).astype(np.intp)
    wrong = random.random(200) < np.where(groups == 0, 0.1, 0.6)
    dark = random.normal(size=200) - 3 * groups  # the class is dark, and hard
    blurred = random.normal(size=200) + 2 * wrong
    ranks = ranks_of(np.stack([dark, blurred], axis=1))
    found, chance = separation_by_chance(ranks, wrong, groups)
    assert chance[0] > 0.05
    assert chance[1] == 1 / 200
    assert found[1] > 0.4


def test_one_in_twenty_is_below_five_percent_where_nothing_differs() -> None:
    random = np.random.default_rng(5)
    least = []
    for seed in range(40):
        values = random.normal(size=(30, 8))
        groups = random.integers(0, 2, 30)
        least.append(excess_by_chance(values, groups, 2, seed=seed)[1].min())
    assert np.mean(np.array(least) <= 0.05) <= 0.15  # 0.05 but for the luck of 40 draws
    assert np.mean(np.array(least) <= 0.5) == pytest.approx(0.5, abs=0.25)
