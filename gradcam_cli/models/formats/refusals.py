"""What the checks of all formats share: how a file is refused, and how its text is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gradcam_cli.errors import ModelError
from gradcam_cli.text import printable

EXPORT_AGAIN = "Export it anew, or copy it anew from where it came."
_LONGEST, _MOST_NAMES = 80, 5


def shown(text: object) -> str:
    """`text`, which came from a file, on one line, fit for a terminal and of modest length."""
    line = printable(str(text)[: 2 * _LONGEST])
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def listed(names: Sequence[str]) -> str:
    """The first few of `names`, and how many more there are."""
    more = len(names) - _MOST_NAMES
    first = ", ".join(shown(name) for name in names[:_MOST_NAMES])
    return f"{first} and {more} more" if more > 0 else first


def refused(path: Path, reason: str, remedy: str = EXPORT_AGAIN) -> ModelError:
    """The error for a model file that is not opened, `reason` continuing the file's name."""
    return ModelError(printable(f"{path} {reason}"), printable(remedy))


def damaged(path: Path, kind: str, reason: str) -> ModelError:
    """The error for a file that begins like one of `kind` and goes on otherwise."""
    return refused(path, f"is damaged or no {kind} file: {reason}")


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what the system says about `path` into a `ModelError`."""
    try:
        yield
    except FileNotFoundError as error:
        raise refused(path, "does not exist", "Check the path.") from error
    except ValueError as error:  # a zero byte in the name
        raise refused(path, "is no path", "Check the path.") from error
    except OSError as error:
        reason = shown(error.strerror or error)
        raise refused(path, f"cannot be read: {reason}", "Check its permissions.") from error
