"""The pipeline, on numbers: everything comes out once, within bounds, whatever the order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcam_cli.runs import pipeline
from gradcam_cli.runs.pipeline import Done, Pipeline, Steps


def steps(
    *,
    read: Callable[[int], Any] = lambda item: item,
    weigh: Callable[[Any], int] = lambda loaded: 1,
    infer: Callable[[list[int]], list[Any]] = lambda group: [10 * each for each in group],
    finish: Callable[[int, int], Any] = lambda loaded, result: (loaded, result),
) -> Steps[int, int, Any]:
    return Steps(read, weigh, infer, finish)


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 50),
    st.integers(1, 9),
    st.sets(st.integers(0, 50)),
    st.integers(1, 4),
)
def test_every_item_comes_out_once(
    count: int, group: int, refused: set[int], inferring: int
) -> None:
    groups: list[int] = []

    def infer(group: list[int]) -> list[int]:
        groups.append(len(group))
        return [10 * each for each in group]

    run = Pipeline(
        range(count),
        steps(read=lambda item: Done(("refused", item)) if item in refused else item, infer=infer),
        group=group,
        inferring=inferring,
    )
    expected = [("refused", i) if i in refused else (i, 10 * i) for i in range(count)]
    assert sorted(run, key=str) == sorted(expected, key=str)
    assert all(1 <= size <= group for size in groups)


def test_a_slow_item_holds_nothing_else_up() -> None:
    last = threading.Event()

    def read(item: int) -> int:
        if item == 3:
            assert last.wait(60)
        return item

    seen = []
    for loaded, _ in Pipeline(range(40), steps(read=read), group=4):
        seen.append(loaded)
        if len(seen) == 39:
            last.set()
    assert seen[-1] == 3
    assert sorted(seen) == list(range(40))


def test_a_group_that_is_not_full_does_not_wait_for_a_slow_item() -> None:
    released = threading.Event()

    def read(item: int) -> int:
        if item:
            assert released.wait(60)
        return item

    outcomes = iter(Pipeline(range(2), steps(read=read), group=8))
    assert next(outcomes) == (0, 0)
    released.set()
    assert list(outcomes) == [(1, 10)]


def test_groups_are_inferred_side_by_side_and_no_more_than_asked_for() -> None:
    lock, inside, most, two = threading.Lock(), 0, 0, threading.Event()

    def infer(group: list[int]) -> list[int]:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
            if inside == 2:
                two.set()
        assert two.wait(60)  # the first until there is a second
        with lock:
            inside -= 1
        return group

    run = Pipeline(range(32), steps(infer=infer), group=4, inferring=2)
    assert sorted(run) == [(i, i) for i in range(32)]
    assert most == 2


def test_slow_sources_leave_a_thread_for_what_is_read() -> None:
    released = threading.Event()

    def read(item: int) -> int:
        if item >= 4:
            assert released.wait(60)
        return item

    outcomes = iter(Pipeline(range(40), steps(read=read), group=4))
    assert sorted(next(outcomes) for _ in range(4)) == [(i, 10 * i) for i in range(4)]
    released.set()
    assert len(list(outcomes)) == 36


def test_what_is_in_flight_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "BYTES_IN_FLIGHT", 100)
    lock, held, most = threading.Lock(), 0, 0

    def read(item: int) -> int:
        nonlocal held, most
        with lock:
            held += 30
            most = max(most, held)
        return item

    def finish(loaded: int, result: int) -> int:
        nonlocal held
        with lock:
            held -= 30
        return loaded

    run = Pipeline(range(200), steps(read=read, weigh=lambda _: 30, finish=finish), group=50)
    assert sorted(run) == list(range(200))
    assert most <= 100 + 30 * (pipeline.WORKERS)


def test_an_item_heavier_than_the_bound_still_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "BYTES_IN_FLIGHT", 10)
    run = Pipeline(range(5), steps(weigh=lambda _: 1000), group=2)
    assert sorted(loaded for loaded, _ in run) == list(range(5))


def test_items_are_taken_only_as_there_is_room() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(1000):
            taken.append(item)
            yield item

    outcomes = iter(Pipeline(items(), steps(), group=4))
    for _ in range(10):
        next(outcomes)
    assert len(taken) < 100
    outcomes.close()


def test_closed_it_finishes_what_is_in_flight() -> None:
    read: list[int] = []

    def reading(item: int) -> int:
        read.append(item)
        return item

    run = Pipeline(range(1000), steps(read=reading), group=4)
    seen = []
    for loaded, _ in run:
        seen.append(loaded)
        run.close()
    assert sorted(seen) == sorted(read)
    assert len(seen) < 100


@pytest.mark.parametrize("stage", ["read", "infer", "finish"])
def test_an_exception_ends_the_run(stage: str) -> None:
    def broken(*arguments: Any) -> Any:
        raise ZeroDivisionError(stage)

    with pytest.raises(ZeroDivisionError, match=stage):
        list(Pipeline(range(100), steps(**{stage: broken}), group=4))
    assert not [each for each in threading.enumerate() if each.name == "pipeline"]


def test_an_exception_of_the_items_ends_the_run() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(Pipeline(items(), steps(), group=4))
