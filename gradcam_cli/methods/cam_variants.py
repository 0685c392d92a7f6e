"""Class activation maps of several passes: over noise, against other classes, of second order.

And one of several layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.arguments import check_maps
from gradcam_cli.heads import probabilities
from gradcam_cli.methods.batching import (
    Numbers,
    RowMap,
    by_row,
    captures,
    gradients_of_jobs,
    in_batches,
    input_scores,
    resolved,
    rows_in_batches,
)
from gradcam_cli.methods.cam import grad_cam, grad_cam_plus_plus
from gradcam_cli.methods.contract import Question
from gradcam_cli.methods.control import seeded_generator
from gradcam_cli.methods.upsampling import SamplePoints, upsampled
from gradcam_cli.passes import Gradients, stages
from gradcam_cli.targets import ContrastTarget, Target

Array = NDArray[np.float32]
Derivatives = TypeVar("Derivatives", bound=Gradients)
Moments = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def smooth_grad_cam_plus_plus(activations: Array, moments: Moments) -> Array:
    """Grad-CAM++ with its derivatives as means over noisy inputs.

    Omeiza et al., 2019, arXiv 1908.01224: with D_p the mean of the p-th derivative,
    α_ijk = D_2 / (2 D_2 + Σ_ab A_abk · D_3), the weights w_k = Σ_ij α_ijk ReLU(D_1), and the map
    Σ_k w_k A_k, A being that of the input itself. As in `grad_cam_plus_plus` the derivatives of
    exp(y) are powers of G = dy/dA, and a factor is left out; α is 0 where its denominator is 0.
    The paper prints D_1 as the numerator of α, where Grad-CAM++, which it follows, has D_2.
    (torch-cam takes D_2 too, but its ReLU is of the last sample's G.)

    Over noise D_3 may be negative where D_1 is not, so that the denominator comes close to 0 and
    rounding decides the map. Where Σ_ab A_abk · D_3 is negative it counts as 0 here, which keeps α
    in 0..½, where it is in Grad-CAM++ of activations after a ReLU. (torch-cam lets it be.)

    Parameters
    ----------
    activations : (h, w, C) float32
        A of one image.
    moments : three of (h, w, C) float64
        The means of G, G² and G³ over noisy inputs.

    Returns
    -------
    (h, w) float32
        The raw heatmap, in units of y. No weight is negative, so it does not show what speaks
        against the target.
    """
    first, second, third = moments
    a = activations.astype(np.float64)
    denominator = 2 * second + np.maximum(a.sum(axis=(0, 1)) * third, 0)
    alpha = np.divide(second, denominator, out=np.zeros_like(a), where=denominator != 0)
    weights = (alpha * np.maximum(first, 0)).sum(axis=(0, 1))
    raw: Array = (a @ weights).astype(np.float32)
    return raw


@by_row
def smooth_grad_cam_plus_plus_maps(
    question: Question, samples: int = 16, noise: float = 0.15
) -> Iterator[RowMap]:
    """`smooth_grad_cam_plus_plus` of each input.

    Parameters
    ----------
    question : Question
    samples : int
        How many noisy inputs there are.
    noise : float
        Its standard deviation, as a share of the range of the input's values, as in SmoothGrad
        (Smilkov et al., 2017, arXiv 1706.03825). It is seeded by the input, so it is the same for
        each target, in any batch and in any run. (torch-cam's is an absolute 0.3.)

    Returns
    -------
    Maps
        Raw maps of (h, w), in units of y.
    """
    scores = input_scores(question)
    targets = [resolved(question, row, own) for row, own in enumerate(scores)]

    def run(jobs: list[tuple[int, int]]) -> Gradients:
        batch = np.stack([_noisy(question.inputs[row], number, noise) for row, number in jobs])
        own = [targets[row] for row, _ in jobs]
        return question.engine.gradients(batch, own, [question.layer], score=question.score)

    jobs = [(row, number) for row in range(len(targets)) for number in range(samples + 1)]
    for row, passes in gradients_of_jobs(question, jobs, run):
        _, activations, _ = next(passes)
        moments = _moments(gradients for _, _, gradients in passes)
        yield row, smooth_grad_cam_plus_plus(activations, moments), scores[row]


def _noisy(array: Array, number: int, noise: float) -> Array:
    """The sample with this number, the first of which is the input itself."""
    if number == 0:
        return array
    drawn = seeded_generator(array, f"sample {number}").standard_normal(array.shape, np.float32)
    sample: Array = array + np.float32(noise * np.ptp(array)) * drawn
    return sample


def _moments(arrays: Iterable[Array]) -> Moments:
    """The means of the first three powers, by sums that need no more room for more arrays."""
    sums: NDArray[np.float64] | float = 0.0
    count = 0
    for count, array in enumerate(arrays, start=1):  # noqa: B007
        wide = array.astype(np.float64)
        sums = sums + np.stack([wide, wide**2, wide**3])
    first, second, third = np.asarray(sums) / count
    return first, second, third


@by_row
def finer_cam(question: Question, similar: int = 3, alpha: float = 1.0) -> Iterator[RowMap]:
    """Grad-CAM of what tells a class from the ones that are most like it.

    Zhang et al., 2025, arXiv 2501.11309: y_c - α y_d in place of y_c, d being a class like c. Of
    several such classes the mean is taken, weighted by their probabilities, as in the authors'
    code: y_c - α Σ_d r_d y_d with r_d = p_d / Σ_d p_d. The most similar ones are those with the
    scores closest to that of c, as in their code too. r is fixed, so that this is linear in the
    scores. (In the authors' code, and in pytorch-grad-cam, which has it, the gradient goes through
    r as well.) With α = 0 it is Grad-CAM.

    Parameters
    ----------
    question : Question
        A target that is a class and not another is taken as y_c is; neither of both is among
        the similar ones.
    similar : int
        How many classes to compare with, as far as there are.
    alpha : float
        How strongly to compare.

    Returns
    -------
    Maps
        Raw signed maps of (h, w), in units of y.
    """
    layer = question.layer

    def compared(row: int, scores: Array) -> Target:
        return _compared(question, row, scores, similar, alpha)

    for row, scores, tail, number in _tails(question, compared, question.engine.tail_gradients):
        yield row, grad_cam(tail.activations[layer][number], tail.gradients[layer][number]), scores


def _compared(
    question: Question, row: int, scores: Array, similar: int, alpha: float
) -> ContrastTarget:
    """The target of `row`, less those that it is compared with, by their shares."""
    target = resolved(question, row, scores)
    distances = np.abs(scores.astype(np.float64) - scores[target.index])
    named = {target.index, target.versus}
    by_distance = distances.argsort(kind="stable").tolist()
    others = [index for index in by_distance if index not in named][:similar]
    weights = probabilities(scores, question.head)[others]
    shares = (alpha * weights / (weights.sum() or 1)).tolist()
    return ContrastTarget(**vars(target), others=tuple(zip(others, shares, strict=True)))


def shapley_cam(activations: Array, gradients: Array, products: Array) -> Array:
    """Grad-CAM with the Shapley values of activations, to second order.

    Cai, 2025, arXiv 2501.06261: the activations are players, and y is what they are worth. Of y's
    Taylor series at A to second order the Shapley value of an activation is A·(G - ½ H A), with
    G = dy/dA and H the Hessian there; each map is weighted by the mean of G - ½ H A:
    Σ_k w_k A_k. Where y is linear from the layer on, H is 0 and it is Grad-CAM. The paper's own
    choice of y ("ReST") adds the logarithm of the probability to the score; here y is what is asked
    for, as in pytorch-grad-cam.

    Parameters
    ----------
    activations, gradients, products : (h, w, C) float32
        A, G and H A of one image.

    Returns
    -------
    (h, w) float32
        The raw heatmap, in units of y.

    Raises
    ------
    UsageError
        Unless the first two are floats of one such shape.
    """
    check_maps(activations, gradients)
    return grad_cam(activations, gradients - np.float32(0.5) * products)


@by_row
def shapley_cam_maps(question: Question) -> Iterator[RowMap]:
    """`shapley_cam` of each input.

    H A is the gradient of Σ G·A with A fixed, so that the model is differentiated twice. Where only
    ReLUs and maxima bend the way to y it is 0.

    Returns
    -------
    Maps
        Raw signed maps of (h, w), in units of y.
    """
    layer = question.layer
    target = partial(resolved, question)
    for row, scores, tail, number in _tails(question, target, question.engine.tail_curvature):
        arrays = (tail.activations[layer], tail.gradients[layer], tail.products[layer])
        yield row, shapley_cam(*(array[number] for array in arrays)), scores


def _tails(
    question: Question, target: Callable[[int, Array], Target], run: Callable[..., Derivatives]
) -> Iterator[tuple[int, Array, Derivatives, int]]:
    """What `run` gives for tails at the activations of each input, whose scores tell the targets.

    Parameters
    ----------
    question : Question
    target : callable
        From a row and its scores, (classes,), to what is differentiated.
    run : callable
        `Engine.tail_gradients`, or `Engine.tail_curvature`.

    Yields
    ------
    row, scores, tail, number : int, (classes,) float32, Gradients or Curvature, int
        The row, its scores, a batch of tails, and which of them is the row's.
    """
    groups = list(captures(question))
    captured = {row: (a, scores) for rows, a, scores in groups for row in rows}

    def run_rows(numbers: Numbers) -> Derivatives:
        rows = numbers.tolist()
        batch = np.stack([question.inputs[row] for row in rows])
        activations = np.stack([captured[row][0] for row in rows])
        targets = [target(row, captured[row][1]) for row in rows]
        return run(activations, question.layer, batch, targets, score=question.score)

    count, parallel = len(question.inputs), question.engine.parallel
    for rows, tails in in_batches(run_rows, count, question.rows, parallel):
        yield from ((row, captured[row][1], tails, number) for number, row in enumerate(rows))


def refine_cam(maps: Sequence[Array]) -> Array:
    """The product of the maps of several layers: fine by the early ones, right by the late ones.

    Domeniconi et al., 2026, arXiv 2605.14641: each map, upsampled bilinearly and scaled to 0..1 by
    its own least and greatest value, is a factor, as in the authors' code and in pytorch-grad-cam's
    RefineCAM. Here maps are upsampled to the largest of them, there to the picture.

    Parameters
    ----------
    maps : sequence of (h, w) float32
        Of one image; their values below 0 count as 0.

    Returns
    -------
    (h, w) float32
        The raw heatmap, 0..1, as large as the largest. A map that is the same everywhere says
        nothing, and makes it 0.
    """
    height, width = (max(sides) for sides in zip(*(each.shape for each in maps), strict=True))
    raw = np.ones((height, width), np.float32)
    for each in maps:
        rows, columns = (
            SamplePoints.of(height, each.shape[0]),
            SamplePoints.of(width, each.shape[1]),
        )
        (large,) = upsampled(np.maximum(each, 0)[np.newaxis], rows, columns)
        spread = large.max() - large.min()
        raw *= (large - large.min()) / spread if spread else 0 * large
    return raw


@by_row
def refine_cam_maps(question: Question) -> Iterator[RowMap]:
    """`refine_cam` of the Grad-CAM++ maps of the layer and of the last three stages before it.

    A stage ends at the last layer before the network's maps get smaller: see `passes.stages`. Four
    layers, one a stage, and Grad-CAM++ are what the authors' code runs too.
    """
    engine = question.engine
    places = (*stages(engine.layers, question.layer), question.layer)
    run = partial(engine.gradients, at=places, score=question.score)
    for rows, batch in rows_in_batches(question, run):
        for number, row in enumerate(rows):
            pairs = [(batch.activations[name], batch.gradients[name]) for name in places]
            maps = [grad_cam_plus_plus(a[number], g[number]) for a, g in pairs]
            yield row, refine_cam(maps), batch.scores[number]
