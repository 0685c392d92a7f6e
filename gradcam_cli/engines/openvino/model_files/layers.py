"""Which layers of a graph can be explained, and at which of them the model is explained best."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from gradcam_cli.text import printable

_CHANGES_NO_VALUE = (
    *("Convert", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Slice", "StridedSlice"),
    *("Split", "VariadicSplit", "Gather", "Pad", "Roll", "Broadcast", "Tile", "Concat"),
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
    """
    axes = axes_of(operations, image, (BATCH, ROWS, COLUMNS, CHANNELS))
    from_image = _dependents(operations, image)
    layers: dict[str, GraphLayer] = {}
    for node in operations:
        if node.get_name() not in from_image or node is image:
            continue
        port = node.output(0)
        found = axes.get(key_of(port), ())
        if found and first_token is not None:
            found = tuple(_from_token(axis, first_token) for axis in found)
        if is_map(found, shape_of(port)) and _is_layer(node):
            if GraphLayer("", "", port, found).shape[2] == 1:  # a mean, or the like
                continue
            name = _unused_name(printable(node.get_friendly_name()), layers)
            layers[name] = GraphLayer(name, node.get_type_name(), port, found)
    return list(layers.values())


def default_candidates(
    layers: Sequence[GraphLayer], scores: Port, classes: int
) -> Iterator[tuple[GraphLayer, str]]:
    """Layers to explain the model at, the best first, and why each.

    Of tokens, it is the sums that end blocks: the last of them has no gradient on the grid where
    only a token of the class is read, so the caller looks for the last that has one. Else it is
    the last layer that is no pooling, and not one map a class that is only averaged afterwards.
    """
    sums = [layer for layer in layers if layer.tokens is not None and layer.kind == "Add"]
    if layers and layers[-1].tokens is not None and sums:
        for layer in reversed(sums):
            if _adds_computed(layer.port.get_node()):
                yield layer, "the last block whose tokens the scores depend on"
    for layer in reversed(layers):
        if layer.kind in _POOLS or layer.kind in _CHANGES_NO_VALUE:
            continue
        if layer.shape[2] == classes and _only_pooled_after(layer.port):
            continue
        yield layer, "the last layer with maps before they are pooled"


def _from_token(axis: Any, first: int) -> Any:
    if isinstance(axis, Tokens) and axis.first:
        return Tokens(axis.height, axis.width, first)
    return axis


def _is_layer(node: Node) -> bool:
    """True for what computes something and has a name in the file.

    What has no name there was made by the importer, which numbers it differently each time.
    """
    kind = node.get_type_name()
    has_name = bool(node.output(0).get_names())
    return has_name and kind not in (*_CHANGES_NO_VALUE, "Constant") and not _is_biased(node)


def _unused_name(name: str, used: Mapping[str, object]) -> str:
    if name not in used:
        return name
    return next(text for i in range(2, len(used) + 3) if (text := f"{name} #{i}") not in used)


def _dependents(operations: Sequence[Node], start: Node) -> set[str]:
    names = {start.get_name()}
    for node in operations:
        sources = {port.get_node().get_name() for port in node.input_values()}
        if node.get_type_name() != "ShapeOf" and not names.isdisjoint(sources):
            names.add(node.get_name())
    return names


def _adds_computed(node: Node) -> bool:
    """True for a sum of two branches, not for a bias."""
    return all(port.get_node().get_type_name() != "Constant" for port in node.input_values())


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
