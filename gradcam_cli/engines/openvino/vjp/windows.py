"""The geometry that convolutions and pools share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcam_cli.engines.openvino.vjp.ports import Node, Port, shape_of


def spans(window: dict[str, Any], kernel: Sequence[int]) -> list[int]:
    """How many places a kernel of these sides reaches over, with its dilations counted in."""
    dilations = window.get("dilations") or [1] * len(kernel)
    return [(side - 1) * step + 1 for side, step in zip(kernel, dilations, strict=True)]


def transposed_rest(node: Node, g: Port, kernel: Sequence[int]) -> tuple[list[int], list[int]]:
    """The padding at the end and the output padding of the transposed convolution of `g`.

    By these it gives a map as large as the one `node` went over, with the rows and columns that
    strides left over, and without those that the last windows had beyond it.
    """
    window, sides = node.get_attributes(), shape_of(node.input_value(0))[2:]
    extents = [
        stride * (count - 1) + span
        for stride, count, span in zip(
            window["strides"], shape_of(g)[2:], spans(window, kernel), strict=True
        )
    ]
    rest = [
        side + begin - extent
        for side, begin, extent in zip(sides, window["pads_begin"], extents, strict=True)
    ]
    return [max(-count, 0) for count in rest], [max(count, 0) for count in rest]
