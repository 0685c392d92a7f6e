"""The geometry that convolutions and pools share."""

from __future__ import annotations

from collections.abc import Sequence

from gradcam_cli.engines.openvino.vjp.ports import Node, Port, shape_of


def dilations_of(node: Node) -> list[int]:
    """The step between the pixels of a window along each axis; some pools have none but 1."""
    window = node.get_attributes()
    return list(window.get("dilations") or [1] * len(window["strides"]))


def uncovered(node: Node, kernel: Sequence[int], pixels: Port, windows: Port) -> list[int]:
    """How many rows and columns are left after the last window, by strides or as padding.

    Less than none where that window goes beyond the map of `pixels`; `kernel` has the sides of a
    window, and `windows` has one element for each.
    """
    window = node.get_attributes()
    extents = [
        stride * (count - 1) + (side - 1) * dilation + 1
        for stride, count, side, dilation in zip(
            window["strides"], shape_of(windows)[2:], kernel, dilations_of(node), strict=True
        )
    ]
    sides = zip(shape_of(pixels)[2:], window["pads_begin"], extents, strict=True)
    return [side + begin - extent for side, begin, extent in sides]


def transposed_padding(node: Node, g: Port, kernel: Sequence[int]) -> tuple[list[int], list[int]]:
    """The padding at the end and the output padding of the transposed convolution of `g`.

    By these it gives a map as large as the one that `node` went over.
    """
    rest = uncovered(node, kernel, node.input_value(0), g)
    return [max(-count, 0) for count in rest], [max(count, 0) for count in rest]
