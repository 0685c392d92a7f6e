"""From what a data set says to the items of a check."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from gradcam_cli.annotations.categories import match_categories
from gradcam_cli.annotations.contract import AnnotatedPicture, Annotations, Category
from gradcam_cli.images.listing import Item
from gradcam_cli.images.output_stems import OutputStems
from gradcam_cli.models.labels import Labels
from gradcam_cli.runs.checking import CheckItem, ExpectedClass


def check_items(
    annotations: Annotations,
    labels: Labels,
    given: Mapping[str, str] = MappingProxyType({}),
    *,
    counterfactual: bool = True,
) -> list[Item]:
    """An item for each picture, and one for each problem, which fails.

    Parameters
    ----------
    annotations : Annotations
    labels : Labels
        The model's.
    given : mapping of str to str
        The classes of some categories; see `match_categories`.
    counterfactual : bool
        Score the pictures with objects blurred, too.

    Raises
    ------
    UsageError
        Where a category is no class of the model.
    """
    categories = (each.category for picture in annotations.pictures for each in picture.classes)
    classes = match_categories(categories, labels, given)
    stems = OutputStems()
    pictures = annotations.pictures
    root = Path(os.path.commonpath([each.path.parent for each in pictures])) if pictures else Path()
    return [
        *(_item(each, classes, stems, root, counterfactual) for each in pictures),
        *(Item(problem.where, "", problem.where, problem.what) for problem in annotations.problems),
    ]


def expected_pairs(items: Iterable[Item]) -> set[tuple[str, int]]:
    """Each picture of `items` with each class that is expected in it."""
    return {
        (item.name, each.index)
        for item in items
        if isinstance(item, CheckItem)
        for each in item.classes
    }


def _item(
    picture: AnnotatedPicture,
    classes: Mapping[Category, int],
    stems: OutputStems,
    root: Path,
    counterfactual: bool,
) -> CheckItem:
    path = picture.path
    relative = path.relative_to(root)
    key = os.path.abspath(path)  # noqa: PTH100 - as a listing has it, links are left
    expected: dict[int, ExpectedClass] = {}
    for each in picture.classes:
        index = classes[each.category]
        before = expected.get(index)
        objects = each.objects if before is None else (*before.objects, *each.objects)
        where = each.where if before is None else before.where
        expected[index] = ExpectedClass(index, each.category.name, objects, where)
    return CheckItem(
        str(path),
        stems.new(relative.with_suffix("").as_posix(), path.suffix, key),
        key,
        classes=tuple(expected.values()),
        size=picture.size,
        counterfactual=counterfactual,
    )
