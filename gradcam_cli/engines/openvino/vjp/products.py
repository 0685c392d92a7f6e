"""Rules of convolutions and products of matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcam_cli.engines.openvino.runtime import ops
from gradcam_cli.engines.openvino.vjp.ports import (
    Node,
    NotDifferentiableError,
    Port,
    Vjp,
    constant,
    fixed_value,
    only_input,
    output_padding,
    shape_of,
    times,
    unbroadcast,
)


def _convolution(node: Node, g: Port, number: int) -> Port:
    """The transposed convolution, with the rows and columns that strides left over put back."""
    only_input(node, number)
    window = node.get_attributes()
    dilations = window["dilations"]
    kernel_sides = shape_of(node.input_value(1))[-len(dilations) :]
    sides = [(side - 1) * step + 1 for side, step in zip(kernel_sides, dilations, strict=True)]
    kernel = _kernel_copy(node.input_value(1))
    transposed = ops.convolution_backprop_data
    if node.get_type_name() == "GroupConvolution":
        if shape_of(kernel.output(0))[0] > 1:
            transposed = ops.group_convolution_backprop_data
        else:  # one group is none, and the CPU plugin has no primitive for it
            kernel = ops.squeeze(kernel, constant([0], np.int64))
    return transposed(
        g,
        kernel,
        strides=window["strides"],
        pads_begin=window["pads_begin"],
        pads_end=window["pads_end"],
        dilations=dilations,
        output_padding=output_padding(node, g, sides),
    ).output(0)


def _kernel_copy(kernel: Port) -> Any:
    """A copy of a constant kernel.

    In the CPU plugin of OpenVINO 2026.4 a convolution and its transposed one that share a
    constant share its packed form as well, which is right for one of them.
    """
    node = kernel.get_node()
    return ops.constant(np.array(node.data)) if node.get_type_name() == "Constant" else node


def _matmul(node: Node, g: Port, number: int) -> Port:
    """y = a·b, either stored transposed or not: dy/da = g·bᵀ, dy/db = aᵀ·g."""
    a, b = node.input_value(0), node.input_value(1)
    if min(len(shape_of(a)), len(shape_of(b))) < 2:
        raise NotDifferentiableError("MatMul of a vector")
    flags = node.get_attributes()
    a_is_transposed, b_is_transposed = flags["transpose_a"], flags["transpose_b"]
    if number:
        gradient = (
            _product((g, True), (a, a_is_transposed))
            if b_is_transposed
            else _product((a, not a_is_transposed), (g, False))
        )
    else:
        gradient = (
            _product((b, b_is_transposed), (g, True))
            if a_is_transposed
            else _product((g, False), (b, not b_is_transposed))
        )
    return unbroadcast(gradient, shape_of(node.input_value(number)))


def _product(left: tuple[Port, bool], right: tuple[Port, bool]) -> Port:
    """The product of two matrices, each transposed or not."""
    return ops.matmul(left[0], right[0], left[1], right[1]).output(0)


def _attention(node: Node, g: Port, number: int) -> Port:
    """y = p·v with p = softmax(s), s = c·q·kᵀ, c a scale.

    With ds = p · (g·vᵀ − Σ p·(g·vᵀ)): dy/dq = c·ds·k, dy/dk = c·dsᵀ·q, dy/dv = pᵀ·g.
    """
    query, key, value, scale = _parts_of_attention(node)
    scores = ops.multiply(_product((query, False), (key, True)), scale)
    p = ops.softmax(scores, len(shape_of(query)) - 1).output(0)
    if number == 2:
        return _product((p, True), (g, False))
    p_times_gradient = times(_product((g, False), (value, True)), p)
    total = ops.reduce_sum(p_times_gradient, constant([-1], np.int64), keep_dims=True)
    score_gradient = times(ops.subtract(p_times_gradient, ops.multiply(p, total)).output(0), scale)
    return _product((score_gradient, bool(number)), (query if number else key, False))


def _parts_of_attention(node: Node) -> tuple[Port, Port, Port, Any]:
    """Query, key, value and scale, where nothing is masked."""
    inputs = [node.input_value(number) for number in range(len(node.inputs()))]
    masked = node.get_attributes()["causal"] or (len(inputs) > 3 and fixed_value(node, 3).any())
    if masked or len({tuple(shape_of(port)[:-2]) for port in inputs[:3]}) > 1:
        raise NotDifferentiableError("ScaledDotProductAttention with a mask or shared heads")
    width = shape_of(inputs[0])[-1]
    scale = inputs[4] if len(inputs) > 4 else constant(1 / math.sqrt(width))
    return inputs[0], inputs[1], inputs[2], scale


PRODUCTS: dict[str, Vjp] = {
    "Convolution": _convolution,
    "GroupConvolution": _convolution,
    "MatMul": _matmul,
    "ScaledDotProductAttention": _attention,
}
