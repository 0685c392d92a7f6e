"""Which class of a model each category of a data set is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from gradcam_cli.annotations.contract import Category
from gradcam_cli.errors import UsageError
from gradcam_cli.models.labels import Labels

_MOST_LISTED = 5


def match_categories(
    categories: Iterable[Category],
    labels: Labels,
    given: Mapping[str, str] = MappingProxyType({}),
) -> dict[Category, int]:
    """The index of the class that each of `categories` is.

    By name, as `Labels.resolve` takes it; where none has the name of a class, and all have numbers,
    by number.

    Parameters
    ----------
    categories : iterable of Category
    labels : Labels
        The model's.
    given : mapping of str to str
        Classes by the names of categories, which go before.

    Raises
    ------
    UsageError
        With those that are no class of the model.
    """
    found: dict[Category, int] = {}
    errors: dict[Category, UsageError] = {}
    distinct = list(dict.fromkeys(categories))
    for category in distinct:
        match _index(given.get(category.name, category.name), labels):
            case UsageError() as error:
                errors[category] = error
            case int() as index:
                found[category] = index
    if not found and all(_is_index(category, labels) for category in distinct):
        return {category: category.number or 0 for category in distinct}
    if errors:
        raise _no_classes(errors)
    return found


def _index(name: str, labels: Labels) -> int | UsageError:
    try:
        (target,) = labels.targets(name)
    except UsageError as error:
        return error
    return target.index


def _is_index(category: Category, labels: Labels) -> bool:
    return category.number is not None and 0 <= category.number < len(labels)


def _no_classes(errors: dict[Category, UsageError]) -> UsageError:
    names = [repr(category.name) for category in errors]
    listed = ", ".join(names[:_MOST_LISTED])
    rest = f" and {len(names) - _MOST_LISTED:,} more" if len(names) > _MOST_LISTED else ""
    first = next(iter(errors.values()))
    what = "is no class" if len(names) == 1 else "are no classes"
    return UsageError(
        f"{listed}{rest} of the data set {what} of the model",
        f"Pass --category NAME=CLASS for each. Of {names[0]}: {first}",
    )
