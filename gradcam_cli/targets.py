"""What is differentiated and explained: the score of a class, alone or against another's.

With s the scores of the classes, and s_c that of the class, the scalar y is

    s_c             a class
    s_c - s_v       a class and not another, v
    -s_c            what speaks against the class (a counterfactual)

Every one of them is linear in s, so an engine needs no more than the weight of each score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Score = Literal["logit", "probability"]
"""What s is: the scores before the softmax, or after it."""

Evidence = Literal["positive", "none"]
"""Whether anything raises y."""

Head = Literal["softmax", "sigmoid"]
"""What makes a probability of a score: a softmax over the classes, or each class's own sigmoid."""

TOP = -1
"""The class that stands for the predicted one, whichever it turns out to be."""


@dataclass(frozen=True)
class Target:
    """What is explained.

    Attributes
    ----------
    index : int
        The class; `TOP` for the predicted one.
    versus : int or None
        The class whose score is subtracted; `TOP` for the predicted one.
    counterfactual : bool
        Explain what speaks against it: -y in place of y.

    Examples
    --------
    >>> cat_not_predicted = Target(285, versus=TOP)
    >>> cat_not_predicted.resolved(predicted=281).slug
    '285-vs-281'
    """

    index: int
    versus: int | None = None
    counterfactual: bool = False

    def resolved(self, predicted: int) -> Target:
        """The same with `TOP` replaced by the class that is predicted."""
        index = predicted if self.index == TOP else self.index
        versus = predicted if self.versus == TOP else self.versus
        return replace(self, index=index, versus=versus)

    @property
    def is_plain(self) -> bool:
        """True for a class alone."""
        return self.versus is None and not self.counterfactual

    @property
    def terms(self) -> list[tuple[int, float]]:
        """Classes, `TOP` for the predicted one, each with the weight of its score in y."""
        sign = -1.0 if self.counterfactual else 1.0
        versus = [] if self.versus is None else [(self.versus, -sign)]
        return [(self.index, sign), *versus]

    @property
    def slug(self) -> str:
        """Its name in the names of files: ``285``, ``285-vs-281``, ``not-285``."""
        versus = "" if self.versus is None else f"-vs-{_index_text(self.versus)}"
        return f"{'not-' if self.counterfactual else ''}{_index_text(self.index)}{versus}"


@dataclass(frozen=True)
class ContrastTarget(Target):
    """A target from whose y the scores of other classes are subtracted too, each times a weight.

    Attributes
    ----------
    others : tuple of (int, float)
        The classes and their weights; a counterfactual turns their sign as well.

    Examples
    --------
    >>> ContrastTarget(1, others=((0, 0.75), (2, 0.25))).terms
    [(1, 1.0), (0, -0.75), (2, -0.25)]
    """

    others: tuple[tuple[int, float], ...] = ()

    @property
    def terms(self) -> list[tuple[int, float]]:
        """See `Target.terms`."""
        (_, sign), *_ = terms = super().terms
        return [*terms, *((index, -sign * weight) for index, weight in self.others)]


def _index_text(index: int) -> str:
    return "top" if index == TOP else str(index)


def score_weights(
    targets: Sequence[Target], classes: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The weights w and t with y = Σ_i (w_i + t·[i = argmax s])·s_i, for each of `targets`.

    Parameters
    ----------
    targets : sequence of Target
        One for each row of a batch.
    classes : int
        How many the model has.

    Returns
    -------
    weights : (N, classes) float32
        Of the classes that are named.
    top : (N,) float32
        Of the predicted class.

    Examples
    --------
    >>> weights, top = score_weights([Target(1), Target(0, versus=TOP)], classes=3)
    >>> weights.tolist(), top.tolist()
    ([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], [0.0, -1.0])
    """
    import numpy as np

    weights = np.zeros((len(targets), classes), np.float32)
    top = np.zeros(len(targets), np.float32)
    for row, target in enumerate(targets):
        for index, weight in target.terms:
            if index == TOP:
                top[row] += weight
            else:
                weights[row, index] += weight
    return weights, top
