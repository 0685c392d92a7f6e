"""Rules of convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcam_cli.engines.openvino.runtime import ops
from gradcam_cli.engines.openvino.vjp.ports import (
    Node,
    Port,
    Vjp,
    integers,
    only_input,
    shape_of,
    sliced,
)
from gradcam_cli.engines.openvino.vjp.windows import spans, transposed_rest


def _convolution(node: Node, g: Port, number: int) -> Port:
    """The transposed convolution, with the rows and columns that strides left over put back."""
    only_input(node, number)
    window = node.get_attributes()
    kernel, grouped = _kernel(node)
    transposed = ops.group_convolution_backprop_data if grouped else ops.convolution_backprop_data
    end, left_over = transposed_rest(node, g, _sides(node))
    return transposed(
        g,
        kernel,
        strides=window["strides"],
        pads_begin=window["pads_begin"],
        pads_end=end,
        dilations=window["dilations"],
        output_padding=left_over,
    ).output(0)


def _transposed_convolution(node: Node, g: Port, number: int) -> Port:
    """The convolution with the same kernel, without rows and columns that nothing came to."""
    only_input(node, number)
    window, shape = node.get_attributes(), shape_of(node.input_value(0))
    kernel, grouped = _kernel(node)
    begin, end = _padding(node)
    convolution = ops.group_convolution if grouped else ops.convolution
    whole = convolution(g, kernel, window["strides"], begin, end, window["dilations"]).output(0)
    return sliced(whole, {axis: (0, shape[axis]) for axis in range(2, len(shape))})


def _padding(node: Node) -> tuple[list[int], list[int]]:
    """What a transposed convolution cut off its map: at the beginning, and at the end.

    Where it was told the side of its map instead, it is half of what was too much each.
    """
    window, kernel = node.get_attributes(), _sides(node)
    begin = list(window["pads_begin"])
    before, after = (shape_of(port)[2:] for port in (node.input_value(0), node.output(0)))
    too_much = [
        stride * (count - 1) + span + extra - side
        for stride, count, span, extra, side in zip(
            window["strides"],
            before,
            spans(window, kernel),
            window["output_padding"] or [0] * len(kernel),
            after,
            strict=True,
        )
    ]
    if window["auto_pad"] == "same_upper":
        begin = [count // 2 for count in too_much]
    elif window["auto_pad"] == "same_lower":
        begin = [count - count // 2 for count in too_much]
    extra = window["output_padding"] or [0] * len(kernel)
    return begin, [
        count - first - more for count, first, more in zip(too_much, begin, extra, strict=True)
    ]


def _sides(node: Node) -> list[int]:
    return shape_of(node.input_value(1))[-len(node.get_attributes()["strides"]) :]


def _kernel(node: Node) -> tuple[Any, bool]:
    """A kernel for the way back, and whether it is one of several groups."""
    kernel = _copied(node.input_value(1))
    if not node.get_type_name().startswith("Group"):
        return kernel, False
    if shape_of(node.input_value(1))[0] > 1:
        return kernel, True
    # One group is none, and the CPU plugin has no primitive for it.
    return ops.squeeze(kernel, integers([0])), False


def _copied(kernel: Port) -> Any:
    """A copy of a constant kernel.

    In the CPU plugin of OpenVINO 2026.4 a convolution and its transposed one that share a
    constant share its packed form as well, which is right for one of them.
    """
    node = kernel.get_node()
    return ops.constant(np.array(node.data)) if node.get_type_name() == "Constant" else node


CONVOLUTIONS: dict[str, Vjp] = {
    "Convolution": _convolution,
    "ConvolutionBackpropData": _transposed_convolution,
    "GroupConvolution": _convolution,
    "GroupConvolutionBackpropData": _transposed_convolution,
}
