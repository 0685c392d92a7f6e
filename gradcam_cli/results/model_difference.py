"""Two models on the same pictures: what they predict, where they look, what objects are worth."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.metrics.coarse_maps import unpacked
from gradcam_cli.metrics.intervals import Mean, mean_with_interval, share_with_interval
from gradcam_cli.metrics.similarity import rank_correlation
from gradcam_cli.results.check_summary import (
    GATED,
    Baseline,
    Change,
    CheckedClass,
    CheckResult,
    changes,
)


@dataclass(frozen=True)
class PictureDifference:
    """A picture and one of its classes, as the old and the new model have it.

    Attributes
    ----------
    old, new : CheckedClass
    """

    old: CheckedClass
    new: CheckedClass

    @property
    def is_changed(self) -> bool:
        """True where they predict different classes."""
        return self.old.predicted_index != self.new.predicted_index

    @property
    def is_broken(self) -> bool:
        """True where the old model is right, and the new one is not."""
        return self.old.measures.top1 and not self.new.measures.top1

    @property
    def is_mended(self) -> bool:
        """True where the new model is right, and the old one is not."""
        return self.new.measures.top1 and not self.old.measures.top1

    @cached_property
    def heat_moved(self) -> float:
        """1 less the rank correlation of the two heatmaps on a few cells: 0 is not at all, 0..2."""
        return 1 - rank_correlation(*unpacked([self.old.measures.heat, self.new.measures.heat]))

    def change(self, measure: str) -> float:
        """New less old; NaN where one of them has none."""
        return self.new.value(measure) - self.old.value(measure)

    @property
    def severity(self) -> float:
        """How much it deserves a look: broken first, then what the object has lost, then heat."""
        lost = -self.change("object_drop")
        less = -self.change("lift")
        return (
            4.0 * self.is_broken
            + 2.0 * (0 if math.isnan(lost) else max(0.0, lost))
            + (0 if math.isnan(less) else max(0.0, min(1.0, less)))
            + self.heat_moved / 2
        )


@dataclass(frozen=True)
class ModelDifference:
    """What is different, over the pictures that both models have been checked on.

    Attributes
    ----------
    old, new : CheckResult
    pictures : list of PictureDifference
        The worst first.
    """

    old: CheckResult
    new: CheckResult
    pictures: list[PictureDifference]

    @classmethod
    def of(cls, old: CheckResult, new: CheckResult) -> ModelDifference:
        """That of two checks of the same pictures."""
        before = {(each.key, each.index): each for each in old.checked}
        pairs = [
            PictureDifference(before[each.key, each.index], each)
            for each in new.checked
            if (each.key, each.index) in before
        ]
        return cls(old, new, sorted(pairs, key=lambda pair: (-pair.severity, pair.new.source)))

    def changes(self) -> Iterator[Change]:
        """How each measure has changed, paired by picture."""
        before: Baseline = {
            (each.source, each.index): {name: each.value(name) for name in GATED}
            for each in self.old.checked
        }
        return changes(before, self.new)

    def shares(self) -> dict[str, Mean]:
        """How many predictions have changed, were broken, were mended; and how far heat moved."""
        return {
            "changed": share_with_interval(self._flags("is_changed")),
            "broken": share_with_interval(self._flags("is_broken")),
            "mended": share_with_interval(self._flags("is_mended")),
            "moved": mean_with_interval(
                np.array([each.heat_moved for each in self.pictures], np.float64)
            ),
        }

    def _flags(self, name: str) -> NDArray[np.float64]:
        return np.array([getattr(each, name) for each in self.pictures], np.float64)


@dataclass(frozen=True)
class DifferenceGate:
    """A limit, and what was measured.

    Attributes
    ----------
    option : str
        As it is written.
    limit, value : float
        At most so much, and how much it is; NaN where nothing was measured.
    """

    option: str
    limit: float
    value: float

    @property
    def passed(self) -> bool:
        """False too where nothing was measured."""
        return self.value <= self.limit


def judged(difference: ModelDifference, limits: dict[str, float]) -> list[DifferenceGate]:
    """The gates of `limits`, by name: changed, broken, moved, lift-loss, object-loss."""
    shares = {name: mean.value for name, mean in difference.shares().items()}
    lost = {change.measure: change.difference.value for change in difference.changes()}
    values = {
        **shares,
        "lift-loss": None if lost["lift"] is None else -lost["lift"],
        "object-loss": None if lost["object_drop"] is None else -lost["object_drop"],
    }
    return [
        DifferenceGate(
            f"--max-{name}", limit, math.nan if (value := values[name]) is None else value
        )
        for name, limit in limits.items()
    ]
