"""What a method is: a record, and a function from a question to raw maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from gradcam_cli.callbacks import Progress, no_progress
from gradcam_cli.passes import ATTENTION, BLOCK_ATTENTION, LAYER, Engine, Pass
from gradcam_cli.targets import Head, Score, Target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


ONE_PASS = "1 forward, 1 backward pass"
"""What most methods cost."""


@dataclass(frozen=True, eq=False)
class Question:
    """What a method computes: the evidence for a target in each of N inputs.

    Attributes
    ----------
    engine : Engine
        Runs the model.
    inputs : sequence of (H, W, C) float32
        As the model takes them.
    targets : sequence of Target
        One for each input.
    layer : str
        The layer to look at, for methods that look at one.
    score : "logit" or "probability"
        What the targets are made of.
    baseline : (H, W, C) float32
        The model's input for a black picture.
    baselines : sequence of (H, W, C) float32
        Those that were chosen in its place; mostly none.
    head : "softmax" or "sigmoid"
        What makes probabilities of the model's scores.
    rows : int
        How many inputs to run at a time, for passes of one an input. Where there are many passes an
        input, as many run at a time as suit the engine.
    progress : callable
        Called with the passes done and all of them, by methods of many.

    No method changes the inputs or the baselines.
    """

    engine: Engine
    inputs: Sequence[NDArray[np.float32]] = field(repr=False)
    targets: Sequence[Target]
    layer: str
    score: Score
    baseline: NDArray[np.float32] = field(repr=False)
    head: Head = "softmax"
    rows: int = 1
    progress: Progress = no_progress
    baselines: Sequence[NDArray[np.float32]] = field(default=(), repr=False)

    @property
    def path_starts(self) -> Sequence[NDArray[np.float32]]:
        """The baselines, at least one: those that were chosen, or else the black one."""
        return self.baselines if len(self.baselines) else (self.baseline,)


@dataclass(frozen=True, eq=False)
class Maps:
    """A method's answer for N inputs.

    Attributes
    ----------
    raw : (N, h, w) float32
        Of any range; positive where the target's y is raised, and negative, in a signed map, where
        it is lowered.
    scores : (N, classes) float32
        The model's scores for the inputs, before the softmax.
    """

    raw: NDArray[np.float32] = field(repr=False)
    scores: NDArray[np.float32] = field(repr=False)

    def part(self, start: int, stop: int) -> Maps:
        """The answer for the inputs from `start` to `stop`, which is left out."""
        return Maps(self.raw[start:stop], self.scores[start:stop])


@dataclass(frozen=True)
class Option:
    """A number that a method takes.

    Attributes
    ----------
    name : str
        As `--method NAME:option=value` takes it.
    summary : str
        What it is, in a few words.
    default, low, high : int or float
        Its default value, and its bounds, both included. It is a whole number if the default is an
        int.
    """

    name: str
    summary: str
    default: float
    low: float
    high: float

    @property
    def is_whole(self) -> bool:
        """True where only whole numbers will do."""
        return isinstance(self.default, int)


@dataclass(frozen=True, eq=False)
class Method:
    """A way to explain; equal to itself only.

    Attributes
    ----------
    name : str
        As `--method` takes it.
    title : str
        As its paper has it.
    summary : str
        What it does, in a line.
    paper : str
        Authors, year and number.
    needs : tuple of Pass
        The passes that it runs.
    cost : str
        How many passes an explanation takes, in words.
    signed : bool
        True where its map also shows what speaks against the target.
    maps : callable
        From a `Question`, and its options by name, to `Maps`.
    uses_target : bool
        False where the map is the same for every class.
    uses_baseline : bool
        True where the input is compared with baselines.
    options : tuple of Option
        What `maps` takes beside the question.
    own_resolution : str
        What its maps are as large as, in words, where that is not what it looks at.
    """

    name: str
    title: str
    summary: str
    paper: str
    needs: tuple[Pass, ...]
    cost: str
    signed: bool
    maps: Callable[..., Maps]
    uses_target: bool = True
    uses_baseline: bool = False
    options: tuple[Option, ...] = ()
    own_resolution: str = ""

    @property
    def defaults(self) -> dict[str, float]:
        """Its options with their default values."""
        return {option.name: option.default for option in self.options}

    @property
    def looks_at(self) -> Literal["layer", "attention", "input"]:
        """Where it looks: at the layer that is explained, all attention, or the input only."""
        places = {place for need in self.needs for place in need.at}
        if LAYER in places:
            return "layer"
        return "attention" if places & {ATTENTION, BLOCK_ATTENTION} else "input"

    @property
    def uses_layer(self) -> bool:
        """False where it is the same whatever layer is explained."""
        return self.looks_at == "layer"

    @property
    def resolution(self) -> str:
        """What its maps are as large as, in words."""
        return self.own_resolution or f"the {self.looks_at}"


@dataclass(frozen=True)
class Imported:
    """A function of a module of this package, imported when it is first called.

    Attributes
    ----------
    module, name : str
        Where it is, and what it is called there.
    """

    module: str
    name: str

    @property
    def function(self) -> Callable[..., Maps]:
        """The function itself."""
        function: Callable[..., Maps]
        function = getattr(import_module(f"gradcam_cli.methods.{self.module}"), self.name)
        return function

    def __call__(self, question: Question, **options: float) -> Maps:
        """What the function gives."""
        return self.function(question, **options)


def imported(module: str, name: str) -> Imported:
    """The function `name` of a module of this package, imported when it is first called."""
    return Imported(module, name)
