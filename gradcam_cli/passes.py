"""What an engine can do: the passes through a model that methods are made of.

    forward     a batch -> scores
    capture     a batch -> the activations of layers, scores
    gradients   a batch, targets -> activations, dy/d activations, scores
    tail        activations of a layer, the batch they replace them in -> scores

They are at layers, at the input, or at the attention of a vision transformer, all of it at once.

A method says beforehand which passes it needs, so that an engine can compile and check just those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, get_args

from gradcam_cli.targets import Score, Target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["forward", "capture", "gradients", "tail"]
Rules = Literal["standard", "guided"]
"""How gradients pass a ReLU: as calculus has it, or only where they are positive themselves
(guided backpropagation: Springenberg et al., 2015, arXiv 1412.6806)."""

Precision = Literal["f32", "bf16"]
"""What a model computes in: float32, or bfloat16, whose numbers have 8 bits where those have 24."""
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

INPUT = "<input>"
"""The model's input, as a place to take gradients at."""

LAYER = "<layer>"
"""The layer that is explained, in the passes of a method, which knows no layer's name."""

ATTENTION = "<attention>"
"""The matrices of attention A of all blocks, as one place, (N, blocks, heads, tokens, tokens).

They are in the order from input to output. A[:, b, h, i, j] is how much of token j goes into
token i in the head h of block b, after the softmax: each row adds up to 1."""

BLOCK_ATTENTION = "<attention by block>"
"""The same, where the gradients of each block's are of scores of its own: those that the model
gives where the tokens that the block leaves are taken for those of the last block."""

NO_LAYERS = frozenset({INPUT, ATTENTION, BLOCK_ATTENTION})
"""The places that are no layers."""

_WORDS = {
    INPUT: "the input",
    LAYER: "the layer",
    ATTENTION: "the attention",
    BLOCK_ATTENTION: "the attention by block",
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
    kind : "forward", "capture", "gradients" or "tail"
        What is computed.
    at : tuple of str
        The layers, or places of `NO_LAYERS`, whose arrays come out; of a tail, the one place whose
        go in.
    rules : "standard" or "guided"
        Of gradients: how they pass a ReLU.
    """

    kind: Kind
    at: tuple[str, ...] = ()
    rules: Rules = "standard"

    def at_layer(self, layer: str) -> Pass:
        """The same with `LAYER` replaced."""
        return replace(self, at=tuple(layer if name == LAYER else name for name in self.at))

    def __str__(self) -> str:
        rules = "" if self.rules == "standard" else f"{self.rules} "
        places = ", ".join(_WORDS.get(name, name) for name in self.at)
        return f"{rules}{self.kind}{f' at {places}' if places else ''}"


FORWARD = Pass("forward")
ACTIVATIONS = Pass("capture", (LAYER,))
LAYER_GRADIENTS = Pass("gradients", (LAYER,))
INPUT_GRADIENTS = Pass("gradients", (INPUT,))
GUIDED_GRADIENTS = Pass("gradients", (INPUT,), "guided")
TAIL = Pass("tail", (LAYER,))
ATTENTION_CAPTURE = Pass("capture", (ATTENTION,))
ATTENTION_GRADIENTS = Pass("gradients", (ATTENTION,))
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
    """

    gradients: dict[str, NDArray[np.float32]] = field(repr=False)


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
        rules : "standard" or "guided"
            How gradients pass a ReLU.

        Returns
        -------
        Gradients
            For the places `at`, in their order; the activations at `INPUT` are the batch.

        Raises
        ------
        UsageError
            Where the model has no such layer or no attention, the scores do not depend on it, or
            guided gradients are requested of a model without ReLUs.
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
