"""How a model's file is read, and what its user says of it over what is noticed in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from gradcam_cli.targets import Head


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
    labels : Path or None
        A file with the names of the classes; see `read_labels`.
    preprocessing : str or None
        As `parse_preprocessing` takes it.
    head : "softmax" or "sigmoid" or None
        What makes probabilities of scores, where the file has nothing after them.
    """

    graph: GraphOptions = field(default_factory=GraphOptions)
    trust: Trust = field(default_factory=Trust)
    labels: Path | None = None
    preprocessing: str | None = None
    head: Head | None = None
