"""A model whose weights are shuffled, from the scores down: what is left of it is its shape.

Adebayo et al., 2018 (Sanity checks for saliency maps, arXiv 1810.03292), section 3, draw weights as
before training. How that was done is in no file of a model; so the values of each kernel change
places, and its mean and spread stay. Constants that are added, or scale, stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gradcam_cli.engines.openvino.runtime import ops

_WEIGHTED = ("Convolution", "GroupConvolution", "MatMul")
_PASSED_THROUGH = ("Convert", "Reshape", "Transpose", "FakeQuantize", "Multiply", "Subtract")
"""What may stand between a constant and the operation that it is the kernel of."""


def kernels(forward: Any) -> list[Any]:
    """The operations that have a kernel of constants, those nearest to the scores first.

    Parameters
    ----------
    forward : openvino.Model
    """
    nodes = [node for node in forward.get_ordered_ops() if node.get_type_name() in _WEIGHTED]
    return [node for node in reversed(nodes) if _kernel_input(node) is not None]


def shuffle_kernels(forward: Any, count: int, seed: int = 0) -> None:
    """Shuffle the kernels of the first `count` of `kernels`, in place.

    Each by numbers of its own, so that what is shuffled in two depths is shuffled alike.

    Parameters
    ----------
    forward : openvino.Model
    count : int
    seed : int
    """
    for number, node in enumerate(kernels(forward)[:count]):
        place = _kernel_input(node)
        assert place is not None
        constant = place.get_source_output().get_node()
        values = np.array(constant.get_data())
        random = np.random.default_rng([seed, number])
        shuffled = random.permutation(values.ravel()).reshape(values.shape)
        place.replace_source_output(ops.constant(shuffled, dtype=values.dtype).output(0))


def _kernel_input(node: Any) -> Any | None:
    """The input, of `node` or of what leads to it, whose source is the constant of its kernel."""
    for place in reversed(node.inputs()):
        for end in _constant_ends(place):
            return end
    return None


def _constant_ends(place: Any) -> Iterator[Any]:
    source = place.get_source_output().get_node()
    kind = source.get_type_name()
    if kind == "Constant":
        yield place
    elif kind in _PASSED_THROUGH and source.get_input_size():
        yield from _constant_ends(source.input(0))
