"""What `gradcam sanity` finds: how heatmaps change as weights are shuffled, and with the class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from gradcam_cli.errors import GradcamError
from gradcam_cli.metrics.intervals import Mean, mean_with_interval
from gradcam_cli.results.trust import SAME, UNCHANGED


@dataclass(frozen=True)
class Level:
    """How alike maps are once so many kernels are shuffled.

    Attributes
    ----------
    kernels : int
        How many, from the scores down.
    last : str
        The name of the last of them.
    rank, similarity : Mean
        Spearman's correlation, and the structural similarity, with the maps of the model as it is.
    """

    kernels: int
    last: str
    rank: Mean
    similarity: Mean


@dataclass(frozen=True)
class MethodSanity:
    """What was found of a method.

    Attributes
    ----------
    method : str
    levels : list of Level
        From few kernels to all.
    other_class : Mean
        Spearman's correlation of the maps of the predicted class and of another one.
    """

    method: str
    levels: list[Level]
    other_class: Mean

    @property
    def depends_on_weights(self) -> bool:
        """False where maps are still much the same with all kernels shuffled."""
        last = self.levels[-1].rank.value
        return last is None or abs(last) < UNCHANGED

    @property
    def depends_on_class(self) -> bool:
        """False where the map of another class is the same."""
        return self.other_class.value is None or self.other_class.value < SAME

    @property
    def unchanged_until(self) -> int:
        """With how many kernels shuffled, from the scores down, maps are still nearly the same."""
        same = [level.kernels for level in self.levels if (level.rank.value or 0) >= SAME]
        return max(same, default=0)


@dataclass
class SanityResult:
    """What was found of all methods.

    Attributes
    ----------
    model, layer : str
    kernels : int
        How many the model has.
    images : int
    methods : list of MethodSanity
    failures : list of (str, GradcamError)
    """

    model: str
    layer: str
    kernels: int
    images: int
    methods: list[MethodSanity] = field(default_factory=list)
    failures: list[tuple[str, GradcamError]] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether all maps depend on the weights."""
        return all(method.depends_on_weights for method in self.methods)


def mean_of(values: Sequence[float]) -> Mean:
    """The mean of some values, NaN where there is none, with its interval."""
    return mean_with_interval(np.array(values, np.float64))
