"""Opti-CAM: the weights of a layer's maps that serve the score best, found step by step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.methods.batching import (
    Numbers,
    RowMap,
    by_row,
    captures,
    in_batches,
    resolved,
)
from gradcam_cli.methods.contract import Question
from gradcam_cli.methods.perturbation import seen_through, softmax
from gradcam_cli.methods.upsampling import SamplePoints, gathered, upsampled
from gradcam_cli.passes import INPUT

Array = NDArray[np.float32]
Values = NDArray[np.float64]


@by_row
def opti_cam(question: Question, steps: int = 50, rate: float = 0.1) -> Iterator[RowMap]:
    """The weighted sum of a layer's maps through which the picture keeps its score best.

    Zhang et al., 2023, arXiv 2301.07002: with weights α = softmax(u) over channels and the map
    S(u) = Σ_k α_k A_k, upsampled and scaled to 0..1 by its least and greatest value to the mask
    n(S), y of the picture seen through it is maximized over u by Adam, from u = 0, all channels
    alike; the answer is S(u) of the last step. What the mask hides is black, as in the authors'
    code, which masks before it normalizes; there A is cut at 0 first, which changes nothing after
    a ReLU, and a run may end before its last step.

    dy/dx comes of the engine; from there to u it goes by the chain rule. Adam's (Kingma and Ba,
    2014, arXiv 1412.6980) small number is 1e-6 of the greatest of its divisors, so that a multiple
    of y has the same map. Nothing here is random.

    Parameters
    ----------
    question : Question
    steps : int
        How many gradients are taken for each input and target.
    rate : float
        How far a weight's u goes in a step, about.

    Returns
    -------
    Maps
        Raw maps of (h, w), in units of A; no weight is negative.
    """
    problems = _problems(question)
    u = np.zeros((len(problems), problems[0].activations.shape[-1]))
    adam = _Adam.of(u.shape)
    for step in range(steps):
        u += rate * adam.step(_slopes(question, problems, u, (step, steps)))
    for row, (problem, own) in enumerate(zip(problems, u, strict=True)):
        yield row, problem.activations @ softmax(own), problem.scores


@dataclass(frozen=True, eq=False)
class _Problem:
    """What is to be seen through a mask of A, (h, w, C): the picture over its baseline."""

    activations: Array
    scores: Array
    difference: Array
    rows: SamplePoints
    columns: SamplePoints

    def mask(self, u: Values) -> tuple[Array, float]:
        """n(S(u)), (H, W), and by how much it was divided: 0 where S is the same everywhere."""
        combined = (self.activations @ softmax(u)).astype(np.float32)
        mask = upsampled(combined[np.newaxis], self.rows, self.columns)[0]
        mask -= mask.min()
        spread = float(mask.max())
        return mask / np.float32(spread or 1), spread

    def slope(self, u: Values, gradient: Array) -> Values:
        """dy/du, (C,), where dy/d the masked picture is `gradient`, (H, W, channels)."""
        mask, spread = self.mask(u)
        if not spread:
            return np.zeros_like(u)
        of_mask = np.einsum("ijc,ijc->ij", gradient, self.difference)
        unscaled = _unscaled(of_mask, mask) / np.float32(spread)
        h, w, _ = self.activations.shape
        of_map = gathered(unscaled, self.rows, self.columns, (h, w))
        of_shares = np.einsum("ij,ijk->k", of_map, self.activations, dtype=np.float64)
        shares = softmax(u)
        of_u: Values = shares * (of_shares - shares @ of_shares)
        return of_u


def _unscaled(slopes: Array, mask: Array) -> Array:
    """dy/dS times S's spread, from dy/dn = `slopes` of n = (S - min S) / (max S - min S).

    Besides its own place, a value of n depends on where S is least and where it is greatest.
    """
    whole = slopes.copy()
    whole.flat[mask.argmin()] -= (slopes * (1 - mask)).sum()
    whole.flat[mask.argmax()] -= (slopes * mask).sum()
    return whole


def _problems(question: Question) -> list[_Problem]:
    """That of each row."""
    height, width, _ = question.baseline.shape
    problems: dict[int, _Problem] = {}
    for rows, activations, scores in captures(question):
        h, w, _ = activations.shape
        points = (SamplePoints.of(height, h), SamplePoints.of(width, w))
        difference = question.inputs[rows[0]] - question.baseline
        problem = _Problem(activations, scores, difference, *points)
        problems |= dict.fromkeys(rows, problem)
    return [problems[row] for row in range(len(problems))]


def _slopes(
    question: Question, problems: list[_Problem], u: Values, step: tuple[int, int]
) -> Values:
    """dy/du of each row, (N, C); `step` is the number of this step and that of all."""
    engine, count = question.engine, len(problems)
    targets = [resolved(question, row, problem.scores) for row, problem in enumerate(problems)]

    def run(numbers: Numbers) -> list[Values]:
        rows = numbers.tolist()
        masks = np.stack([problems[row].mask(u[row])[0] for row in rows])
        batch = seen_through(masks, [problems[row].difference for row in rows])
        batch += question.baseline
        own = [targets[row] for row in rows]
        gradients = engine.gradients(batch, own, [INPUT], score=question.score).gradients[INPUT]
        pairs = zip(rows, gradients, strict=True)
        return [problems[row].slope(u[row], gradient) for row, gradient in pairs]

    def progress(done: int, total: int | None) -> None:
        question.progress(step[0] * count + done, step[1] * count)

    batches = in_batches(run, count, question.rows, engine.parallel, progress)
    return np.stack([slope for rows, slopes in batches for slope in slopes[: len(rows)]])


@dataclass(eq=False)
class _Adam:
    """Adam's running means of slopes and of their squares, for N problems of C weights."""

    mean: Values
    square: Values
    steps: int = 0

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> _Adam:
        return cls(np.zeros(shape), np.zeros(shape))

    def step(self, slopes: Values) -> Values:
        """Where to go, (N, C), upwards, at a rate of 1."""
        self.steps += 1
        self.mean += 0.1 * (slopes - self.mean)
        self.square += 0.001 * (slopes**2 - self.square)
        mean = self.mean / (1 - 0.9**self.steps)
        size = np.sqrt(self.square / (1 - 0.999**self.steps))
        divisor = size + 1e-6 * size.max(axis=-1, keepdims=True)
        ascent: Values = np.divide(mean, divisor, out=np.zeros_like(mean), where=divisor > 0)
        return ascent
