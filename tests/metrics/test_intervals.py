"""Bootstrap intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gradcam_cli.metrics.intervals import (
    Mean,
    mean_with_interval,
    paired_difference,
    share_with_interval,
    widening,
)


def test_no_values_have_no_mean() -> None:
    assert mean_with_interval(np.array([np.nan, np.nan])) == Mean(None, None, None, 0)


def test_the_same_twice() -> None:
    values = np.random.default_rng(0).normal(size=50)
    assert mean_with_interval(values) == mean_with_interval(values)


def test_it_holds_the_true_mean_in_19_of_20_cases() -> None:
    random = np.random.default_rng(1)
    inside = 0
    for _ in range(200):
        mean = mean_with_interval(random.normal(3, 2, 60))
        assert mean.low is not None
        assert mean.high is not None
        inside += mean.low <= 3 <= mean.high
    assert 180 <= inside <= 198


def test_pairs_tell_a_small_change_from_how_hard_pictures_are() -> None:
    random = np.random.default_rng(2)
    before = random.normal(0, 10, 100)
    after = before - 0.2 + random.normal(0, 0.1, 100)
    difference = paired_difference(before, after)
    assert difference.high is not None
    assert difference.high < 0
    assert difference.value == pytest.approx(-0.2, abs=0.05)


def test_shares_have_wilsons_interval() -> None:
    for right, of in ((0, 5), (5, 5), (7, 9), (90, 100)):
        values = np.array([1.0] * right + [0.0] * (of - right) + [np.nan])
        expected = stats.binomtest(right, of).proportion_ci(method="wilson")
        mean = share_with_interval(values)
        assert (mean.value, mean.count) == (right / of, of)
        assert (mean.low, mean.high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert share_with_interval(np.array([np.nan])) == Mean(None, None, None, 0)


def test_more_comparisons_make_wider_intervals() -> None:
    values = np.random.default_rng(3).normal(size=40)
    one, eight = mean_with_interval(values), mean_with_interval(values, comparisons=8)
    assert one.low is not None
    assert eight.low is not None
    assert eight.low < one.low
    assert eight.value == one.value


def test_noise_is_seldom_called_a_change() -> None:
    random = np.random.default_rng(4)
    called = 0
    for _ in range(100):
        before = random.random((6, 40))
        after = before + random.normal(0, 0.1, before.shape)
        differences = [
            paired_difference(*pair, comparisons=6) for pair in zip(before, after, strict=True)
        ]
        called += any(each.high is not None and each.high < 0 for each in differences)
    assert called <= 6  # 2.5 on the average


@pytest.mark.parametrize("count", [2, 3, 5, 10, 30])
def test_few_pairs_that_are_equal_are_seldom_told_apart(count: int) -> None:
    random = np.random.default_rng(5)
    apart = 0
    for _ in range(300):
        difference = paired_difference(random.normal(size=count), random.normal(size=count))
        apart += difference.is_above(0) or difference.is_below(0)
    assert apart <= 30  # 15 on the average


@pytest.mark.parametrize(("count", "comparisons"), [(2, 1), (3, 6), (5, 1), (40, 6), (100_000, 1)])
def test_intervals_of_pairs_are_as_wide_as_students(count: int, comparisons: int) -> None:
    outside = 0.05 / comparisons
    expected = stats.t.ppf(1 - outside / 2, count - 1) / stats.norm.ppf(1 - outside / 2)
    assert widening(count, outside) == pytest.approx(
        expected * np.sqrt(count / (count - 1)), rel=2e-3
    )


def test_one_pair_tells_nothing() -> None:
    assert paired_difference(np.zeros(1), np.ones(1)) == Mean(1.0, None, None, 1)
