"""Finding what somebody meant by a name that is nearly right."""

from __future__ import annotations

import difflib
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
    by_folded: dict[str, str] = {}
    for each in known:
        by_folded.setdefault(folded(each), each)
    wanted = folded(name)
    whole_words = re.compile(rf"(?<![a-z0-9]){re.escape(name.casefold())}(?![a-z0-9])")
    worded = [each for each in by_folded.values() if whole_words.search(_spaced(each))]
    holding = [each for key, each in by_folded.items() if len(wanted) > 2 and wanted in key]
    alike = [by_folded[key] for key in difflib.get_close_matches(wanted, by_folded, most, 0.6)]
    # A misspelt word is nearer to what it looks like than to what happens to contain it.
    order = [*worded, *holding, *alike] if worded else [*alike, *holding]
    return list(dict.fromkeys(order))[:most]


def _spaced(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").casefold()


def did_you_mean(candidates: Iterable[str]) -> str:
    """A sentence that offers `candidates`; empty where there are none."""
    listed = ", ".join(candidates)
    return f"The closest: {listed}." if listed else ""
