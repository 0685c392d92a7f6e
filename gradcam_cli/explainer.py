"""From pixels to heatmaps, on one screen."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.arguments import check_image, check_word, checked_integer, described
from gradcam_cli.callbacks import Note, no_note
from gradcam_cli.engines.selection import open_engine
from gradcam_cli.errors import UsageError
from gradcam_cli.images.overlay import model_input
from gradcam_cli.images.reading import Source, read_image
from gradcam_cli.methods import METHODS, Maps, Question, normalize
from gradcam_cli.models.labels import ClassName, class_labels, resolve_targets
from gradcam_cli.models.loading import Choice, choose
from gradcam_cli.models.preprocessing import PREPROCESSING
from gradcam_cli.results.explanation import (
    ENGINES,
    EngineName,
    Explanation,
    Prediction,
    TargetExplanation,
)
from gradcam_cli.targets import TOP, Score, Target
from gradcam_cli.versions import versions

if TYPE_CHECKING:
    from gradcam_cli.passes import Engine


@dataclass(frozen=True, eq=False)
class Explainer:
    """An engine that looks at one layer of a model, and a method, ready for any number of images.

    Examples
    --------
    >>> explainer = Explainer.load("efficientnet-lite0")            # doctest: +SKIP
    >>> explanation = explainer.explain("cat.jpg", "Egyptian cat")  # doctest: +SKIP
    >>> explanation.targets[0].heatmap.shape                        # doctest: +SKIP
    (7, 7)
    """

    choice: Choice
    engine: Engine
    layer: str
    methods: tuple[str, ...] = ("grad-cam",)
    score: Score = "logit"
    offline: bool = False

    def __post_init__(self) -> None:
        for method in self.methods:
            check_word("a method", method, tuple(METHODS))
        check_word("a score", self.score, get_args(Score))

    @classmethod
    def load(
        cls,
        model: str | Choice = "auto",
        *,
        weights: str | os.PathLike[str] | None = None,
        layer: str | None = None,
        methods: str | Sequence[str] = ("grad-cam",),
        score: Score = "logit",
        engine: EngineName = "auto",
        offline: bool = False,
        note: Note = no_note,
    ) -> Explainer:
        """Load a model to explain one of its layers.

        Parameters
        ----------
        model : str or Choice
            A name of `gradcam models`, "auto" for VGG16 or else the bundled model, or what
            `models.loading.choose` gave.
        weights : path, optional
            A file of Keras weights for that model; with a `Choice`, which has its own, none.
        layer : str, optional
            One of `gradcam layers`; by default the last convolutional activation.
        methods : str, or sequence of str
            Of `gradcam methods`; each gives a heatmap.
        score : "logit" or "probability"
            What is differentiated.
        engine : "auto", "openvino" or "tensorflow"
            What runs the model.
        offline : bool
            Use no network, neither for weights nor for what `explain` reads.
        note : callable
            Given one plain sentence for each thing worth saying: a fallback, or a wait.

        Raises
        ------
        UsageError
            For a model or a layer that does not exist, or an argument not as above.
        ModelError
            Where the weights cannot be had or do not fit, or `engine` cannot run the model.
        """
        check_word("a score", score, get_args(Score))
        check_word("an engine", engine, ENGINES)
        _check_names(model, weights, layer)
        methods = (methods,) if isinstance(methods, str) else tuple(methods)
        for method in methods:
            check_word("a method", method, tuple(METHODS))
        if isinstance(model, str):
            file = None if weights is None else Path(weights)
            model = choose(model, weights=file, layer=layer, offline=offline, note=note)
        needs = list(dict.fromkeys(need for name in methods for need in METHODS[name].needs))
        opened, found = open_engine(model, layer, needs, wanted=engine, note=note)
        return cls(model, opened, found, methods, score=score, offline=offline)

    def explain(
        self,
        image: Source | NDArray[np.uint8],
        targets: ClassName | Target | Iterable[ClassName | Target] = TOP,
        *,
        top: int = 5,
    ) -> Explanation:
        """Explain `image` for each class of `targets`.

        Parameters
        ----------
        image : path, http(s) URL, bytes, binary file, PIL image, Picture, or array
            All but an array is read by `read_image`. An array is (H, W, 3) uint8 RGB, 0..255; it
            may be read-only or a view, and is left as it is. The whole image, of any size, is
            squashed to the model's input.
        targets : str, int, Target, or iterable of them
            Classes: names ("Egyptian cat"), WordNet ids ("n02124075"), indices (285 or "285"), or
            `TOP` or "top" for the predicted one; one that comes twice is explained once.
        top : int, 1..1000
            How many of the most probable classes to report.

        Raises
        ------
        UsageError
            Where an argument is not as above, or a class is not known.
        ImageError
            Where no picture can be read.
        """
        resolved = resolve_targets(targets)
        notes: tuple[str, ...] = ()
        if not isinstance(image, np.ndarray):
            picture = read_image(image, offline=self.offline)
            image, notes = picture.pixels, picture.notes
        # Row by row: to prepare an engine for several takes longer than a few rows do.
        (explanation,) = self.explain_inputs([self.input_of(image)], resolved, top=top, rows=1)
        return replace(explanation, notes=notes)

    def input_of(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the model takes for `image`.

        Parameters
        ----------
        image : (H, W, 3) uint8 RGB, 0..255
            Left as it is.

        Returns
        -------
        (side, side, 3) float32
            In the range and the order of channels that the model was trained with.

        Raises
        ------
        UsageError
            Where `image` is not as above.
        """
        check_image(image)
        spec = self.choice.spec
        batch = PREPROCESSING[spec.preprocessing](model_input(image, spec.side)[np.newaxis])
        found: NDArray[np.float32] = batch[0]
        return found

    def explain_inputs(
        self,
        inputs: Sequence[NDArray[np.float32]],
        targets: ClassName | Target | Iterable[ClassName | Target],
        *,
        top: int = 5,
        rows: int | None = None,
    ) -> list[Explanation]:
        """Explain what `input_of` gave for each of several images, as `explain` does for one.

        Parameters
        ----------
        inputs : sequence of (side, side, 3) float32, or (N, side, side, 3) float32
            At least one.
        targets, top
            As in `explain`.
        rows : int, optional
            How many (input, target) pairs the engine runs at a time; by default what suits it.

        Raises
        ------
        UsageError
            Where an argument is not as above, or a class is not known.
        """
        resolved = resolve_targets(targets)
        self._check_inputs(inputs)
        top = checked_integer("top", top, 1, len(class_labels()))
        pairs = len(inputs) * len(resolved)
        rows = min(self.engine.rows, pairs) if rows is None else checked_integer("rows", rows, 1)
        question = Question(
            engine=self.engine,
            inputs=[one for one in inputs for _ in resolved],
            targets=resolved * len(inputs),
            layer=self.layer,
            score=self.score,
            baseline=self.input_of(np.zeros((1, 1, 3), np.uint8)),
            rows=rows,
        )
        maps = [METHODS[method].maps(question) for method in self.methods]
        each = len(resolved)
        return [
            self._explanation(resolved, [_rows(one, start, each) for one in maps], top)
            for start in range(0, pairs, each)
        ]

    def _check_inputs(self, inputs: Sequence[NDArray[np.float32]]) -> None:
        """Raise UsageError unless there are inputs, all of the model's shape and float32."""
        shape = (self.choice.spec.side, self.choice.spec.side, 3)
        expected = f"expected inputs of {shape} float32, at least one"
        if not isinstance(inputs, (Sequence, np.ndarray)) or not len(inputs):
            came = "none" if isinstance(inputs, Sequence) else described(inputs)
            raise UsageError(f"{expected}, got {came}", "Pass [explainer.input_of(image)].")
        for one in inputs:
            if not isinstance(one, np.ndarray) or one.shape != shape or one.dtype != np.float32:
                remedy = "Pass a list of what explainer.input_of(image) gives."
                raise UsageError(f"{expected}, got {described(one)}", remedy)

    def _explanation(
        self, targets: Sequence[Target], maps: Sequence[Maps], top: int
    ) -> Explanation:
        """The explanation of one image from the maps of each method, one row a target."""
        ranking = Ranking(maps[0].scores[0])
        explained: dict[tuple[Target, str], TargetExplanation] = {}
        for row, target in enumerate(targets):
            resolved = target.resolved(ranking.predicted)
            for method, one in zip(self.methods, maps, strict=True):
                heatmap, evidence = normalize(one.raw[row])
                explained[resolved, method] = TargetExplanation(
                    ranking.of(resolved.index),
                    heatmap,
                    evidence,
                    method,
                    None if resolved.versus is None else class_labels()[resolved.versus],
                    resolved.counterfactual,
                )
        return Explanation(
            model=self.choice.spec.name,
            weights=self.choice.origin,
            layer=self.layer,
            method=self.methods[0],
            score=self.score,
            engine=self.engine.name,
            predictions=ranking.top(top),
            targets=tuple(explained.values()),
            versions=versions(self.engine.name),
        )


def _rows(maps: Maps, start: int, count: int) -> Maps:
    """Some rows of `maps`."""
    rows = slice(start, start + count)
    return Maps(maps.raw[rows], maps.scores[rows])


def _check_names(model: object, weights: object, layer: object) -> None:
    """Raise UsageError unless these are of the types that `Explainer.load` takes."""
    if not isinstance(model, (str, Choice)):
        raise UsageError(
            f"expected the name of a model, got {described(model)}",
            "Pass one of `gradcam models`, and a file of weights as `weights`.",
        )
    if weights is not None and not isinstance(weights, (str, os.PathLike)):
        raise UsageError(
            f"expected the path of a weights file, got {described(weights)}", "Pass a str or Path."
        )
    if weights is not None and not isinstance(model, str):
        raise UsageError(
            f"expected no weights beside a Choice, which has its own, got {described(weights)}",
            "Pass them to `choose`.",
        )
    if layer is not None and not isinstance(layer, str):
        raise UsageError(
            f"expected the name of a layer, got {described(layer)}",
            "Pass one of `gradcam layers`.",
        )


class Ranking:
    """The classes by falling probability: the softmax of `logits`, (classes,) float32.

    All probabilities are 0 where a logit is not finite, as damaged weights make it.
    """

    def __init__(self, logits: NDArray[np.float32]) -> None:
        self._shares = np.zeros(logits.shape, np.float64)
        if np.isfinite(logits).all():
            shifted = np.exp(logits.astype(np.float64) - logits.max())
            self._shares = shifted / shifted.sum()
        self._order = np.argsort(-logits, kind="stable")
        self._ranks = np.empty(len(logits), np.int64)
        self._ranks[self._order] = np.arange(1, len(logits) + 1)

    @property
    def predicted(self) -> int:
        """The most probable class."""
        return int(self._order[0])

    def of(self, index: int) -> Prediction:
        """What is said of the class `index`."""
        share, rank = float(self._shares[index]), int(self._ranks[index])
        return Prediction(class_labels()[index], share, rank)

    def top(self, count: int) -> tuple[Prediction, ...]:
        """The `count` most probable classes, first the first."""
        return tuple(self.of(index) for index in self._order[:count].tolist())
