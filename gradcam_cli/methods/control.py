"""A control: what a map that knows nothing is worth."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.methods.batching import RowMap, by_row, captures, resolved
from gradcam_cli.methods.contract import Question


@by_row
def random_maps(question: Question, seed: int = 0) -> Iterator[RowMap]:
    """Noise at the layer's resolution, uniform in 0..1.

    It is seeded by the input, the target and `seed`, so that it is the same in any batch and in any
    run.

    Returns
    -------
    Maps
        Raw maps of (h, w), without a unit.
    """
    for rows, activations, scores in captures(question):
        for row in rows:
            target = resolved(question, row, scores)
            noise = seeded_generator(question.inputs[row], f"{target.slug} {seed}")
            yield row, noise.random(activations.shape[:2], np.float32), scores


def seeded_generator(array: NDArray[np.float32], text: str) -> np.random.Generator:
    """Random numbers that are the same wherever `array` and `text` are.

    What counts of `array`, (H, W, C), are the means of its quarters, to a part in 256: processors
    that round differently when they resize a picture draw the same numbers.
    """
    means = [half.mean() for rows in _halves(array, 0) for half in _halves(rows, 1)]
    unit = 2.0 ** np.ceil(np.log2(max(float(np.abs(array).max()), 1e-30)))
    levels = np.nan_to_num(np.array(means, np.float64) / unit * 256).round().astype("<i8")
    digest = hashlib.sha256(levels.tobytes() + text.encode())
    return np.random.default_rng(int.from_bytes(digest.digest(), "big"))


def _halves(array: NDArray[np.float32], axis: int) -> list[NDArray[np.float32]]:
    return [half for half in np.array_split(array, 2, axis) if half.size]
