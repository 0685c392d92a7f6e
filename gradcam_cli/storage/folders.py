"""The folder that gradcam keeps its files in."""

from __future__ import annotations

import os
from pathlib import Path

from gradcam_cli.errors import ModelError

_PRIVATE = 0o700


def cache_folder() -> Path:
    """The folder gradcam keeps its files in: ``$GRADCAM_CACHE``, else the user's cache.

    Raises
    ------
    ModelError
        Where there is neither.
    """
    if configured := os.environ.get("GRADCAM_CACHE"):
        return expand_user(configured)
    from platformdirs import user_cache_dir

    try:
        return Path(user_cache_dir("gradcam"))
    except RuntimeError as error:  # a user without a name, and no HOME
        raise ModelError(
            "there is no home folder to keep a cache in", "Set GRADCAM_CACHE to a folder."
        ) from error


def make_folder(path: Path) -> None:
    """Make `path`, a folder right in the cache folder, and that, where they are not there.

    Nobody else may enter a cache folder made here, for who can write there decides what gradcam
    answers. What is made in one that was there is as open as that, unless the umask forbids it.

    Raises
    ------
    OSError
        Where it cannot be made.
    """
    root = path.parent
    if not root.is_dir():
        root.parent.mkdir(parents=True, exist_ok=True)
        root.mkdir(mode=_PRIVATE, exist_ok=True)
    path.mkdir(mode=root.stat().st_mode & 0o777, exist_ok=True)


def expand_user(text: str) -> Path:
    """`text` as an absolute path, its ``~`` resolved where there is such a user."""
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:  # nobody of that name
        return Path(text).absolute()
