"""What an engine can do: the passes through a model that methods are made of.

    forward     a batch -> scores
    capture     a batch -> the activations of layers, scores
    gradients   a batch, targets -> activations, dy/d activations, scores
    tail        activations of a layer, the batch they replace them in -> scores
    tail_gradients    the same, and targets -> dy/d activations there, scores
    tail_curvature    the same -> first and second derivatives there, scores

They are at layers, at the input, or at the attention of a vision transformer, all of it at once.

A method says beforehand which passes it needs, so that an engine can compile and check just those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, get_args

from gradcam_cli.targets import Score, Target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["forward", "capture", "gradients", "tail", "tail_gradients", "tail_curvature"]
Rules = Literal["standard", "guided", "relevance", "linearized"]
"""What is handed back from an operation to its inputs: gradients as calculus has them; gradients
that pass a ReLU only where they are positive themselves (guided backpropagation: Springenberg et
al., 2015, arXiv 1412.6806); in place of gradients, relevance (Bach et al., 2015), which starts
from each score's gradient times the score; or the gradients of a model that is linear at each of
its values, which times the input are AttnLRP (Achtibat et al., 2024, arXiv 2402.05602)."""

NO_PARAMETERS: Mapping[str, float] = MappingProxyType({})
RULE_PARAMETERS: Mapping[Rules, Mapping[str, float]] = {
    "relevance": {"epsilon": 1e-4, "gamma": 1.0}
}
"""The numbers that rules take, with their defaults: ε of dense layers, in units of the root mean
square of a layer's outputs, and γ of convolutions, both at least 0.

Montavon et al. take γ = 0.25 for VGG16. Over the 50 convolutions of EfficientNet-Lite0 that leaves
little but noise, for what stands against each other grows from layer to layer."""

Precision = Literal["f32", "bf16"]
"""What a model computes in: float32, or bfloat16, whose numbers have 8 bits where those have 24."""
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

INPUT = "<input>"
"""The model's input, as a place to take gradients at."""

LAYER = "<layer>"
"""The layer that is explained, in the passes of a method, which knows no layer's name."""

STAGES = "<stages>"
"""The layers at which earlier, larger maps end; see `stages`."""

ATTENTION = "<attention>"
"""The matrices of attention A of all blocks, as one place, (N, blocks, heads, tokens, tokens).

They are in the order from input to output. A[:, b, h, i, j] is how much of token j goes into
token i in the head h of block b, after the softmax: each row adds up to 1."""

BLOCK_ATTENTION = "<attention by block>"
"""The same, where the gradients of each block's are of scores of its own: those that the model
gives where the tokens that the block leaves are taken for those of the last block."""

BIASES = "<biases>"
"""All biases between the input and the scores, as one place: what adds to values without coming
from the input; see `Gradients.biases`."""

NO_LAYERS = frozenset({INPUT, ATTENTION, BLOCK_ATTENTION, BIASES})
"""The places that are no layers."""

_MOST_STAGES = 3
_LARGER = 1.5
"""How many times as high or wide maps are that are of an earlier stage: more than with padding."""

_WORDS = {
    INPUT: "the input",
    LAYER: "the layer",
    STAGES: "the stages before",
    ATTENTION: "the attention",
    BLOCK_ATTENTION: "the attention by block",
    BIASES: "the biases",
}


class TokenGrid(NamedTuple):
    """Where among a transformer's tokens those of the picture are: `first` others come before.

    They are in rows, from `first` to `first + height * width`. The others are of the class, of
    distillation, or registers.
    """

    height: int
    width: int
    first: int


@dataclass(frozen=True)
class Pass:
    """One way to run a model.

    Attributes
    ----------
    kind : "forward", "capture", "gradients", "tail", "tail_gradients" or "tail_curvature"
        What is computed.
    at : tuple of str
        The layers, or places of `NO_LAYERS`, whose arrays come out; of tails, the one place whose
        go in.
    rules : "standard", "guided", "relevance" or "linearized"
        Of gradients: what an operation hands back.
    """

    kind: Kind
    at: tuple[str, ...] = ()
    rules: Rules = "standard"

    def at_layer(self, layer: str, earlier: Sequence[str] = ()) -> Pass:
        """The same with `LAYER` replaced, and `STAGES` by `earlier` layers."""
        places = {LAYER: (layer,), STAGES: tuple(earlier)}
        return replace(
            self, at=tuple(place for name in self.at for place in places.get(name, (name,)))
        )

    @property
    def has_gradients(self) -> bool:
        """True where it runs back from the scores."""
        return self.kind in ("gradients", "tail_gradients", "tail_curvature")

    @property
    def is_tail(self) -> bool:
        """True where it begins with the activations of a layer."""
        return self.kind in ("tail", "tail_gradients", "tail_curvature")

    @property
    def shows_in_scores(self) -> bool:
        """True where the model's own scores show whether it is right."""
        return self.has_gradients or self.kind == "tail"

    def __str__(self) -> str:
        kind = self.kind.replace("_", " ")
        kinds = {"standard": kind, "relevance": "relevance"}
        places = ", ".join(_WORDS.get(name, name) for name in self.at)
        return f"{kinds.get(self.rules, f'{self.rules} {kind}')}{f' at {places}' if places else ''}"


def stages(shapes: Mapping[str, tuple[int, int, int]], layer: str) -> tuple[str, ...]:
    """The layers at which the last three stages before that of `layer` end, the earliest first.

    A stage is where a network's maps keep their size; zeros around them make no new one.

    Parameters
    ----------
    shapes : mapping of str to (h, w, C)
        Of each layer's output, in the order in which they are computed.
    layer : str
        One of them.

    Examples
    --------
    >>> shapes = {"a": (8, 8, 4), "b": (8, 8, 4), "pool": (4, 4, 4), "c": (4, 4, 9)}
    >>> stages(shapes, "c")
    ('b',)
    """
    names = list(shapes)
    ends: list[str] = []
    smallest = shapes[layer]
    for name in reversed(names[: names.index(layer)]):
        (height, width, _), (least_height, least_width, _) = shapes[name], smallest
        if max(height / least_height, width / least_width) >= _LARGER:
            ends.insert(0, name)
            smallest = shapes[name]
    return tuple(ends[-_MOST_STAGES:])


FORWARD = Pass("forward")
ACTIVATIONS = Pass("capture", (LAYER,))
LAYER_GRADIENTS = Pass("gradients", (LAYER,))
INPUT_GRADIENTS = Pass("gradients", (INPUT,))
BIAS_GRADIENTS = Pass("gradients", (INPUT, BIASES))
GUIDED_GRADIENTS = Pass("gradients", (INPUT,), "guided")
RELEVANCE = Pass("gradients", (INPUT,), "relevance")
LINEARIZED_GRADIENTS = Pass("gradients", (INPUT,), "linearized")
TAIL = Pass("tail", (LAYER,))
TAIL_GRADIENTS = Pass("tail_gradients", (LAYER,))
TAIL_CURVATURE = Pass("tail_curvature", (LAYER,))
STAGE_GRADIENTS = Pass("gradients", (STAGES, LAYER))
ATTENTION_CAPTURE = Pass("capture", (ATTENTION,))
ATTENTION_GRADIENTS = Pass("gradients", (ATTENTION,))
LINEARIZED_ATTENTION_GRADIENTS = Pass("gradients", (ATTENTION,), "linearized")
BLOCK_ATTENTION_GRADIENTS = Pass("gradients", (BLOCK_ATTENTION,))


@dataclass(frozen=True, eq=False)
class Captured:
    """The activations of layers in a batch of N inputs; equal to itself only.

    Attributes
    ----------
    activations : dict of str to (N, h, w, C) float32
        The output A of each requested layer; of `INPUT`, the batch; of `ATTENTION`, see there.
    scores : (N, classes) float32
        The scores before the softmax (logits).
    tokens : TokenGrid or None
        What the rows and columns of matrices of attention are, where those were requested.
    """

    activations: dict[str, NDArray[np.float32]] = field(repr=False)
    scores: NDArray[np.float32] = field(repr=False)
    tokens: TokenGrid | None = field(default=None, kw_only=True)


@dataclass(frozen=True, eq=False)
class Gradients(Captured):
    """The same with gradients.

    Attributes
    ----------
    gradients : dict of str to (N, h, w, C) float32
        G = dy/dA of each layer, y being each row's own target; of other places of A's shape.
    biases : tuple of (N, h, w, C) float32
        b·dy/db of each bias at each place where it is added, where `BIASES` was requested, from
        input to output; (N, 1, 1, C) of dense layers. They are constants b that are added to each
        channel. What activations other than ReLUs would add is not among them.
    """

    gradients: dict[str, NDArray[np.float32]] = field(repr=False)
    biases: tuple[NDArray[np.float32], ...] = field(default=(), repr=False, kw_only=True)


@dataclass(frozen=True, eq=False)
class Curvature(Gradients):
    """The same with second derivatives.

    Attributes
    ----------
    products : dict of str to (N, h, w, C) float32
        H A of each layer, H being the Hessian of y with respect to its activations A. Where y has
        a kink, as ReLUs and maxima give it, H is that beside it: 0 where nothing else bends it.
    """

    products: dict[str, NDArray[np.float32]] = field(repr=False)


class Engine(Protocol):
    """Whatever runs a model.

    A batch is (N, H, W, C) float32, preprocessed as the model takes it. Rows do not mix: each
    row's results are those it has in any other batch of the same size. Threads may share it.
    """

    name: str
    reference: str
    """What its gradients were checked against; empty where it is the reference."""
    precision: Precision

    @property
    def layers(self) -> Mapping[str, tuple[int, int, int]]:
        """(h, w, C) of the output of each layer, in the order in which they are computed."""
        ...

    @property
    def rows(self) -> int:
        """How many rows of gradients it runs at a time where there are many."""
        ...

    @property
    def forward_rows(self) -> int:
        """How many rows it runs at a time where there are many passes without gradients."""
        ...

    @property
    def parallel(self) -> int:
        """How many threads may gain by calling it side by side, for several rows each."""
        ...

    def forward(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """The scores of a batch before the softmax, (N, classes) float32."""
        ...

    def capture(self, batch: NDArray[np.float32], at: Sequence[str]) -> Captured:
        """The activations of the layers `at`, or of `ATTENTION`, and the scores, in one pass."""
        ...

    def gradients(
        self,
        batch: NDArray[np.float32],
        targets: Sequence[Target],
        at: Sequence[str],
        *,
        score: Score = "logit",
        rules: Rules = "standard",
        parameters: Mapping[str, float] = NO_PARAMETERS,
    ) -> Gradients:
        """Activations, gradients and scores, in one pass for all places `at`.

        Parameters
        ----------
        batch : (N, H, W, C) float32
        targets : sequence of Target
            What y is, one for each row.
        at : sequence of str
            Layers, or places of `NO_LAYERS`.
        score : "logit" or "probability"
            Whether y is made of the scores before the softmax, or after it.
        rules : "standard", "guided", "relevance" or "linearized"
            What an operation hands back.
        parameters : mapping of str to float
            Those of `RULE_PARAMETERS` that are not to be the default.

        Returns
        -------
        Gradients
            For the places `at`, in their order; the activations at `INPUT` are the batch.

        Raises
        ------
        UsageError
            Where the model has no such layer or no attention, the scores do not depend on it,
            guided gradients are requested of a model without ReLUs, or of an engine what it does
            not have: relevance, linearized gradients, attention, biases.
        """
        ...

    def tail(
        self, activations: NDArray[np.float32], layer: str, batch: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """The scores where the output of `layer` is `activations`.

        Parameters
        ----------
        activations : (N, h, w, C) float32
            What counts the rows. At `ATTENTION`, where one matrix depends on another, it is what
            each is multiplied by, (N, blocks, heads, tokens, tokens); at `BLOCK_ATTENTION` too,
            and the scores are the sum of those of all blocks.
        layer : str
            Or `ATTENTION`, or `BLOCK_ATTENTION`.
        batch : (N, H, W, C) float32, or (1, H, W, C) float32 for all rows
            The inputs, which reach the scores past `layer` too where the model has branches. Where
            it has none there, they are not looked at, and may have any number of rows.

        Returns
        -------
        (N, classes) float32
            Before the softmax.

        Raises
        ------
        UsageError
            Where the model has no such layer, or the numbers of rows do not fit.
        """
        ...

    def tail_gradients(
        self,
        activations: NDArray[np.float32],
        layer: str,
        batch: NDArray[np.float32],
        targets: Sequence[Target],
        *,
        score: Score = "logit",
    ) -> Gradients:
        """Gradients and scores where the output of `layer` is `activations`.

        Parameters
        ----------
        activations, layer, batch
            As of `tail`.
        targets : sequence of Target
            What y is, one for each row. The predicted class is that of these activations.
        score : "logit" or "probability"
            Whether y is made of the scores before the softmax, or after it.

        Returns
        -------
        Gradients
            For `layer`.

        Raises
        ------
        UsageError
            As of `tail`, and where the scores do not depend on the layer.
        """
        ...

    def tail_curvature(
        self,
        activations: NDArray[np.float32],
        layer: str,
        batch: NDArray[np.float32],
        targets: Sequence[Target],
        *,
        score: Score = "logit",
    ) -> Curvature:
        """The same with second derivatives."""
        ...
