"""What each axis of each array in a graph is for: batch, channels, rows, columns, or tokens.

A graph says nothing of that, but its operations do: a convolution's output is (N, C, H, W), and
what follows keeps, swaps, joins or splits the axes. Where they are flattened, as in a vision
transformer, the tokens remember the grid that they came from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcam_cli.engines.openvino.vjp.ports import Node, Port, shape_of

BATCH, CHANNELS, ROWS, COLUMNS, UNKNOWN = "N", "C", "H", "W", ""
PLANES = (BATCH, CHANNELS, ROWS, COLUMNS)


@dataclass(frozen=True)
class Tokens:
    """An axis of tokens: those of a grid, after `first` others (of the class, or registers).

    Attributes
    ----------
    height, width : int
        Of the grid.
    first : int
        Where in the axis it begins.
    """

    height: int
    width: int
    first: int = 0

    @property
    def end(self) -> int:
        """Where in the axis the grid ends."""
        return self.first + self.height * self.width


Axis = str | Tokens
Axes = tuple[Axis, ...]
Rule = Callable[[Node, Sequence[Axes]], Axes]
"""(operation, axes of its inputs) -> axes of its outputs."""


def key_of(port: Port) -> tuple[str, int]:
    """What names an output of a node within a process."""
    return port.get_node().get_name(), port.get_index()


def axes_of(operations: Sequence[Node], image: Node, layout: Axes) -> dict[tuple[str, int], Axes]:
    """The axes of the outputs of `operations`, as far as they can be told; by `key_of`.

    Parameters
    ----------
    operations : sequence of openvino.Node
        All of the graph, each after those that it reads; of static shapes.
    image : openvino.Node
        The input.
    layout : tuple
        The input's axes.
    """
    axes: dict[tuple[str, int], Axes] = {}
    for node in operations:
        inputs = [axes.get(key_of(port), ()) for port in node.input_values()]
        if node.get_name() == image.get_name():
            found = layout
        else:
            found = _RULES.get(node.get_type_name(), _inherited)(node, inputs)
        for port in node.outputs():
            if found and len(found) == len(shape_of(port)):
                axes[key_of(port)] = found
    return axes


def is_map(axes: Axes, shape: Sequence[int]) -> bool:
    """True for an array with channels at each of several places of the picture."""
    sides = dict(zip(axes, shape, strict=False))
    if set(axes) == set(PLANES):
        return sides[ROWS] * sides[COLUMNS] > 1
    tokens = tokens_in(axes)
    return (
        tokens is not None
        and set(axes) == {BATCH, CHANNELS, tokens}
        and tokens.height * tokens.width > 1
    )


def tokens_in(axes: Axes) -> Tokens | None:
    """The axis of tokens among `axes`, if there is one."""
    return next((axis for axis in axes if isinstance(axis, Tokens)), None)


def _inherited(node: Node, inputs: Sequence[Axes]) -> Axes:
    """Those of the first input of the output's shape, else of its number of axes."""
    shape = shape_of(node.output(0))
    same = [
        axes
        for axes, port in zip(inputs, node.input_values(), strict=True)
        if axes and shape_of(port) == shape
    ]
    return same[0] if same else ()


def _planes(node: Node, inputs: Sequence[Axes]) -> Axes:
    return PLANES if len(shape_of(node.output(0))) == len(PLANES) else ()


def _of_same_rank(node: Node, inputs: Sequence[Axes]) -> Axes:
    """Those of the first input, where only the numbers along its axes changed."""
    before, after = shape_of(node.input_value(0)), shape_of(node.output(0))
    if not inputs[0] or len(before) != len(after):
        return ()
    changed = [old != new for old, new in zip(before, after, strict=True)]
    return tuple(
        UNKNOWN if isinstance(axis, Tokens) and differs else axis
        for axis, differs in zip(inputs[0], changed, strict=True)
    )


def _transposed(node: Node, inputs: Sequence[Axes]) -> Axes:
    order = _constant(node, 1)
    return tuple(inputs[0][axis] for axis in order) if inputs[0] and order is not None else ()


def _concatenated(node: Node, inputs: Sequence[Axes]) -> Axes:
    """With what is put before a grid of tokens, and after it, counted."""
    axis, before = node.get_attributes()["axis"], 0
    for axes, port in zip(inputs, node.input_values(), strict=True):
        if axes:
            joined = axes[axis]
            if isinstance(joined, Tokens):
                joined = replace(joined, first=joined.first + before)
            return (*axes[:axis], joined, *axes[axis + 1 :]) if axis >= 0 else axes
        before += shape_of(port)[axis]
    return ()


def _sliced(node: Node, inputs: Sequence[Axes]) -> Axes:
    """With a grid of tokens where all of it is left."""
    plain = _of_same_rank(node, inputs)
    tokens = tokens_in(inputs[0])
    if not plain or tokens is None or tokens in plain:
        return plain
    axis = inputs[0].index(tokens)
    start = _first_of_slice(node, axis)
    remaining = shape_of(node.output(0))[axis]
    if start is None or start > tokens.first or start + remaining < tokens.end:
        return plain
    kept = replace(tokens, first=tokens.first - start)
    return (*plain[:axis], kept, *plain[axis + 1 :])


def _first_of_slice(node: Node, axis: int) -> int | None:
    """Where along `axis` a Slice or StridedSlice with constant bounds begins."""
    starts = _constant(node, 1)
    if starts is None:
        return None
    if node.get_type_name() == "Slice" and len(node.inputs()) > 4:
        axes = _constant(node, 4)
        if axes is None or axis not in axes:
            return None if axes is None else 0
        start = starts[list(axes).index(axis)]
    else:
        masked = node.get_attributes().get("begin_mask", [])
        if axis >= len(starts) or (axis < len(masked) and masked[axis]):
            return 0
        start = starts[axis]
    side = shape_of(node.input_value(0))[axis]
    return slice(int(start), None).indices(side)[0]


def _product(node: Node, inputs: Sequence[Axes]) -> Axes:
    """A dense layer on the last axis makes channels of channels; anything else is no map."""
    if not inputs[0] or inputs[1] or node.get_attributes()["transpose_a"]:
        return ()
    return (*inputs[0][:-1], CHANNELS) if len(shape_of(node.input_value(1))) == 2 else ()


def _reduced(node: Node, inputs: Sequence[Axes]) -> Axes:
    before, after = shape_of(node.input_value(0)), shape_of(node.output(0))
    if not inputs[0] or len(before) == len(after):
        return inputs[0]
    removed = _constant(node, 1)
    if removed is None:
        return ()
    gone = {axis % len(before) for axis in removed}
    return tuple(axis for number, axis in enumerate(inputs[0]) if number not in gone)


def _reshaped(node: Node, inputs: Sequence[Axes]) -> Axes:
    """Each axis that stays, rows and columns that are joined to tokens, and tokens split again."""
    axes = inputs[0]
    if not axes:
        return ()
    before, after = shape_of(node.input_value(0)), shape_of(node.output(0))
    result: list[Axis] = []
    for old, new in _groups(before, after):
        result += _regrouped(axes[old], before[old], after[new])
    return tuple(result)


def _groups(before: list[int], after: list[int]) -> list[tuple[slice, slice]]:
    """The shortest runs of axes, before and after, with as many elements each."""
    groups = []
    i = j = 0
    while i < len(before) or j < len(after):
        start, other = i, j
        old = new = 1
        if i < len(before):
            old, i = before[i], i + 1
        if j < len(after):
            new, j = after[j], j + 1
        while old != new:
            if old < new and i < len(before):
                old, i = old * before[i], i + 1
            elif new < old and j < len(after):
                new, j = new * after[j], j + 1
            else:
                break
        groups.append((slice(start, i), slice(other, j)))
    return groups


def _regrouped(axes: Axes, before: list[int], after: list[int]) -> list[Axis]:
    if len(before) == len(after) == 1:
        return [axes[0]]
    if axes == (ROWS, COLUMNS) and len(after) == 1:
        return [Tokens(before[0], before[1])]
    if len(axes) == 1 and isinstance(axes[0], Tokens) and not axes[0].first:
        tokens = axes[0]
        if after == [tokens.height, tokens.width]:
            return [ROWS, COLUMNS]
    named = [axis for axis, side in zip(axes, before, strict=True) if side > 1]
    if len(named) == 1 and after.count(1) == len(after) - 1:  # only axes of one element changed
        return [named[0] if side > 1 else UNKNOWN for side in after]
    return [UNKNOWN] * len(after)


def _constant(node: Node, number: int) -> list[int] | None:
    if number >= len(node.inputs()):
        return None
    source = node.input_value(number).get_node()
    if source.get_type_name() != "Constant":
        return None
    return [int(value) for value in np.ravel(source.data)]


def _none(node: Node, inputs: Sequence[Axes]) -> Axes:
    return ()


_RULES: Mapping[str, Rule] = {
    **dict.fromkeys(
        (
            "AdaptiveAvgPool",
            "AdaptiveMaxPool",
            "AvgPool",
            "Convolution",
            "ConvolutionBackpropData",
            "DepthToSpace",
            "GroupConvolution",
            "GroupConvolutionBackpropData",
            "MaxPool",
            "SpaceToDepth",
        ),
        _planes,
    ),
    **dict.fromkeys(("Interpolate", "Pad", "Split", "VariadicSplit", "Gather"), _of_same_rank),
    **dict.fromkeys(("Slice", "StridedSlice"), _sliced),
    **dict.fromkeys(("Reshape", "Squeeze", "Unsqueeze"), _reshaped),
    **dict.fromkeys(
        ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2"), _reduced
    ),
    "Concat": _concatenated,
    "Constant": _none,
    "MatMul": _product,
    "ScaledDotProductAttention": _none,
    "Transpose": _transposed,
}


def shape_and_axes(port: Port, axes: Mapping[tuple[str, int], Axes]) -> tuple[list[int], Any]:
    """The shape of a port, and its axes or ()."""
    return shape_of(port), axes.get(key_of(port), ())
