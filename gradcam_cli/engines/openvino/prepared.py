"""What is known of a compiled model before it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gradcam_cli.passes import Pass


@dataclass(frozen=True)
class Prepared:
    """What earlier processes have found out, or made, for a model.

    Attributes
    ----------
    exports : mapping of Pass to Path
        What `OpenVINOEngine.export` gave for gradients, in files that are whole, made by the same
        OpenVINO on the same processor.
    rows : mapping of Pass to int
        How many rows a batch has best; so many were found to give what a single row gives.
    keep_rows : callable
        See `SeveralRows`.
    """

    exports: Mapping[Pass, Path] = field(default_factory=dict)
    rows: Mapping[Pass, int] = field(default_factory=dict)
    keep_rows: Callable[[Pass, int], int] = lambda what, rows: rows
