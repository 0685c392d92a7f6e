"""Heat and objects, by hand and at their bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from gradcam_cli.images.regions import hot_box
from gradcam_cli.metrics.objects import (
    Rectangle,
    best_overlap,
    heat_in_object,
    intersection_over_union,
    lift,
    pointing_hit,
)

ARRAYS = hnp.arrays(np.float32, (5, 6), elements=st.floats(0, 1, width=32))


def at(*cells: tuple[int, int], value: float = 1) -> NDArray[np.float32]:
    array = np.zeros((5, 6), np.float32)
    for cell in cells:
        array[cell] = value
    return array


def test_share_and_lift() -> None:
    heat = at((0, 0), (0, 1), (4, 5)) + at((2, 2), value=0.5) * 2
    mask = at((0, 0), (0, 1), (0, 2))
    assert heat_in_object(heat, mask) == pytest.approx(2 / 4)
    assert lift(heat, mask) == pytest.approx((2 / 4) / (3 / 30))
    assert lift(np.ones((5, 6), np.float32), mask) == pytest.approx(1), "even heat is chance"
    assert heat_in_object(heat, at((0, 0), value=0.5)) == pytest.approx(0.5 / 4)


def test_without_heat_or_object_there_is_nothing_to_say() -> None:
    assert heat_in_object(at(), at((0, 0))) is None
    assert lift(at(), at((0, 0))) is None
    assert lift(at((0, 0)), at()) is None
    assert pointing_hit(at(), at((0, 0))) == 0


@given(ARRAYS, ARRAYS)
def test_the_object_and_the_rest_share_the_heat(
    heat: NDArray[np.float32], mask: NDArray[np.float32]
) -> None:
    inside, outside = heat_in_object(heat, mask), heat_in_object(heat, 1 - mask)
    if inside is None or outside is None:
        assert heat.sum() <= 0
        return
    assert inside + outside == pytest.approx(1, abs=1e-4)


def test_pointing() -> None:
    mask = at((1, 1), (1, 2))
    assert pointing_hit(at((1, 2)) * 3 + 1, mask) == 1
    assert pointing_hit(at((3, 2)), mask) == 0
    assert pointing_hit(at((3, 2)), mask, (2, 2)) == 1, "within the tolerance"
    assert pointing_hit(at((3, 4)), mask, (2, 2)) == 0, "a circle, no square"
    assert pointing_hit(at((1, 1), (3, 3), (4, 4), (4, 5)), mask) == 0.25, "a tie is shared"


def test_boxes() -> None:
    first, second = Rectangle(0, 0, 2, 2), Rectangle(1, 0, 2, 2)
    assert intersection_over_union(first, second) == pytest.approx(2 / 6)
    assert intersection_over_union(first, Rectangle(5, 5, 1, 1)) == 0
    assert best_overlap(first, [second, first]) == 1
    assert best_overlap(None, [first]) is None
    assert best_overlap(first, []) is None


def test_the_box_of_the_largest_hot_region() -> None:
    heat = at((0, 0), (3, 3), (3, 4), (4, 5)) + at((2, 2), value=0.1)
    assert hot_box(heat) == (3, 3, 3, 2), "corners touch; a tenth of the peak is not hot"
    assert hot_box(at()) is None


@given(ARRAYS)
def test_an_oracle_is_best_and_an_inverted_map_is_worst(mask: NDArray[np.float32]) -> None:
    mask = np.round(mask)
    if not 0 < mask.mean() < 1:
        return
    best, even, worst = (lift(heat, mask) for heat in (mask, np.ones_like(mask), 1 - mask))
    assert best == pytest.approx(1 / mask.mean())
    assert even == pytest.approx(1)
    assert worst == 0
    assert pointing_hit(mask, mask) == 1
    assert pointing_hit(1 - mask, mask) == 0
