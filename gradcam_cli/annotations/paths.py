"""Where the pictures of a data set are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path


class PictureFolders:
    """The folders that the paths in a data set may start from; nothing outside them is read.

    Parameters
    ----------
    folders : sequence of Path
        Looked through in this order.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders

    def find(self, name: str) -> tuple[Path | None, str]:
        """The file called `name`, and why there is none."""
        if not name or "\0" in name:
            return None, "it names no picture"
        parts = Path(name.replace("\\", "/") if os.sep == "/" else name)
        for folder in self._folders:
            path = Path(os.path.normpath(folder / parts))
            if not _absolute(path).is_relative_to(_absolute(folder)):
                return None, f"the path {name} leads out of the folder {folder}"
            try:
                if path.is_file():
                    return path, ""
            except (OSError, ValueError):
                return None, f"the path {name[:80]} cannot be"
        places = " or ".join(str(folder / parts) for folder in self._folders)
        return None, f"there is no picture {places}"


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - links are left as they are
