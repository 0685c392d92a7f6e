"""What each method is for one model: whether it can be had, passes, seconds, and which are one.

Each explains the predicted class of two pictures of coloured clouds, which are drawn from a seed.
What takes long is not run to its end: its passes are counted, and its seconds estimated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.callbacks import Note, Progress, no_progress
from gradcam_cli.errors import GradcamError
from gradcam_cli.methods import MethodChoice
from gradcam_cli.passes import Kind
from gradcam_cli.runs.available import OpeningOptions, SameMaps, answer_of, open_available
from gradcam_cli.targets import TOP, Target

if TYPE_CHECKING:
    from gradcam_cli.explainer import Explainer
    from gradcam_cli.models.model import Model
    from gradcam_cli.passes import Engine

_PICTURES = 2
_CLOUDS = 7
_LONGEST_SECONDS = 5


@dataclass(frozen=True)
class MethodOnModel:
    """A method, for one model at one layer.

    Attributes
    ----------
    method : MethodChoice
    reason, remedy : str
        Why it cannot be had, and what to do about it; empty where it can.
    passes : dict of str to int
        The rows that an explanation runs, by the kind of the pass.
    seconds : float or None
        How long that takes: the shorter of two times.
    is_estimate : bool
        Whether that is what a part of the passes took, times how many such parts there are.
    same_as : str
        The earlier method whose maps are those of this one.
    """

    method: MethodChoice
    reason: str = ""
    remedy: str = ""
    passes: dict[str, int] = field(default_factory=dict)
    seconds: float | None = None
    is_estimate: bool = False
    same_as: str = ""


@dataclass(frozen=True)
class Survey:
    """What methods are for a model, the layer that they look at, and what runs it."""

    model: str
    layer: str
    engine: str
    methods: list[MethodOnModel]


def survey(
    model: Model,
    layer: str | None,
    methods: Sequence[MethodChoice],
    options: OpeningOptions,
    note: Note,
    progress: Progress = no_progress,
) -> Survey:
    """What each of `methods` is for `model` at `layer`.

    Raises
    ------
    GradcamError
        Where none of them can be had: why not the first.
    """
    available = open_available(model, layer, methods, options, note)
    explainer = available.explainer
    if explainer is None:
        raise available.refused[methods[0].text]
    found: dict[int, MethodOnModel] = {}
    maps: list[dict[int, NDArray[np.float32]]] = [{} for _ in range(_PICTURES)]
    for position, method in enumerate(methods):
        progress(position, len(methods))
        try:
            if (error := available.refused.get(method.text)) is not None:
                raise error
            found[position] = _measured(explainer, method, position, maps)
        except GradcamError as error:
            found[position] = MethodOnModel(method, error.what, error.remedy)
    same = SameMaps()
    for of_picture in maps:
        same.add(of_picture)
    for position, earlier in same.earlier.items():
        found[position] = replace(found[position], same_as=methods[earlier].text)
    return Survey(model.name, explainer.layer, explainer.engine.name, list(found.values()))


def _measured(
    explainer: Explainer,
    method: MethodChoice,
    position: int,
    maps: list[dict[int, NDArray[np.float32]]],
) -> MethodOnModel:
    """What `method` is; its raw map of each picture is put into `maps`, unless it takes long."""
    times = []
    for seed, of_picture in enumerate(maps):
        counting = _CountingEngine(explainer.engine)
        counted: Any = counting
        model_input = explainer.input_of(clouds(*explainer.model.input[:2], seed))
        answer = answer_of(replace(explainer, engine=counted), method, model_input, Target(TOP))
        if counting.skips:
            estimate = counting.estimated_seconds
            return MethodOnModel(method, passes=counting.passes, seconds=estimate, is_estimate=True)
        of_picture[position] = answer.raw
        times.append(answer.seconds)
    return MethodOnModel(method, passes=counting.passes, seconds=min(times))


def clouds(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """A picture of coloured clouds, (height, width, 3) uint8 RGB; the same for the same seed."""
    import cv2

    drawn = np.random.default_rng(seed).integers(0, 256, (_CLOUDS, _CLOUDS, 3), np.uint8)
    large = cv2.resize(drawn, (width, height), interpolation=cv2.INTER_CUBIC)
    return large.astype(np.uint8, copy=False)


class _CountingEngine:
    """An engine that keeps how many rows of each kind of pass it has run.

    After `_LONGEST_SECONDS` it counts what it would run, and gives what it last gave for passes
    of the kind: of a method that takes long only the cost is of interest.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = Lock()  # threads may run passes side by side
        self._counts: Counter[str] = Counter()
        self._last: dict[tuple[object, ...], Any] = {}
        self._start = perf_counter()
        self._rows_run = 0
        self._seconds_run = 0.0
        self.skips = False

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._engine, name)
        if name not in get_args(Kind):
            return value

        def counted(batch: NDArray[np.float32], *arguments: Any, **options: Any) -> Any:
            key = (name, *map(_shape_or_text, (batch, *arguments, *options.items())))
            self._count(name, len(batch))
            if not (self.skips and key in self._last):
                self._last[key] = value(batch, *arguments, **options)
            return self._last[key]

        return counted

    def _count(self, name: str, rows: int) -> None:
        with self._lock:
            if not self.skips:
                self._seconds_run = perf_counter() - self._start
                self._rows_run = self._counts.total()
                self.skips = self._rows_run > 0 and self._seconds_run > _LONGEST_SECONDS
            self._counts[name] += rows

    @property
    def passes(self) -> dict[str, int]:
        """The rows by the kind of the pass, in the order in which it first ran."""
        return dict(self._counts)

    @property
    def estimated_seconds(self) -> float:
        """How long all would take, where some were skipped."""
        return self._seconds_run * self._counts.total() / self._rows_run


def _shape_or_text(argument: object) -> object:
    """What tells one kind of pass from another."""
    return argument.shape if isinstance(argument, np.ndarray) else repr(argument)
