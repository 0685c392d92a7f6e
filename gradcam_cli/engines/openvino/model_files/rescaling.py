"""The preprocessing that a graph begins with: what it does itself need not be done before."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.engines.openvino.vjp.ports import Node

_STEPS = {
    "Multiply": lambda scale, offset, value: (scale * value, offset * value),
    "Divide": lambda scale, offset, value: (scale / value, offset / value),
    "Add": lambda scale, offset, value: (scale, offset + value),
    "Subtract": lambda scale, offset, value: (scale, offset - value),
}
_PASSED = ("Transpose", "Convert", "Pad", "Reshape")
_OF_BYTES = 0.05
"""The largest scale of what takes 0..255: 1/255 a deviation of 0.08, say."""
_CAFFE_BLUE_FIRST = (-103.939, -116.779, -123.68)


def preprocessing_inside(image: Node) -> tuple[str, str]:
    """The preprocessing that remains to be done before a graph, and why; "" where it says nothing.

    Parameters
    ----------
    image : openvino.Node
        The input, channels last.

    Returns
    -------
    preprocessing, reason : str
    """
    scale, offset, steps = _affine_start(image)
    if not steps:
        return "", ""
    if np.abs(scale).max() <= _OF_BYTES:
        return "none", "the model rescales pixels itself"
    if np.all(scale == 1) and np.abs(offset).max() > 2:
        order = "bgr" if np.allclose(offset.ravel(), _CAFFE_BLUE_FIRST, atol=0.5) else "rgb"
        spec = "channels=bgr" if order == "bgr" else "none"
        return spec, "the model subtracts the mean itself"
    if np.abs(scale).min() >= 0.5:
        return "scale=0..1", "the model normalizes values of 0..1 itself"
    return "", ""


def _affine_start(image: Node) -> tuple[NDArray[Any], NDArray[Any], int]:
    """x·scale + offset, which the graph begins with, and of how many steps that is made."""
    scale, offset, steps = np.ones(1), np.zeros(1), 0
    node = image
    while (reader := _only_reader(node)) is not None:
        kind = reader.get_type_name()
        if kind in _STEPS:
            value = _constant_operand(reader)
            if value is None or value.size not in (1, 3) or not np.isfinite(value).all():
                break
            scale, offset = _STEPS[kind](scale, offset, value.ravel())
            steps += 1
        elif kind not in _PASSED:
            break
        node = reader
    return np.asarray(scale), np.asarray(offset), steps


def _only_reader(node: Node) -> Node | None:
    readers = [target.get_node() for target in node.output(0).get_target_inputs()]
    return readers[0] if len(readers) == 1 else None


def _constant_operand(node: Node) -> NDArray[Any] | None:
    """The constant that is multiplied, added, subtracted, or divided by."""
    for number in (1, 0):
        source = node.input_value(number).get_node()
        commutes = node.get_type_name() in ("Add", "Multiply")
        if source.get_type_name() == "Constant" and (number == 1 or commutes):
            return np.asarray(source.data, np.float64)
    return None
