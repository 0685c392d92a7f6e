"""Ctrl-C at a moment that is ours to choose."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def on_interrupt(act: Callable[[], None]) -> Iterator[None]:
    """Have the first Ctrl-C call `act`, and the next one interrupt as ever; in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def handle(number: int, frame: Any) -> None:
        signal.signal(signal.SIGINT, before)
        act()

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold the first Ctrl-C back until the block ends, for libraries that would swallow it."""
    came: list[bool] = []
    try:
        with on_interrupt(lambda: came.append(True)):
            yield
    finally:
        if came:
            raise KeyboardInterrupt
