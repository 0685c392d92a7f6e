"""The classes of ImageNet-1k: indices, WordNet ids and names, and what people call them.

imagenet_class_index.json is, byte for byte, the file that Keras's `decode_predictions` downloads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import SupportsIndex

from gradcam_cli.arguments import as_index, described
from gradcam_cli.errors import UsageError
from gradcam_cli.results.explanation import ClassLabel
from gradcam_cli.suggestions import closest, folded
from gradcam_cli.targets import TOP, Target

TOP_WORD = "top"

ClassName = str | SupportsIndex
"""A class as a caller writes it: what `resolve_class` takes, or an index, also of NumPy's types."""


@cache
def class_labels() -> tuple[ClassLabel, ...]:
    """The 1000 classes, in the order of a model's output."""
    index = resources.files(__package__).joinpath("imagenet_class_index.json").read_text("utf-8")
    return tuple(ClassLabel(int(i), *pair) for i, pair in json.loads(index).items())


def resolve_class(text: str) -> int:
    """The index of the class that `text` means, or `TOP` for the word "top".

    `text` is an index ("837"), a WordNet id ("n04356056") or a name ("sunglasses",
    "Egyptian cat"). Of several names that differ only by case, the one written exactly so is
    taken.

    Raises
    ------
    UsageError
        With the candidates where it is ambiguous, and the closest names where it is unknown.
    """
    text = text.strip()
    if text.casefold() == TOP_WORD:
        return TOP
    if re.fullmatch(r"[+-]?[0-9]+", text, re.ASCII):
        return _by_index(text)
    labels = class_labels()
    if re.fullmatch(r"n[0-9]{8}", text, re.ASCII):
        found = [label for label in labels if label.wnid == text]
    else:
        written = re.sub(r"\s+", "_", text)
        found = [label for label in labels if label.name == written]
        found = found or [label for label in labels if folded(label.name) == folded(text)]
    if len(found) == 1:
        return found[0].index
    raise _ambiguous(text, found) if found else _unknown(text)


def resolve_targets(
    targets: ClassName | Target | Iterable[ClassName | Target],
) -> tuple[Target, ...]:
    """The target that one class stands for, or each of several, in order.

    Raises
    ------
    UsageError
        Where there is none, or one of them is no class.
    """
    single = isinstance(targets, (str, bytes, Target)) or as_index(targets) is not None
    if single or not isinstance(targets, Iterable):
        return (_resolve_target(targets),)
    resolved = tuple(_resolve_target(target) for target in targets)
    if not resolved:
        raise UsageError("expected at least one class to explain, got none", "Pass one, or `TOP`.")
    return resolved


def _resolve_target(target: object) -> Target:
    if isinstance(target, Target):
        _check_index(target.versus if target.versus is not None else TOP)
        _check_index(target.index)
        return target
    if isinstance(target, str):
        return Target(resolve_class(target))
    return Target(_check_index(target))


def _check_index(target: object) -> int:
    index = as_index(target)
    last = len(class_labels()) - 1
    if index is None or not (index == TOP or 0 <= index <= last):
        raise UsageError(
            f"expected a class as an index from 0 to {last}, a name, a WordNet id or TOP, "
            f"got {described(target)}",
            "`gradcam classes WORD` finds the index of a name.",
        )
    return index


def search_classes(word: str) -> list[ClassLabel]:
    """The classes whose index, WordNet id or name has `word` in it; exact names first."""
    labels = class_labels()
    wanted = folded(word)
    found = [
        label
        for label in labels
        if wanted in folded(label.name) or word == label.wnid or word == str(label.index)
    ]
    return sorted(found, key=lambda label: (folded(label.name) != wanted, label.index))


def _by_index(text: str) -> int:
    # A number of thousands of digits is refused by int() itself.
    last = len(class_labels()) - 1
    if len(text) > 20 or not 0 <= int(text) <= last:
        raise UsageError(
            f"class {text[:20]} is not an index from 0 to {last}",
            "`gradcam classes WORD` finds the index of a name.",
        )
    return int(text)


def _listed(labels: list[ClassLabel]) -> str:
    return ", ".join(f"{label.index} {label.name} ({label.wnid})" for label in labels)


def _ambiguous(text: str, found: list[ClassLabel]) -> UsageError:
    return UsageError(
        f"{len(found)} classes are called {text!r}: {_listed(found)}", "Pass the index of one."
    )


def _unknown(text: str) -> UsageError:
    labels = class_labels()
    near = closest(text, (label.name for label in labels))
    offered = [label for name in near for label in labels if label.name == name]
    offer = f"The closest: {_listed(offered)}. " if offered else ""
    return UsageError(
        f"there is no class called {text!r}", f"{offer}`gradcam classes WORD` searches them."
    )
