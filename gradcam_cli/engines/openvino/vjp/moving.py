"""Rules of operations that move whole elements to other places, or repeat them."""

from __future__ import annotations

import numpy as np

from gradcam_cli.engines.openvino.runtime import ops
from gradcam_cli.engines.openvino.vjp.ports import (
    Node,
    NotDifferentiableError,
    Port,
    Vjp,
    fixed_integers,
    fixed_value,
    integers,
    only_input,
    reshaped,
    shape_of,
    sliced,
    summed,
    unbroadcast,
)


def _reshape(node: Node, g: Port, number: int) -> Port:
    return reshaped(g, shape_of(node.input_value(0)))


def _transpose(node: Node, g: Port, number: int) -> Port:
    order = fixed_integers(node, 1) or range(len(shape_of(g)))[::-1]
    return ops.transpose(g, integers(np.argsort(order))).output(0)


def _concat(node: Node, g: Port, number: int) -> Port:
    axis = node.get_attributes()["axis"] % len(shape_of(g))
    sides = [shape_of(node.input_value(i))[axis] for i in range(len(node.inputs()))]
    start = sum(sides[:number])
    return sliced(g, {axis: (start, start + sides[number])})


def _split(node: Node, g: list[Port] | Port, number: int) -> Port:
    """What came back from all parts, joined; zeros stand for those that nothing came back from."""
    only_input(node, number)
    if not isinstance(g, list):  # the only part
        return g
    return ops.concat(g, int(fixed_value(node, 1))).output(0)


def _depth_to_space(node: Node, g: Port, number: int) -> Port:
    window = node.get_attributes()
    return ops.space_to_depth(g, window["mode"], window["block_size"]).output(0)


def _space_to_depth(node: Node, g: Port, number: int) -> Port:
    window = node.get_attributes()
    return ops.depth_to_space(g, window["mode"], window["block_size"]).output(0)


def _batch_to_space(node: Node, g: Port, number: int) -> Port:
    return ops.space_to_batch(g, *(node.input_value(i) for i in (1, 2, 3))).output(0)


def _space_to_batch(node: Node, g: Port, number: int) -> Port:
    return ops.batch_to_space(g, *(node.input_value(i) for i in (1, 2, 3))).output(0)


def _shuffle_channels(node: Node, g: Port, number: int) -> Port:
    """A table of groups, read by columns, is one of as many groups as a group had members."""
    axis, groups = (int(node.get_attributes()[key]) for key in ("axis", "group"))
    return ops.shuffle_channels(g, axis, shape_of(g)[axis] // groups).output(0)


def _roll(node: Node, g: Port, number: int) -> Port:
    back = [-shift for shift in fixed_integers(node, 1)]
    return ops.roll(g, integers(back), integers(fixed_integers(node, 2))).output(0)


def _tile(node: Node, g: Port, number: int) -> Port:
    shape, repeats = shape_of(node.input_value(0)), fixed_integers(node, 1)
    rank = max(len(shape), len(repeats))
    padded_repeats = [1] * (rank - len(repeats)) + repeats
    padded_shape = [1] * (rank - len(shape)) + shape
    sides: list[int] = []
    repeated: list[int] = []
    for count, side in zip(padded_repeats, padded_shape, strict=True):
        if count > 1:
            repeated.append(len(sides))
            sides.append(count)
        sides.append(side)
    return reshaped(summed(reshaped(g, sides), repeated), shape)


def _broadcast(node: Node, g: Port, number: int) -> Port:
    """By NumPy's rules, or by those that say which axis of the output each of the input is."""
    shape = shape_of(node.input_value(0))
    mode = str(node.get_attributes()["mode"]).lower()
    if mode == "explicit":
        aligned = [1] * len(shape_of(g))
        for axis, side in zip(fixed_integers(node, 2), shape, strict=True):
            aligned[axis] = side
        return reshaped(unbroadcast(g, aligned), shape)
    if mode not in ("numpy", "bidirectional"):
        raise NotDifferentiableError(f"Broadcast of the mode {mode}")
    return unbroadcast(g, shape)


MOVING: dict[str, Vjp] = {
    "BatchToSpace": _batch_to_space,
    "Broadcast": _broadcast,
    "Concat": _concat,
    "DepthToSpace": _depth_to_space,
    "Reshape": _reshape,
    "Roll": _roll,
    "ShuffleChannels": _shuffle_channels,
    "SpaceToBatch": _space_to_batch,
    "SpaceToDepth": _space_to_depth,
    "Split": _split,
    "Squeeze": _reshape,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _reshape,
    "VariadicSplit": _split,
}
