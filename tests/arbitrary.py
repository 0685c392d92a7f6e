"""What a damaged JSON file may hold: anything, or one wrong value somewhere in a right one."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy


def json_values() -> SearchStrategy[Any]:
    """Any value that Python reads from JSON, with NaN, huge numbers, lone surrogates and depth."""
    plain = (
        st.none()
        | st.booleans()
        | st.integers()
        | st.just(10**400)
        | st.floats()
        | st.text(st.characters(), max_size=5)
        | st.sampled_from(["", "\ud800", "\0", "../..", "last"])
    )
    return st.recursive(
        plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner)
    )


def replaced(value: Any) -> SearchStrategy[Any]:
    """`value` with one part, at any depth, lost or replaced by another value."""
    others = json_values().filter(lambda other: other != value)
    if isinstance(value, dict) and value:
        parts = st.sampled_from(sorted(value)).flatmap(
            lambda name: replaced(value[name]).map(lambda part: {**value, name: part})
        )
        lost = st.sampled_from(sorted(value)).map(
            lambda name: {key: part for key, part in value.items() if key != name}
        )
        return others | parts | lost
    if isinstance(value, list) and value:
        items = st.sampled_from(range(len(value))).flatmap(
            lambda i: replaced(value[i]).map(lambda part: [*value[:i], part, *value[i + 1 :]])
        )
        return others | items
    return others
