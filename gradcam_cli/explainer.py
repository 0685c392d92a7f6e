"""From pixels to heatmaps, on one screen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.answers import explanations_of, question_of
from gradcam_cli.arguments import check_image, check_inputs, check_word, checked_integer
from gradcam_cli.callbacks import Note, Progress, no_note, no_progress
from gradcam_cli.engines import ENGINES, EngineName
from gradcam_cli.engines.selection import open_engine
from gradcam_cli.images.framing import RESIZES, Frame, Resize, frame_of
from gradcam_cli.images.overlay import model_input
from gradcam_cli.images.reading import Picture, Source, read_image
from gradcam_cli.methods import MethodChoice, parse_method
from gradcam_cli.methods.choice import check_baselines_used, needs_of, parse_methods
from gradcam_cli.methods.modifiers import UNMODIFIED, Modifiers
from gradcam_cli.models.labels import Classes
from gradcam_cli.models.model import Model
from gradcam_cli.models.preprocessing import parse_preprocessing
from gradcam_cli.models.selection import ModelName, Selection, select_model
from gradcam_cli.passes import PRECISIONS, Precision
from gradcam_cli.results.baselines import Baselines
from gradcam_cli.results.explanation import Explanation
from gradcam_cli.targets import TOP, Score, Target

if TYPE_CHECKING:
    from gradcam_cli.errors import GradcamError
    from gradcam_cli.models.sources.function import Ends, ScoreFunction
    from gradcam_cli.passes import Engine, Pass


@dataclass(frozen=True, eq=False)
class Explainer:
    """An engine that looks at one layer of a model, and a method, ready for any number of images.

    Attributes
    ----------
    model, engine, layer, methods, score, offline
        What `load` chose or was told.
    modifiers : Modifiers
        See `with_modifiers`.
    resize : "squash", "crop" or "letterbox"
        How a picture comes to the shape of the model's input: squashed whole; the largest part in
        its middle that has that shape; or whole between black bars.
        `dataclasses.replace(explainer, resize="crop")` changes it.
    baselines : tuple of (height, width, channels) float32
        See `with_baselines`; empty for a black picture.

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
    modifiers: Modifiers = UNMODIFIED
    baselines: tuple[NDArray[np.float32], ...] = ()

    def __post_init__(self) -> None:
        check_word("a score", self.score, get_args(Score))
        check_word("a way to resize", self.resize, RESIZES)

    @classmethod
    def load(
        cls,
        model: ModelName | Selection | Model = "auto",
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
        model : str, path-like, keras.Model, Selection or Model
            A name of `gradcam models`, "auto" for VGG16 or else the bundled model, or the path of a
            model's file; a Keras model in memory, which TensorFlow runs as it is now (of a path it
            is compiled once, and runs several times as fast); or what `select_model`, which takes
            labels, preprocessing and weights too, or its `open` gave.
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
        choices = parse_methods(methods)
        if not isinstance(model, (Selection, Model)):
            model = select_model(model, layer=layer, note=note)
        if isinstance(model, Selection):
            model = model.open(offline=offline, note=note)
        needs = needs_of(choices)
        opened_engine, layer = open_engine(model, layer, needs, engine_name=engine, note=note)
        return cls(model, opened_engine, layer, choices, score, offline)

    @classmethod
    def of_function(
        cls,
        function: ScoreFunction,
        *,
        input: Sequence[int],
        labels: int | Sequence[str],
        methods: str | Sequence[str] = "occlusion",
        preprocessing: str = "uint8",
        ends: Ends = "softmax",
    ) -> Explainer:
        """Explain a function of pictures, of which nothing is known but its scores.

        Parameters
        ----------
        function : callable
            From (N, height, width, channels) to (N, classes), an array or what becomes one. It gets
            a copy of at most 8 pictures, from one thread at a time.
        input : (height, width, channels)
            Of one picture; 3 channels are RGB, and 1 is grey.
        labels : sequence of str, or int
            The names of the classes, or how many there are.
        methods : str, or sequence of str
            Those of `gradcam methods` that need forward passes only.
        preprocessing : str
            "uint8" for pixels as they are, 0..255; "none" for the same in float32; or whatever
            `--preprocess` takes.
        ends : "softmax", "sigmoid" or "none"
            What it ends in, and gives: probabilities that add up to 1, probabilities of each class
            by itself, or scores. What it gives is what is explained, and is checked each time.

        Raises
        ------
        UsageError
            Where an argument is not as above, or a method needs more than scores.
        """
        from gradcam_cli.models.sources.function import function_model

        model = function_model(function, input, labels, preprocessing=preprocessing, ends=ends)
        return cls.load(model, methods=methods, score="logit" if ends == "none" else "probability")

    def with_passes(self, passes: Sequence[Pass], note: Note = no_note) -> Explainer:
        """The same with an engine that can do `passes` as well, whatever the methods need.

        Raises
        ------
        ModelError
            Where it cannot.
        """
        needs = self.modifiers.needs(needs_of(self.methods, passes))
        return self._reopened(needs, self.engine.precision, note)

    def with_modifiers(self, modifiers: Modifiers, note: Note = no_note) -> Explainer:
        """The same with every map averaged over changed inputs, or fused of several layers.

        Raises
        ------
        UsageError
            For a layer that the model does not have.
        ModelError
            Where the engine cannot explain one of the layers.
        """
        return replace(self, modifiers=modifiers).with_passes((), note)

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
        return self._reopened(self.modifiers.needs(needs_of(self.methods)), precision, note)

    def with_baselines(self, images: Iterable[Source | NDArray[np.uint8]]) -> Explainer:
        """The same for methods that compare: with each of `images` in place of a black picture.

        Raises
        ------
        UsageError, ImageError
            As of `explain`; and where none of the methods compares pictures with others.
        """
        check_baselines_used(self.methods)
        images = [images] if isinstance(images, str) else images
        inputs = [self.input_of(self.read(image).pixels) for image in images]
        return replace(self, baselines=tuple(inputs))

    def _reopened(self, needs: Sequence[Pass], precision: Precision, note: Note) -> Explainer:
        engines: dict[str, EngineName] = {name: name for name in ENGINES}
        name = engines.get(self.engine.name, "auto")  # a function's is none of them
        engine, _ = open_engine(
            self.model, self.layer, needs, engine_name=name, precision=precision, note=note
        )
        return replace(self, engine=engine)

    def explain(
        self,
        image: Source | NDArray[np.uint8],
        targets: Classes = TOP,
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
        picture = self.read(image)
        # Row by row: to prepare an engine for several takes longer than a few rows do.
        inputs = [self.input_of(picture.pixels)]
        (explanation,) = self.explain_inputs(inputs, resolved, top=top, rows=1)
        return self.placed(explanation, picture)

    def explain_many(
        self,
        sources: Iterable[Source | NDArray[np.uint8]],
        targets: Classes = TOP,
        *,
        top: int = 5,
        on_failure: Callable[[Any, GradcamError], None] | None = None,
    ) -> Iterator[Explanation]:
        """Explain each of `sources` in their order, a few at a time, in memory that does not grow.

        Sources are taken as they are needed, at most 32 ahead, and read in threads. An explanation
        holds its picture, so keep what you need of each, and not all of them.

        Parameters
        ----------
        sources : iterable
            Of what `explain` takes as `image`.
        targets, top
            As in `explain`, the same for all.
        on_failure : callable, optional
            Called with a source that cannot be read and its error, in its turn; nothing is yielded
            for it. Without it the error is raised in its turn, which ends the iteration.

        Yields
        ------
        What `explain` gives, to within rounding; UsageError is raised at once.
        """
        from gradcam_cli.batches import explanations

        resolved = self.model.labels.targets(targets)
        return explanations(self, sources, resolved, checked_integer("top", top, 1), on_failure)

    def read(self, image: Source | NDArray[np.uint8]) -> Picture:
        """The picture that `explain` takes `image` for; errors as there."""
        if isinstance(image, np.ndarray):
            return Picture(image, name="", stem="", path=None)
        return read_image(image, offline=self.offline)

    def placed(self, explanation: Explanation, picture: Picture) -> Explanation:
        """What was found in the input of `picture`, with the picture, its name and its notes."""
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
        """As `input_of`, for pixels that have the model's own size and channels, RGB or grey."""
        steps = parse_preprocessing(self.model.preprocessing)
        prepared: NDArray[np.float32] = steps(pixels[np.newaxis])[0]
        return prepared

    def explain_inputs(
        self,
        inputs: Sequence[NDArray[np.float32]],
        targets: Classes,
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
        check_inputs(inputs, tuple(self.model.input))
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
        question = question_of(self, inputs, targets, rows, progress)
        maps = [self.modifiers.maps(method, question) for method in self.methods]
        return explanations_of(self, targets, maps, top)

    @cached_property
    def black(self) -> NDArray[np.float32]:
        """The model's input for a black picture."""
        black = self.input_of(np.zeros((1, 1, 3), np.uint8))
        black.flags.writeable = False
        return black

    @cached_property
    def baselines_record(self) -> Baselines | None:
        """What an explanation says of the baselines; None of a black picture."""
        return Baselines.of(self.baselines) if self.baselines else None
