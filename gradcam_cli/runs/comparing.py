"""Pictures, models, classes, layers and methods in; a grid of heatmaps out.

model ─▶ layer: one engine for all methods ─▶ picture ─▶ class ─▶ each method ─▶ Cell

One model is open at a time, and of a picture only a small copy is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.callbacks import Note, Progress, no_note, no_progress
from gradcam_cli.errors import GradcamError, ImageError, UsageError
from gradcam_cli.images import MAX_PIXELS
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

if TYPE_CHECKING:
    from gradcam_cli.explainer import Explainer
    from gradcam_cli.images.listing import Item
    from gradcam_cli.models.model import Model
    from gradcam_cli.models.selection import Selection
    from gradcam_cli.runs.checking import CheckItem
    from gradcam_cli.targets import Target

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
    """

    methods: tuple[MethodChoice, ...]
    layers: tuple[str | None, ...] = (None,)
    opening: OpeningOptions = field(default_factory=OpeningOptions)
    max_pixels: int = MAX_PIXELS
    top: int = 3
    side: int = FIGURE_SIDE


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
    filling = _Filling(Comparison(axes, values), items, options, callbacks)
    for number, model in enumerate(models):
        filling.add_model(number, model)
    return filling.checked()


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
        self._first_error: GradcamError | None = None
        self._total = math.prod(map(len, comparison.values.values()))

    def checked(self) -> Comparison:
        """The comparison, where there is a heatmap in it."""
        comparison = self._comparison
        if not self._items:
            raise ImageError(comparison.failures[0][1])
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
                    self._comparison.failures.append((item.name, str(error)))
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
        answer = answer_of(explainer, method, subject.input, target)
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
            seconds=answer.seconds,
            heat_in_object=in_object,
            lift=times_chance,
            boxes=subject.boxes(index),
        )
        return cell, answer.raw
