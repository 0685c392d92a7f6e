"""Whether one heatmap deserves trust: three answers with their figures."""

from __future__ import annotations

from typing import Literal

import msgspec

UNCHANGED = 0.5
"""A rank correlation with the map of shuffled weights from which on it has hardly changed."""
SAME = 0.95
"""One with the map of another class from which on the class hardly matters."""
RANDOM_MAPS = 19
"""So many random maps: by chance a map is better than all of them in one case of twenty."""

Verdict = Literal["trust", "doubt"]


class Trust(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What was found of one heatmap.

    Attributes
    ----------
    verdict : "trust" or "doubt"
        "trust" where no answer is a doubt.
    why : tuple of str
        The doubts, in words; or the figures where there are none.
    deletion, insertion : float, 0..1
        The areas under the class's probability while what is hot is blurred, of which less is
        better, and while it comes into the blurred picture, of which more is.
    random_deletion, random_insertion : float, 0..1
        The means of those of random maps.
    better_than_random : int, 0..19
        Than how many of 19 random maps it is better, by insertion less deletion: each alone says
        little where an object fills the picture.
    shuffled_weights : float, -1..1, or None
        The rank correlation with the map of the same model with all kernels shuffled; None where
        the engine cannot shuffle them.
    other_class : str
        Another class; empty where there is none.
    other_class_map : float, -1..1, or None
        The rank correlation with its map.
    """

    verdict: Verdict
    why: tuple[str, ...]
    deletion: float
    insertion: float
    random_deletion: float
    random_insertion: float
    better_than_random: int
    shuffled_weights: float | None = None
    other_class: str = ""
    other_class_map: float | None = None

    @classmethod
    def of(
        cls,
        areas: tuple[float, float],
        random_areas: list[tuple[float, float]],
        shuffled_weights: float | None,
        other: tuple[str, float] | None,
        *,
        empty: bool = False,
    ) -> Trust:
        """From the figures to the verdict.

        Parameters
        ----------
        areas, random_areas
            Those of deletion and of insertion, of the map and of random ones.
        shuffled_weights : float or None
        other : (str, float) or None
            The name of another class, and the correlation with its map.
        empty : bool
            The map has no value above zero.
        """
        deletion, insertion = areas
        means = [sum(each) / len(random_areas) for each in zip(*random_areas, strict=True)]
        better = sum(insertion - deletion > more - less for less, more in random_areas)
        compared = (
            f"deletion {deletion:.2f} and insertion {insertion:.2f}, of random maps "
            f"{means[0]:.2f} and {means[1]:.2f}"
        )
        figures, doubts = [compared], ["the map is empty"] * empty
        if better < len(random_areas):
            doubts.append(
                f"{len(random_areas) - better} of {len(random_areas)} random maps are as good: "
                f"{compared}"
            )
        if shuffled_weights is not None:
            figures.append(f"rank correlation with shuffled weights {shuffled_weights:.2f}")
            if abs(shuffled_weights) >= UNCHANGED:
                doubts.append(
                    "the map hardly depends on the weights: the rank correlation with shuffled "
                    f"ones is {shuffled_weights:.2f}"
                )
        if other is not None:
            figures.append(f"with the map of {other[0]} {other[1]:.2f}")
            if other[1] >= SAME:
                doubts.append(
                    f"the map of {other[0]} is the same: the rank correlation is {other[1]:.2f}"
                )
        return cls(
            verdict="doubt" if doubts else "trust",
            why=tuple(doubts or [", ".join(figures)]),
            deletion=round(deletion, 6),
            insertion=round(insertion, 6),
            random_deletion=round(means[0], 6),
            random_insertion=round(means[1], 6),
            better_than_random=better,
            shuffled_weights=None if shuffled_weights is None else round(shuffled_weights, 6),
            other_class=other[0] if other else "",
            other_class_map=round(other[1], 6) if other else None,
        )

    @property
    def text(self) -> str:
        """The verdict and why, in a line."""
        return f"{self.verdict}: {'; '.join(self.why)}"
