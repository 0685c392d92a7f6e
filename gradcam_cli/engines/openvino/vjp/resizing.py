"""Rules of operations that scale maps: along each axis a product with a matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.engines.openvino.runtime import openvino, ops
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
    summed,
    transformed,
)
from gradcam_cli.engines.openvino.vjp.slicing import put_back


def _interpolate(node: Node, g: Port, number: int) -> Port:
    """Each output pixel is a weighted sum of input pixels along one axis after the other."""
    only_input(node, number)
    version = node.get_type_info().version_id
    if version not in ("opset4", "opset11"):
        raise NotDifferentiableError(f"Interpolate of {version}")
    shape = shape_of(node.input_value(0))
    for axis in _resized_axes(node):
        g = _weighted_back(g, axis, _weights(node, axis), shape)
    return g


def _resized_axes(node: Node) -> list[int]:
    before, after = shape_of(node.input_value(0)), shape_of(node.output(0))
    return [axis for axis, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]


def _weighted_back(g: Port, axis: int, weights: NDArray[np.float32], shape: list[int]) -> Port:
    """Without a product where each pixel is a copy of one."""
    if not (np.isin(weights, (0, 1)).all() and (weights.sum(1) == 1).all()):
        return transformed(g, axis, weights)
    sources, now = weights.argmax(1), shape_of(g)
    side, times = shape[axis], now[axis] // shape[axis]
    if np.array_equal(sources, np.repeat(np.arange(side), times)):
        parts = summed(reshaped(g, [*now[:axis], side, times, *now[axis + 1 :]]), [axis + 1])
        return reshaped(parts, [*now[:axis], side, *now[axis + 1 :]])
    now[axis] = side
    return put_back(g, {axis: sources}, now)


def _weights(node: Node, axis: int) -> NDArray[np.float32]:
    """What each pixel along an axis of the output has of each of the input's: (output, input).

    OpenVINO itself is asked, by rows that are 1 at one pixel and 0 elsewhere.
    """
    shape, side = [1] * len(shape_of(node.output(0))), shape_of(node.input_value(0))[axis]
    shape[axis] = side
    sample = _of_one_axis(node, axis, shape)
    inputs = [
        openvino.Tensor(np.array(fixed_value(sample, i))) for i in range(len(sample.inputs()))
    ]
    columns = []
    for row in np.eye(side, dtype=np.float32):
        inputs[0] = openvino.Tensor(row.reshape(shape))
        result = openvino.Tensor(openvino.Type.f32, sample.get_output_shape(0))
        sample.evaluate([result], inputs)
        columns.append(np.array(result.data).ravel())
    return np.stack(columns, 1)


def _of_one_axis(node: Node, axis: int, shape: list[int]) -> Any:
    """The same interpolation of one axis only, of a constant of `shape`."""
    options = node.get_attributes()
    has_scales = options["shape_calculation_mode"] == "scales"
    axes = _axes_given(node)
    place = axes.index(axis)
    by = np.ones(len(axes), np.float32 if has_scales else np.int64)
    number = 2 if has_scales and node.get_type_info().version_id == "opset4" else 1
    by[place] = np.ravel(fixed_value(node, number))[place]
    pads = {
        key: [width if other == axis else 0 for other, width in enumerate(options[key])]
        for key in ("pads_begin", "pads_end")
    }
    return ops.interpolate(
        ops.constant(np.zeros(shape, np.float32)),
        ops.constant(by),
        axes=integers(axes),
        **{**options, **pads},
    )


def _axes_given(node: Node) -> list[int]:
    number = 3 if node.get_type_info().version_id == "opset4" else 2
    rank = len(shape_of(node.output(0)))
    if len(node.inputs()) <= number:
        return list(range(rank))
    return [axis % rank for axis in fixed_integers(node, number)]


def _adaptive_average_pool(node: Node, g: Port, number: int) -> Port:
    only_input(node, number)
    for axis in _resized_axes(node):
        g = transformed(g, axis, _shares(shape_of(node.input_value(0))[axis], shape_of(g)[axis]))
    return g


def _shares(side: int, windows: int) -> NDArray[np.float64]:
    """The share of each pixel in the mean of each of `windows` that may overlap by one."""
    shares = np.zeros((windows, side))
    for i in range(windows):
        start, stop = i * side // windows, -(-(i + 1) * side // windows)
        shares[i, start:stop] = 1 / (stop - start)
    return shares


RESIZING: dict[str, Vjp] = {
    "AdaptiveAvgPool": _adaptive_average_pool,
    "Interpolate": _interpolate,
}
