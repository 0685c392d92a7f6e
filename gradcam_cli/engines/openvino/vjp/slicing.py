"""Rules of operations that take elements from places known beforehand along each axis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.engines.openvino.runtime import ops
from gradcam_cli.engines.openvino.vjp.ports import (
    Node,
    NotDifferentiableError,
    Port,
    Vjp,
    constant_as,
    fixed_integers,
    fixed_value,
    integers,
    only_input,
    reshaped,
    shape_of,
    sliced,
    transformed,
)

Sources = NDArray[np.int64]
"""For each place of an axis of the output, which of the input it was taken from, or -1: none."""

_MOST_GATHERS = 8


def put_back(g: Port, sources: Mapping[int, Sources], shape: list[int]) -> Port:
    """The gradient by what elements were taken from.

    Parameters
    ----------
    g : openvino.Output
        The gradient by what was taken, of the rank of `shape`.
    sources : mapping of int to (side of `g`,) int64
        Of the axes that not all was taken of in its order.
    shape : list of int
        Of what elements were taken from.
    """
    spans = {axis: span for axis, taken in sources.items() if (span := _span(taken)) is not None}
    g = _boxed(g, spans, shape)
    for axis, taken in sources.items():
        if axis not in spans:
            g = _gathered(g, axis, taken, shape[axis])
    return g


def _span(sources: Sources) -> tuple[int, int, int] | None:
    """Where `sources` count up in one run: its first and its last place, and the first source."""
    (places,) = np.nonzero(sources >= 0)
    run = np.arange(len(places))
    if not len(places):
        return None
    start, first = int(places[0]), int(sources[places[0]])
    if not np.array_equal(places, start + run) or not np.array_equal(sources[places], first + run):
        return None
    return start, start + len(places), first


def _boxed(g: Port, spans: Mapping[int, tuple[int, int, int]], shape: list[int]) -> Port:
    """The gradient of a box that was cut out, with zeros around it; and without what was around."""
    g = sliced(g, {axis: (start, stop) for axis, (start, stop, _) in spans.items()})
    before, after = [0] * len(shape), [0] * len(shape)
    for axis, (start, stop, first) in spans.items():
        before[axis] = first
        after[axis] = shape[axis] - first - (stop - start)
    if not any(before) and not any(after):
        return g
    return ops.pad(g, integers(before), integers(after), "constant", constant_as(g, 0)).output(0)


def _gathered(g: Port, axis: int, sources: Sources, side: int) -> Port:
    """Along one axis of `side` elements, the sum for each of all that was taken from it."""
    (places,) = np.nonzero(sources >= 0)
    taken = sources[places]
    order = np.argsort(taken, kind="stable")
    counts = np.bincount(taken, minlength=side)
    if not 1 <= counts.max() <= _MOST_GATHERS:
        return transformed(g, axis, sources[:, None] == np.arange(side))
    nothing = len(sources)  # the place of a zero behind all
    table = np.full((counts.max(), side), nothing)
    turns = np.arange(len(places)) - (np.cumsum(counts) - counts)[taken[order]]
    table[turns, taken[order]] = places[order]
    parts = [ops.gather(_with_zero(g, axis), integers(row), integers(axis)) for row in table]
    total = parts[0]
    for part in parts[1:]:
        total = ops.add(total, part)
    return total.output(0)


def _with_zero(g: Port, axis: int) -> Port:
    after = [int(other == axis) for other in range(len(shape_of(g)))]
    none = integers([0] * len(after))
    return ops.pad(g, none, integers(after), "constant", constant_as(g, 0)).output(0)


def _gather(node: Node, g: Port, number: int) -> Port:
    only_input(node, number)
    if node.get_attributes().get("batch_dims", 0):
        raise NotDifferentiableError("Gather with batch_dims")
    shape, indices = shape_of(node.input_value(0)), np.asarray(fixed_value(node, 1), np.int64)
    axis = fixed_integers(node, 2)[0] % len(shape)
    side = shape[axis]
    sources = np.where(indices < 0, indices + side, indices).ravel()
    sources = np.where((sources < 0) | (sources >= side), -1, sources)
    g = reshaped(g, [*shape[:axis], len(sources), *shape[axis + 1 :]])
    return put_back(g, {axis: sources}, shape)


def _pad(node: Node, g: Port, number: int) -> Port:
    only_input(node, number)
    mode, shape = node.get_attributes()["pad_mode"], shape_of(node.input_value(0))
    sides = zip(shape, fixed_integers(node, 1), fixed_integers(node, 2), strict=True)
    sources = {
        axis: _padded(side, begin, end, mode)
        for axis, (side, begin, end) in enumerate(sides)
        if begin or end
    }
    return put_back(g, sources, shape)


def _padded(side: int, begin: int, end: int, mode: str) -> Sources:
    """The places of an axis, with more on both sides, or fewer where there are less than none."""
    places = np.arange(side)[max(-begin, 0) : side + min(end, 0)]
    more = (max(begin, 0), max(end, 0))
    if mode == "constant":
        return np.pad(places, more, constant_values=-1)
    return np.pad(places, more, mode)  # type: ignore[call-overload, no-any-return]


def _slice(node: Node, g: Port, number: int) -> Port:
    only_input(node, number)
    shape, counts = shape_of(node.input_value(0)), shape_of(g)
    starts, steps = fixed_integers(node, 1), fixed_integers(node, 3)
    axes = fixed_integers(node, 4) if len(node.inputs()) > 4 else range(len(starts))
    sources = {}
    for given, start, step in zip(axes, starts, steps, strict=True):
        axis = given % len(shape)
        sources[axis] = _places(shape[axis], start, step, counts[axis])
    return put_back(g, sources, shape)


def _places(side: int, start: int | None, step: int, count: int) -> Sources:
    """The places that a slice takes of an axis, as many as it turned out to have."""
    return slice(start, None, step).indices(side)[0] + np.arange(count) * step


def _strided_slice(node: Node, g: Port, number: int) -> Port:
    only_input(node, number)
    shape = shape_of(node.input_value(0))
    sources = dict(enumerate(_strided_places(node, shape)))
    g = reshaped(g, [len(taken) for taken in sources.values()])
    return put_back(g, sources, shape)


def _strided_places(node: Node, shape: list[int]) -> list[Sources]:
    """The places that a StridedSlice takes of each axis of its input."""
    begin, counts = fixed_integers(node, 1), iter(shape_of(node.output(0)))
    strides = fixed_integers(node, 3) if len(node.inputs()) > 3 else [1] * len(begin)
    masked, new, shrunk, rest = (_flags(node, name, len(begin)) for name in _MASKS)
    places: list[Sources] = []
    for i, (start, step) in enumerate(zip(begin, strides, strict=True)):
        if rest[i]:
            axes_after = len(begin) - i - 1 - sum(new[i + 1 :])
            whole = len(shape) - len(places) - axes_after
            places += [np.arange(next(counts)) for _ in range(whole)]
        elif new[i]:
            next(counts)
        else:
            count = 1 if shrunk[i] else next(counts)
            first = None if masked[i] and not shrunk[i] else start
            places.append(_places(shape[len(places)], first, step, count))
    return places + [np.arange(side) for side in counts]


_MASKS = ("begin_mask", "new_axis_mask", "shrink_axis_mask", "ellipsis_mask")


def _flags(node: Node, name: str, count: int) -> list[Any]:
    """A mask of as many flags as there are bounds; those that are not given are 0."""
    flags = list(node.get_attributes()[name])
    return (flags + [0] * count)[:count]


SLICING: dict[str, Vjp] = {
    "Gather": _gather,
    "Pad": _pad,
    "Slice": _slice,
    "StridedSlice": _strided_slice,
}
