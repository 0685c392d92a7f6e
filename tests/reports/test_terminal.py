from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcam_cli.reports.terminal import bar, probability_text


@given(st.floats(0, 1), st.sampled_from(["▏▎▍▌▋▊▉█", "#"]))
def test_a_bar_is_as_long_as_its_probability(probability: float, blocks: str) -> None:
    drawn = bar(probability, blocks)
    assert len(drawn) <= 20
    eighths = sum(blocks.index(cell) + 1 for cell in drawn)
    assert eighths / len(blocks) == pytest.approx(20 * probability, abs=1 / len(blocks))


@pytest.mark.parametrize(
    ("probability", "text"),
    [(1, "1.0000"), (0.79, "0.7900"), (0.0001, "0.0001"), (3e-7, "3e-07"), (0, "0e+00")],
)
def test_small_probabilities_are_not_zero(probability: float, text: str) -> None:
    assert probability_text(probability) == text
