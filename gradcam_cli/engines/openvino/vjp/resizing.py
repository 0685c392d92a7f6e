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
    _check(node)
    shape = shape_of(node.input_value(0))
    for axis in _resized_axes(node):
        g = _weighted_back(g, axis, _weights(node, axis), shape)
    return g


def _check(node: Node) -> None:
    version, options = node.get_type_info().version_id, node.get_attributes()
    if version not in ("opset4", "opset11"):
        raise NotDifferentiableError(f"Interpolate of {version}")
    if any(options["pads_begin"]) or any(options["pads_end"]):
        raise NotDifferentiableError("Interpolate with padding")
    if options["antialias"] and options["mode"] == "linear":  # the CPU plugin leaves it out
        raise NotDifferentiableError("Interpolate of the mode linear with antialiasing")


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

    OpenVINO itself is asked, by columns that are 1 at one pixel and 0 elsewhere.
    """
    before, after = (shape_of(port)[axis] for port in (node.input_value(0), node.output(0)))
    columns = np.eye(before, dtype=np.float32).reshape(before, 1, before, 1)
    size = [_scale(node, axis), 1] if _has_scales(node) else [after, 1]
    inputs = [columns, np.array(size, np.float32 if _has_scales(node) else np.int64)]
    inputs.append(np.array([2, 3]))
    data, by, axes = map(ops.constant, inputs)
    sample = ops.interpolate(data, by, axes=axes, **_options(node))
    weights = np.zeros((before, 1, after, 1), np.float32)
    sample.evaluate([openvino.Tensor(weights, shared_memory=True)], [*map(openvino.Tensor, inputs)])
    return weights.reshape(before, after).T


def _options(node: Node) -> dict[str, Any]:
    """How `node` resizes, without its padding, which is none."""
    options = {**node.get_attributes(), "pads_begin": [], "pads_end": []}
    if options["mode"] == "bicubic_pillow":
        options["cube_coeff"] = -0.5  # as Pillow's, whatever it says, in the CPU plugin
    return options


def _has_scales(node: Node) -> bool:
    return bool(node.get_attributes()["shape_calculation_mode"] == "scales")


def _scale(node: Node, axis: int) -> float:
    """By how much an axis was scaled, which its sides say only nearly."""
    old, rank = node.get_type_info().version_id == "opset4", len(shape_of(node.output(0)))
    number = 3 if old else 2
    axes = fixed_integers(node, number) if len(node.inputs()) > number else list(range(rank))
    scales = np.ravel(fixed_value(node, 2 if old else 1))
    return float(scales[[given % rank for given in axes].index(axis)])


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
