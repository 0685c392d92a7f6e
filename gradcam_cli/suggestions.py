"""Known names that are close to a misspelt one."""

from __future__ import annotations

import re
from collections.abc import Iterable


def folded(name: str) -> str:
    """`name` without case, spaces, hyphens and underscores: how names are compared.

    Examples
    --------
    >>> folded("Egyptian_cat") == folded("egyptian CAT")
    True
    """
    return re.sub(r"[\s_\-]+", "", name).casefold()


def closest(name: str, known: Iterable[str], most: int = 5) -> list[str]:
    """The few of `known` that `name` may have meant: those that contain it, then those alike.

    Examples
    --------
    >>> closest("cat", ["tabby", "Egyptian_cat", "cart"])
    ['Egyptian_cat', 'cart']
    """
    import difflib

    by_folded: dict[str, str] = {}
    for candidate in known:
        by_folded.setdefault(folded(candidate), candidate)
    key = folded(name)
    word = re.compile(rf"(?<![a-z0-9]){re.escape(name.casefold())}(?![a-z0-9])")
    with_word = [text for text in by_folded.values() if word.search(_spaced(text))]
    containing = [text for other, text in by_folded.items() if len(key) > 2 and key in other]
    similar = [by_folded[near] for near in difflib.get_close_matches(key, by_folded, most, 0.6)]
    # A misspelt word is nearer to what it looks like than to what happens to contain it.
    order = [*with_word, *containing, *similar] if with_word else [*similar, *containing]
    return list(dict.fromkeys(order))[:most]


def _spaced(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").casefold()


def did_you_mean(candidates: Iterable[str]) -> str:
    """A sentence that offers `candidates`; empty where there are none."""
    listed = ", ".join(candidates)
    return f"The closest: {listed}." if listed else ""
