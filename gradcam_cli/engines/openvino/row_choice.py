"""How many rows a batch has best: measured, once for each model and machine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

_GAIN = 0.95
"""What more rows must bring the time of one down to: they need memory, and groups wait for them."""
_LONGEST_SECONDS = 0.8
"""No batch is tried that would take longer; what takes a core that long gains little more."""
_ENOUGH_SECONDS = 0.08
_MOST_RUNS = 8
_OWN_SHARE = 0.75
"""How much of the cores' time must have been ours, for a measurement to be worth keeping."""


class RowChoice(NamedTuple):
    """How many rows, and whether nothing else kept the cores busy while that was measured."""

    rows: int
    is_undisturbed: bool


class Batches(NamedTuple):
    """Batches of so many rows; `run`, which ran before, takes one, and so many run side by side."""

    rows: int
    parallel: int
    run: Callable[[], object]


def choose_rows(batches_of: Callable[[int], Batches | None], cores: int) -> RowChoice:
    """Of 1, 2, 4 and 8 rows those that take the least time each.

    Parameters
    ----------
    batches_of : callable
        The batches of a number of rows; None where they cannot be had.
    cores : int
        How many cores a run has.
    """
    timer = _Timer(cores)
    seconds = timer.seconds_a_row({rows: batches_of(rows) for rows in (1, 4)})
    is_light = 8 * cores * seconds[4] < _LONGEST_SECONDS
    others = [2, 8] if is_light else [2] * (seconds[4] > _GAIN * seconds[1])
    seconds |= timer.seconds_a_row({rows: batches_of(rows) for rows in others})
    best = 1
    for rows in sorted(seconds):
        if seconds[rows] < _GAIN * seconds[best]:
            best = rows
    return RowChoice(best, timer.is_undisturbed)


class _Timer:
    """Times batches, and notes how much of the cores' time they had."""

    def __init__(self, cores: int) -> None:
        self._pool = ThreadPoolExecutor(cores)
        self._cores = cores
        self._wall = self._own = 0.0

    @property
    def is_undisturbed(self) -> bool:
        return self._own > _OWN_SHARE * self._cores * self._wall

    def seconds_a_row(self, tried: Mapping[int, Batches | None]) -> dict[int, float]:
        """How long a row takes of each of `tried`, at its best; they take turns."""
        best = dict.fromkeys(tried, math.inf)
        start = time.perf_counter()
        for _ in range(_MOST_RUNS):
            for rows, batches in tried.items():
                if batches is not None:
                    best[rows] = min(best[rows], self._seconds_of(batches))
            if time.perf_counter() - start > _ENOUGH_SECONDS:
                break
        return best

    def _seconds_of(self, batches: Batches) -> float:
        wall, own = time.perf_counter(), time.process_time()
        list(self._pool.map(lambda _: batches.run(), range(batches.parallel)))
        wall, own = time.perf_counter() - wall, time.process_time() - own
        self._wall, self._own = self._wall + wall, self._own + own
        return wall / (batches.rows * batches.parallel)
