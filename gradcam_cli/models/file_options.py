"""How a model's file is read, and what its user says of it over what is noticed in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gradcam_cli.errors import UsageError
from gradcam_cli.targets import Head

if TYPE_CHECKING:
    from gradcam_cli.models.labels import Labels


@dataclass(frozen=True)
class GraphOptions:
    """What is made of the graph in a file.

    Attributes
    ----------
    input_size : (height, width) or None
        Of the input, where the file leaves it open.
    output_name : str or None
        Which output gives the scores of the classes, where there are several.
    tokens : int or None
        How many tokens come before those of the picture; None for what the graph shows.
    """

    input_size: tuple[int, int] | None = None
    output_name: str | None = None
    tokens: int | None = None


@dataclass(frozen=True)
class Trust:
    """What the user vouches for.

    Attributes
    ----------
    custom_objects : tuple of str
        Classes and functions of a Keras file that are given: ``module.py:Patchify``.
    trust_model : bool
        Code that is in the file may run.
    """

    custom_objects: tuple[str, ...] = ()
    trust_model: bool = False

    @property
    def names(self) -> frozenset[str]:
        """The custom objects without the module they are in."""
        return frozenset(name.rpartition(":")[2] for name in self.custom_objects)


@dataclass(frozen=True)
class FileOptions:
    """All of it.

    Attributes
    ----------
    graph : GraphOptions
        What is made of its graph.
    trust : Trust
        Whose code may run when a Keras file is read.
    labels : Path, sequence of str, or None
        The names of the classes, or a file with them; see `read_labels`.
    preprocessing : str or None
        As `parse_preprocessing` takes it.
    head : "softmax" or "sigmoid" or None
        What makes probabilities of scores, where the file has nothing after them.
    """

    graph: GraphOptions = field(default_factory=GraphOptions)
    trust: Trust = field(default_factory=Trust)
    labels: Path | Sequence[str] | None = None
    preprocessing: str | None = None
    head: Head | None = None

    def labels_of(self, classes: int) -> Labels | None:
        """The labels of a model of so many classes; None where nothing is said of them.

        Raises
        ------
        UsageError
            Where they are not to be read, or of another number.
        """
        from gradcam_cli.models.labels import Labels
        from gradcam_cli.models.labels_file import read_labels

        if self.labels is None:
            return None
        if isinstance(self.labels, (str, Path)):
            return read_labels(Path(self.labels), classes)
        if len(self.labels) != classes:
            raise UsageError(
                f"expected labels for {classes} classes, got {len(self.labels)}",
                "Pass one for each class, in the order of the model's scores.",
            )
        return Labels.of_names(self.labels)

    def head_over(self, found: Head, activation: str, name: str) -> Head:
        """The head of the model called `name`, of which `found` and `activation` were noticed.

        Raises
        ------
        UsageError
            For another than `found` where the model has an activation, or a single score.
        """
        if self.head in (None, found):
            return found
        if self.head and activation == "none" and found == "softmax":
            return self.head
        raise UsageError(
            f"{name} has a {found} head, so --head {self.head} is of no use", "Drop --head."
        )
