"""Rules of normalizations, most of them made of simpler operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcam_cli.engines.openvino.runtime import ops
from gradcam_cli.engines.openvino.vjp.ports import (
    Expansion,
    Node,
    Port,
    Vjp,
    constant_as,
    fixed_integers,
    integers,
    only_input,
    reshaped,
    shape_of,
    summed,
    times,
    transformed,
)


def _batch_norm(node: Node, g: Port, number: int) -> Port:
    """y = γ·(x − μ) / √(σ² + ε) + β for each channel."""
    old = node.get_type_info().version_id == "opset1"
    only_input(node, number, 2 if old else 0)
    scale, variance = node.input_value(0 if old else 1), node.input_value(4)
    epsilon = constant_as(g, node.get_attributes()["epsilon"])
    factor = ops.divide(scale, ops.sqrt(ops.add(variance, epsilon))).output(0)
    return times(g, _by_channel(factor, len(shape_of(g))))


def _by_channel(port: Port, rank: int) -> Port:
    """Values of channels, which are axis 1."""
    return reshaped(port, [1, *shape_of(port), *[1] * (rank - 2)])


def _centred(x: Port, axes: Sequence[int]) -> Port:
    return ops.subtract(x, _mean(x, axes)).output(0)


def _mean(x: Port, axes: Sequence[int]) -> Any:
    return ops.reduce_mean(x, integers(axes), keep_dims=True)


def _normalized(x: Port, axes: Sequence[int], epsilon: float, *, inside: bool = True) -> Any:
    """(x − μ) / √(σ² + ε), or / (√σ² + ε) where ε is not inside."""
    centred, small = _centred(x, axes), constant_as(x, epsilon)
    variance = _mean(ops.multiply(centred, centred).output(0), axes)
    if inside:
        return ops.divide(centred, ops.sqrt(ops.add(variance, small)))
    # A root has no slope at 0, where all values are the same.
    root = ops.sqrt(ops.maximum(variance, constant_as(x, 1e-30)))
    return ops.divide(centred, ops.add(root, small))


def _mean_variance(node: Node, inputs: list[Port]) -> Any:
    options, x = node.get_attributes(), inputs[0]
    rank = len(shape_of(x))
    axes = [int(axis) % rank for axis in options.get("reduction_axes") or fixed_integers(node, 1)]
    if not options["normalize_variance"]:
        return _centred(x, axes)
    inside = options.get("eps_mode", "INSIDE_SQRT").upper() == "INSIDE_SQRT"
    return _normalized(x, axes, options["eps"], inside=inside)


def _group_normalization(node: Node, inputs: list[Port]) -> Any:
    options, (x, scale, offset) = node.get_attributes(), inputs
    shape = shape_of(x)
    groups = reshaped(x, [shape[0], options["num_groups"], -1])
    normalized = _normalized(groups, [2], options["epsilon"]).output(0)
    scaled = ops.multiply(reshaped(normalized, shape), _by_channel(scale, len(shape)))
    return ops.add(scaled, _by_channel(offset, len(shape)))


def _normalize_l2(node: Node, inputs: list[Port]) -> Any:
    """x / √(Σx² + ε), or / √max(Σx², ε)."""
    options, x = node.get_attributes(), inputs[0]
    axes = [axis % len(shape_of(x)) for axis in fixed_integers(node, 1)]
    squares, small = summed(ops.multiply(x, x).output(0), axes), constant_as(x, options["eps"])
    added = options["eps_mode"].lower() == "add"
    return ops.divide(
        x, ops.sqrt(ops.add(squares, small) if added else ops.maximum(squares, small))
    )


def _local_response(node: Node, inputs: list[Port]) -> Any:
    """x / (b + α/n · Σx²)^β with the sum over the n nearest along each of its axes."""
    options, x = node.get_attributes(), inputs[0]
    size, axes = options["size"], [axis % len(shape_of(x)) for axis in fixed_integers(node, 1)]
    squares = ops.multiply(x, x).output(0)
    for axis in axes:
        places = np.arange(shape_of(x)[axis])
        near = np.abs(places[:, None] - places) <= (size - 1) // 2
        squares = transformed(squares, axis, near)
    share = ops.multiply(squares, constant_as(x, options["alpha"] / size ** len(axes)))
    base = ops.add(share, constant_as(x, options["bias"]))
    return ops.multiply(x, ops.power(base, constant_as(x, -options["beta"])))


NORMALIZATION: dict[str, Vjp | Expansion] = {
    "BatchNormInference": _batch_norm,
    "GroupNormalization": Expansion(_group_normalization),
    "LRN": Expansion(_local_response),
    "MVN": Expansion(_mean_variance),
    "NormalizeL2": Expansion(_normalize_l2),
}
