"""Batches of several rows: chosen once, and of a heavy model checked by what they are run for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from gradcam_cli.engines.openvino import several_rows
from gradcam_cli.engines.openvino.compiled import CompiledPass
from gradcam_cli.engines.openvino.several_rows import SeveralRows
from gradcam_cli.passes import Pass

WHAT = Pass("gradients", ("last",))


class Doubling:
    """Doubles its input; takes its time by a clock of our own, and is wrong where it is told so."""

    def __init__(self, clock: Clock, seconds: float, wrong: int = 0) -> None:
        self.calls = 0
        self._clock, self._seconds, self._wrong = clock, seconds, wrong

    def noise(self) -> dict[str, Any]:
        return {"image": np.ones((1, 1), np.float32)}

    def run(self, inputs: dict[str, Any]) -> list[Any]:
        self.calls += 1
        self._clock.now += self._seconds
        return [inputs["image"] * (3 if self.calls <= self._wrong else 2)]


class Clock:
    now = 0.0


class Heavy:
    """A model of which a row takes 0.1 s; `keep` answers `answer`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answer: int = 4, wrong: int = 0) -> None:
        clock = Clock()
        monkeypatch.setattr(several_rows, "time", SimpleNamespace(perf_counter=lambda: clock.now))
        self.one, self.four = Doubling(clock, 0.1), Doubling(clock, 0.7, wrong)
        self.kept: list[tuple[Pass, int]] = []

        def keep(what: Pass, rows: int) -> int:
            self.kept.append((what, rows))
            return answer

        self.rows = SeveralRows(
            lambda what, rows: cast(CompiledPass, self.four),
            lambda what: cast(CompiledPass, self.one),
            parallel=2,
            precision="f32",
            measured={},
            keep=keep,
        )
        self.rows.best(WHAT)
        self.calls_before = self.one.calls

    def run(self, rows: int = 4) -> None:
        image = np.arange(rows, dtype=np.float32)[:, np.newaxis] + 1
        (doubled,) = self.rows.run(WHAT, {"image": image}, rows, 4)
        np.testing.assert_array_equal(doubled, image * 2)

    @property
    def rows_alone(self) -> int:
        """How many were run one by one since."""
        return self.one.calls - self.calls_before


@pytest.mark.parametrize(("kept", "rows"), [(4, 4), (2, 2), (0, 4)])
def test_what_was_kept_first_counts(monkeypatch: pytest.MonkeyPatch, kept: int, rows: int) -> None:
    heavy = Heavy(monkeypatch, kept)
    assert heavy.kept == [(WHAT, 4)]
    assert [heavy.rows.best(WHAT), heavy.rows.best(WHAT)] == [rows, rows]
    assert len(heavy.kept) == 1


def test_a_batch_that_is_right_is_compared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    heavy = Heavy(monkeypatch)
    for _ in range(3):
        heavy.run()
    assert heavy.rows_alone == 1
    heavy.run(rows=3)  # filled up
    assert (heavy.rows_alone, heavy.four.calls) == (1, 4)


def test_one_that_is_wrong_is_run_row_by_row_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heavy = Heavy(monkeypatch, wrong=2)
    for _ in range(4):
        heavy.run()
    assert heavy.rows_alone == 3 + 2 * 4  # compared until it was right, and the wrong ones again
    assert heavy.four.calls == 4


def test_one_that_stays_wrong_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    heavy = Heavy(monkeypatch, wrong=100)
    for _ in range(5):
        heavy.run()
    assert heavy.four.calls == 3
    assert heavy.rows_alone == 3 + 5 * 4
