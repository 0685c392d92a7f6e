"""Bootstrap intervals."""

from __future__ import annotations

import numpy as np
import pytest

from gradcam_cli.metrics.intervals import Mean, mean_with_interval, paired_difference


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
