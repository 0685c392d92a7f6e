"""The names of a model's classes, from a file or from the model's own metadata.

    names.txt    cat | 0 cat | 0: cat | n02124075 Egyptian cat      one a line
    names.json   ["cat", …] | {"0": "cat", …} | {"0": ["n02124075", "Egyptian_cat"], …} |
                 {"cat": 0, …} | any of these inside "id2label", "label2id", "names" …
    names.csv    as in `gradcam_cli.models.labels_csv`

Lines are taken for numbered, or for names with WordNet ids, only where all of them are.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gradcam_cli.arguments import describe
from gradcam_cli.errors import UsageError
from gradcam_cli.models.labels import Labels
from gradcam_cli.models.labels_csv import is_index, labels_in_csv
from gradcam_cli.results.explanation import ClassLabel, unnamed_class
from gradcam_cli.text import printable

MOST_BYTES = 16 << 20
_MOST_PYTHON = 2 << 20  # its parser takes a hundred times the memory of the text
_LAST_INDEX = 1_000_000
_LONGEST_NAME = 500

_LINE_END = re.compile(r"\r\n?|\n")
_NUMBERED = re.compile(r"(-?[0-9]{1,20})(?:\s*(:)\s*|\s*[,;]\s*|\s+)(\S.*)")
_WITH_WNID = re.compile(r"(n[0-9]{8})[\s,:]+(\S.*)")
_WRAPPERS = ("id2label", "label2id", "names", "classes", "labels", "class_names", "label_names")
_OTHER_FORMATS = (".yaml", ".yml", ".xml", ".pbtxt", ".toml")
_REMEDY = "Write one name a line, in the order of the model's scores."


def read_labels(path: Path, classes: int | None = None) -> Labels:
    """The labels in a file of names: text, JSON or CSV.

    Parameters
    ----------
    path : Path
        A .json, .csv or .tsv is read as such; any other as text, or as JSON or a Python dict where
        it looks like one. UTF-8, at most 16 MB.
    classes : int, optional
        How many classes the model has.

    Returns
    -------
    Labels
        With printable names of modest length; a class that the file leaves out is ``class 3``.
        What numbers all of `classes` from 1 is counted from 1.

    Raises
    ------
    UsageError
        Where the file cannot be read, or has no names, names for another number of classes, an
        index twice, or one that no class can have.
    """
    text = _text_of(path)
    try:
        return _labels(_labels_in(text, path.suffix.casefold()), classes)
    except UsageError as error:
        raise UsageError(f"{error.what} in {printable(str(path))}", error.remedy) from None


def labels_of_mapping(value: Any) -> Labels | None:
    """The labels in what may be read from JSON, as those of a file; None where there are none.

    Examples
    --------
    >>> [label.name for label in labels_of_mapping({"id2label": {"0": "cat", "1": "dog"}})]
    ['cat', 'dog']
    """
    return _fitting(_labels_in_value, value, None)


def labels_of_text(text: str, classes: int | None = None) -> Labels | None:
    """The labels in a text of a model's metadata; None where there are none, or not `classes`.

    Parameters
    ----------
    text : str
        JSON or Python, as ``{0: 'cat', 1: 'dog'}``; or names separated by lines, by commas or by
        spaces: the first of these that gives a name for each of `classes`.
    classes : int, optional
        How many classes the model has; where it is not known, the first of these that gives
        several names is taken.

    Examples
    --------
    >>> [label.name for label in labels_of_text("cat dog big_bird", 3)]
    ['cat', 'dog', 'big_bird']
    """
    text = text.strip()
    if text[:1] in ("{", "[", "("):  # whole, or it is cut off
        return _fitting(_labels_in_value, _python_or_json(text), classes)
    separated = (_LINE_END.split(text), text.split(","), text.split())
    readings = [_fitting(_labels_in_names, names, classes) for names in separated]
    fitting = [labels for labels in readings if labels]
    return next((labels for labels in fitting if len(labels) > 1), next(iter(fitting), None))


def _fitting(
    read: Callable[[Any], list[ClassLabel]], value: Any, classes: int | None
) -> Labels | None:
    try:
        return _labels(read(value), classes)
    except UsageError:
        return None


def _text_of(path: Path) -> str:
    place = printable(str(path))
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # a ValueError for a path with a NUL in it
        reason = getattr(error, "strerror", None) or "there can be no such file"
        raise UsageError(
            f"cannot read the labels in {place}: {reason}", "Pass a file of names."
        ) from None
    if len(data) > MOST_BYTES:
        raise UsageError(f"expected at most {MOST_BYTES >> 20} MB of names, got {place}", _REMEDY)
    try:
        if b"\0" not in data:
            return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    raise UsageError(
        f"expected names as text in UTF-8, got {place}, which is none",
        "Pass a file of one name a line, saved as UTF-8.",
    )


def _labels_in(text: str, suffix: str) -> list[ClassLabel]:
    if suffix in _OTHER_FORMATS:
        raise UsageError(f"expected names as .txt, .json or .csv, got {suffix}", _REMEDY)
    if suffix == ".json":
        return _labels_in_value(_json(text))
    if suffix in (".csv", ".tsv"):
        return labels_in_csv(text)
    if text.lstrip()[:1] in ("{", "["):
        value = _python_or_json(text.strip())
        if isinstance(value, (dict, list)):
            return _labels_in_value(value)
    return _labels_in_names(_LINE_END.split(text))


def _json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_each_key_once)
    except RecursionError:
        raise UsageError("expected JSON, got too many brackets", _REMEDY) from None
    except json.JSONDecodeError as error:
        what = f"expected JSON, got an error at line {error.lineno}, column {error.colno}"
        raise UsageError(f"{what} ({error.msg})", "Correct it there.") from None
    except ValueError:
        raise UsageError("expected JSON, got a number of too many digits", _REMEDY) from None


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) == len(pairs):
        return keys
    twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
    raise UsageError(f"expected each key once, got {describe(twice)} twice", "Take one out.")


def _python_or_json(text: str) -> Any:
    """The value that `text` writes; None where it is neither."""
    try:
        return _json(text)
    except UsageError:
        if len(text) > _MOST_PYTHON:
            return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the parser, of what looks like a mistake in code
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _labels_in_value(value: Any) -> list[ClassLabel]:
    if isinstance(value, dict):
        inner = (value.get(key) for key in _WRAPPERS)
        value = next((one for one in inner if one and isinstance(one, (dict, list, tuple))), value)
    if isinstance(value, (list, tuple)):
        return [_label(index, name) for index, name in enumerate(value)]
    if isinstance(value, dict) and value:
        numbers = all(isinstance(one, int) for one in value.values())
        if all(map(_is_index, value)) and not numbers:
            return [_label(int(index), name) for index, name in value.items()]
        if all(map(_is_index, value.values())):
            return [_label(int(index), name) for name, index in value.items()]
    got = "an object of other things" if isinstance(value, dict) else describe(value)
    raise UsageError(
        f"expected a list of names, {{index: name}} or {{name: index}}, got {got}", _REMEDY
    )


def _is_index(value: object) -> bool:
    return type(value) is int or (isinstance(value, str) and is_index(value))


def _label(index: int, name: Any) -> ClassLabel:
    """The label of a class by its name, or by its WordNet id and its name."""
    if name is None or isinstance(name, str):
        return ClassLabel(index, "", name or "")
    if type(name) is int and name.bit_length() <= 64:
        return ClassLabel(index, "", str(name))
    if isinstance(name, (list, tuple)) and [type(part) for part in name] == [str, str]:
        return ClassLabel(index, *name)
    raise UsageError(f"expected the name of class {describe(index)}, got {describe(name)}", _REMEDY)


def _labels_in_names(names: Sequence[str]) -> list[ClassLabel]:
    """Those of names in order, or of numbered ones; empty ones in the end do not count."""
    stripped = [name.strip() for name in names]
    while stripped and not stripped[-1]:
        stripped.pop()
    numbered = [_NUMBERED.fullmatch(name) for name in stripped if name]
    found = [ClassLabel(int(match[1]), "", match[3]) for match in numbered if match]
    # Not "1 euro", "2 euro": it takes a colon to tell that what begins at 1 is numbered.
    firsts = (0, 1) if all(match and match[2] for match in numbered) else (0,)
    if len(found) == len(numbered) and any(label.index in firsts for label in found):
        return found
    return [ClassLabel(index, "", name) for index, name in enumerate(stripped)]


def _labels(found: Sequence[ClassLabel], classes: int | None) -> Labels:
    """What was `found` in the order of the indices, each of which has a class."""
    by_index = {label.index: label for label in _with_wnids(found)}
    if not by_index:
        raise UsageError("expected names of classes, got none", _REMEDY)
    if len(by_index) < len(found):
        (twice, _), *_ = Counter(label.index for label in found).most_common(1)
        raise UsageError(f"expected each index once, got {describe(twice)} twice", "Renumber them.")
    first, last = min(by_index), max(by_index)
    for index in (first, last):
        if not 0 <= index <= _LAST_INDEX:
            what = f"expected indices from 0 to {_LAST_INDEX:,}, got {describe(index)}"
            raise UsageError(what, "Number the classes from 0.")
    start = 1 if first == 1 and last == len(by_index) == classes else 0
    count = last + 1 - start
    if classes is not None and count != classes:
        raise _wrong_count(classes, count, first)
    return Labels(tuple(_cleaned(index, by_index.get(index + start)) for index in range(count)))


def _with_wnids(found: Sequence[ClassLabel]) -> Sequence[ClassLabel]:
    """`found`, with the WordNet ids out of the names where each name begins with one."""
    matches = [_WITH_WNID.fullmatch(label.name) for label in found]
    if any(
        label.wnid or (label.name and not match)
        for label, match in zip(found, matches, strict=True)
    ):
        return found
    return [
        ClassLabel(label.index, match[1], match[2]) if match else label
        for label, match in zip(found, matches, strict=True)
    ]


def _cleaned(index: int, label: ClassLabel | None) -> ClassLabel:
    wnid, name = (_shortened(label.wnid), _shortened(label.name)) if label else ("", "")
    return ClassLabel(index, wnid, name or unnamed_class(index))


def _shortened(text: str) -> str:
    line = printable(text.strip()[:_LONGEST_NAME])
    return line if len(text.strip()) <= _LONGEST_NAME else f"{line}..."


def _wrong_count(classes: int, count: int, first: int) -> UsageError:
    if classes == 1:
        remedy = "Of a model with one score, name what a high score stands for."
    elif first > 0:
        remedy = "Number the classes from 0."
    elif count == classes - 1:
        remedy = "If the model has a background class first, add one for it at the start."
    elif count == classes + 1:
        remedy = "If the first is a background class that the model has not, take it out."
    else:
        remedy = "Pass the file that belongs to the model."
    names = "1 name" if classes == 1 else f"{classes} names, one for each class of the model"
    return UsageError(f"expected {names}, got {count}", remedy)
