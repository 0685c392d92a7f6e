"""Graphs of convolutions and pools, and of operations that resize maps."""

from __future__ import annotations

from typing import Any

import numpy as np
from openvino import opset1, opset11, opset14, opset16
from openvino.utils.node_factory import NodeFactory
from openvino.utils.types import as_nodes

from gradcam_cli.engines.openvino.runtime import ops
from tests.engines.openvino.vjp_values import (
    MAP,
    Graph,
    Input,
    drawn,
    in_half_precision,
    spaced,
    whole,
)


def interpolated(x: Any, mode: str, sides: list[int], **options: Any) -> Any:
    return ops.interpolate(x, whole(sides), mode, "sizes", axes=whole([2, 3]), **options)


CONVOLUTIONS: dict[str, tuple[Graph, list[Input]]] = {
    "convolution": (
        lambda x: ops.convolution(
            x, ops.constant(drawn(3, 2, 3, 2)), [2, 1], [1, 0], [0, 1], [1, 2]
        ),
        [MAP],
    ),
    "convolution, padded by itself": (
        lambda x: ops.convolution(
            x, ops.constant(drawn(3, 2, 3, 3)), [2, 2], [0, 0], [0, 0], [1, 1], "same_lower"
        ),
        [MAP],
    ),
    # As many channels go out as come in: one packed kernel would have the shape for both ways.
    "convolution with weights in half precision": (
        lambda x: ops.convolution(
            x, in_half_precision(16, 16, 1, 1), [1, 1], [0, 0], [0, 0], [1, 1]
        ),
        [(1, 16, 2, 2)],
    ),
    "convolution with weights that are scaled": (
        lambda x: ops.convolution(
            x,
            ops.multiply(ops.constant(drawn(16, 16, 1, 1)), ops.constant(drawn(16, 1, 1, 1))),
            [1, 1],
            [0, 0],
            [0, 0],
            [1, 1],
        ),
        [(1, 16, 2, 2)],
    ),
    "convolution of a row": (
        lambda x: ops.convolution(x, ops.constant(drawn(3, 2, 3)), [2], [1], [0], [1]),
        [(1, 2, 8)],
    ),
    "convolution of a block": (
        lambda x: ops.convolution(
            x, ops.constant(drawn(2, 1, 2, 2, 2)), [2, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 1]
        ),
        [(1, 1, 3, 3, 3)],
    ),
    "grouped convolution": (
        lambda x: ops.group_convolution(
            x, ops.constant(drawn(2, 2, 1, 3, 3)), [2, 2], [1, 1], [1, 1], [1, 1]
        ),
        [MAP],
    ),
    "grouped convolution of one group": (
        lambda x: ops.group_convolution(
            x, ops.constant(drawn(1, 3, 2, 3, 3)), [1, 1], [0, 0], [0, 0], [1, 1]
        ),
        [MAP],
    ),
    "transposed convolution": (
        lambda x: ops.convolution_backprop_data(x, ops.constant(drawn(2, 3, 3, 3)), [2, 2]),
        [(1, 2, 3, 4)],
    ),
    "transposed convolution of many channels": (
        lambda x: ops.convolution_backprop_data(x, ops.constant(drawn(16, 16, 3, 3)), [1, 1]),
        [(1, 16, 2, 2)],
    ),
    "transposed convolution, cut and dilated": (
        lambda x: ops.convolution_backprop_data(
            x,
            ops.constant(drawn(2, 3, 3, 3)),
            [2, 1],
            pads_begin=[1, 0],
            pads_end=[0, 2],
            dilations=[1, 2],
            output_padding=[1, 0],
        ),
        [(1, 2, 3, 4)],
    ),
    "transposed convolution to a size, more at the end": (
        lambda x: ops.convolution_backprop_data(
            x, ops.constant(drawn(2, 3, 3, 3)), [2, 2], whole([6, 7]), auto_pad="same_upper"
        ),
        [(1, 2, 3, 4)],
    ),
    "transposed convolution to a size, more at the beginning": (
        lambda x: ops.convolution_backprop_data(
            x, ops.constant(drawn(2, 3, 4, 4)), [2, 2], whole([5, 8]), auto_pad="same_lower"
        ),
        [(1, 2, 3, 4)],
    ),
    "transposed convolution of a row": (
        lambda x: ops.convolution_backprop_data(x, ops.constant(drawn(2, 3, 4)), [2]),
        [(1, 2, 5)],
    ),
    "grouped transposed convolution": (
        lambda x: ops.group_convolution_backprop_data(
            x, ops.constant(drawn(2, 1, 2, 3, 3)), [2, 2], output_padding=[1, 1]
        ),
        [(1, 2, 3, 4)],
    ),
}

POOLS: dict[str, tuple[Graph, list[Input]]] = {
    "max pool": (
        lambda x: ops.max_pool(x, [2, 1], [1, 1], [1, 0], [0, 1], [3, 2]).output(0),
        [spaced(*MAP)],
    ),
    "max pool of opset 1": (
        lambda x: opset1.max_pool(x, [2, 2], [0, 0], [0, 0], [2, 2], "ceil"),
        [spaced(*MAP)],
    ),
    "max pool of tiles": (
        lambda x: ops.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2]).output(0),
        [spaced(1, 2, 4, 4)],
    ),
    "dilated max pool": (
        lambda x: ops.max_pool(x, [1, 2], [2, 2], [1, 1], [1, 1], [2, 2]).output(0),
        [spaced(*MAP)],
    ),
    "dilated max pool of tiles": (
        lambda x: ops.max_pool(x, [2, 2], [2, 1], [0, 0], [1, 0], [2, 2]).output(0),
        [spaced(1, 2, 4, 4)],
    ),
    "max pool, rounded up": (
        lambda x: ops.max_pool(x, [2, 2], [1, 1], [1, 0], [1, 0], [3, 2], "ceil").output(0),
        [spaced(*MAP)],
    ),
    "max pool, rounded up as in torch": (
        lambda x: opset14.max_pool(x, [3, 3], [1, 1], [1, 1], [1, 1], [3, 3], "ceil_torch").output(
            0
        ),
        [spaced(*MAP)],
    ),
    "max pool, padded by itself": (
        lambda x: ops.max_pool(
            x, [2, 2], [1, 1], [0, 0], [0, 0], [3, 3], "floor", "same_upper"
        ).output(0),
        [spaced(*MAP)],
    ),
    "max pool of a row": (
        lambda x: ops.max_pool(x, [2], [1], [1], [0], [3]).output(0),
        [spaced(1, 2, 8)],
    ),
    "max pool of a block": (
        lambda x: ops.max_pool(x, [1, 2, 1], [1, 1, 1], [0, 0, 0], [0, 0, 0], [2, 2, 2]).output(0),
        [spaced(1, 1, 3, 4, 3)],
    ),
    "adaptive max pool": (
        lambda x: ops.adaptive_max_pool(x, whole([2, 3]), "i32").output(0),
        [spaced(*MAP)],
    ),
    "average pool": (
        lambda x: ops.avg_pool(x, [2, 1], [1, 0], [0, 1], [3, 2], False),
        [MAP],
    ),
    "average pool without what is around": (
        lambda x: ops.avg_pool(x, [2, 1], [1, 0], [0, 1], [3, 2], True),
        [MAP],
    ),
    "average pool, rounded up": (
        lambda x: ops.avg_pool(x, [2, 2], [1, 1], [1, 1], [3, 3], False, "ceil"),
        [MAP],
    ),
    "average pool without what is around, rounded up": (
        lambda x: ops.avg_pool(x, [2, 2], [1, 1], [1, 1], [3, 3], True, "ceil"),
        [MAP],
    ),
    "average pool without padding, rounded up": (
        lambda x: ops.avg_pool(x, [3, 3], [0, 0], [0, 0], [3, 3], False, "ceil"),
        [MAP],
    ),
    "average pool, rounded up as in torch": (
        lambda x: opset14.avg_pool(x, [2, 3], [1, 1], [1, 1], [3, 3], False, "ceil_torch"),
        [MAP],
    ),
    "average pool, padded by itself": (
        lambda x: ops.avg_pool(x, [2, 2], [0, 0], [0, 0], [3, 3], True, "floor", "same_upper"),
        [MAP],
    ),
    "dilated average pool": (
        lambda x: opset16.avg_pool(x, [1, 2], [0, 1], [0, 1], [2, 2], True, dilations=[2, 1]),
        [MAP],
    ),
    "average pool of a row": (
        lambda x: ops.avg_pool(x, [2], [1], [0], [3], False),
        [(1, 2, 8)],
    ),
    "average pool of a block": (
        lambda x: ops.avg_pool(x, [1, 2, 1], [0, 1, 0], [0, 0, 0], [2, 2, 2], True),
        [(1, 1, 3, 4, 3)],
    ),
}

RESIZING: dict[str, tuple[Graph, list[Input]]] = {
    "adaptive average pool": (lambda x: ops.adaptive_avg_pool(x, whole([3, 2])), [MAP]),
    "adaptive average pool of a row": (lambda x: ops.adaptive_avg_pool(x, whole([3])), [(1, 2, 7)]),
    "nearest, twice as large": (lambda x: interpolated(x, "nearest", [8, 15]), [MAP]),
    "nearest, half as large": (lambda x: interpolated(x, "nearest", [2, 3]), [MAP]),
    "nearest, of opset 4": (
        lambda x: NodeFactory("opset4").create(
            "Interpolate",
            as_nodes(x, whole([8, 10]), ops.constant(np.float32([2, 2])), whole([2, 3])),
            {
                "mode": "nearest",
                "shape_calculation_mode": "scales",
                "coordinate_transformation_mode": "asymmetric",
                "nearest_mode": "floor",
            },
        ),
        [MAP],
    ),
    "linear as in ONNX": (lambda x: interpolated(x, "linear_onnx", [7, 3]), [MAP]),
    "linear by corners": (
        lambda x: interpolated(
            x, "linear_onnx", [8, 10], coordinate_transformation_mode="align_corners"
        ),
        [MAP],
    ),
    "linear by scales": (
        lambda x: ops.interpolate(
            x,
            ops.constant(np.float32([1.6, 0.7])),
            "linear_onnx",
            "scales",
            axes=whole([2, 3]),
            coordinate_transformation_mode="pytorch_half_pixel",
        ),
        [MAP],
    ),
    "linear": (lambda x: interpolated(x, "linear", [6, 3]), [MAP]),
    "linear as in Pillow": (lambda x: interpolated(x, "bilinear_pillow", [6, 3]), [MAP]),
    "linear of channels last": (
        lambda x: ops.interpolate(x, whole([7, 3]), "linear_onnx", "sizes", axes=whole([1, 2])),
        [(1, 4, 5, 2)],
    ),
    "linear of a row": (
        lambda x: ops.interpolate(x, whole([7]), "linear_onnx", "sizes", axes=whole([2])),
        [(1, 2, 4)],
    ),
    "cubic": (lambda x: interpolated(x, "cubic", [6, 7]), [MAP]),
    "cubic as in Pillow": (lambda x: interpolated(x, "bicubic_pillow", [3, 7]), [MAP]),
    "all axes given": (
        lambda x: opset11.interpolate(x, whole([1, 2, 8, 10]), "linear_onnx", "sizes"),
        [MAP],
    ),
}
