"""The pictures that others are compared with, from the paths that a user names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gradcam_cli.errors import ImageError, UsageError
from gradcam_cli.images.listing import Item, list_items
from gradcam_cli.storage.files import sha256_of
from gradcam_cli.storage.http import is_url
from gradcam_cli.text import printable

MOST_BASELINES = 256
"""What the model takes for each stays in memory."""


@dataclass(frozen=True)
class BaselineFile:
    """A picture's path, and the SHA-256 of its content."""

    path: str
    sha256: str


def find_baselines(paths: Iterable[str]) -> tuple[BaselineFile, ...]:
    """The pictures that `paths`, files, folders and patterns, stand for; they are not decoded.

    Raises
    ------
    UsageError
        Where there is none or more than `MOST_BASELINES`, or one is a URL.
    ImageError
        Where one cannot be read.
    """
    paths = list(paths)
    items = list_items(paths).items
    if not 1 <= len(items) <= MOST_BASELINES:
        raise UsageError(
            f"expected 1 to {MOST_BASELINES} pictures as baselines, got {len(items):,} of "
            f"{', '.join(paths)}",
            "Pass others to --baseline.",
        )
    return tuple(map(_file_of, items))


def _file_of(item: Item) -> BaselineFile:
    if is_url(item.source):
        raise UsageError(f"{item.name} is no file", "Save it, and pass its path to --baseline.")
    if item.error:
        raise ImageError(f"could not read the baseline {item.name}: {item.error}")
    try:
        return BaselineFile(item.source, sha256_of(Path(item.source)))
    except OSError as error:
        reason = printable(error.strerror or "it cannot be read")
        raise ImageError(f"could not read the baseline {item.name}: {reason}") from error
