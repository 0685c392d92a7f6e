"""Callbacks that report what takes long: notes and progress."""

from __future__ import annotations

from collections.abc import Callable

Note = Callable[[str], None]
"""Called with one plain sentence."""

Progress = Callable[[int, int | None], None]
"""Called with how much is done, and the total, or None where that is unknown."""


def no_note(text: str) -> None:
    """For a caller that says nothing."""


def no_progress(done: int, total: int | None) -> None:
    """For a caller that draws no bar."""
