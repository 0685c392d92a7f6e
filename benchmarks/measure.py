"""Whole processes, measured in turns: seconds, CPU seconds, peak memory.

Nothing here may import anything large: what a child is said to have used at its peak is never
less than its parent had when it was started.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
_SHOWN = 2000


@dataclass(frozen=True)
class Command:
    """A process to measure.

    Attributes
    ----------
    key : str
        What the other modules call it.
    label : str
        What people are shown.
    argv : tuple of str
        The command line.
    env : dict
        What it needs in its environment beside what all have.
    code : int
        How it must exit.
    says, never : str
        What must occur in its output, and what must not.
    without : Path, optional
        A folder that is removed before it starts.
    """

    key: str
    label: str
    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    code: int = 0
    says: str = ""
    never: str = ""
    without: Path | None = None


@dataclass(frozen=True)
class Sample:
    """One process: wall and CPU seconds, and its peak memory in bytes."""

    seconds: float
    cpu: float
    peak: int


@dataclass(frozen=True)
class Spread:
    """The median of some figures, with the smallest and the largest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> Spread:
        """The spread of `figures`, at least one."""
        return cls(statistics.median(figures), min(figures), max(figures))


def run(command: Command, env: dict[str, str]) -> Sample:
    """Run `command` once in a cold process, and make sure that it did what it is for."""
    if command.without is not None:
        shutil.rmtree(command.without, ignore_errors=True)
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        child = subprocess.Popen(
            command.argv,
            env={**env, **command.env},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read().decode(errors="replace")
    wrong = command.never and command.never in said
    if child.returncode != command.code or command.says not in said or wrong:
        told = f"{command.label} left with {child.returncode}:\n{said[-_SHOWN:]}"
        raise SystemExit(told)
    return Sample(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * _RSS_UNIT)


def in_turns(
    commands: Sequence[Command], rounds: int, env: dict[str, str], tell: Callable[[str], None]
) -> dict[str, list[Sample]]:
    """Run all `commands` one after the other, `rounds` times, after one round that is not kept."""
    kept: dict[str, list[Sample]] = {command.key: [] for command in commands}
    for number in range(rounds + 1):
        tell(f"round {number} of {rounds}" if number else "warm-up round")
        for command in commands:
            sample = run(command, env)
            if number:
                kept[command.key].append(sample)
    return kept


def ask(process: subprocess.Popen[str], line: str) -> list[float]:
    """The figures that `process`, which takes a line a turn, answers to `line`."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        raise SystemExit("A program ended early; see above.")
    return list(map(float, answer.split()))
