"""The blocks of a vision transformer, found in its graph.

Attention is a softmax between two products of what is computed of the picture: softmax(q·kᵀ)·v. In
a vision transformer each is of all tokens, (heads, tokens, tokens), and after each the block ends
in a sum, which the next one begins with. Where any of them is not like that, as in windows, there
is no matrix from the picture's tokens to the last ones, and none is taken for attention.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gradcam_cli.engines.openvino.attention import Attention
from gradcam_cli.engines.openvino.model_files.axes import tokens_in
from gradcam_cli.engines.openvino.model_files.layers import GraphLayer, block_sums, dependents
from gradcam_cli.engines.openvino.vjp.ports import Node, shape_of
from gradcam_cli.engines.openvino.vjp.products import written_out_attention
from gradcam_cli.passes import TokenGrid

_PRODUCTS = ("MatMul", "Einsum")
_BETWEEN = (
    *("Add", "Subtract", "Multiply", "Divide", "Select", "Convert"),
    *("Reshape", "Squeeze", "Unsqueeze", "Transpose"),
)
"""What may stand between a product and the softmax: a scale, a mask, other shapes."""


def write_out(model: Any) -> None:
    """Write attention that is one operation as those that it is made of, its softmax among them."""
    for node in model.get_ordered_ops():
        if node.get_type_name() == "ScaledDotProductAttention":
            written = written_out_attention(node, node.input_values()).output(0)
            written.get_node().set_friendly_name(node.get_friendly_name())
            written.get_tensor().set_names(node.output(0).get_names())
            for reader in node.output(0).get_target_inputs():
                reader.replace_source_output(written)


def self_attention(
    operations: Sequence[Node], image: Node, layers: Sequence[GraphLayer]
) -> Attention | None:
    """The attention between `image` and the scores; None unless all of it is of all tokens.

    Parameters
    ----------
    operations : sequence of openvino.Node
        Those that the scores depend on, each after those that it reads; of static shapes.
    image : openvino.Node
        The input.
    layers : sequence of GraphLayer
        What `graph_layers` found.
    """
    from_image = dependents(operations, image)
    matrices = [node for node in operations if _is_attention(node, from_image)]
    blocks = _blocks(operations, matrices, block_sums(layers)) if matrices else []
    matrix_shapes = {tuple(shape_of(node.output(0))) for node in matrices}
    block_shapes = {(layer.axes, tuple(shape_of(layer.port))) for layer in blocks}
    if len(matrix_shapes) != 1 or len(block_shapes) != 1:
        return None
    ((*_, rows, columns),), ((axes, sides),) = matrix_shapes, block_shapes
    tokens = tokens_in(axes)
    if tokens is None or {rows, columns} != {sides[axes.index(tokens)]}:
        return None
    return Attention(
        image,
        tuple(node.output(0) for node in matrices),
        tuple(layer.port for layer in blocks),
        TokenGrid(tokens.height, tokens.width, tokens.first),
    )


def _blocks(
    operations: Sequence[Node], matrices: Sequence[Node], sums: Sequence[GraphLayer]
) -> list[GraphLayer]:
    """The sum that ends the block of each of `matrices`; none unless each leads to the next."""
    order = {node.get_name(): number for number, node in enumerate(operations)}
    names = [layer.port.get_node().get_name() for layer in sums]
    blocks: list[GraphLayer] = []
    for node, following in zip(matrices, [*matrices[1:], None], strict=True):
        end = len(order) if following is None else order[following.get_name()]
        of_block = dependents(operations, node)
        own = [
            layer
            for layer, name in zip(sums, names, strict=True)
            if name in of_block and order[name] < end
        ]
        if not own:
            return []
        after = dependents(operations, own[-1].port.get_node())
        if following is not None and following.get_name() not in after:
            return []
        blocks.append(own[-1])
    return blocks


def _is_attention(node: Node, from_image: set[str]) -> bool:
    """True for a softmax along the last axis, between two products of what is computed."""
    if node.get_type_name() != "Softmax" or node.get_name() not in from_image:
        return False
    if node.get_attributes()["axis"] not in (-1, len(shape_of(node.output(0))) - 1):
        return False
    return all(_meets_product(node, from_image, step) for step in (_sources, _readers))


def _meets_product(
    start: Node, from_image: set[str], step: Callable[[Node], Iterable[Node]]
) -> bool:
    """True where a product of two computed arrays comes next, in the direction of `step`."""
    pending, seen = [start], set()
    while pending:
        for node in step(pending.pop()):
            kind = node.get_type_name()
            if kind in _PRODUCTS and {each.get_name() for each in _sources(node)} <= from_image:
                return True
            if kind in _BETWEEN and node.get_name() not in seen:
                seen.add(node.get_name())
                pending.append(node)
    return False


def _sources(node: Node) -> list[Node]:
    return [port.get_node() for port in node.input_values()]


def _readers(node: Node) -> list[Node]:
    return [target.get_node() for output in node.outputs() for target in output.get_target_inputs()]
