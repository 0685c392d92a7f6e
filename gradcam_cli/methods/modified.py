"""Means over noisy, flipped and shrunk inputs, and maps of several layers as one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.callbacks import no_progress
from gradcam_cli.methods.batching import input_scores, resolved
from gradcam_cli.methods.choice import MethodChoice
from gradcam_cli.methods.contract import Maps, Question
from gradcam_cli.methods.control import seeded_generator
from gradcam_cli.methods.modifiers import Fusion, Modifiers
from gradcam_cli.methods.upsampling import SamplePoints, upsampled

Array = NDArray[np.float32]
Run = Callable[[Question], Maps]

_NOISE = 0.15
"""The standard deviation of the noise, as a share of the input's range."""
_SCALES = (1, 5 / 6, 2 / 3)
"""The side of the picture within the input."""


def modified_maps(method: MethodChoice, question: Question, modifiers: Modifiers) -> Maps:
    """The answer of `method` with `modifiers`.

    The scores are those of the inputs as they are, and the predicted class is theirs.
    """
    run: Run = method.maps
    if modifiers.layers and method.method.uses_layer:
        run = partial(_fused, run, modifiers)
    if modifiers.augment:
        run = partial(_augmented, run)
    if modifiers.smooth:
        run = partial(_smoothed, run, modifiers.smooth)
    if not (modifiers.smooth or modifiers.augment):
        return run(question)
    scores = input_scores(question)
    targets = [resolved(question, row, own) for row, own in enumerate(scores)]
    return Maps(run(replace(question, targets=targets)).raw, scores)


def _smoothed(run: Run, count: int, question: Question) -> Maps:
    """The mean over `count` inputs with noise.

    Smilkov et al., 2017, arXiv 1706.03825: x + N(0, σ²), σ being 0.15 of the range of x. The noise
    is seeded by the input, so that it is the same in any batch.
    """

    def noisy(number: int, array: Array) -> Array:
        noise = seeded_generator(array, f"smooth {number}")
        deviation = np.float32(_NOISE * float(np.ptp(array)))
        return array + deviation * noise.standard_normal(array.shape, np.float32)

    changed = (_each(partial(noisy, number), question.inputs) for number in range(count))
    return _mean(run, question, changed, count)


def _augmented(run: Run, question: Question) -> Maps:
    """The mean over the input and its mirror image, each at three sizes, with the maps put back."""
    variants = list(product((False, True), _SCALES))

    def back(maps: Maps, number: int) -> Maps:
        flipped, scale = variants[number]
        raw = _grown(maps.raw, scale)
        return replace(maps, raw=raw[:, :, ::-1] if flipped else raw)

    def changed(flipped: bool, scale: float, array: Array) -> Array:
        picture = array[:, ::-1] if flipped else array
        return np.ascontiguousarray(_shrunk(picture, question.baseline, scale))

    inputs = (_each(partial(changed, *variant), question.inputs) for variant in variants)
    return _mean(run, question, inputs, len(variants), back)


def _mean(
    run: Run,
    question: Question,
    inputs: Iterator[list[Array]],
    count: int,
    back: Callable[[Maps, int], Maps] = lambda maps, number: maps,
) -> Maps:
    """The mean of the maps of `count` variants of the inputs, each through `back`."""
    total: NDArray[np.float64] = np.zeros(())
    for number, changed in enumerate(inputs):
        maps = back(run(replace(question, inputs=changed, progress=no_progress)), number)
        total = total + maps.raw
        question.progress(number + 1, count)
    return Maps((total / count).astype(np.float32), maps.scores)


def _each(change: Callable[[Array], Array], inputs: Sequence[Array]) -> list[Array]:
    """Each input changed; one that is explained for several targets stays one array."""
    changed = {id(array): array for array in inputs}
    changed = {key: change(array) for key, array in changed.items()}
    return [changed[id(array)] for array in inputs]


def _shrunk(array: Array, background: Array, scale: float) -> Array:
    """The picture at `scale` in the middle of `background`, both (H, W, C)."""
    if scale == 1:
        return array
    height, width, _ = array.shape
    start = 0.5 - 0.5 / scale
    rows = SamplePoints.of(height, height, start, 1 / scale)
    columns = SamplePoints.of(width, width, start, 1 / scale)
    small = np.moveaxis(upsampled(np.moveaxis(array, -1, 0), rows, columns), 0, -1)
    result = background.copy()
    inside = np.ix_(_inside(height, scale), _inside(width, scale))
    result[inside] = small[inside]
    return result


def _inside(size: int, scale: float) -> NDArray[np.intp]:
    """The pixels whose centres are in the middle `scale` of `size`."""
    centres = (np.arange(size) + 0.5) / size
    return np.flatnonzero(np.abs(centres - 0.5) < scale / 2)


def _grown(raw: Array, scale: float) -> Array:
    """The middle `scale` of each map, at the size of the whole: (N, h, w)."""
    if scale == 1:
        return raw
    start = 0.5 - 0.5 * scale
    rows, columns = (SamplePoints.of(size, size, start, scale) for size in raw.shape[1:])
    return upsampled(raw, rows, columns)


def _fused(run: Run, modifiers: Modifiers, question: Question) -> Maps:
    """The maps of several layers as one, at the finest resolution.

    Each is divided by its largest absolute value first, for those of one layer may be a
    thousand times those of another. The product is of what is positive in all.
    """
    layers = dict.fromkeys((question.layer, *modifiers.layers))
    answers = [run(replace(question, layer=layer)) for layer in layers]
    height, width = (max(maps.raw.shape[axis] for maps in answers) for axis in (1, 2))
    raw = np.stack([_scaled(maps.raw, height, width) for maps in answers])
    return Maps(_FUSIONS[modifiers.fuse](raw), answers[0].scores)


def _scaled(raw: Array, height: int, width: int) -> Array:
    peak = np.abs(raw).max(axis=(1, 2), keepdims=True)
    scaled = np.divide(raw, peak, out=np.zeros_like(raw), where=peak != 0)
    rows, columns = SamplePoints.of(height, raw.shape[1]), SamplePoints.of(width, raw.shape[2])
    return upsampled(scaled, rows, columns)


def _product(raw: Array) -> Array:
    fused: Array = np.maximum(raw, 0).prod(axis=0)
    return fused


_FUSIONS: dict[Fusion, Callable[[Array], Array]] = {
    "mean": lambda raw: raw.mean(axis=0),
    "maximum": lambda raw: raw.max(axis=0),
    "product": _product,
}
