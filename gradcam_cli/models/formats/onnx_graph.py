"""The graphs of an ONNX file, by names only: no tensor is loaded.

Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from gradcam_cli.models.formats.onnx_tensor import Tensor, read_tensor
from gradcam_cli.models.formats.wire import Message, WireError

MOST_NODES, DEEPEST = 100_000, 20
DEFAULT_DOMAINS = ("", "ai.onnx")


@dataclass
class Graph:
    """The names in a graph, or in the body of a function."""

    nodes: list[Node] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    initializers: list[str] = field(default_factory=list)
    name: str = ""
    domain: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What nodes that call it have as domain and type, where it is a function."""
        return _domain(self.domain), self.name


@dataclass
class Node:
    """One operation: what it uses and gives, and the graphs among its attributes."""

    op_type: str = ""
    domain: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    graphs: list[Graph] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, str]:
        """Its domain, "" for ONNX's own, and type."""
        return _domain(self.domain), self.op_type


@dataclass
class GraphReader:
    """Reads graphs, and notes on the way what a file has of nodes and tensors.

    Attributes
    ----------
    operations : Counter
        How many nodes there are of each (domain, type), those of subgraphs included.
    tensors : list of Tensor
        Those whose numbers are in other files.
    """

    operations: Counter[tuple[str, str]] = field(default_factory=Counter)
    tensors: list[Tensor] = field(default_factory=list)
    node_count: int = 0

    def graph(self, message: Message, depth: int = 0) -> Graph:
        """Read a GraphProto; `depth` says in how many others it is.

        Raises
        ------
        WireError
            Where it is none, or has too many nodes or levels.
        """
        if depth > DEEPEST:
            raise WireError(f"its graphs are nested deeper than {DEEPEST}")
        graph = Graph()
        for number, value in message:
            if number == 1:
                graph.nodes.append(self.node(message.inner(value), depth))
            elif number == 5:
                graph.initializers.append(self._tensor(message.inner(value)))
            elif number == 15:
                graph.initializers.append(self._sparse(message.inner(value)))
            elif number in (11, 12):
                names = graph.inputs if number == 11 else graph.outputs
                names.append(_name(message.inner(value)))
        return graph

    def function(self, message: Message) -> Graph:
        """Read a FunctionProto.

        Raises
        ------
        WireError
            As `graph`.
        """
        function = Graph()
        for number, value in message:
            if number == 7:
                function.nodes.append(self.node(message.inner(value), 0))
            elif number in (4, 5):
                names = function.inputs if number == 4 else function.outputs
                names.append(message.text(value))
            elif number == 1:
                function.name = message.text(value)
            elif number == 10:
                function.domain = message.text(value)
            elif number == 11:
                self._attribute(message.inner(value), Node(), 0)
        return function

    def node(self, message: Message, depth: int) -> Node:
        """Read a NodeProto, and the graphs in it."""
        self.node_count += 1
        if self.node_count > MOST_NODES:
            raise WireError(f"it has more than {MOST_NODES:,} nodes")
        node = Node()
        for number, value in message:
            if number == 1:
                node.inputs.append(message.text(value))
            elif number == 2:
                node.outputs.append(message.text(value))
            elif number == 4:
                node.op_type = message.text(value)
            elif number == 7:
                node.domain = message.text(value)
            elif number == 5:
                self._attribute(message.inner(value), node, depth)
        self.operations[node.key] += 1
        return node

    def _attribute(self, message: Message, node: Node, depth: int) -> None:
        for number, value in message:
            if number in (5, 10):
                self._tensor(message.inner(value))
            elif number in (22, 23):
                self._sparse(message.inner(value))
            elif number in (6, 11):
                node.graphs.append(self.graph(message.inner(value), depth + 1))

    def _tensor(self, message: Message) -> str:
        tensor = read_tensor(message)
        if tensor.is_external:
            self.tensors.append(tensor)
        return tensor.name

    def _sparse(self, message: Message) -> str:
        """Read a SparseTensorProto; it is named as its values are."""
        names = {
            number: self._tensor(message.inner(value))
            for number, value in message
            if number in (1, 2)
        }
        return names.get(1, "")


def _domain(domain: str) -> str:
    return "" if domain in DEFAULT_DOMAINS else domain


def _name(message: Message) -> str:
    """The name of a ValueInfoProto."""
    names = [message.text(value) for number, value in message if number == 1]
    return names[-1] if names else ""
