"""Text that came from outside, made fit to be shown."""

from __future__ import annotations

import codecs

_JOINERS = "\u200c\u200d"  # inside words of Persian and of India, and inside emoji
_PLAIN = {"×": "x", "…": "...", "–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"'}
_PLAIN_OR_ESCAPED = "gradcam.plain_or_escaped"


def printable(text: str) -> str:
    """`text` on one line, with what a terminal would obey or cannot show written as an escape.

    Escaped are control and format characters (those that change the direction of text among
    them), separators other than the space, surrogates, and what Unicode does not assign. Letters,
    marks and emoji stay, as do the joiners between two of them outside ASCII.
    """
    if text.isprintable():
        return text
    return "".join(
        letter
        if letter.isprintable() or _joins(text, index)
        else letter.encode("unicode_escape").decode("ascii")
        for index, letter in enumerate(text)
    )


def _joins(text: str, index: int) -> bool:
    """True where a joiner stands between two visible characters, neither of them ASCII."""
    neighbours = text[max(index - 1, 0) : index] + text[index + 1 : index + 2]
    return (
        text[index] in _JOINERS
        and len(neighbours) == 2
        and all(letter.isprintable() and not letter.isascii() for letter in neighbours)
    )


def percent(share: float) -> str:
    """`share`, 0..1, for people: "12.3 %"; what is not nothing is not "0.0 %"."""
    return "< 0.1 %" if 0 < share < 0.001 else f"{100 * share:.1f} %"


def encodable(text: str, encoding: str) -> str:
    """`text` in the characters that `encoding` has: plainer ones, as x for ×, or escapes."""
    if text.isascii():
        return text
    return text.encode(encoding, _PLAIN_OR_ESCAPED).decode(encoding)


def _plain_or_escaped(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(
        _PLAIN.get(letter) or letter.encode("ascii", "backslashreplace").decode("ascii")
        for letter in error.object[error.start : error.end]
    ), error.end


codecs.register_error(_PLAIN_OR_ESCAPED, _plain_or_escaped)
