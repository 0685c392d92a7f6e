"""What an engine can do: the passes through a model that methods are made of.

    forward     a batch -> scores
    capture     a batch -> the activations of layers, scores
    gradients   a batch, targets -> activations, dy/d activations, scores
    tail        activations of a layer, the batch they replace them in -> scores

A method says beforehand which passes it needs, so that an engine can compile and check just those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Protocol, get_args

from gradcam_cli.targets import Score, Target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["forward", "capture", "gradients", "tail"]
Rules = Literal["standard", "guided", "relevance"]
"""What is handed back from an operation to its inputs: gradients as calculus has them; gradients
that pass a ReLU only where they are positive themselves (guided backpropagation: Springenberg et
al., 2015, arXiv 1412.6806); or, in place of gradients, relevance (Bach et al., 2015), which starts
from each score's gradient times the score."""

Precision = Literal["f32", "bf16"]
"""What a model computes in: float32, or bfloat16, whose numbers have 8 bits where those have 24."""
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

INPUT = "<input>"
"""The model's input, as a place to take gradients at."""

LAYER = "<layer>"
"""The layer that is explained, in the passes of a method, which knows no layer's name."""

_WORDS = {INPUT: "the input", LAYER: "the layer"}


@dataclass(frozen=True)
class Pass:
    """One way to run a model.

    Attributes
    ----------
    kind : "forward", "capture", "gradients" or "tail"
        What is computed.
    at : tuple of str
        The layers, or `INPUT`, whose arrays come out; of a tail, the one layer whose go in.
    rules : "standard", "guided" or "relevance"
        Of gradients: what an operation hands back.
    """

    kind: Kind
    at: tuple[str, ...] = ()
    rules: Rules = "standard"

    def at_layer(self, layer: str) -> Pass:
        """The same with `LAYER` replaced."""
        return replace(self, at=tuple(layer if name == LAYER else name for name in self.at))

    def __str__(self) -> str:
        kinds = {"guided": f"guided {self.kind}", "relevance": "relevance"}
        places = ", ".join(_WORDS.get(name, name) for name in self.at)
        return f"{kinds.get(self.rules, self.kind)}{f' at {places}' if places else ''}"


FORWARD = Pass("forward")
ACTIVATIONS = Pass("capture", (LAYER,))
LAYER_GRADIENTS = Pass("gradients", (LAYER,))
INPUT_GRADIENTS = Pass("gradients", (INPUT,))
GUIDED_GRADIENTS = Pass("gradients", (INPUT,), "guided")
RELEVANCE = Pass("gradients", (INPUT,), "relevance")
TAIL = Pass("tail", (LAYER,))


@dataclass(frozen=True, eq=False)
class Captured:
    """The activations of layers in a batch of N inputs; equal to itself only.

    Attributes
    ----------
    activations : dict of str to (N, h, w, C) float32
        The output A of each requested layer; of `INPUT`, the batch.
    scores : (N, classes) float32
        The scores before the softmax (logits).
    """

    activations: dict[str, NDArray[np.float32]] = field(repr=False)
    scores: NDArray[np.float32] = field(repr=False)


@dataclass(frozen=True, eq=False)
class Gradients(Captured):
    """The same with gradients.

    Attributes
    ----------
    gradients : dict of str to (N, h, w, C) float32
        G = dy/dA of each layer, y being each row's own target.
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
        """The activations of the layers `at`, and the scores, in one pass."""
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
            Layers, or `INPUT`.
        score : "logit" or "probability"
            Whether y is made of the scores before the softmax, or after it.
        rules : "standard", "guided" or "relevance"
            What an operation hands back.

        Returns
        -------
        Gradients
            For the places `at`, in their order; the activations at `INPUT` are the batch.

        Raises
        ------
        UsageError
            Where the model has no such layer, the scores do not depend on it, guided gradients
            are requested of a model without ReLUs, or relevance of an engine without its rules.
        """
        ...

    def tail(
        self, activations: NDArray[np.float32], layer: str, batch: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """The scores where the output of `layer` is `activations`.

        Parameters
        ----------
        activations : (N, h, w, C) float32
            What counts the rows.
        layer : str
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
