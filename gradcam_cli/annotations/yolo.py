"""YOLO's folders: labels/a.txt for images/a.jpg, a line an object, and the names of the classes.

DATA/data.yaml or DATA/classes.txt
DATA/images/[train/]a.jpg
DATA/labels/[train/]a.txt       class cx cy width height, or class x y x y x y …, in 0..1
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from gradcam_cli.annotations.contract import Annotations, Category, Gathered
from gradcam_cli.annotations.folders import pictures_below
from gradcam_cli.annotations.regions import Box, Polygons, Region
from gradcam_cli.errors import UsageError

_NAMES = ("data.yaml", "data.yml", "classes.txt", "labels/classes.txt", "obj.names")


def is_yolo(root: Path) -> bool:
    """Whether `root` has pictures, labels, and names of classes."""
    return (root / "labels").is_dir() and any((root / name).is_file() for name in _NAMES)


def read_yolo(root: Path) -> Annotations:
    """The objects of each picture; one without a file of labels, or with an empty one, has none.

    Raises
    ------
    UsageError
        Where the names of the classes cannot be read.
    """
    names = _class_names(root)
    gathered = Gathered()
    images, labels = root / "images", root / "labels"
    files = {
        path.relative_to(labels).with_suffix(""): path for path in sorted(labels.rglob("*.txt"))
    }
    files.pop(Path("classes"), None)
    for picture in pictures_below(images):
        file = files.pop(picture.relative_to(images).with_suffix(""), None)
        if file is not None:
            _read_labels(file, picture, names, gathered)
    for file in files.values():
        gathered.result.refuse(str(file.relative_to(root)), f"it has no picture in {images}")
    return gathered.annotations()


def _read_labels(file: Path, picture: Path, names: dict[int, str], gathered: Gathered) -> None:
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        gathered.result.refuse(file.name, f"it cannot be read: {error}")
        return
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{file.name}: line {number}"
        parsed, problem = _parsed(line.split())
        if parsed is None:
            gathered.result.refuse(where, problem)
            continue
        index, region = parsed
        if index not in names:
            gathered.result.refuse(where, f"class {index} has no name")
            continue
        gathered.add(picture, Category(names[index], index), (region,), where)


def _parsed(words: list[str]) -> tuple[tuple[int, Region] | None, str]:
    """The class and the region of a line, and what is wrong with it."""
    try:
        index, values = int(words[0]), [float(word) for word in words[1:]]
    except ValueError:
        return None, "it is not a class and numbers"
    if not all(math.isfinite(value) and -0.01 <= value <= 1.01 for value in values):
        return None, "its numbers are not within 0 and 1"
    if len(values) == 4:
        cx, cy, width, height = values
        if width <= 0 or height <= 0:
            return None, "its box has no area"
        return (index, Box(cx - width / 2, cy - height / 2, width, height, relative=True)), ""
    if len(values) >= 6 and len(values) % 2 == 0:
        return (index, Polygons((tuple(values),), relative=True)), ""
    return None, f"it has {len(values)} numbers after the class, not 4, or 6 and more of a polygon"


def _class_names(root: Path) -> dict[int, str]:
    file = next(path for name in _NAMES if (path := root / name).is_file())
    try:
        text = file.read_text("utf-8-sig")
        names = _in_yaml(text) if file.suffix in (".yaml", ".yml") else text.splitlines()
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise UsageError(f"cannot read {file}: {error}", "It is to name the classes.") from error
    pairs = names.items() if isinstance(names, dict) else enumerate(names)
    return {int(number): str(name).strip() for number, name in pairs if str(name).strip()}


def _in_yaml(text: str) -> dict[int, str] | list[str]:
    import yaml

    try:
        content: Any = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())) from error
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, dict) and all(isinstance(number, int) for number in names):
        return names
    if isinstance(names, list):
        return names
    raise ValueError("it has no names of classes")
