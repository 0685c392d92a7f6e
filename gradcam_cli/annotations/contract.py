"""What a data set says of its pictures, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from gradcam_cli.annotations.regions import AnnotatedObject, Region
from gradcam_cli.text import printable


@dataclass(frozen=True, slots=True)
class Category:
    """A class as a data set has it.

    Attributes
    ----------
    name : str
        Its name; where it has none, its number as text.
    number : int or None
        Its number, in formats that number classes.
    """

    name: str
    number: int | None = None


@dataclass(frozen=True, slots=True)
class AnnotatedClass:
    """A class that a picture shows.

    Attributes
    ----------
    category : Category
    objects : tuple of AnnotatedObject
        None where the data set does not say where they are.
    where : str
        Where the data set first says so, for messages: "annotations.json: annotation 17".
    """

    category: Category
    objects: tuple[AnnotatedObject, ...]
    where: str

    @property
    def regions(self) -> tuple[Region, ...]:
        """Those of the objects."""
        return tuple(each.region for each in self.objects)


@dataclass(frozen=True, slots=True)
class AnnotatedPicture:
    """A picture and the classes that it shows.

    Attributes
    ----------
    path : Path
        Its file, which is there.
    classes : tuple of AnnotatedClass
        At least one, no two of one category.
    size : (int, int) or None
        The height and width that the data set says it has.
    """

    path: Path
    classes: tuple[AnnotatedClass, ...]
    size: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A record that is of no use: where it stands, and what is wrong with it."""

    where: str
    what: str


@dataclass
class Annotations:
    """A data set that was read: each of its records is in a picture, or a problem.

    Attributes
    ----------
    pictures : list of AnnotatedPicture
        No two of one path, in the order of the data set.
    problems : list of Problem
    """

    pictures: list[AnnotatedPicture] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def refuse(self, where: str, what: str) -> None:
        """Add a problem."""
        self.problems.append(Problem(printable(where), printable(what)))


@dataclass
class Gathered:
    """Records of pictures, of which there may be several for each, as they are read."""

    result: Annotations = field(default_factory=Annotations)
    _classes: dict[Path, dict[Category, AnnotatedClass]] = field(default_factory=dict)
    _sizes: dict[Path, tuple[int, int] | None] = field(default_factory=dict)

    def add(
        self,
        path: Path,
        category: Category,
        regions: tuple[Region, ...],
        where: str,
        size: tuple[int, int] | None = None,
    ) -> None:
        """Add regions of a category in the picture at `path`; those before stay."""
        classes = self._classes.setdefault(path, {})
        self._sizes.setdefault(path, size)
        where = printable(where)
        objects = tuple(AnnotatedObject(region, where) for region in regions)
        before = classes.get(category)
        if before is not None:
            where, objects = before.where, (*before.objects, *objects)
        classes[category] = AnnotatedClass(category, objects, where)

    def annotations(self) -> Annotations:
        """All of them, a picture each."""
        self.result.pictures = [
            AnnotatedPicture(path, tuple(classes.values()), self._sizes[path])
            for path, classes in self._classes.items()
        ]
        return self.result
