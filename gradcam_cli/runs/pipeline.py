"""Three steps that overlap, with bounds on what is in flight: read, infer in groups, finish.

    items ─▶ read, one by one ─▶ infer, in groups ─▶ finish, one by one ─▶ outcomes

A few threads each take whatever is next, what is nearest to its end first; more than there are
cores would only take them from each other. It knows nothing of images. Outcomes come in the order
in which they are done.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from threading import Condition, Thread
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Loaded = TypeVar("Loaded")
Outcome = TypeVar("Outcome")

BYTES_IN_FLIGHT = 512 << 20
"""No further item is read while what was read and is not finished holds more."""

WORKERS = 2 + min(16, os.cpu_count() or 1)
"""How many things are done at a time: one for each core, and two for what waits for a disk."""

MOST_WAITING = 8
"""No further item is read while more outcomes than that are not taken up."""

GATHERING_SECONDS = 0.1
"""How long a group that is not full waits for more."""


@dataclass(frozen=True)
class Done(Generic[Outcome]):
    """What `read` answers where an item needs nothing more."""

    outcome: Outcome


@dataclass(frozen=True)
class Steps(Generic[Item, Loaded, Outcome]):
    """What is done with each item; an exception ends the run.

    Attributes
    ----------
    read : callable
        An item in, what was loaded out; or `Done`.
    weigh : callable
        How many bytes something loaded holds.
    infer : callable
        A group of what was loaded in, a result for each out.
    finish : callable
        What was loaded and its result in, the outcome out.
    """

    read: Callable[[Item], Loaded | Done[Outcome]]
    weigh: Callable[[Loaded], int]
    infer: Callable[[list[Loaded]], list[Any]]
    finish: Callable[[Loaded, Any], Outcome]


@dataclass(frozen=True)
class _WorkerEnd:
    """A thread has nothing more to do, or has failed."""

    error: BaseException | None


class Pipeline(Generic[Item, Loaded, Outcome]):
    """Runs `items` through `steps`; iterate once.

    Parameters
    ----------
    group : int
        How many are inferred together at most.
    inferring : int
        How many groups are inferred side by side at most.
    """

    def __init__(
        self,
        items: Iterable[Item],
        steps: Steps[Item, Loaded, Outcome],
        *,
        group: int,
        inferring: int = 1,
    ) -> None:
        self._items = iter(items)
        self._steps = steps
        self._group = group
        self._inferring = inferring
        self._open = True
        self._outcomes: SimpleQueue[Outcome | _WorkerEnd] = SimpleQueue()
        self._changed = Condition()  # guards what follows
        self._running = {"read": 0, "infer": 0, "finish": 0}
        self._ready: list[Loaded] = []
        self._inferred: deque[tuple[Loaded, Any]] = deque()
        self._bytes = 0
        self._abandoned = False

    def close(self) -> None:
        """Take no further item; what is in flight is still finished."""
        self._open = False

    def __iter__(self) -> Iterator[Outcome]:
        workers = [Thread(target=self._work, name="pipeline") for _ in range(WORKERS)]
        for worker in workers:
            worker.start()
        try:
            running = len(workers)
            while running:
                outcome = self._outcomes.get()
                if self._outcomes.empty():  # readers may have waited for that
                    with self._changed:
                        self._changed.notify_all()
                if not isinstance(outcome, _WorkerEnd):
                    yield outcome
                elif outcome.error:
                    raise outcome.error
                else:
                    running -= 1
        finally:
            self._abandoned = True
            for worker in workers:
                worker.join()

    def _work(self) -> None:
        error = None
        try:
            while task := self._next_task():
                task()
        except BaseException as failure:
            error = failure
            self._abandoned = True
        self._outcomes.put(_WorkerEnd(error))

    def _next_task(self) -> Callable[[], None] | None:
        """What to do next, once there is something; None at the end."""
        timed_out = False
        with self._changed:
            while not self._is_over():
                if task := self._take_task(timed_out):
                    return task
                timed_out = not self._changed.wait(GATHERING_SECONDS)
        return None

    def _is_over(self) -> bool:
        at_work = self._open or self._ready or self._inferred or any(self._running.values())
        return self._abandoned or not at_work

    def _take_task(self, timed_out: bool) -> Callable[[], None] | None:
        if self._inferred:
            self._running["finish"] += 1
            return partial(self._finish, *self._inferred.popleft())
        if self._has_group(timed_out):
            self._running["infer"] += 1
            group, self._ready = self._ready[: self._group], self._ready[self._group :]
            return partial(self._infer, group)
        if self._may_read():
            try:
                item = next(self._items)
            except StopIteration:
                self.close()
                return self._take_task(timed_out)
            self._running["read"] += 1
            return partial(self._read, item)
        return None

    def _has_group(self, timed_out: bool) -> bool:
        """True where a group may be inferred: a full one, or less where no more comes soon."""
        if self._running["infer"] >= self._inferring:
            return False
        if len(self._ready) >= self._group:
            return True
        idle = timed_out and not self._running["infer"]
        no_more_coming = not self._running["read"] and not self._may_read()
        return bool(self._ready) and (idle or no_more_coming)

    def _may_read(self) -> bool:
        limit = (1 + self._inferring) * self._group
        has_room = len(self._ready) + self._running["read"] < limit
        within_bytes = not self._bytes or self._bytes <= BYTES_IN_FLIGHT
        keeps_worker_free = self._running["read"] < WORKERS - 1  # sources may be slow
        outcomes_are_taken = self._outcomes.qsize() < MOST_WAITING
        return self._open and has_room and within_bytes and keeps_worker_free and outcomes_are_taken

    def _read(self, item: Item) -> None:
        result = self._steps.read(item)
        if isinstance(result, Done):
            self._outcomes.put(result.outcome)
        with self._end_of("read"):
            if not isinstance(result, Done):
                self._bytes += self._steps.weigh(result)
                self._ready.append(result)

    def _infer(self, group: list[Loaded]) -> None:
        results = self._steps.infer(group)
        with self._end_of("infer"):
            self._inferred.extend(zip(group, results, strict=True))

    def _finish(self, loaded: Loaded, result: Any) -> None:
        self._outcomes.put(self._steps.finish(loaded, result))
        with self._end_of("finish"):
            self._bytes -= self._steps.weigh(loaded)

    @contextmanager
    def _end_of(self, step: str) -> Iterator[None]:
        with self._changed:
            yield
            self._running[step] -= 1
            self._changed.notify_all()
