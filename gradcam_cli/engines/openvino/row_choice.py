"""How many rows a batch has best: measured, once for each model and machine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradcam_cli.engines.openvino.compiled import CompiledPass

_GAIN = 0.97
"""What more rows must bring the time of one down to: they need memory, and groups wait for them."""
_LONGEST_SECONDS = 0.8
"""No batch is tried that would take longer; what takes a core that long gains little more."""
_ENOUGH_SECONDS = 0.1
_MOST_RUNS = 5


def fastest_rows(seconds_a_row: Callable[[int], float], parallel: int) -> int:
    """1, 2, 4 or 8.

    Parameters
    ----------
    seconds_a_row : callable
        How long each row takes in batches of that many rows; infinite where there are none.
    parallel : int
        How many batches run side by side.
    """
    seconds = {rows: seconds_a_row(rows) for rows in (1, 4)}
    if seconds[4] > _GAIN * seconds[1]:
        seconds[2] = seconds_a_row(2)
    elif 8 * parallel * seconds[4] < _LONGEST_SECONDS:
        seconds[8] = seconds_a_row(8)
    best = 1
    for rows in sorted(seconds):
        if seconds[rows] < _GAIN * seconds[best]:
            best = rows
    return best


def seconds_a_row(compiled: CompiledPass | None, rows: int, parallel: int) -> float:
    """How long each row takes where `parallel` batches of `rows` run side by side, at their best.

    It is infinite where there is no `compiled`.
    """
    if compiled is None:
        return math.inf
    inputs, taken = compiled.noise(), list[float]()
    with ThreadPoolExecutor(parallel) as pool:
        while len(taken) < _MOST_RUNS and sum(taken) < _ENOUGH_SECONDS:
            start = time.perf_counter()
            list(pool.map(compiled.run, [inputs] * parallel))
            taken.append(time.perf_counter() - start)
    return min(taken) / (rows * parallel)
