"""Values that the graphs of OpenVINO's operations are made with, and go over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.engines.openvino.runtime import ops

Graph = Callable[..., Any]
"""Outputs of parameters -> the end of the graph, a node or an output."""

Input = tuple[int, ...] | NDArray[np.float32]
"""A shape, or values."""

MAP = (1, 2, 4, 5)
ROWS = (2, 3, 4)


def drawn(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def spaced(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    """Values that differ by 1/4 or more, and by 1/8 or more from all multiples of that."""
    count = int(np.prod(shape))
    values = (np.random.default_rng(seed).permutation(count) - count // 2 + 0.5) / 4
    return values.astype(np.float32).reshape(shape)


def positive(*shape: int) -> NDArray[np.float32]:
    return np.abs(drawn(*shape)) + 0.5


def number(value: float) -> Any:
    return ops.constant(np.float32(value))


def whole(values: Any) -> Any:
    return ops.constant(np.asarray(values, np.int64))


def in_half_precision(*shape: int) -> Any:
    """Weights as OpenVINO stores them."""
    return ops.convert(ops.constant(drawn(*shape).astype(np.float16)), "f32")
