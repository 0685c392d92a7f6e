"""Running many inputs a few at a time, and putting together what comes of each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.callbacks import Progress, no_progress
from gradcam_cli.heads import target_scores
from gradcam_cli.methods.contract import Maps, Question
from gradcam_cli.passes import Gradients
from gradcam_cli.targets import Target

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Array = NDArray[np.float32]
Numbers = NDArray[np.intp]
RowMap = tuple[int, NDArray[np.floating[Any]], Array]
"""Of one row of a question: its number, its raw map and its scores."""
Values = NDArray[np.float64]
T = TypeVar("T")


def in_batches(
    run: Callable[[Numbers], T],
    count: int,
    rows: int,
    parallel: int,
    progress: Progress = no_progress,
) -> Iterator[tuple[list[int], T]]:
    """The numbers of the inputs in each batch of `rows` of `count`, and what `run` gives for it.

    The batches come in order. The last one is filled up with what is there, so that every row is
    computed in a batch of the same size, and what comes of it does not depend on the others.

    Parameters
    ----------
    run : callable
        Given the numbers of the inputs to run, (rows,) int. Of the last batch's, those beyond the
        ones that come out beside its result are only there to fill it.
    count, rows : int
        How many inputs there are, and how many to run at a time.
    parallel : int
        How many threads run batches side by side.
    progress : callable
        Given the inputs done, and `count`.
    """
    starts = range(0, count, rows)

    def batch(start: int) -> T:
        return run(np.arange(start, start + rows) % count)

    pool = _pool(parallel) if parallel > 1 and len(starts) > 1 else None
    try:
        results = _side_by_side(pool, batch, starts, 2 * parallel) if pool else map(batch, starts)
        for start, result in zip(starts, results, strict=True):
            stop = min(start + rows, count)
            yield list(range(start, stop)), result
            progress(stop, count)
    finally:
        if pool:  # nobody waits for batches of an interrupted run
            pool.shutdown(cancel_futures=True)


def rows_in_batches(
    question: Question, run: Callable[[Array, list[Target]], T]
) -> Iterator[tuple[list[int], T]]:
    """The same of the rows of `question`: `run` is given their inputs and targets."""

    def run_rows(numbers: Numbers) -> T:
        rows = numbers.tolist()
        inputs = np.stack([question.inputs[row] for row in rows])
        return run(inputs, [question.targets[row] for row in rows])

    return in_batches(run_rows, len(question.inputs), question.rows, question.engine.parallel)


def _side_by_side(
    pool: ThreadPoolExecutor, run: Callable[[int], T], starts: Iterable[int], ahead: int
) -> Iterator[T]:
    """What `run` gives for each of `starts`; no more than `ahead` are begun and not yet taken."""
    begun: deque[Future[T]] = deque()
    for start in starts:
        if len(begun) == ahead:
            yield begun.popleft().result()
        begun.append(pool.submit(run, start))
    while begun:
        yield begun.popleft().result()


def _pool(threads: int) -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor  # its import takes longer than one batch

    return ThreadPoolExecutor(threads)


def by_row(function: Callable[..., Iterable[RowMap]]) -> Callable[..., Maps]:
    """A method of a function that gives the rows of a question one by one, in any order."""

    @wraps(function)
    def maps(question: Question, **options: float) -> Maps:
        rows = sorted(function(question, **options), key=lambda row: row[0])
        raw = np.stack([raw_map for _, raw_map, _ in rows])
        return Maps(raw.astype(np.float32, copy=False), np.stack([scores for *_, scores in rows]))

    return maps


def resolved(question: Question, row: int, scores: Array) -> Target:
    """The target of `row`, where `scores`, (classes,), say which class is predicted."""
    return question.targets[row].resolved(int(scores.argmax()))


def resolved_targets(question: Question, rows: list[int], scores: Array) -> list[Target]:
    """Those of several rows of one input."""
    return [resolved(question, row, scores) for row in rows]


def rows_by_input(inputs: list[Array]) -> list[list[int]]:
    """The rows of each input: one that is explained for several targets is there several times."""
    groups: dict[int, list[int]] = {}
    for row, array in enumerate(inputs):
        groups.setdefault(id(array), []).append(row)
    return list(groups.values())


def captures(question: Question) -> Iterator[tuple[list[int], Array, Array]]:
    """The rows, the layer's activations (h, w, C) and the scores (classes,) of each input."""
    engine, layer = question.engine, question.layer

    def run(batch: Array) -> tuple[Array, Array]:
        captured = engine.capture(batch, [layer])
        return captured.activations[layer], captured.scores

    for rows, (activations, scores) in _input_by_input(question, run):
        yield rows, activations, scores


def input_scores(question: Question) -> Array:
    """The model's scores for the inputs, (N, classes)."""
    inputs, engine = question.inputs, question.engine

    def run(numbers: Numbers) -> Array:
        return engine.forward(np.stack([inputs[row] for row in numbers.tolist()]))

    batches = in_batches(run, len(inputs), question.rows, engine.parallel)
    return np.concatenate([scores[: len(rows)] for rows, scores in batches])


def gradients_of_jobs(
    question: Question,
    jobs: list[tuple[int, T]],
    run: Callable[[list[tuple[int, T]]], Gradients],
) -> Iterator[tuple[int, Iterator[tuple[T, Array, Array]]]]:
    """The gradients at the layer of many passes for each row, batched across the rows.

    No more than a batch of them is kept at a time.

    Parameters
    ----------
    question : Question
        Has the engine, the layer and the callback for progress.
    jobs : list of (row, job)
        One pass each, those of a row side by side.
    run : callable
        From a batch of them to what the engine gives at the layer.

    Returns
    -------
    iterator of (row, iterator of (job, activations, gradients))
        (h, w, C) float32 each. The jobs of a row have to be taken before the next row is.
    """

    def passes() -> Iterator[tuple[int, tuple[T, Array, Array]]]:
        engine, layer = question.engine, question.layer
        batches = in_batches(
            lambda numbers: run([jobs[number] for number in numbers.tolist()]),
            *(len(jobs), engine.rows, engine.parallel, question.progress),
        )
        for numbers, batch in batches:
            arrays = (batch.activations[layer], batch.gradients[layer])
            for number, a, g in zip(numbers, *arrays, strict=False):
                row, job = jobs[number]
                yield row, (job, a, g)

    for row, group in groupby(passes(), key=lambda each: each[0]):
        yield row, (each for _, each in group)


def forwards(question: Question) -> Iterator[tuple[list[int], Array]]:
    """The rows and the scores (classes,) of each input."""
    for rows, (scores,) in _input_by_input(
        question, lambda batch: (question.engine.forward(batch),)
    ):
        yield rows, scores


def _input_by_input(
    question: Question, run: Callable[[Array], tuple[Array, ...]]
) -> Iterator[tuple[list[int], tuple[Array, ...]]]:
    """The rows of each input, and its rows of the arrays that `run` gives for a batch."""
    inputs = list(question.inputs)
    groups = rows_by_input(inputs)

    def run_numbers(numbers: Numbers) -> tuple[Array, ...]:
        return run(np.stack([inputs[groups[number][0]] for number in numbers.tolist()]))

    batches = in_batches(run_numbers, len(groups), question.rows, question.engine.parallel)
    for numbers, arrays in batches:
        for number, own in zip(numbers, zip(*arrays, strict=True), strict=False):
            yield groups[number], own


Job = tuple[int, int]
"""One of many passes: the number of the input that it is for, and its own among that input's."""


def passes(
    question: Question,
    targets: list[list[Target]],
    counts: list[int],
    run: Callable[[list[Job]], Array],
) -> Iterator[tuple[int, list[int], Values]]:
    """What many passes for each of several inputs make of its targets, batched across the inputs.

    Parameters
    ----------
    question : Question
        Has the engine, what y is made of, and the callback for progress.
    targets : list of list of Target
        Those of each input, resolved.
    counts : list of int
        How many passes each input takes.
    run : callable
        From a batch of jobs to scores, (N, classes).

    Yields
    ------
    number : int
        Of the input.
    indices : list of int
        Of some of its passes, in their order.
    y : (passes, targets) float64
        What each of them gives for each of its targets.
    """
    engine, starts = question.engine, np.cumsum([0, *counts])

    def jobs(numbers: Numbers) -> list[Job]:
        of_input = np.searchsorted(starts, numbers, side="right") - 1
        return list(zip(of_input.tolist(), (numbers - starts[of_input]).tolist(), strict=True))

    batches = in_batches(
        lambda numbers: run(jobs(numbers)),
        *(int(starts[-1]), engine.forward_rows, engine.parallel, question.progress),
    )
    for numbers, scores in batches:
        first = 0
        for number, group in groupby(jobs(np.array(numbers)), itemgetter(0)):
            indices = [index for _, index in group]
            own = scores[first : first + len(indices)]
            first += len(indices)
            yield (
                number,
                indices,
                target_scores(own, targets[number], question.score, question.head),
            )


def means_of_passes(
    question: Question,
    targets: list[list[Target]],
    counts: list[int],
    run: Callable[[list[Job]], Array],
    repeats: int = 1,
) -> list[Values]:
    """The y of each target in each pass of an input, the mean of `repeats` of that pass.

    As of `passes`, but job `index` is of repeat `index % repeats` of pass `index // repeats`.

    Returns
    -------
    list of (passes, targets) float64
        For each input.
    """
    sums = [np.zeros((count, len(own))) for count, own in zip(counts, targets, strict=True)]
    jobs = [count * repeats for count in counts]
    for number, indices, y in passes(question, targets, jobs, run):
        np.add.at(sums[number], np.array(indices) // repeats, y)
    return [own / repeats for own in sums]
