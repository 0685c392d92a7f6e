"""Pictures, models, classes, layers and methods in; a grid of heatmaps out.

model ─▶ layer: one engine for all methods ─▶ picture ─▶ class ─▶ each method ─▶ Cell

One model is open at a time, and of a picture only a small copy is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.callbacks import Note, Progress, no_note, no_progress
from gradcam_cli.errors import GradcamError, ModelError, UsageError
from gradcam_cli.images import MAX_PIXELS
from gradcam_cli.images.styles import signed_heatmap
from gradcam_cli.methods import MethodChoice, normalize
from gradcam_cli.models.ranking import Ranking
from gradcam_cli.models.selection import AUTO
from gradcam_cli.results.comparison import Axes, Axis, Cell, Comparison, Place
from gradcam_cli.runs.available import (
    Available,
    OpeningOptions,
    SameMaps,
    answer_of,
    open_available,
)
from gradcam_cli.runs.compared_pictures import FIGURE_SIDE, Subject, read_subject
from gradcam_cli.targets import TOP, Target

if TYPE_CHECKING:
    from gradcam_cli.explainer import Explainer
    from gradcam_cli.images.listing import Item
    from gradcam_cli.models.labels import Labels
    from gradcam_cli.models.model import Model
    from gradcam_cli.models.selection import Selection
    from gradcam_cli.runs.checking import CheckItem

Array = NDArray[np.float32]

MOST_CELLS = 400
"""More are no figure; and what is kept of each takes memory."""


@dataclass(frozen=True)
class ComparedModel:
    """A model, and what is asked of it.

    Attributes
    ----------
    name : str
        As it was given.
    selection : Selection
    targets : tuple of Target
        Its own of the classes that are compared.
    annotated : mapping of str to CheckItem
        What is known of pictures, by their `Item.key`.
    """

    name: str
    selection: Selection
    targets: tuple[Target, ...]
    annotated: Mapping[str, CheckItem] = field(default_factory=dict)


@dataclass(frozen=True)
class CompareOptions:
    """What is compared, and how.

    Attributes
    ----------
    methods : tuple of MethodChoice
    layers : tuple of str or None
        None for each model's default.
    opening : OpeningOptions
    max_pixels, top
        As `gradcam explain` has them.
    side : int
        Pixels of the longer side of the pictures that are kept.
    signed : bool
        Show what speaks against the class, too.
    """

    methods: tuple[MethodChoice, ...]
    layers: tuple[str | None, ...] = (None,)
    opening: OpeningOptions = field(default_factory=OpeningOptions)
    max_pixels: int = MAX_PIXELS
    top: int = 3
    side: int = FIGURE_SIDE
    signed: bool = False

    def asked(self, models: Sequence[ComparedModel]) -> dict[str, str]:
        """What differs from the usual and holds for all cells."""
        versus = models[0].targets[0].versus
        usual = OpeningOptions()
        label = "" if versus is None else _class_text(models[0].selection.labels, versus)
        values = {"versus": label, "score": self.opening.score, "precision": self.opening.precision}
        return {
            name: value
            for name, value in values.items()
            if value and value != getattr(usual, name, "")
        }


def _class_text(labels: Labels, index: int) -> str:
    return "the predicted class" if index == TOP else labels[index].text


@dataclass(frozen=True)
class Callbacks:
    """Whom to tell what.

    Attributes
    ----------
    note : callable
        Given one plain sentence for each thing worth saying.
    download_bar : callable
        Gives a context whose value is told of a download's progress.
    progress : callable
        Called with the cells done and all of them.
    """

    download_bar: Callable[[], AbstractContextManager[Progress]]
    note: Note = no_note
    progress: Progress = no_progress


def compare(
    axes: Axes,
    models: Sequence[ComparedModel],
    items: Sequence[Item],
    classes: Sequence[str],
    options: CompareOptions,
    callbacks: Callbacks,
) -> Comparison:
    """The grid, each cell with a heatmap or why there is none.

    Parameters
    ----------
    axes : Axes
        Its sides, as `choose_axes` gives them.
    models, items, classes
        What is compared; the classes as they were given.
    options : CompareOptions
    callbacks : Callbacks

    Raises
    ------
    UsageError
        For more than `MOST_CELLS` cells.
    ImageError
        Where no picture can be read.
    GradcamError
        Where no cell has a heatmap: why the first has none.
    """
    values: dict[Axis, list[str]] = {
        "pictures": [item.name for item in items],
        "models": _model_names(models),
        "classes": list(classes),
        "layers": [layer or "default" for layer in options.layers],
        "methods": [method.text for method in options.methods],
    }
    count = len(values[axes.rows]) * len(values[axes.columns])
    if count > MOST_CELLS:
        raise UsageError(f"{count:,} cells are no figure; {MOST_CELLS} are the most", "Pass fewer.")
    comparison = Comparison(axes, values, asked=options.asked(models), signed=options.signed)
    filling = _Filling(comparison, items, options, callbacks)
    for number, model in enumerate(models):
        filling.add_model(number, model)
    return filling.checked()


LONG = 5.0
"""Seconds after which it is told how long a method takes."""


class SlowMethods:
    """Tells of each method that takes long how long it takes, and what makes it shorter."""

    def __init__(self, note: Note) -> None:
        self._note = note
        self._told: set[str] = set()

    def progress_of(self, method: MethodChoice) -> Progress:
        """What is to be called with the passes done of a heatmap, and all of them."""
        start = perf_counter()

        def progress(done: int, total: int | None) -> None:
            seconds = perf_counter() - start
            if total is None or done >= total or seconds < LONG or method.text in self._told:
                return
            self._told.add(method.text)
            self._note(slow_text(method, seconds * total / done, total))

        return progress


def slow_text(method: MethodChoice, seconds: float, passes: int) -> str:
    """How long a heatmap takes, and the option that sets the passes, where there is one."""
    text = f"{method.text} takes about {seconds:.0f} s a heatmap, for {passes:,} passes."
    counts = [each.name for each in method.method.options if each.is_whole and each.name != "seed"]
    if not counts:
        return text
    now = {**method.method.defaults, **method.options}[counts[0]]
    return f"{text} It takes less with fewer than --option {counts[0]}={now:g}."


def _model_names(models: Sequence[ComparedModel]) -> list[str]:
    """What each calls itself; what it was given as, of those that call themselves the same."""
    own = [model.selection.name for model in models]
    return [
        model.name if own.count(name) > 1 else name for name, model in zip(own, models, strict=True)
    ]


class _Filling:
    """Fills a comparison."""

    def __init__(
        self,
        comparison: Comparison,
        items: Sequence[Item],
        options: CompareOptions,
        callbacks: Callbacks,
    ) -> None:
        self._comparison = comparison
        self._items = dict(enumerate(items))
        self._options = options
        self._callbacks = callbacks
        self._slow = SlowMethods(callbacks.note)
        self._first_error: GradcamError | None = None
        self._total = math.prod(map(len, comparison.values.values()))

    def checked(self) -> Comparison:
        """The comparison, where there is a heatmap in it."""
        comparison = self._comparison
        if not self._items:
            raise comparison.failures[0][1]
        if self._first_error and all(cell.reason for cell in comparison.cells.values()):
            raise self._first_error
        return comparison

    def add_model(self, number: int, compared: ComparedModel) -> None:
        """Open a model, and fill its cells."""
        opened = self._opened(compared)
        for at in range(len(self._options.layers)):
            self._add_layer(Place(0, number, 0, at, 0), compared, opened)

    def _opened(self, compared: ComparedModel) -> Model | GradcamError:
        """A model, or why it cannot be had."""
        offline, note = self._options.opening.offline, self._callbacks.note
        try:
            with self._callbacks.download_bar() as progress:
                return compared.selection.open(offline=offline, progress=progress, note=note)
        except GradcamError as error:
            return error

    def _available(self, opened: Model | GradcamError, layer: str | None) -> Available:
        """What can be had at `layer`."""
        methods, opening = self._options.methods, self._options.opening
        if isinstance(opened, GradcamError):
            return Available(None, {method.text: opened for method in methods})
        return open_available(opened, layer, methods, opening, self._callbacks.note)

    def _rename(self, number: int, at: int, available: Available) -> None:
        """Call a model and a default layer by their names, now that these are known."""
        models, layers = self._comparison.values["models"], self._comparison.values["layers"]
        if (explainer := available.explainer) is None:
            return
        if models[number] == AUTO:
            models[number] = explainer.model.name
        if self._options.layers[at] is None and len(models) == 1:
            layers[at] = explainer.layer

    def _add_layer(
        self, start: Place, compared: ComparedModel, opened: Model | GradcamError
    ) -> None:
        available = self._available(opened, self._options.layers[start.layers])
        self._rename(start.models, start.layers, available)
        same = SameMaps()
        for position, item in list(self._items.items()):
            place = start._replace(pictures=position)
            subject = None
            if available.explainer is not None:
                try:
                    subject = self._subject(place, item, compared, available.explainer)
                except GradcamError as error:
                    self._comparison.failures.append((item.name, error))
                    self._comparison.pictures.pop(position, None)
                    del self._items[position]
                    continue
            for number, target in enumerate(compared.targets):
                maps = self._fill(place._replace(classes=number), target, subject, available)
                same.add(maps)
        self._comparison.same[start.models, start.layers] = same.earlier

    def _subject(
        self, place: Place, item: Item, compared: ComparedModel, explainer: Explainer
    ) -> Subject:
        annotated = compared.annotated.get(item.key)
        subject = read_subject(explainer, item, annotated, self._options)
        self._comparison.pictures.setdefault(place.pictures, subject.small)
        self._comparison.frames[place.pictures, place.models] = subject.frame
        return subject

    def _fill(
        self, place: Place, target: Target, subject: Subject | None, available: Available
    ) -> dict[int, Array]:
        """The raw maps of all methods for one target, by their position."""
        maps, cells = {}, self._comparison.cells
        for position, method in enumerate(self._options.methods):
            at = place._replace(methods=position)
            try:
                if (
                    subject is None
                    or available.explainer is None
                    or method.text in available.refused
                ):
                    raise available.refused[method.text]
                cells[at], maps[position] = self._answered(
                    at, method, target, subject, available.explainer
                )
            except GradcamError as error:
                self._first_error = self._first_error or error
                cells[at] = Cell(reason=error.what, remedy=error.remedy)
            self._callbacks.progress(len(cells), self._total)
        return maps

    def _answered(
        self,
        place: Place,
        method: MethodChoice,
        target: Target,
        subject: Subject,
        explainer: Explainer,
    ) -> tuple[Cell, Array]:
        """The cell of a method, and its raw map."""
        progress = self._slow.progress_of(method)
        answer = answer_of(explainer, method, subject.input, target, progress)
        if not np.isfinite(answer.raw).all():
            what = f"{method.text} gives values that are no finite numbers"
            raise ModelError(what, "Choose other options, or another method.")
        ranking = Ranking(answer.scores, explainer.model.labels, explainer.model.head)
        index = target.resolved(ranking.predicted).index
        heatmap, _ = normalize(answer.raw)
        in_object, times_chance = subject.shares(heatmap, index)
        top = ranking.top(self._options.top)
        self._comparison.predictions.setdefault((place.pictures, place.models), top)
        cell = Cell(
            layer=explainer.layer if method.method.uses_layer else method.method.looks_at,
            prediction=ranking.of(index),
            heatmap=heatmap.astype(np.float16),
            signed=signed_heatmap(answer.raw).astype(np.float16) if self._options.signed else None,
            seconds=answer.seconds,
            heat_in_object=in_object,
            lift=times_chance,
            boxes=subject.boxes(index),
        )
        return cell, answer.raw
