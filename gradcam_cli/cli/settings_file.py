"""The settings file: which one holds for the working folder, and what is in it.

    working folder, its parent, … ─▶ gradcam.toml, else a pyproject.toml with [tool.gradcam]

The search ends at the home folder, or at the root where the working folder is not inside it. A
file that somebody else owns is passed over: anybody may put one into a folder like /tmp, and
settings say what is written where. GRADCAM_CONFIG names another file, or none where it is empty.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradcam_cli.errors import UsageError

VARIABLE = "GRADCAM_CONFIG"
FILE = "gradcam.toml"
PYPROJECT = "pyproject.toml"
_TABLE = "[tool.gradcam]"
_USE_NONE = f"Correct it, or set {VARIABLE} to nothing to use no settings file."


@dataclass(frozen=True)
class SettingsFile:
    """A settings file.

    Attributes
    ----------
    path : Path
        As it may be shown: relative to the working folder where it was searched for.
    values : dict
        Its settings, as TOML has them.
    """

    path: Path
    values: dict[str, Any]


def settings_file(note: Callable[[str], None]) -> SettingsFile | None:
    """The settings file that holds, or None; `note` is called about one that is passed over.

    Raises
    ------
    UsageError
        Where it cannot be read, or is no TOML.
    """
    configured = os.environ.get(VARIABLE)
    if configured is not None:
        return _named_settings(Path(configured)) if configured else None
    for path in _candidates():
        if not _may_have_settings(path):
            continue
        if not _is_trusted(path):
            note(f"{path} belongs to another user and is not used. To use it, set {VARIABLE}.")
        elif (values := _settings_in(path)) is not None:
            return SettingsFile(path, values)
    return None


def _named_settings(path: Path) -> SettingsFile:
    values = _settings_in(path)
    if values is None:
        raise UsageError(f"{path} has no {_TABLE}, and {VARIABLE} names it", "Add that table.")
    return SettingsFile(path, values)


def _candidates() -> Iterator[Path]:
    """Where a settings file may be, the first that holds first."""
    try:
        folder = Path.cwd()
    except OSError:  # it has been removed
        return
    home = Path(os.path.realpath(os.path.expanduser("~")))  # noqa: PTH111 - Path's may raise
    relative = Path()
    for parent in (folder, *folder.parents):
        yield relative / FILE
        yield relative / PYPROJECT
        if parent == home:
            return
        relative /= os.pardir


def _may_have_settings(path: Path) -> bool:
    """Whether it is worth parsing, which takes longer than everything else here."""
    if not os.path.isfile(path):  # noqa: PTH113 - Path's raises for what may not be looked at
        return False
    if path.name == FILE:
        return True
    try:
        return b"gradcam" in path.read_bytes()
    except OSError:
        return False


def _is_trusted(path: Path) -> bool:
    """Whether the user or root owns the file and, where it is a link, the link."""
    if not hasattr(os, "geteuid"):  # Windows: there the search ends at the home folder
        return True
    return {path.stat().st_uid, path.lstat().st_uid} <= {0, os.geteuid()}


def _settings_in(path: Path) -> dict[str, Any] | None:
    """The settings in a file; None where it is a pyproject.toml that has none."""
    values = _parsed(path)
    if path.name != PYPROJECT:
        return values
    tool_tables = values.get("tool", {})
    settings = tool_tables.get("gradcam") if isinstance(tool_tables, dict) else None
    if settings is not None and not isinstance(settings, dict):
        raise UsageError(f"{path}: tool.gradcam is no table", f"Write {_TABLE} above its settings.")
    return settings


def _parsed(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        text = path.read_bytes().decode("utf-8-sig")  # some editors start a file with a mark
        return tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", _USE_NONE) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not encoded in UTF-8", _USE_NONE) from error
    except (ValueError, RecursionError) as error:  # tables in tables, a thousand deep
        raise UsageError(f"{path} is no TOML: {error}", _USE_NONE) from error
