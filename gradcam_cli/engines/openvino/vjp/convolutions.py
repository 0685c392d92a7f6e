"""Rules of convolutions."""

from __future__ import annotations

from gradcam_cli.engines.openvino.runtime import ops
from gradcam_cli.engines.openvino.vjp.ports import (
    Node,
    Port,
    Vjp,
    integers,
    only_input,
    own_constant,
    shape_of,
    sliced,
)
from gradcam_cli.engines.openvino.vjp.windows import transposed_padding, uncovered


def _convolution(node: Node, g: Port, number: int) -> Port:
    """The transposed convolution, with the rows and columns that strides left over put back."""
    only_input(node, number)
    window = node.get_attributes()
    kernel, grouped = _kernel(node)
    transposed = ops.group_convolution_backprop_data if grouped else ops.convolution_backprop_data
    end, left_over = transposed_padding(node, g, _sides(node))
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
    rest = uncovered(node, _sides(node), g, node.input_value(0))
    end = [max(-count, 0) for count in rest]
    convolution = ops.group_convolution if grouped else ops.convolution
    whole = convolution(
        g, kernel, window["strides"], window["pads_begin"], end, window["dilations"]
    ).output(0)
    return sliced(whole, {axis: (0, shape[axis]) for axis in range(2, len(shape))})


def _sides(node: Node) -> list[int]:
    return shape_of(node.input_value(1))[-len(node.get_attributes()["strides"]) :]


def _kernel(node: Node) -> tuple[Port, bool]:
    """A kernel for the way back, and whether it is one of several groups."""
    kernel = own_constant(node.input_value(1))
    if not node.get_type_name().startswith("Group"):
        return kernel, False
    if shape_of(kernel)[0] > 1:
        return kernel, True
    # One group is none, and the CPU plugin has no primitive for it.
    return ops.squeeze(kernel, integers([0])).output(0), False


CONVOLUTIONS: dict[str, Vjp] = {
    "Convolution": _convolution,
    "ConvolutionBackpropData": _transposed_convolution,
    "GroupConvolution": _convolution,
    "GroupConvolutionBackpropData": _transposed_convolution,
}
