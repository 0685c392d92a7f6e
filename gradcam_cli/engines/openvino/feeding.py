"""Large matrices of the dense head as inputs of the graph, which are read where they are mapped."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcam_cli.engines.openvino.runtime import openvino, ops
from gradcam_cli.engines.openvino.vjp.products import is_fed


def feed(graph: Any) -> dict[str, Any]:
    """Make inputs of the kernels of the dense head; the constant for each of them, by its name.

    As constants each would be copied at every start, and packed twice: for the forward pass and
    for the backward one. For VGG16 that is 0.4 s and 0.9 GB. Each reader gets an input of its own,
    with an axis of any length: inputs of a known size are allocated and cleared, another 0.2 s.
    """
    kernels = {}
    for node in graph.get_ordered_ops():
        if is_fed(node):
            readers = sorted(node.output(0).get_target_inputs(), key=_reader_name)
            for number, reader_input in enumerate(readers):
                name = f"{number} {node.get_friendly_name()}"
                parameter = ops.parameter(_open_shape(node, reader_input), np.float32)
                parameter.output(0).get_tensor().set_names({name})  # which is exported
                reader_input.replace_source_output(parameter.output(0))
                graph.add_parameters([parameter])
                kernels[name] = node
    graph.validate_nodes_and_infer_types()
    return kernels


def _reader_name(reader_input: Any) -> str:
    return str(reader_input.get_node().get_name())


def _open_shape(kernel: Any, reader_input: Any) -> Any:
    """The shape of a matrix with any length along the axis that its product sums over."""
    shape = openvino.PartialShape(list(kernel.shape))
    if len(kernel.shape) == 2:
        number = reader_input.get_index()
        flag = reader_input.get_node().get_attributes()[("transpose_a", "transpose_b")[number]]
        shape[number if flag else 1 - number] = openvino.Dimension(-1)
    return shape
