"""What belongs to the whole process: Ctrl-C and SIGTERM, and the stderr of C libraries."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from signal import Signals
from typing import Any, BinaryIO

ENDING = (signal.SIGINT, signal.SIGTERM)


_kept: list[object] = []


def keep_until_exit(thing: object) -> None:
    """Do not take `thing` down before the process exits; it replaces what was kept before.

    A model takes a hundredth of a second, which nobody has to wait for.
    """
    _kept[:] = [thing]


class Terminated(BaseException):
    """SIGTERM arrived."""


@contextmanager
def sigterm_raises() -> Iterator[None]:
    """Have SIGTERM raise `Terminated`, as Ctrl-C raises KeyboardInterrupt; in the main thread."""

    def end(number: int, frame: Any) -> None:
        raise Terminated

    with _signal_handlers({signal.SIGTERM: end}):
        yield


@contextmanager
def on_interrupt(callback: Callable[[Signals], None]) -> Iterator[None]:
    """Have the first Ctrl-C or SIGTERM call `callback`, and the next one end it as ever.

    Only in the main thread; elsewhere nothing changes.
    """
    before = {number: signal.getsignal(number) for number in ENDING}

    def handle(number: int, frame: Any) -> None:
        _restore(before)
        callback(Signals(number))

    with _signal_handlers(dict.fromkeys(ENDING, handle)):
        yield


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold the first Ctrl-C or SIGTERM back until the block ends, from who would swallow it."""
    received: list[Signals] = []
    try:
        with on_interrupt(received.append):
            yield
    finally:
        if received:
            raise Terminated if received[0] == signal.SIGTERM else KeyboardInterrupt


@contextmanager
def _signal_handlers(handlers: dict[Signals, Callable[[int, Any], None]]) -> Iterator[None]:
    """Have `handlers` called, but for signals that the process was started to ignore."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in handlers}
    for number, handler in handlers.items():
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, handler)
    try:
        yield
    finally:
        _restore(before)


def _restore(handlers: dict[Signals, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, signal.SIG_DFL if handler is None else handler)


@contextmanager
def stderr_into(file: BinaryIO) -> Iterator[None]:
    """Send what is written to file descriptor 2 to `file` instead; for all threads."""
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        saved_stderr = os.dup(2)
    except OSError:  # it is closed already
        yield
        return
    os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved_stderr, 2)
        os.close(saved_stderr)


@contextmanager
def private_stderr() -> Iterator[None]:
    """Have Python's stderr be a copy of the process's.

    While some pictures are decoded, the process's own is turned away from C libraries.
    """
    stream = sys.stderr
    try:
        copied = os.dup(stream.fileno())
    except (AttributeError, OSError, io.UnsupportedOperation):  # it is no file, as in a notebook
        yield
        return
    with open(  # noqa: PTH123 - of a descriptor
        copied, "w", encoding=stream.encoding, errors=stream.errors, buffering=1
    ) as private:
        sys.stderr = private
        try:
            yield
        finally:
            sys.stderr = stream
