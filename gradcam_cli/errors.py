"""Every error gradcam raises on purpose.

    GradcamError
    ├── UsageError      2   the command line, a name in it, or a place to write cannot be used
    ├── ImageError      3   a source could not be read as an image
    └── ModelError      4   a model or its weights are unavailable

Only ``cli/`` turns one into a line on stderr and an exit code.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process answers; documented in the README."""

    DONE = 0
    CHECK_FAILED = 1
    USAGE = 2
    INPUT = 3
    MODEL = 4
    BUG = 70
    INTERRUPTED = 130
    TERMINATED = 143


class GradcamError(Exception):
    """Base of all: what was expected and what came, then what to do about it.

    Parameters
    ----------
    what : str
        What happened and to which source, in one sentence without a final full stop.
    remedy : str
        What to do next, in one sentence; may be empty where nothing helps.
    """

    exit_code = ExitCode.USAGE

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what, remedy)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what}. {self.remedy}" if self.remedy else f"{self.what}."


class UsageError(GradcamError):
    """The command line, a name in it, or a place to write cannot be used."""

    exit_code = ExitCode.USAGE


class ImageError(GradcamError):
    """A source could not be read as an image."""

    exit_code = ExitCode.INPUT


class ModelError(GradcamError):
    """A model or its weights are unavailable."""

    exit_code = ExitCode.MODEL
