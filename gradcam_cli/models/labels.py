"""The classes of a model: indices, ids and names, and what people call them.

imagenet_class_index.json is, byte for byte, the file that Keras's `decode_predictions` downloads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import SupportsIndex, overload

from gradcam_cli.arguments import as_index, describe
from gradcam_cli.errors import UsageError
from gradcam_cli.results.explanation import ClassLabel, unnamed_class
from gradcam_cli.suggestions import closest, folded
from gradcam_cli.targets import TOP, Target

TOP_WORD = "top"

ClassName = str | SupportsIndex
"""A class as a caller writes it: what `Labels.resolve` takes, or an index, of NumPy's types too."""

Classes = ClassName | Target | Iterable[ClassName | Target]
"""What is to be explained, as a caller writes it: one class, or several."""


@dataclass(frozen=True)
class Labels(Sequence[ClassLabel]):
    """The classes of a model, in the order of its scores.

    Attributes
    ----------
    classes : tuple of ClassLabel
        Each at its index.

    Examples
    --------
    >>> animals = Labels.named(["tabby", "Egyptian cat", "lynx"])
    >>> animals.resolve("egyptian-cat")
    1
    >>> animals.targets("lynx", versus="Egyptian cat")
    (Target(index=2, versus=1, counterfactual=False),)
    """

    classes: tuple[ClassLabel, ...]

    @classmethod
    def named(cls, names: Iterable[str]) -> Labels:
        """Those of classes with these names and no ids; what has an empty one is ``class 3``."""
        return cls(
            tuple(
                ClassLabel(i, "", name.strip() or unnamed_class(i)) for i, name in enumerate(names)
            )
        )

    @classmethod
    def of_names(cls, names: Sequence[str]) -> Labels:
        """`named`, of names that a caller passed.

        Raises
        ------
        UsageError
            Where one of them is no text, or there is none.
        """
        wrong = [name for name in names if not isinstance(name, str)]
        if wrong or not names:
            got = describe(wrong[0]) if wrong else "none"
            raise UsageError(
                f"expected the names of classes, got {got}",
                "Pass a text for each class, in the order of the model's scores.",
            )
        return cls.named(names)

    @classmethod
    def unnamed(cls, count: int) -> Labels:
        """Those of `count` classes of which nothing is known: ``class 0``, ``class 1`` …"""
        return cls.named([""] * count)

    def __len__(self) -> int:
        return len(self.classes)

    @overload
    def __getitem__(self, index: int) -> ClassLabel: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[ClassLabel, ...]: ...
    def __getitem__(self, index: int | slice) -> ClassLabel | tuple[ClassLabel, ...]:
        return self.classes[index]

    def __iter__(self) -> Iterator[ClassLabel]:
        return iter(self.classes)

    def resolve(self, text: str) -> int:
        """The index of the class that `text` means, or `TOP` for the word "top".

        `text` is an index ("837"), an id ("n04356056") or a name ("sunglasses", "Egyptian cat"), of
        a name with commas any part: "tench" is "tench, Tinca tinca".
        Of several names that differ only by case, the one written exactly so is taken.

        Raises
        ------
        UsageError
            With the candidates where it is ambiguous, and the closest names where it is unknown.
        """
        text = text.strip()
        if text.casefold() == TOP_WORD:
            return TOP
        if re.fullmatch(r"[+-]?[0-9]+", text, re.ASCII):
            return self._by_index(text)
        matches = self._by_id(text) or self._by_name(text)
        if len(matches) == 1:
            return matches[0].index
        raise _ambiguous(text, matches) if matches else self._unknown(text)

    def targets(
        self,
        classes: Classes,
        versus: ClassName | None = None,
        *,
        counterfactual: bool = False,
    ) -> tuple[Target, ...]:
        """What is to be explained: one class, or each of several, in order.

        Parameters
        ----------
        classes : str, int, Target, or iterable of them
            Names, ids, indices or `TOP`; a `Target` is taken as it is.
        versus : str or int, optional
            The class that each is explained against.
        counterfactual : bool
            Explain what speaks against each.

        Raises
        ------
        UsageError
            Where there is none, one of them is no class, or is to be explained against itself.
        """
        single = isinstance(classes, (str, bytes, Target)) or as_index(classes) is not None
        class_names = [classes] if single or not isinstance(classes, Iterable) else list(classes)
        if not class_names:
            raise UsageError(
                "expected at least one class to explain, got none", "Pass one, or `TOP`."
            )
        against = None if versus is None else self._index_of(versus)
        template = Target(TOP, against, counterfactual)
        return tuple(self._target(class_name, template) for class_name in class_names)

    def search(self, word: str) -> list[ClassLabel]:
        """The classes whose index, id or name has `word` in it; exact names first."""
        part = folded(word)
        matching = [
            label
            for label in self.classes
            if part in folded(label.name) or word in (label.wnid, str(label.index))
        ]
        return sorted(matching, key=lambda label: (folded(label.name) != part, label.index))

    def _target(self, class_name: object, template: Target) -> Target:
        if isinstance(class_name, Target):
            self._index_of(TOP if class_name.versus is None else class_name.versus)
            target = replace(class_name, index=self._index_of(class_name.index))
        else:
            target = replace(template, index=self._index_of(class_name))
        if target.index == target.versus:
            raise self._against_itself(target.index)
        return target

    def _index_of(self, written: object) -> int:
        if isinstance(written, str):
            return self.resolve(written)
        index = as_index(written)
        last = len(self) - 1
        if index is None or not (index == TOP or 0 <= index <= last):
            raise UsageError(
                f"expected a class as an index from 0 to {last}, a name, a WordNet id or TOP, "
                f"got {describe(written)}",
                "`gradcam classes WORD` finds the index of a name.",
            )
        return index

    def _by_index(self, text: str) -> int:
        # A number of thousands of digits is refused by int() itself.
        last = len(self) - 1
        if len(text) > 20 or not 0 <= int(text) <= last:
            raise UsageError(
                f"class {text[:20]} is not an index from 0 to {last}",
                "`gradcam classes WORD` finds the index of a name.",
            )
        return int(text)

    def _by_id(self, text: str) -> list[ClassLabel]:
        return [label for label in self.classes if text and label.wnid == text]

    def _by_name(self, text: str) -> list[ClassLabel]:
        written = _underscored(text)
        exact = [label for label in self.classes if _underscored(label.name) == written]
        name = folded(text)
        return (
            exact
            or [label for label in self.classes if folded(label.name) == name]
            or [label for label in self.classes if name and name in map(folded, _parts(label.name))]
        )

    def _unknown(self, text: str) -> UsageError:
        by_name: dict[str, list[ClassLabel]] = {}
        for label in self.classes:
            for name in (label.name, *_parts(label.name)):
                by_name.setdefault(name, []).append(label)
        closest_labels = [label for name in closest(text, by_name) for label in by_name[name]]
        labels = list(dict.fromkeys(closest_labels))
        suggestion = f"The closest: {_label_list(labels)}. " if labels else ""
        return UsageError(
            f"there is no class called {text!r}",
            f"{suggestion}`gradcam classes WORD` searches them.",
        )

    def _against_itself(self, index: int) -> UsageError:
        name = "the predicted class" if index == TOP else _label_list([self.classes[index]])
        return UsageError(
            f"expected two classes to tell apart, got {name} twice", "Pass another for one of them."
        )


@cache
def imagenet_labels() -> Labels:
    """The 1000 classes of ImageNet-1k, their ids those of WordNet."""
    index = Path(__file__).with_name("imagenet_class_index.json").read_text("utf-8")
    return Labels(tuple(ClassLabel(int(i), *pair) for i, pair in json.loads(index).items()))


def _underscored(name: str) -> str:
    return re.sub(r"\s+", "_", name)


def _parts(name: str) -> list[str]:
    """What a class is called in a name as WordNet has it, "tench, Tinca tinca"."""
    return [part.strip() for part in name.split(",")] if "," in name else []


def _label_list(labels: list[ClassLabel]) -> str:
    return ", ".join(f"{label.index} {label.name}{_in_brackets(label.wnid)}" for label in labels)


def _in_brackets(wnid: str) -> str:
    return f" ({wnid})" if wnid else ""


def _ambiguous(text: str, matches: list[ClassLabel]) -> UsageError:
    return UsageError(
        f"{len(matches)} classes are called {text!r}: {_label_list(matches)}",
        "Pass the index of one.",
    )
