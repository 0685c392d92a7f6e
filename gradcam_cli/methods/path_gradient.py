"""Methods that follow the score on the way from a baseline to the input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.methods.batching import Numbers, RowMap, by_row, in_batches, resolved
from gradcam_cli.methods.contract import Question
from gradcam_cli.passes import INPUT
from gradcam_cli.targets import Target

Array = NDArray[np.float32]

Point = tuple[int, float]
"""The number of a baseline, and the share of the way from it to the input, in 0..1."""


@by_row
def integrated_gradients(question: Question, steps: int = 50) -> Iterator[RowMap]:
    """The difference to a baseline, and what each pixel has contributed to it.

    Sundararajan et al., 2017, arXiv 1703.01365, equation 3:
    (x - x') × the mean of dy/dx on the straight path from the baseline x' to x, at the middles of
    `steps` equal parts (the paper's sum takes their ends, Captum's default Gauss and Legendre's
    points), summed over channels; of several baselines, the mean of that. With enough steps the sum
    of the map is y(x) - y(x') (completeness, proposition 1), with the mean of y(x') over the
    baselines. The predicted class is that of x all along the path.

    Parameters
    ----------
    question : Question
        Whose `baselines`, or else `baseline`, are x'.
    steps : int
        How many gradients are taken for each input and baseline.

    Returns
    -------
    Maps
        Raw signed maps of (H, W), in units of y.
    """
    shares = [(i + 0.5) / steps for i in range(steps)]
    count = len(question.path_starts)
    return _mean_contributions(
        question, [(number, share) for number in range(count) for share in shares]
    )


@by_row
def expected_gradients(question: Question, samples: int = 100, seed: int = 0) -> Iterator[RowMap]:
    """Integrated Gradients averaged over many baselines, by samples of both.

    Erion et al., 2021, arXiv 1906.10670, the definition of Expected Gradients: the mean of
    (x - x') × dy/dx at x' + α·(x - x'), summed over channels, where x' is drawn from the baselines
    and α evenly from 0..1. Its expectation sums to y(x) less the mean of y(x') over the baselines.

    Both are drawn in layers, which converges faster: the baselines in turn, in a random order, and
    the α of each one's n uses one from each of n equal parts of 0..1. (The authors' code, and
    Captum's GradientShap, draw each sample by itself; GradientShap adds noise to x besides.) Every
    input has the same samples, whatever is beside it.

    Parameters
    ----------
    question : Question
        Whose `baselines`, or else `baseline`, x' is drawn from.
    samples : int
        How many gradients are taken for each input. With fewer than there are baselines, some are
        left out.
    seed : int
        Of what is drawn.

    Returns
    -------
    Maps
        Raw signed maps of (H, W), in units of y.
    """
    return _mean_contributions(question, drawn_points(len(question.path_starts), samples, seed))


def drawn_points(baselines: int, samples: int, seed: int) -> list[Point]:
    """Which of so many baselines each sample starts from, and how far it goes.

    Examples
    --------
    >>> points = drawn_points(baselines=2, samples=4, seed=0)
    >>> sorted(number for number, _ in points)
    [0, 0, 1, 1]
    >>> sorted(int(2 * share) for _, share in points)
    [0, 0, 1, 1]
    """
    random = np.random.default_rng(seed)
    order, offsets = random.permutation(baselines).tolist(), random.random(samples).tolist()
    points: list[Point] = []
    for i, offset in enumerate(offsets):
        use, place = divmod(i, baselines)
        uses = len(range(place, samples, baselines))
        points.append((order[place], (use + offset) / uses))
    return points


def _mean_contributions(question: Question, points: Sequence[Point]) -> Iterator[RowMap]:
    """The mean over `points` of (x - x') × dy/dx there, summed over channels."""
    scores = _scores(question)
    inputs, engine, baselines = list(question.inputs), question.engine, question.path_starts
    targets = [resolved(question, row, scores[row]) for row in range(len(inputs))]

    def run(numbers: Numbers) -> Array:
        pairs = [divmod(number, len(points)) for number in numbers.tolist()]
        batch = np.stack([_at(inputs[row], baselines, points[i]) for row, i in pairs])
        batch_targets: list[Target] = [targets[row] for row, _ in pairs]
        computed = engine.gradients(batch, batch_targets, [INPUT], score=question.score)
        return computed.gradients[INPUT]

    sums = np.zeros((len(inputs), *inputs[0].shape[:2]))
    passes = (len(inputs) * len(points), engine.rows, engine.parallel, question.progress)
    for numbers, gradients in in_batches(run, *passes):
        for number, gradient in zip(numbers, gradients, strict=False):
            row, i = divmod(number, len(points))
            sums[row] += ((inputs[row] - baselines[points[i][0]]) * gradient).sum(axis=-1)
    for row in range(len(inputs)):
        yield row, sums[row] / len(points), scores[row]


def _at(end: Array, baselines: Sequence[Array], point: Point) -> Array:
    """The input at `point` of the way to `end`."""
    number, share = point
    start = baselines[number]
    place: Array = start + np.float32(share) * (end - start)
    return place


def _scores(question: Question) -> Array:
    """The model's scores for the inputs, (N, classes)."""
    inputs, engine = question.inputs, question.engine

    def run(numbers: Numbers) -> Array:
        return engine.forward(np.stack([inputs[row] for row in numbers.tolist()]))

    batches = in_batches(run, len(inputs), question.rows, engine.parallel)
    return np.concatenate([scores[: len(rows)] for rows, scores in batches])
