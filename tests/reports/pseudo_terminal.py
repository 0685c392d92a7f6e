"""A pseudo-terminal of a given size, with a command in it or in place of this process's streams."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import SAMPLES


class Screen:
    """What was written to a terminal."""

    def __init__(self) -> None:
        self.raw = b""

    def read_all(self, reader: int) -> None:
        """Keep what comes until nobody has the terminal any more."""
        while True:
            try:
                block = os.read(reader, 1 << 16)
            except OSError:  # Linux says EIO at the end
                return
            if not block:
                return
            self.raw += block

    @property
    def text(self) -> str:
        """All of it, with colours and the ends of lines as a program wrote them."""
        return self.raw.decode().replace("\r\n", "\n")

    @property
    def lines(self) -> list[str]:
        """The lines without colours."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.text).splitlines()


@contextmanager
def opened(columns: int) -> Iterator[tuple[int, Screen]]:
    """The file descriptor of a terminal of so many columns, and its screen, complete at the end."""
    reader, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    screen = Screen()
    reading = threading.Thread(target=screen.read_all, args=(reader,))
    reading.start()
    try:
        yield terminal, screen
    finally:
        os.close(terminal)
        reading.join()
        os.close(reader)


@contextmanager
def streams_on_terminal(columns: int, encoding: str = "utf-8") -> Iterator[Screen]:
    """Have stdout and stderr of this process be a terminal."""
    with (
        opened(columns) as (terminal, screen),
        os.fdopen(os.dup(terminal), "w", encoding=encoding) as out,
        os.fdopen(os.dup(terminal), "w", encoding=encoding, buffering=1) as err,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        yield screen


def run_on_terminal(columns: int, *arguments: object, **environment: str) -> tuple[int, Screen]:
    """Run gradcam as a process with stdout and stderr on a terminal: its exit code, the screen."""
    with opened(columns) as (terminal, screen):
        done = subprocess.run(
            [sys.executable, "-m", "gradcam_cli", *map(str, arguments)],
            stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal, check=False, timeout=120,
            env={**os.environ, "PYTHONPATH": str(SAMPLES.parent), **environment},
        )  # fmt: skip
    return done.returncode, screen
