"""Which layers of a graph can be explained, and at which of them the model is explained best."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gradcam_cli.engines.openvino.model_files.axes import (
    BATCH,
    CHANNELS,
    COLUMNS,
    ROWS,
    Axes,
    Tokens,
    axes_of,
    is_map,
    key_of,
    tokens_in,
)
from gradcam_cli.engines.openvino.views import view_of
from gradcam_cli.engines.openvino.vjp.ports import Node, Port, shape_of
from gradcam_cli.errors import UsageError
from gradcam_cli.text import printable

_CHANGES_NO_VALUE = (
    *("Convert", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Slice", "StridedSlice"),
    *("Split", "VariadicSplit", "Gather", "Pad", "Roll", "Broadcast", "Tile", "Concat"),
    "FakeQuantize",
)
_POOLS = ("MaxPool", "AvgPool", "AdaptiveAvgPool", "AdaptiveMaxPool", "ReduceMean", "ReduceMax")
_NO_WEIGHTS = (*_CHANGES_NO_VALUE, *_POOLS, "ReduceSum", "Relu", "Softmax", "Sigmoid", "Clamp")
_AFFINE = ("Add", "Subtract", "Multiply", "Divide")
_ENDS = ("Result", "Concat", "Negative")


@dataclass(frozen=True)
class GraphLayer:
    """A layer that can be explained.

    Attributes
    ----------
    name, kind : str
        Of its operation.
    port : openvino.Output
        Its own output.
    axes : tuple
        What each of its axes is for.
    """

    name: str
    kind: str
    port: Port
    axes: Axes

    @property
    def tokens(self) -> Tokens | None:
        """Its axis of tokens, if it has one."""
        return tokens_in(self.axes)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(h, w, C) of its maps."""
        sides = dict(zip(self.axes, shape_of(self.port), strict=True))
        tokens = self.tokens
        if tokens is not None:
            return tokens.height, tokens.width, sides[CHANNELS]
        return sides[ROWS], sides[COLUMNS], sides[CHANNELS]

    def view(self) -> Port:
        """Its output as (N, h, w, C)."""
        tokens = self.tokens
        if tokens is None:
            wanted: Sequence[Any] = (BATCH, ROWS, COLUMNS, CHANNELS)
            return view_of(self.port, [self.axes.index(axis) for axis in wanted])
        order = [self.axes.index(axis) for axis in (BATCH, tokens, CHANNELS)]
        return view_of(self.port, order, (tokens.first, tokens.height, tokens.width))


def graph_layers(
    operations: Sequence[Node], image: Node, scores: Port, first_token: int | None = None
) -> list[GraphLayer]:
    """The layers between `image` and `scores` that can be explained, input to output.

    Parameters
    ----------
    operations : sequence of openvino.Node
        Those that `scores` depend on, each after those that it reads; of static shapes.
    image : openvino.Node
        The input, channels last.
    scores : openvino.Output
        The end.
    first_token : int, optional
        How many tokens come before those of the grid, where that is known better.

    Raises
    ------
    UsageError
        Where there are not so many tokens.
    """
    axes = axes_of(operations, image, (BATCH, ROWS, COLUMNS, CHANNELS))
    from_image = dependents(operations, image)
    maps: list[tuple[Node, Axes]] = []
    for node in operations:
        found = axes.get(key_of(node.output(0)), ())
        if first_token is not None:
            sides = shape_of(node.output(0))
            found = tuple(
                _from_token(axis, side, first_token)
                for axis, side in zip(found, sides, strict=False)
            )
        if node.get_name() in from_image and node is not image and _is_layer(node, found):
            maps.append((node, found))
    names = _names([node for node, _ in maps])
    return [
        GraphLayer(name, node.get_type_name(), node.output(0), found)
        for name, (node, found) in zip(names, maps, strict=True)
        if name
    ]


def _names(nodes: Sequence[Node]) -> list[str]:
    """A name for each of `nodes`; empty for those that are no layer of the file's.

    What has no name in an ONNX file was made by the importer, which numbers it differently each
    time. Of TFLite and TensorFlow it loses nearly all names: there they are numbered by type.
    """
    own = [_own_name(node) for node in nodes]
    if 2 * sum(map(bool, own)) < len(nodes):
        own = [node.get_type_name() for node in nodes]
    totals, counts = Counter(own), Counter[str]()
    names = []
    for name in own:
        counts[name] += 1
        is_single = totals[name] == 1 or not name
        names.append(name if is_single else f"{name}_{counts[name]}")
    return names


def _own_name(node: Node) -> str:
    """What the file calls `node`, or what it gives where the node has but a number, as in TFLite.

    Where TFLite's converter has merged operations, names of them all are joined.
    """
    outputs = sorted(node.output(0).get_names())
    if not outputs:
        return ""
    name: str = node.get_friendly_name()
    return printable(outputs[0].partition(";")[0] or name if name.isdecimal() else name)


def default_candidates(
    layers: Sequence[GraphLayer], scores: Port, classes: int
) -> Iterator[tuple[GraphLayer, str]]:
    """Layers to explain the model at, the best first, and why each.

    Of tokens, it is the sums that end blocks: the last of them has no gradient on the grid where
    only a token of the class is read, so the caller looks for the last that has one. Else it is
    the last layer that is no pooling, and not one map a class that is only averaged afterwards.
    """
    if layers and layers[-1].tokens is not None:
        for layer in reversed(block_sums(layers)):
            yield layer, "the last block whose tokens the scores depend on"
    for layer in reversed(layers):
        if layer.kind in _POOLS or layer.kind in _CHANGES_NO_VALUE:
            continue
        if layer.shape[2] == classes and _only_pooled_after(layer.port):
            continue
        yield layer, "the last layer with maps before they are pooled"


def block_sums(layers: Sequence[GraphLayer]) -> list[GraphLayer]:
    """Those of `layers` that add what is computed of tokens to them, as attention and MLP end."""
    sums = [layer for layer in layers if layer.tokens is not None and layer.kind == "Add"]
    nodes = [layer.port.get_node() for layer in sums]
    return [
        layer
        for layer, node in zip(sums, nodes, strict=True)
        if _adds_computed(node) and not _is_normalization(node)
    ]


def _from_token(axis: Any, side: int, first: int) -> Any:
    """`axis`, of `side` elements, with its grid of tokens from the one numbered `first`."""
    if not isinstance(axis, Tokens) or not axis.first:
        return axis
    count = axis.height * axis.width
    if first + count > side:
        raise UsageError(
            f"of the {side} tokens {count} are those of the picture, so that {first:,} cannot come "
            "before them",
            f"Pass --tokens with 0 to {side - count}, or drop it.",
        )
    return Tokens(axis.height, axis.width, first)


def _is_layer(node: Node, axes: Axes) -> bool:
    """True for what computes maps of several channels; one channel is a mean, or the like."""
    port = node.output(0)
    if not axes or not is_map(axes, shape_of(port)):
        return False
    if node.get_type_name() in (*_CHANGES_NO_VALUE, "Constant") or _is_biased(node):
        return False
    return GraphLayer("", "", port, axes).shape[2] > 1


def dependents(operations: Sequence[Node], start: Node) -> set[str]:
    """The names of `start` and of those of `operations` that are computed of it."""
    names = {start.get_name()}
    for node in operations:
        sources = {port.get_node().get_name() for port in node.input_values()}
        if node.get_type_name() != "ShapeOf" and not names.isdisjoint(sources):
            names.add(node.get_name())
    return names


def _adds_computed(node: Node) -> bool:
    """True for a sum of two branches, not for a bias."""
    return all(port.get_node().get_type_name() != "Constant" for port in node.input_values())


def _is_normalization(node: Node) -> bool:
    """True for x·a + (b - m·a) with b constant, as TensorFlow writes the end of a LayerNorm."""
    operands = {port.get_node().get_type_name(): port.get_node() for port in node.input_values()}
    scaled, shift = operands.get("Multiply"), operands.get("Add") or operands.get("Subtract")
    if scaled is None or shift is None or not _adds_computed(scaled) or _adds_computed(shift):
        return False
    return "Multiply" in {port.get_node().get_type_name() for port in shift.input_values()}


def _is_biased(node: Node) -> bool:
    """True for what is complete only once its one reader has added a constant."""
    readers = [target.get_node() for target in node.output(0).get_target_inputs()]
    return (
        node.get_type_name() in ("Convolution", "GroupConvolution", "MatMul")
        and len(readers) == 1
        and readers[0].get_type_name() == "Add"
        and not _adds_computed(readers[0])
    )


def _has_no_weights(node: Node) -> bool:
    kind = node.get_type_name()
    return kind in _NO_WEIGHTS or (kind in _AFFINE and not _adds_computed(node))


def _only_pooled_after(port: Port) -> bool:
    """True where nothing with weights comes after `port`."""
    pending, seen = [port.get_node()], set()
    while pending:
        node = pending.pop()
        for output in node.outputs():
            for target in output.get_target_inputs():
                reader = target.get_node()
                if reader.get_name() in seen or reader.get_type_name() in _ENDS:
                    continue
                if not _has_no_weights(reader):
                    return False
                seen.add(reader.get_name())
                pending.append(reader)
    return True
