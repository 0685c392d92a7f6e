"""Text that came from outside, made fit to be shown."""

from __future__ import annotations


def printable(text: str) -> str:
    """`text` on one line, with what a terminal would obey or cannot show written as an escape."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in text
    )
