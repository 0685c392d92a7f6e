"""Which methods a model can have at a layer, and why not the others; how alike their maps are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.answers import question_of
from gradcam_cli.callbacks import Note, Progress, no_progress
from gradcam_cli.engines.refusals import is_compiled_only
from gradcam_cli.errors import GradcamError, UsageError
from gradcam_cli.explainer import Explainer
from gradcam_cli.methods import MethodChoice, normalize
from gradcam_cli.metrics.similarity import correlation
from gradcam_cli.targets import Target

if TYPE_CHECKING:
    from gradcam_cli.engines import EngineName
    from gradcam_cli.images.framing import Resize
    from gradcam_cli.models.model import Model
    from gradcam_cli.passes import Pass, Precision
    from gradcam_cli.targets import Score

LEAST_CORRELATION = 0.9999
"""Of raw maps that count as one."""
_MOST_DIFFERENCE = 0.02
"""Between their heatmaps, which an offset that no correlation sees would tell apart."""


@dataclass(frozen=True)
class OpeningOptions:
    """How a model is opened."""

    engine: EngineName = "auto"
    resize: Resize = "squash"
    offline: bool = False
    score: Score = "logit"
    precision: Precision = "f32"


@dataclass(frozen=True)
class Available:
    """What a model can have at a layer.

    Attributes
    ----------
    explainer : Explainer or None
        With one engine for all methods that can be had; None where there is no such method.
    refused : dict of str to GradcamError
        Why not the other methods, by their text.
    """

    explainer: Explainer | None
    refused: dict[str, GradcamError] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Answer:
    """A method's answer for one input: its raw map, the model's scores, and how long it took."""

    raw: NDArray[np.float32] = field(repr=False)
    scores: NDArray[np.float32] = field(repr=False)
    seconds: float


def open_available(
    model: Model,
    layer: str | None,
    methods: Sequence[MethodChoice],
    options: OpeningOptions,
    note: Note,
) -> Available:
    """Open `model` for those of `methods` that it can have at `layer`, None for the default."""

    def opened(choices: Sequence[MethodChoice]) -> Explainer:
        explainer = Explainer.load(
            model,
            layer=layer,
            methods=[choice.text for choice in choices],
            score=options.score,
            engine=options.engine,
            offline=options.offline,
            note=note,
        )
        if options.precision != "f32":
            explainer = explainer.with_precision(options.precision, note)
        return replace(explainer, resize=options.resize)

    try:
        return Available(opened(methods))
    except GradcamError as error:
        refused = _refusals(methods, opened, error)
    rest = [choice for choice in methods if choice.text not in refused]
    try:
        return Available(opened(rest) if rest else None, refused)
    except GradcamError as unlike:  # each can be had, but not all by one engine
        return _in_tensorflow(rest, opened, refused, unlike)


def _in_tensorflow(
    methods: Sequence[MethodChoice],
    opened: Callable[[Sequence[MethodChoice]], Explainer],
    refused: dict[str, GradcamError],
    error: GradcamError,
) -> Available:
    """Those of `methods` that TensorFlow has, where the compiled engine does not have them all."""
    compiled_only = {
        choice.text for choice in methods if any(map(is_compiled_only, choice.method.needs))
    }
    others = [choice for choice in methods if choice.text not in compiled_only]
    if not compiled_only or not others:
        raise error
    reason = UsageError(
        f"TensorFlow, which does not have this, runs the other methods: {error.what}",
        "Choose it alone.",
    )
    return Available(opened(others), refused | dict.fromkeys(compiled_only, reason))


def _refusals(
    methods: Sequence[MethodChoice],
    opened: Callable[[Sequence[MethodChoice]], Explainer],
    error: GradcamError,
) -> dict[str, GradcamError]:
    """Why some of `methods` cannot be had, where they could not all be had for `error`."""
    by_needs: dict[tuple[Pass, ...], list[MethodChoice]] = {}
    for choice in methods:
        by_needs.setdefault(choice.method.needs, []).append(choice)
    if len(by_needs) == 1:
        return {choice.text: error for choice in methods}
    reasons = {needs: _reason(opened, group[:1]) for needs, group in by_needs.items()}
    return {
        choice.text: reason
        for choice in methods
        if (reason := reasons[choice.method.needs]) is not None
    }


def _reason(
    opened: Callable[[Sequence[MethodChoice]], Explainer], methods: Sequence[MethodChoice]
) -> GradcamError | None:
    """Why `methods` cannot be had; None where they can."""
    try:
        opened(methods)
    except GradcamError as error:
        return error
    return None


def answer_of(
    explainer: Explainer,
    method: MethodChoice,
    model_input: NDArray[np.float32],
    target: Target,
    progress: Progress = no_progress,
) -> Answer:
    """What `method` answers, as `Explainer.explain` has it, with how long that took."""
    question = question_of(explainer, [model_input], [[target]], 1, progress)
    start = perf_counter()
    maps = method.maps(question)
    return Answer(maps.raw[0], maps.scores[0], perf_counter() - start)


def are_one_map(first: NDArray[np.float32], second: NDArray[np.float32]) -> bool:
    """Whether two raw maps make the same picture.

    Their correlation is 0.9999 or more, and their heatmaps differ by 0.02 at most.

    Parameters
    ----------
    first, second : (h, w) float32

    Examples
    --------
    >>> map_ = np.array([[1, 2], [-3, 4]], np.float32)
    >>> are_one_map(map_, 5 * map_), are_one_map(map_, map_ + 1), are_one_map(map_, map_.T)
    (True, False, False)
    """
    if first.shape != second.shape or not np.isfinite([first, second]).all():
        return False
    if correlation(*(each.ravel().astype(np.float64) for each in (first, second))) < (
        LEAST_CORRELATION
    ):
        return False
    heatmaps = [normalize(each)[0] for each in (first, second)]
    return float(np.abs(heatmaps[0] - heatmaps[1]).max()) <= _MOST_DIFFERENCE


class SameMaps:
    """Finds the methods whose maps are one, input after input; it keeps no map."""

    def __init__(self) -> None:
        self._pairs: dict[tuple[int, int], bool] = {}

    def add(self, maps: Mapping[int, NDArray[np.float32]]) -> None:
        """Take the raw maps of one input and target, by the position of their method."""
        for pair in combinations(sorted(maps), 2):
            if self._pairs.get(pair, True):
                self._pairs[pair] = are_one_map(*(maps[position] for position in pair))

    @property
    def earlier(self) -> dict[int, int]:
        """Of each method whose maps are those of an earlier one, the first such."""
        found: dict[int, int] = {}
        for (first, second), same in sorted(self._pairs.items()):
            if same:
                found.setdefault(second, first)
        return found
