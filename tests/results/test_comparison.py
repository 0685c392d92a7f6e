"""Which axes are the rows and the columns of a grid."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcam_cli.errors import UsageError
from gradcam_cli.results.comparison import AXES, Axes, choose_axes


def counts(*several: str) -> dict[str, int]:
    return {axis: 1 + (axis in several) for axis in AXES}


@pytest.mark.parametrize(
    ("several", "rows", "columns", "expected"),
    [
        ((), None, None, ("pictures", "methods")),
        (("methods",), None, None, ("pictures", "methods")),
        (("pictures",), None, None, ("pictures", "methods")),
        (("layers",), None, None, ("layers", "methods")),
        (("classes", "layers"), None, None, ("classes", "layers")),
        (("pictures", "methods"), None, None, ("pictures", "methods")),
        (("models", "pictures"), None, None, ("pictures", "models")),
        (("methods",), "methods", None, ("methods", "pictures")),
        (("methods", "layers"), "methods", None, ("methods", "layers")),
        (("layers",), "pictures", None, ("pictures", "layers")),
        (("methods",), None, "pictures", ("methods", "pictures")),
        ((), None, "layers", ("pictures", "layers")),
        (("classes",), "layers", "classes", ("layers", "classes")),
    ],
)
def test_the_sides(several: tuple[str, ...], rows: object, columns: object, expected: Axes) -> None:
    assert choose_axes(counts(*several), rows, columns) == expected  # type: ignore[arg-type]


axis_or_none = st.sampled_from([None, *AXES])


@given(st.sets(st.sampled_from(AXES)), axis_or_none, axis_or_none)
def test_no_axis_with_several_values_is_lost(
    several: set[str], rows: str | None, columns: str | None
) -> None:
    needed = several | ({rows, columns} - {None})
    if len(needed) > 2 or (rows is not None and rows == columns):
        with pytest.raises(UsageError) as caught:
            choose_axes(counts(*several), rows, columns)  # type: ignore[arg-type]
        assert caught.value.remedy
        return
    chosen = choose_axes(counts(*several), rows, columns)  # type: ignore[arg-type]
    assert len(set(chosen)) == 2
    assert needed <= set(chosen)
    assert rows in (None, chosen.rows)
    assert columns in (None, chosen.columns)


def test_the_error_names_the_axis() -> None:
    with pytest.raises(UsageError, match="several classes, which are neither the rows") as caught:
        choose_axes(counts("pictures", "classes", "methods"))  # type: ignore[arg-type]
    assert caught.value.remedy == "Pass one of them, or --rows classes."
