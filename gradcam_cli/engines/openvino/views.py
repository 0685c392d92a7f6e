"""Layers as (N, h, w, C) maps, whatever form they have in a graph, and the way back.

    (N, C, h, w)     ─ transposed ─▶               (N, h, w, C)
    (N, T, C)        ─ cut, reshaped ─▶            (N, h, w, C)      tokens on a grid

The operations that make the view follow the layer's own output in the graph. What else reads the
layer reads its own output, so that a gradient arrives there and is viewed in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcam_cli.engines.openvino.runtime import ops
from gradcam_cli.engines.openvino.vjp.ports import Node, Port, constant, shape_of, sliced

_NAME = "view of "


def view_of(port: Port, order: Sequence[int], grid: tuple[int, int, int] | None = None) -> Port:
    """`port` as maps.

    Parameters
    ----------
    port : openvino.Output
        A layer's own output.
    order : sequence of int
        Which of its axes come first, second ... in (N, h, w, C), or of tokens in (N, T, C).
    grid : (first, height, width), optional
        Where among the tokens those of a grid begin, and its sides.
    """
    if list(order) != list(range(len(order))):
        port = _named(ops.transpose(port, constant(order, np.int64)))
    if grid is None:
        return port
    first, height, width = grid
    _, tokens, channels = shape_of(port)
    if tokens != height * width:
        start, stop = constant([first], np.int64), constant([first + height * width], np.int64)
        steps, axes = constant([1], np.int64), constant([1], np.int64)
        port = _named(ops.slice(port, start, stop, steps, axes))
    shape = constant([0, height, width, channels], np.int64)
    return _named(ops.reshape(port, shape, special_zero=True))


def own_output(port: Port) -> tuple[Port, list[Node]]:
    """The layer's own output that `port` is a view of, and the operations of the view, in order."""
    steps: list[Node] = []
    while _is_view(node := port.get_node(), first=not steps):
        steps.insert(0, node)
        port = node.input_value(0)
    return port, steps


def viewed(port: Port, steps: Sequence[Node]) -> Port:
    """`port`, of the shape of a layer's own output, through the same view."""
    for step in steps:
        port = _repeated(step, port)
    return port


def unviewed(port: Port, source: Port, steps: Sequence[Node]) -> Port:
    """The layer's own output with `port` in the place of its maps, the rest as in `source`."""
    sources = [source, *(step.output(0) for step in steps)]
    for step, before in reversed(list(zip(steps, sources, strict=False))):
        port = _undone(step, port, before)
    return port


def _named(node: Node) -> Port:
    node.set_friendly_name(f"{_NAME}{node.get_name()}")
    return node.output(0)


def _is_view(node: Node, *, first: bool) -> bool:
    """A Keras model's layers are turned to channels last by the converter, without our names."""
    if node.get_friendly_name().startswith(_NAME):
        return True
    return first and bool(node.get_type_name() == "Transpose")


def _repeated(step: Node, port: Port) -> Port:
    kind = step.get_type_name()
    others = [step.input_value(number) for number in range(1, len(step.inputs()))]
    if kind == "Transpose":
        return ops.transpose(port, others[0]).output(0)
    if kind == "Slice":
        return ops.slice(port, *others).output(0)
    return ops.reshape(port, others[0], special_zero=True).output(0)


def _undone(step: Node, port: Port, before: Port) -> Port:
    kind = step.get_type_name()
    if kind == "Transpose":
        order = np.argsort(step.input_value(1).get_node().data)
        return ops.transpose(port, constant(order, np.int64)).output(0)
    if kind == "Reshape":
        _, *sides = shape_of(before)
        return ops.reshape(port, constant([0, *sides], np.int64), special_zero=True).output(0)
    return _spliced(step, port, before)


def _spliced(step: Node, port: Port, before: Port) -> Port:
    """`before` with the tokens that `step` cut out replaced."""
    first = int(step.input_value(1).get_node().data[0])
    tokens, stop = shape_of(before)[1], first + shape_of(port)[1]
    parts: list[Any] = [port]
    if first:
        parts.insert(0, sliced(before, {1: (0, first)}))
    if stop < tokens:
        parts.append(sliced(before, {1: (stop, tokens)}))
    return ops.concat(parts, 1).output(0)
