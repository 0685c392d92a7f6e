"""How many rows a batch has: the fastest, told by a clock of our own."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from gradcam_cli.engines.openvino import row_choice
from gradcam_cli.engines.openvino.row_choice import Batches, RowChoice, choose_rows
from gradcam_cli.models import about
from gradcam_cli.models.model import Model
from gradcam_cli.passes import LAYER_GRADIENTS
from tests.engines.openvino.test_model_cache import Opened, never, place_of

CORES = 2


class Clock:
    """Time that passes only where batches run, of which `share` is ours."""

    def __init__(self, share: float) -> None:
        self.wall = self.own = 0.0
        self._share = share

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.own += CORES * self._share * seconds


def chosen(
    monkeypatch: pytest.MonkeyPatch, seconds_a_row: dict[int, float], share: float = 1.0
) -> tuple[RowChoice, list[int]]:
    """What is chosen where a row takes so long, and which numbers of rows were tried."""
    clock, tried = Clock(share), []
    times = SimpleNamespace(perf_counter=lambda: clock.wall, process_time=lambda: clock.own)
    monkeypatch.setattr(row_choice, "time", times)

    def batches(rows: int) -> Batches | None:
        tried.append(rows)
        if rows not in seconds_a_row:
            return None
        return Batches(rows, 1, lambda: clock.pass_by(rows * seconds_a_row[rows]))

    return choose_rows(batches, CORES), tried


@pytest.mark.parametrize(
    ("seconds_a_row", "rows", "tried"),
    [
        ({1: 0.006, 2: 0.004, 4: 0.005, 8: 0.006}, 2, [1, 4, 2, 8]),
        ({1: 0.006, 2: 0.005, 4: 0.004, 8: 0.003}, 8, [1, 4, 2, 8]),
        ({1: 0.006, 2: 0.006, 4: 0.006, 8: 0.006}, 1, [1, 4, 2, 8]),
        ({1: 0.006, 2: 0.00595, 4: 0.0059, 8: 0.0058}, 1, [1, 4, 2, 8]),  # hardly faster
        ({1: 0.13, 4: 0.09}, 4, [1, 4]),  # a heavy model, of which no more rows are tried
        ({1: 0.13, 4: 0.14, 2: 0.11}, 2, [1, 4, 2]),
        ({1: 0.13}, 1, [1, 4, 2]),  # several rows cannot be had
    ],
)
def test_the_fastest_number_of_rows_is_chosen(
    monkeypatch: pytest.MonkeyPatch, seconds_a_row: dict[int, float], rows: int, tried: list[int]
) -> None:
    choice, were_tried = chosen(monkeypatch, seconds_a_row)
    assert choice == RowChoice(rows, is_undisturbed=True)
    assert were_tried == tried


def test_what_others_disturbed_is_not_worth_keeping(monkeypatch: pytest.MonkeyPatch) -> None:
    choice, _ = chosen(monkeypatch, {1: 0.006, 4: 0.004}, share=0.5)
    assert choice == RowChoice(4, is_undisturbed=False)


@pytest.mark.parametrize(("undisturbed", "expected"), [(True, 8), (False, 4)])
def test_it_is_measured_once_for_a_model_and_a_machine(
    undisturbed: bool, expected: int, model: Model, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[int] = []

    def choose(batches_of: object, cores: int) -> RowChoice:
        measured.append(cores)
        return RowChoice(8, is_undisturbed=undisturbed)

    monkeypatch.setattr(row_choice, "choose_rows", choose)
    first = Opened(model)
    assert [first.engine.rows, first.engine.rows] == [expected, expected]
    assert Opened(model, net=never).engine.rows == expected
    assert len(measured) == 1
    record = about.read(place_of(cache))
    assert record is not None
    ((key, rows),) = record.rows.items()
    assert key.startswith(f"{LAYER_GRADIENTS.at_layer('last')} in f32, by ")
    assert rows == expected


def test_of_two_processes_the_first_decides(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = iter((8, 2))
    monkeypatch.setattr(
        row_choice, "choose_rows", lambda *_: RowChoice(next(chosen), is_undisturbed=True)
    )
    engines = [Opened(model).engine, Opened(model, net=never).engine]
    assert [engine.rows for engine in engines] == [8, 8]


def test_a_number_of_rows_that_cannot_be_is_a_damaged_record(model: Model, cache: Path) -> None:
    Opened(model)
    record = about.read(place_of(cache))
    assert record is not None
    record.rows["gradients"] = 3
    about.write(place_of(cache), record)
    assert about.read(place_of(cache)) is None
