"""Methods that hide parts of the picture, and know of nothing inside the model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.methods.batching import Job, RowMap, by_row, forwards, passes, resolved_targets
from gradcam_cli.methods.contract import Question
from gradcam_cli.methods.perturbation import seen_through
from gradcam_cli.methods.upsampling import SamplePoints, upsampled

Array = NDArray[np.float32]
Window = tuple[slice, slice]
"""Rows and columns of a picture."""


@by_row
def occlusion(question: Question, size: float = 0.2, stride: float = 0.05) -> Iterator[RowMap]:
    """What is lost where a window of the picture is covered.

    Zeiler and Fergus, 2013, arXiv 1311.2901, section 4.2: a window wanders over the picture, and
    what is in it is replaced by the baseline (there grey, here black). A pixel's value is the mean
    of y(x) - y(x covered) over the windows that it is in, as in Captum (Zeiler and Fergus show y
    at the window's middle). Where y is linear, that of a window is the sum of its pixels'
    contributions.

    All windows are of one size and within the picture, evenly spread and no further apart than
    `stride`. (Captum's are just `stride` apart, and the last one is cut off at the edge.)

    Parameters
    ----------
    question : Question
    size, stride : float
        Of the window, and how far it moves at a time at most: shares of the picture's height and
        of its width, so that they suit any model, rounded to pixels and at least one. No pixel is
        left out: a window moves no further than its size.

    Returns
    -------
    Maps
        Raw signed maps of (H, W), in units of y.
    """
    inputs, baseline = list(question.inputs), question.baseline
    groups = list(forwards(question))
    targets = [resolved_targets(question, *group) for group in groups]
    windows = windows_of(baseline.shape[:2], size, stride)

    def run(jobs: list[Job]) -> Array:
        batch = np.stack([inputs[groups[number][0][0]] for number, _ in jobs])
        for image, (_, index) in zip(batch, jobs, strict=True):
            if index:  # the whole one is first, by the same pass: no difference is of two programs
                image[windows[index - 1]] = baseline[windows[index - 1]]
        return question.engine.forward(batch)

    sums = [np.zeros((len(own), *baseline.shape[:2])) for own in targets]
    whole = [np.zeros(len(own)) for own in targets]
    for number, indices, y in passes(question, targets, [1 + len(windows)] * len(groups), run):
        for index, values in zip(indices, y, strict=True):
            if index:
                rows, columns = windows[index - 1]
                sums[number][:, rows, columns] += (whole[number] - values)[:, None, None]
            else:
                whole[number] = values
    yield from _map_by_map(groups, [own / _coverage(windows) for own in sums])


def windows_of(shape: tuple[int, ...], size: float, stride: float) -> list[Window]:
    """The windows of a picture of `shape`, (H, W), row by row; see `occlusion`."""
    rows, columns = (_places(side, size, stride) for side in shape)
    return [(row, column) for row in rows for column in columns]


def _places(side: int, size: float, stride: float) -> list[slice]:
    length = max(1, round(size * side))
    step = min(length, max(1, round(stride * side)))
    moves = math.ceil((side - length) / step)
    starts = np.linspace(0, side - length, moves + 1).round().astype(int).tolist()
    return [slice(start, start + length) for start in starts]


def _coverage(windows: list[Window]) -> NDArray[np.intp]:
    """How many of `windows` each pixel is in, (H, W)."""
    rows, columns = windows[-1]
    counts = np.zeros((rows.stop, columns.stop), np.intp)
    for window in windows:
        counts[window] += 1
    return counts


def _map_by_map(
    groups: list[tuple[list[int], Array]], maps: list[NDArray[np.float64]]
) -> Iterator[RowMap]:
    """The rows of each input with their scores and maps."""
    for (rows, scores), own in zip(groups, maps, strict=True):
        for row, raw in zip(rows, own, strict=True):
            yield row, raw, scores


@by_row
def rise(
    question: Question, masks: int = 4000, cells: int = 7, keep: float = 0.5, seed: int = 0
) -> Iterator[RowMap]:
    """How much higher the score is where a pixel is seen, the picture being seen in parts.

    Petsiuk et al., 2018, arXiv 1806.07421: with masks M_i in 0..1, the picture is seen through
    each (what is hidden is black), and the map is 1/(N·p) Σ_i y_i M_i(λ), p being `keep`: an
    estimate of E[y | pixel λ is seen]. Here the mean of all y is subtracted from each first, which
    takes away E[y], the same at every pixel: what is left is 0 where seeing a pixel changes
    nothing, and a constant in y counts for nothing. (The authors scale by least and greatest
    value.)

    Where y = b + Σ_μ c_μ M(μ), the map tends to Σ_μ Cov(M(λ), M(μ)) c_μ / p: the contributions c,
    blurred by a cell's width. Its error falls as 1/√N.

    The masks depend on `seed` and their number alone, and are the same for all pictures, as in the
    authors' code: pictures that are nearly the same have nearly the same map, where masks drawn
    for each would make two of them differ by chance.

    Parameters
    ----------
    question : Question
    masks : int
        N; the authors take 4000 for VGG16, and 8000 for ResNet-50.
    cells : int
        A mask is this many cells in each direction, upsampled bilinearly and shifted by up to a
        cell (section 3.2).
    keep : float
        The share of the cells that are seen.
    seed : int
        Of the masks.

    Returns
    -------
    Maps
        Raw signed maps of (H, W), in units of y.
    """
    baseline = question.baseline
    groups = list(forwards(question))
    targets = [resolved_targets(question, *group) for group in groups]
    differences = [question.inputs[rows[0]] - baseline for rows, _ in groups]
    random_masks = RandomMasks.of(baseline.shape[0], baseline.shape[1], cells, keep, seed)

    def run(jobs: list[Job]) -> Array:
        batch = np.stack([random_masks.mask(index) for _, index in jobs])
        shown = seen_through(batch, [differences[number] for number, _ in jobs])
        shown += baseline
        return question.engine.forward(shown)

    sums = [_MaskSums.of(len(own), *baseline.shape[:2]) for own in targets]
    for number, indices, y in passes(question, targets, [masks] * len(groups), run):
        for index, values in zip(indices, y, strict=True):
            sums[number].add(values, random_masks.mask(index))
    yield from _map_by_map(groups, [own.covariance / keep for own in sums])


@dataclass(frozen=True)
class RandomMasks:
    """Masks of random cells, each by its number.

    Attributes
    ----------
    height, width : int
        Of a mask.
    rows, columns : SamplePoints
        All of the upsampled cells, of which a mask is a part.
    cells : int
        In each direction.
    keep : float
        The share of the cells that are 1.
    seed : int
    """

    height: int
    width: int
    rows: SamplePoints
    columns: SamplePoints
    cells: int
    keep: float
    seed: int

    @classmethod
    def of(cls, height: int, width: int, cells: int, keep: float, seed: int) -> RandomMasks:
        """Those of `height` by `width`."""
        # A cell is rounded up, as in the authors' code: rounded down, the shifted cells may not
        # cover the picture.
        rows, columns = (
            SamplePoints.of((cells + 1) * math.ceil(side / cells), cells)
            for side in (height, width)
        )
        return cls(height, width, rows, columns, cells, keep, seed)

    def mask(self, number: int) -> Array:
        """One of them, (height, width) float32 in 0..1."""
        random = np.random.default_rng((self.seed, number))
        grid = random.random((1, self.cells, self.cells)) < self.keep
        top = random.integers(math.ceil(self.height / self.cells))
        left = random.integers(math.ceil(self.width / self.cells))
        rows = self.rows.only(slice(top, top + self.height))
        columns = self.columns.only(slice(left, left + self.width))
        mask: Array = upsampled(grid.astype(np.float32), rows, columns)[0]
        return mask


@dataclass(eq=False)
class _MaskSums:
    """Running sums over masks M: of y · M for each of T targets, of y, and of M."""

    products: NDArray[np.float64]
    values: NDArray[np.float64]
    seen: NDArray[np.float64]
    count: int = 0

    @classmethod
    def of(cls, targets: int, height: int, width: int) -> _MaskSums:
        """Those of no mask yet."""
        return cls(np.zeros((targets, height, width)), np.zeros(targets), np.zeros((height, width)))

    def add(self, values: NDArray[np.float64], mask: Array) -> None:
        """Add what a mask, (H, W), has given, (T,)."""
        for target, value in enumerate(values):
            self.products[target] += value * mask
        self.values += values
        self.seen += mask
        self.count += 1

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Of y and M at each pixel, (T, H, W)."""
        means = self.values / self.count
        return (self.products - means[:, None, None] * self.seen) / self.count
