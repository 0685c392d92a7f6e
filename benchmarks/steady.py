"""The steady state: seconds per image in processes that are warm, taking turns."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack

from benchmarks.measure import Spread, ask

BATCHES = (1, 2, 4, 8, 16, 32)
CONTENDERS = {
    "forward": "TensorFlow, forward pass alone",
    "openvino": "compiled engine, explanation",
    "tensorflow": "TensorFlow engine, explanation",
}
SLOW = {"tensorflow": (1, 4, 8, 16)}
"""Fewer batch sizes for what takes four times as long and stands only beside the others."""

PerBatch = dict[int, list[float]]


def start(contender: str, env: dict[str, str]) -> subprocess.Popen[str]:
    """A process that is asked for one figure at a time, and ends when nobody will ask any more."""
    argv = (sys.executable, "-m", "benchmarks.steady_child", contender)
    pipe = subprocess.PIPE
    return subprocess.Popen(argv, env=env, stdin=pipe, stdout=pipe, text=True)


def measure(rounds: int, env: dict[str, str], tell: Callable[[str], None]) -> dict[str, PerBatch]:
    """Seconds per image by contender and batch size, after one round that is not kept."""
    figures: dict[str, PerBatch] = {
        key: {size: [] for size in SLOW.get(key, BATCHES)} for key in CONTENDERS
    }
    with ExitStack() as stack:
        contenders = {key: stack.enter_context(start(key, env)) for key in CONTENDERS}
        for number in range(rounds + 1):
            tell(f"round {number} of {rounds}" if number else "warm-up round")
            for size, key in ((size, key) for size in BATCHES for key in CONTENDERS):
                if size in figures[key]:
                    (seconds,) = ask(contenders[key], str(size))
                    if number:
                        figures[key][size].append(seconds)
    return figures


def best(per_batch: PerBatch) -> tuple[int, Spread]:
    """The batch size with the smallest median, and what it took."""
    spreads = {size: Spread.of(figures) for size, figures in per_batch.items()}
    size = min(spreads, key=lambda each: spreads[each].median)
    return size, spreads[size]
