"""Three stages that overlap, with bounds on what is in flight: read, infer in groups, finish.

    items ─▶ read, in threads ─▶ infer, a group at a time ─▶ finish, in threads ─▶ outcomes

It knows nothing of images. All that is decided is decided in the thread that iterates; the
others only work. Outcomes come in the order in which they are done.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Loaded = TypeVar("Loaded")
Outcome = TypeVar("Outcome")

BYTES_IN_FLIGHT = 512 << 20
"""No further item is read while what was read and is not finished holds more."""

THREADS = max(2, os.cpu_count() or 1)
GATHERING_SECONDS = 0.1
"""How long a group that is not full waits for more."""


@dataclass(frozen=True)
class Done(Generic[Outcome]):
    """What `read` answers where an item needs nothing more."""

    outcome: Outcome


@dataclass(frozen=True)
class Stages(Generic[Item, Loaded, Outcome]):
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


class Pipeline(Generic[Item, Loaded, Outcome]):
    """Runs `items` through `stages`, inferring up to `group` together; iterate once."""

    def __init__(
        self, items: Iterable[Item], stages: Stages[Item, Loaded, Outcome], *, group: int
    ) -> None:
        self._items = iter(items)
        self._stages = stages
        self._group = group
        self._open = True
        self._events: SimpleQueue[tuple[str, Any, Future[Any]]] = SimpleQueue()
        self._running = {"read": 0, "infer": 0, "finish": 0}
        self._ready: list[Loaded] = []
        self._bytes = 0
        self._pools: dict[str, ThreadPoolExecutor] = {}

    def close(self) -> None:
        """Take no further item; what is in flight is still finished."""
        self._open = False

    def __iter__(self) -> Iterator[Outcome]:
        sizes = {"read": THREADS, "infer": 1, "finish": THREADS}
        self._pools = {stage: ThreadPoolExecutor(size) for stage, size in sizes.items()}
        try:
            gathered = False
            while self._start(gathered):
                try:
                    event = self._events.get(timeout=GATHERING_SECONDS)
                except Empty:
                    gathered = True
                    continue
                gathered = False
                yield from self._advanced(*event)
        finally:
            for pool in self._pools.values():
                pool.shutdown(cancel_futures=True)

    def _start(self, gathered: bool) -> bool:
        """Start whatever may start; False once nothing runs any more."""
        while self._may_read():
            try:
                item = next(self._items)
            except StopIteration:
                self.close()
                break
            self._submit("read", None, self._stages.read, item)
        full = len(self._ready) >= self._group or not self._running["read"] or gathered
        if self._ready and full and self._may_infer():
            group, self._ready = self._ready[: self._group], self._ready[self._group :]
            self._submit("infer", group, self._stages.infer, group)
        return any(self._running.values())

    def _may_read(self) -> bool:
        room = len(self._ready) + self._running["read"] < 2 * self._group + THREADS
        light = not self._bytes or self._bytes <= BYTES_IN_FLIGHT
        return self._open and self._running["read"] < THREADS + 2 and room and light

    def _may_infer(self) -> bool:
        return not self._running["infer"] and self._running["finish"] <= 2 * self._group

    def _submit(self, stage: str, about: Any, work: Callable[..., Any], *arguments: Any) -> None:
        self._running[stage] += 1
        future = self._pools[stage].submit(work, *arguments)
        future.add_done_callback(lambda done: self._events.put((stage, about, done)))

    def _advanced(self, stage: str, about: Any, future: Future[Any]) -> Iterator[Outcome]:
        self._running[stage] -= 1
        found = future.result()
        if stage == "finish":
            self._bytes -= about
            yield found
        elif stage == "infer":
            for loaded, result in zip(about, found, strict=True):
                weight = self._stages.weigh(loaded)
                self._submit("finish", weight, self._stages.finish, loaded, result)
        elif isinstance(found, Done):
            yield found.outcome
        else:
            self._bytes += self._stages.weigh(found)
            self._ready.append(found)
