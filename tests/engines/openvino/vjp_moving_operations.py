"""Graphs of operations that move elements to other places, join them, or take some of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from openvino import opset1, opset15

from gradcam_cli.engines.openvino.runtime import ops
from tests.engines.openvino.vjp_values import (
    ROWS,
    Graph,
    Input,
    number,
    whole,
)


def strided(
    x: Any, begin: list[int], end: list[int], strides: list[int], **masks: list[int]
) -> Any:
    """A StridedSlice with those masks that are given; the others are 0."""
    names = ("begin_mask", "end_mask", "new_axis_mask", "shrink_axis_mask", "ellipsis_mask")
    flags = [masks.get(name, [0] * len(begin)) for name in names]
    return ops.strided_slice(x, whole(begin), whole(end), whole(strides), *flags)


def parts_read_differently(x: Any) -> Any:
    """Of four parts one is read twice, one once, one with another, one not at all."""
    first, second, third, _ = ops.split(x, whole(1), 4).outputs()
    return ops.multiply(ops.multiply(first, ops.sigmoid(first)), ops.add(second, third))


def uneven_parts(x: Any) -> Any:
    first, _, third = ops.variadic_split(x, whole(1), whole([1, 1, 2])).outputs()
    return ops.add(ops.tanh(third), first)


MOVING: dict[str, tuple[Graph, list[Input]]] = {
    "batch to space": (
        lambda x: ops.batch_to_space(
            x, whole([1, 1, 2, 2]), whole([0, 0, 0, 1]), whole([0, 0, 1, 0])
        ),
        [(4, 1, 2, 3)],
    ),
    "space to batch": (
        lambda x: ops.space_to_batch(
            x, whole([1, 1, 2, 2]), whole([0, 0, 0, 1]), whole([0, 0, 1, 0])
        ),
        [(1, 2, 3, 5)],
    ),
    "broadcast": (lambda x: ops.broadcast(x, whole([2, 2, 3, 4])), [(3, 1)]),
    "broadcast in both directions": (
        lambda x: ops.broadcast(x, whole([2, 1, 4]), broadcast_spec="BIDIRECTIONAL"),
        [(3, 1)],
    ),
    "broadcast along given axes": (
        lambda x: ops.broadcast(x, whole([3, 2, 4, 2]), whole([0, 2]), "EXPLICIT"),
        [(3, 4)],
    ),
    "concat": (lambda x, z: ops.concat([x, z, x], -1), [ROWS, (2, 3, 1)]),
    "depth to space, blocks first": (
        lambda x: ops.depth_to_space(x, "blocks_first", 2),
        [(1, 8, 2, 1)],
    ),
    "depth to space, depth first": (
        lambda x: ops.depth_to_space(x, "depth_first", 2),
        [(1, 8, 2, 1)],
    ),
    "space to depth, blocks first": (
        lambda x: ops.space_to_depth(x, "blocks_first", 2),
        [(1, 2, 4, 2)],
    ),
    "space to depth, depth first": (
        lambda x: ops.space_to_depth(x, "depth_first", 2),
        [(1, 2, 4, 2)],
    ),
    "reshape": (lambda x: ops.reshape(x, whole([0, -1]), True), [ROWS]),
    "roll": (lambda x: ops.roll(x, whole([1, -3]), whole([0, -1])), [(3, 2, 4)]),
    "shuffled channels": (lambda x: ops.shuffle_channels(x, 1, 3), [(1, 6, 2, 2)]),
    "shuffled columns": (lambda x: ops.shuffle_channels(x, -1, 2), [(2, 1, 6)]),
    "split": (parts_read_differently, [(2, 8, 2)]),
    "split in one": (lambda x: ops.split(x, whole(1), 1).output(0), [ROWS]),
    "split unevenly": (uneven_parts, [(2, 4, 3)]),
    "squeeze": (lambda x: ops.squeeze(x, whole([0, -1])), [(1, 3, 4, 1)]),
    "squeeze all": (opset15.squeeze, [(1, 3, 4, 1)]),
    "tile": (lambda x: ops.tile(x, whole([2, 1, 3])), [ROWS]),
    "tile with new axes": (lambda x: ops.tile(x, whole([2, 2, 3])), [(2, 3)]),
    "tile fewer axes": (lambda x: ops.tile(x, whole([2])), [ROWS]),
    "transpose": (lambda x: ops.transpose(x, whole([1, 2, 0])), [ROWS]),
    "transpose all": (lambda x: ops.transpose(x, ops.constant(np.zeros(0, np.int64))), [ROWS]),
    "unsqueeze": (lambda x: ops.unsqueeze(x, whole([0, -1])), [ROWS]),
}

PADS = (whole([0, 2, 1]), whole([0, 0, 2]))

SLICING: dict[str, tuple[Graph, list[Input]]] = {
    "gather one": (lambda x: ops.gather(x, whole(1), whole(1)), [ROWS]),
    "gather the last": (lambda x: ops.gather(x, whole(-1), whole(-1)), [ROWS]),
    "gather some": (lambda x: ops.gather(x, whole([2, 0]), whole(1)), [ROWS]),
    "gather some twice": (lambda x: ops.gather(x, whole([2, 0, 2, 2]), whole(1)), [ROWS]),
    "gather one many times": (lambda x: ops.gather(x, whole([1] * 10), whole(0)), [ROWS]),
    "gather by a table": (lambda x: ops.gather(x, whole([[2, 0], [1, 2]]), whole(1)), [ROWS]),
    "gather of opset 1": (lambda x: opset1.gather(x, whole([2, 0]), whole(1)), [ROWS]),
    "pad": (lambda x: ops.pad(x, *PADS, "constant", number(1)), [ROWS]),
    "pad by less than nothing": (
        lambda x: ops.pad(x, whole([0, -1, 2]), whole([0, 1, -1]), "constant"),
        [ROWS],
    ),
    "pad by edges": (lambda x: ops.pad(x, *PADS, "edge"), [ROWS]),
    "pad by reflection": (lambda x: ops.pad(x, *PADS, "reflect"), [ROWS]),
    "pad by reflection with the edge": (lambda x: ops.pad(x, *PADS, "symmetric"), [ROWS]),
    "slice": (
        lambda x: ops.slice(x, whole([1, 0]), whole([99, -1]), whole([1, 1]), whole([-1, 1])),
        [ROWS],
    ),
    "slice of all axes": (
        lambda x: ops.slice(x, whole([0, 1, 1]), whole([2, 3, 3]), whole([1, 1, 1])),
        [ROWS],
    ),
    "slice with steps": (
        lambda x: ops.slice(x, whole([1, 0]), whole([6, 5]), whole([2, 3]), whole([1, 2])),
        [(2, 6, 5)],
    ),
    "slice backwards": (
        lambda x: ops.slice(x, whole([-1, 4]), whole([-99, 0]), whole([-1, -2]), whole([1, 2])),
        [(2, 3, 5)],
    ),
    "strided slice": (lambda x: strided(x, [0, 1], [2, 4], [1, 2]), [(2, 5, 3)]),
    "strided slice backwards": (
        lambda x: strided(x, [0, -1], [2, 0], [1, -2], end_mask=[1, 1], begin_mask=[0, 1]),
        [(2, 5, 3)],
    ),
    "strided slice of one place": (
        lambda x: strided(x, [0, -2], [2, 99], [1, 1], shrink_axis_mask=[0, 1]),
        [(2, 5, 3)],
    ),
    "strided slice with a new axis": (
        lambda x: strided(
            x, [0, 0, 1], [2, 1, 3], [1, 1, 1], new_axis_mask=[0, 1, 0], begin_mask=[1, 0, 0]
        ),
        [ROWS],
    ),
    "strided slice with a rest": (
        lambda x: strided(
            x,
            [1, 0, 0, 1],
            [2, 0, 1, 4],
            [1, 1, 1, 2],
            ellipsis_mask=[0, 1, 0, 0],
            new_axis_mask=[0, 0, 1, 0],
            shrink_axis_mask=[1, 0, 0, 0],
        ),
        [(2, 2, 3, 4)],
    ),
}
