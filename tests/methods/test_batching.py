"""Running many inputs a few at a time."""

from __future__ import annotations

import numpy as np
import pytest

from gradcam_cli.methods.batching import in_batches


@pytest.mark.parametrize("parallel", [1, 3])
def test_few_batches_are_begun_before_they_are_taken(parallel: int) -> None:
    begun: list[int] = []

    def run(numbers: np.ndarray) -> np.ndarray:
        begun.append(int(numbers[0]))
        return numbers * 10

    for taken, (numbers, result) in enumerate(in_batches(run, 99, 2, parallel)):
        assert numbers == list(range(2 * taken, min(2 * taken + 2, 99)))
        assert result[: len(numbers)].tolist() == [10 * number for number in numbers]
        assert len(begun) <= taken + 1 + 2 * parallel
    assert len(begun) == 50
