"""A MobileNetV2 with seeded random weights as an ONNX file of 14 MB, a model of one's own.

python -m benchmarks.onnx_model FILE
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_SEED = 2
_BLOCKS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""How often wider within, channels, repetitions, stride of the first (Sandler et al. 2018)."""


class _Network:
    """Nodes and weights, each operation on what the one before it gave."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.random = np.random.default_rng(_SEED)

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def weight(self, array: np.ndarray) -> str:
        name = f"weight_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(array.astype(np.float32), name))
        return name

    def drawn(self, *shape: int) -> str:
        fan_in = np.prod(shape[1:])
        return self.weight(self.random.standard_normal(shape) * np.sqrt(2 / fan_in))

    def convolution(
        self, x: str, c: int, d: int, size: int = 1, stride: int = 1, groups: int = 1
    ) -> str:
        pads = [size // 2] * 4
        return self.node(
            "Conv", x, self.drawn(d, c // groups, size, size), self.weight(np.zeros(d)),
            kernel_shape=[size, size], strides=[stride, stride], pads=pads, group=groups,
        )  # fmt: skip

    def relu6(self, x: str) -> str:
        return self.node("Clip", x, self.weight(np.array(0)), self.weight(np.array(6)))

    def block(self, x: str, c: int, d: int, widen: int, stride: int) -> str:
        wide = c * widen
        y = self.relu6(self.convolution(x, c, wide)) if widen > 1 else x
        y = self.relu6(self.convolution(y, wide, wide, 3, stride, groups=wide))
        y = self.convolution(y, wide, d)
        return self.node("Add", x, y) if c == d and stride == 1 else y


def mobilenet() -> onnx.ModelProto:
    """The model: 1 x 3 x 224 x 224 to 1000 scores, opset 17."""
    network = _Network()
    x = network.relu6(network.convolution("image", 3, 32, 3, 2))
    c = 32
    for widen, d, count, first_stride in _BLOCKS:
        for number in range(count):
            x = network.block(x, c, d, widen, 1 if number else first_stride)
            c = d
    x = network.relu6(network.convolution(x, c, 1280))
    x = network.node("Flatten", network.node("GlobalAveragePool", x))
    dense, bias = network.drawn(1000, 1280), network.weight(np.zeros(1000))
    network.nodes.append(helper.make_node("Gemm", [x, dense, bias], ["scores"], transB=1))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 224, 224])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 1000])
    graph = helper.make_graph(network.nodes, "mobilenet", [image], [scores], network.weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main() -> None:
    """Write it."""
    onnx.save(mobilenet(), Path(sys.argv[1]))


if __name__ == "__main__":
    main()
