"""From pixels to heatmaps, on one screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.arguments import check_image, check_word, checked_integer, describe
from gradcam_cli.callbacks import Note, Progress, no_note, no_progress
from gradcam_cli.engines import ENGINES, EngineName
from gradcam_cli.engines.selection import open_engine
from gradcam_cli.errors import UsageError
from gradcam_cli.images.framing import RESIZES, Frame, Resize, frame_of
from gradcam_cli.images.overlay import model_input
from gradcam_cli.images.reading import Picture, Source, read_image
from gradcam_cli.methods import Maps, MethodChoice, Question, normalize, parse_method
from gradcam_cli.methods.choice import needs_of, parse_methods
from gradcam_cli.models.labels import ClassName
from gradcam_cli.models.model import Model
from gradcam_cli.models.preprocessing import parse_preprocessing
from gradcam_cli.models.ranking import Ranking
from gradcam_cli.models.selection import Selection, select_model
from gradcam_cli.passes import PRECISIONS, Precision
from gradcam_cli.results.explanation import AT_THE_INPUT, Explanation, TargetExplanation
from gradcam_cli.targets import TOP, Score, Target
from gradcam_cli.versions import versions

if TYPE_CHECKING:
    from gradcam_cli.passes import Engine, Pass


@dataclass(frozen=True, eq=False)
class Explainer:
    """An engine that looks at one layer of a model, and a method, ready for any number of images.

    Attributes
    ----------
    model, engine, layer, methods, score, offline
        What `load` chose or was told.
    resize : "squash", "crop" or "letterbox"
        How a picture comes to the shape of the model's input: squashed whole; the largest part in
        its middle that has that shape; or whole between black bars.
        `dataclasses.replace(explainer, resize="crop")` changes it.

    Examples
    --------
    >>> explainer = Explainer.load("efficientnet-lite0")
    >>> explanation = explainer.explain("cat.jpg", "Egyptian cat")
    >>> explanation.targets[0].heatmap.shape
    (7, 7)
    >>> [each.name for each in explanation.predictions[:2]]
    ['Egyptian_cat', 'tiger_cat']
    """

    model: Model
    engine: Engine
    layer: str
    methods: tuple[MethodChoice, ...] = (parse_method("grad-cam"),)
    score: Score = "logit"
    offline: bool = False
    resize: Resize = "squash"

    def __post_init__(self) -> None:
        check_word("a score", self.score, get_args(Score))
        check_word("a way to resize", self.resize, RESIZES)

    @classmethod
    def load(
        cls,
        model: str | Selection | Model = "auto",
        *,
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
        model : str, Selection or Model
            A name of `gradcam models`, "auto" for VGG16 or else the bundled model; or what
            `select_model`, which takes a file of weights too, or its `open` gave.
        layer : str, optional
            One of `gradcam layers`; by default the last convolutional activation.
        methods : str, or sequence of str
            Of `gradcam methods`, with options as in "integrated-gradients:steps=100"; each gives a
            heatmap.
        score : "logit" or "probability"
            What is differentiated.
        engine : "auto", "openvino" or "tensorflow"
            What runs the model.
        offline : bool
            Use no network, neither for weights nor for what `explain` reads.
        note : callable
            Called with one sentence for each thing worth saying: a fallback, or a wait.

        Raises
        ------
        UsageError
            For a model or a layer that does not exist, or an argument not as above.
        ModelError
            Where the weights cannot be had or do not fit, or `engine` cannot run the model.
        """
        check_word("a score", score, get_args(Score))
        check_word("an engine", engine, ENGINES)
        _check_names(model, layer)
        choices = parse_methods(methods)
        if isinstance(model, str):
            model = select_model(model, layer=layer)
        if isinstance(model, Selection):
            model = model.open(offline=offline, note=note)
        needs = needs_of(choices)
        opened_engine, layer = open_engine(model, layer, needs, engine_name=engine, note=note)
        return cls(model, opened_engine, layer, choices, score, offline)

    def with_passes(self, passes: Sequence[Pass], note: Note = no_note) -> Explainer:
        """The same with an engine that can do `passes` as well, whatever the methods need.

        Raises
        ------
        ModelError
            Where it cannot.
        """
        return self._reopened(needs_of(self.methods, passes), self.engine.precision, note)

    def with_precision(self, precision: Precision, note: Note = no_note) -> Explainer:
        """The same with a model that computes in `precision`, "f32" or "bf16".

        bfloat16 is some times as fast where the processor has it, and moves heatmaps by some
        percent.

        Raises
        ------
        UsageError
            Where the processor, or the engine, does not have it.
        """
        check_word("a precision", precision, PRECISIONS)
        return self._reopened(needs_of(self.methods), precision, note)

    def _reopened(self, needs: Sequence[Pass], precision: Precision, note: Note) -> Explainer:
        name = next(name for name in ENGINES if name == self.engine.name)
        engine, _ = open_engine(
            self.model, self.layer, needs, engine_name=name, precision=precision, note=note
        )
        return replace(self, engine=engine)

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
            may be read-only or a view, and is left as it is. It may be of any size.
        targets : str, int, Target, or iterable of them
            Classes: names ("Egyptian cat"), WordNet ids ("n02124075"), indices (285 or "285"), or
            `TOP` or "top" for the predicted one; one that comes twice is explained once.
        top : int, at least 1
            How many of the most probable classes to report; at most all of the model's.

        Raises
        ------
        UsageError
            Where an argument is not as above, or a class is not known.
        ImageError
            Where no picture can be read.
        """
        resolved = self.model.labels.targets(targets)
        if isinstance(image, np.ndarray):
            picture = Picture(image, name="", stem="", path=None)
        else:
            picture = read_image(image, offline=self.offline)
        # Row by row: to prepare an engine for several takes longer than a few rows do.
        inputs = [self.input_of(picture.pixels)]
        (explanation,) = self.explain_inputs(inputs, resolved, top=top, rows=1)
        frame = self.frame_of(picture.pixels)
        return explanation.of_picture(picture, frame).with_pixels(picture.pixels)

    def frame_of(self, image: NDArray[np.uint8]) -> Frame:
        """The part of `image`, (H, W, 3), that the model gets, in pixels of the image."""
        return frame_of(image.shape[:2], self.model.input[:2], self.resize)

    def input_of(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the model takes for `image`.

        Parameters
        ----------
        image : (H, W, 3) uint8 RGB, 0..255
            Left as it is.

        Returns
        -------
        (height, width, channels) float32
            In the range and the order of channels that the model was trained with.

        Raises
        ------
        UsageError
            Where `image` is not as above.
        """
        check_image(image)
        return self.preprocess(model_input(image, self.model.input, self.frame_of(image)))

    def preprocess(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the model takes for `pixels`, which have its size and channels already.

        Parameters
        ----------
        pixels : (height, width, channels) uint8, RGB or grey, 0..255
            Left as they are.

        Returns
        -------
        (height, width, channels) float32
            As of `input_of`.
        """
        steps = parse_preprocessing(self.model.preprocessing)
        prepared: NDArray[np.float32] = steps(pixels[np.newaxis])[0]
        return prepared

    def explain_inputs(
        self,
        inputs: Sequence[NDArray[np.float32]],
        targets: ClassName | Target | Iterable[ClassName | Target],
        *,
        top: int = 5,
        rows: int | None = None,
        progress: Progress = no_progress,
    ) -> list[Explanation]:
        """Explain what `input_of` gave for each of several images, as `explain` does for one.

        Parameters
        ----------
        inputs : sequence of (height, width, channels) float32, or (N, …) of them
            At least one.
        targets, top
            As in `explain`.
        rows : int, optional
            How many (input, target) pairs the engine runs at a time; by default what suits it.
        progress : callable
            Called with the passes done and all of them, by methods of many passes.

        Raises
        ------
        UsageError
            Where an argument is not as above, or a class is not known.
        """
        resolved = self.model.labels.targets(targets)
        self._check_inputs(inputs)
        top = checked_integer("top", top, 1)
        pairs = len(inputs) * len(resolved)
        rows = min(self.engine.rows, pairs) if rows is None else checked_integer("rows", rows, 1)
        return self.explain_each(
            inputs, [resolved] * len(inputs), top=top, rows=rows, progress=progress
        )

    def explain_each(
        self,
        inputs: Sequence[NDArray[np.float32]],
        targets: Sequence[Sequence[Target]],
        *,
        top: int,
        rows: int,
        progress: Progress = no_progress,
    ) -> list[Explanation]:
        """Explain each of `inputs` for targets of its own, at least one; see `explain_inputs`."""
        question = self.question(inputs, targets, rows, progress)
        answers = [method.maps(question) for method in self.methods]
        ends = accumulate(map(len, targets))
        return [
            self._explanation(
                own, [_rows_of(answer, end - len(own), end) for answer in answers], top
            )
            for own, end in zip(targets, ends, strict=True)
        ]

    def question(
        self,
        inputs: Sequence[NDArray[np.float32]],
        targets: Sequence[Sequence[Target]],
        rows: int,
        progress: Progress = no_progress,
    ) -> Question:
        """What `explain_each` asks each method: the evidence for each target of each input."""
        return Question(
            engine=self.engine,
            inputs=[array for array, own in zip(inputs, targets, strict=True) for _ in own],
            targets=[target for own in targets for target in own],
            layer=self.layer,
            score=self.score,
            baseline=self._black,
            head=self.model.head,
            rows=rows,
            progress=progress,
        )

    @cached_property
    def _black(self) -> NDArray[np.float32]:
        """The model's input for a black picture."""
        black = self.input_of(np.zeros((1, 1, 3), np.uint8))
        black.flags.writeable = False
        return black

    def _check_inputs(self, inputs: Sequence[NDArray[np.float32]]) -> None:
        """Raise UsageError unless there are inputs, all of the model's shape and float32."""
        shape = tuple(self.model.input)
        expected = f"expected inputs of {shape} float32, at least one"
        if not isinstance(inputs, (Sequence, np.ndarray)) or not len(inputs):
            got = "none" if isinstance(inputs, Sequence) else describe(inputs)
            raise UsageError(f"{expected}, got {got}", "Pass [explainer.input_of(image)].")
        for item in inputs:
            if not isinstance(item, np.ndarray) or item.shape != shape or item.dtype != np.float32:
                remedy = "Pass a list of what explainer.input_of(image) gives."
                raise UsageError(f"{expected}, got {describe(item)}", remedy)

    def _explanation(
        self, targets: Sequence[Target], maps: Sequence[Maps], top: int
    ) -> Explanation:
        """The explanation of one image from the maps of each method, one row a target."""
        ranking = Ranking(maps[0].scores[0], self.model.labels, self.model.head)
        explained = self._target_explanations(targets, maps, ranking)
        return Explanation(
            source="",
            size=(0, 0),
            model=self.model.name,
            weights=self.model.origin,
            fallback=self.model.fallback or None,
            guesses=self.model.guesses,
            layer=explained[0].layer,
            method=explained[0].method,
            score=self.score,
            engine=self.engine.name,
            precision=self.engine.precision,
            predictions=ranking.top(top),
            targets=explained,
            notes=(),
            versions=versions(self.engine.name),
        )

    def _target_explanations(
        self, targets: Sequence[Target], maps: Sequence[Maps], ranking: Ranking
    ) -> tuple[TargetExplanation, ...]:
        """Those of each target by each method; a target that is resolved to another counts once."""
        explained: dict[tuple[Target, str], TargetExplanation] = {}
        for row, target in enumerate(targets):
            resolved = target.resolved(ranking.predicted)
            for method, answer in zip(self.methods, maps, strict=True):
                explained[resolved, method.text] = self._target_explanation(
                    resolved, method, answer.raw[row], ranking
                )
        return tuple(explained.values())

    def _target_explanation(
        self, target: Target, method: MethodChoice, raw: NDArray[np.float32], ranking: Ranking
    ) -> TargetExplanation:
        heatmap, evidence = normalize(raw)
        return TargetExplanation.of(
            heatmap,
            evidence=evidence,
            prediction=ranking.of(target.index),
            versus=None if target.versus is None else ranking.label(target.versus),
            counterfactual=target.counterfactual,
            method=method.text,
            layer=self.layer if method.method.uses_layer else AT_THE_INPUT,
        )


def _rows_of(maps: Maps, start: int, end: int) -> Maps:
    """Some rows of `maps`."""
    rows = slice(start, end)
    return Maps(maps.raw[rows], maps.scores[rows])


def _check_names(model: object, layer: object) -> None:
    """Raise UsageError unless these are of the types that `Explainer.load` takes."""
    if not isinstance(model, (str, Selection, Model)):
        raise UsageError(
            f"expected the name of a model, got {describe(model)}",
            "Pass one of `gradcam models`, or what `select_model` gives.",
        )
    if layer is not None and not isinstance(layer, str):
        raise UsageError(
            f"expected the name of a layer, got {describe(layer)}",
            "Pass one of `gradcam layers`.",
        )
