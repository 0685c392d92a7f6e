"""Random numbers that are drawn for a picture."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gradcam_cli.methods.control import seeded_generator

PICTURE = np.random.default_rng(0).uniform(-1, 1, (8, 9, 3)).astype(np.float32)


def drawn(array: NDArray[np.float32], text: str = "285 0") -> float:
    return float(seeded_generator(array, text).random())


def test_the_same_picture_and_text_draw_the_same() -> None:
    assert drawn(PICTURE) == drawn(PICTURE.copy())
    assert drawn(PICTURE, "285 1") != drawn(PICTURE)


def test_what_rounding_changes_draws_the_same() -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (64, 64, 3)).astype(np.float32)
    other = pixels.copy()
    for row, column in ((10, 10), (50, 20), (33, 60), (3, 40)):
        other[row, column] += 1  # as another processor's resizing may have it
    assert drawn(other) == drawn(pixels)


@pytest.mark.parametrize("quarter", [(0, 0), (0, -1), (-1, 0), (-1, -1)])
def test_another_picture_draws_others(quarter: tuple[int, int]) -> None:
    other = PICTURE.copy()
    other[quarter] = -other[quarter] + 1
    assert drawn(other) != drawn(PICTURE)


@pytest.mark.parametrize(
    "array",
    [np.zeros((3, 3, 1)), np.ones((1, 1, 3)), np.full((2, 2, 3), np.nan), np.full((1, 5, 3), 1e30)],
)
def test_any_array_will_do(array: NDArray[np.float64]) -> None:
    assert 0 <= drawn(array.astype(np.float32)) < 1
