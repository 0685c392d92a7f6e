from __future__ import annotations

import pytest

from gradcam_cli.reports.terminal import probability_text


@pytest.mark.parametrize(
    ("probability", "text"),
    [(1, "1.0000"), (0.79, "0.7900"), (0.0001, "0.0001"), (3e-7, "3e-07"), (0, "0e+00")],
)
def test_small_probabilities_are_not_zero(probability: float, text: str) -> None:
    assert probability_text(probability) == text
