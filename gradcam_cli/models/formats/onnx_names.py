"""Whether the names in an ONNX graph fit: each given once, none used that nothing gives, no circle.

Graphs are small next to their weights, so that this costs milliseconds; a reader that is handed a
circle may never come back.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable

from gradcam_cli.models.formats.onnx_graph import DEEPEST, MOST_NODES, Graph, Node
from gradcam_cli.models.formats.refusals import shown
from gradcam_cli.models.formats.wire import WireError


def check_names(graph: Graph, functions: Collection[Graph]) -> None:
    """Refuse a graph, or functions it may call, that no order of computing can serve.

    Raises
    ------
    WireError
        Says which name is wrong, and why.
    """
    for part in (graph, *functions):
        if missing := _names_from_outside(part):
            raise WireError(f"it uses {shown(min(missing))}, a value that nothing gives")
    _check_calls(graph, functions)


def _names_from_outside(graph: Graph) -> set[str]:
    """What `graph` uses and does not give itself."""
    givers = _givers(graph)
    given = {*graph.inputs, *graph.initializers, *givers}
    uses = [_uses(node) for node in graph.nodes]
    if not _in_order(graph.nodes, uses, givers):
        _check_acyclic(uses, givers)
    return {*graph.outputs, *(name for names in uses for name in names)} - given - {""}


def _givers(graph: Graph) -> dict[str, int]:
    """Which node gives each name, by its place in the list."""
    _check_unique(graph.inputs, "inputs")
    _check_unique(graph.initializers, "initializers")
    outputs = [(name, index) for index, node in enumerate(graph.nodes) for name in node.outputs]
    names = [name for name, _ in outputs if name]
    _check_unique([*names, *{*graph.inputs, *graph.initializers}], "values")
    return {name: index for name, index in outputs if name}


def _check_unique(names: Iterable[str], kind: str) -> None:
    for name, count in Counter(names).items():
        if count > 1 and name:
            raise WireError(f"two of its {kind} are called {shown(name)}")


def _uses(node: Node) -> set[str]:
    """The names that have to be known before `node` can be computed, its subgraphs included."""
    inner = [_names_from_outside(graph) for graph in node.graphs]
    return {name for name in node.inputs if name}.union(*inner)


def _in_order(nodes: list[Node], uses: list[set[str]], givers: dict[str, int]) -> bool:
    """True where every node stands behind those it needs, as ONNX wants it."""
    return all(givers.get(name, -1) < index for index in range(len(nodes)) for name in uses[index])


def _check_acyclic(uses: list[set[str]], givers: dict[str, int]) -> None:
    """Kahn's algorithm: take away what needs nothing any more until nothing is left."""
    waits = [{givers[name] for name in names if name in givers} for names in uses]
    needed_by: list[list[int]] = [[] for _ in uses]
    for index, needs in enumerate(waits):
        for need in needs:
            needed_by[need].append(index)
    open_needs = [len(needs) for needs in waits]
    ready = deque(index for index, count in enumerate(open_needs) if count == 0)
    done = 0
    while ready:
        done += 1
        for index in needed_by[ready.popleft()]:
            open_needs[index] -= 1
            if open_needs[index] == 0:
                ready.append(index)
    if done < len(uses):
        raise WireError("its graph is cyclic")


def _check_calls(graph: Graph, functions: Collection[Graph]) -> None:
    """Refuse functions that call themselves, or that double until nothing can hold them."""
    bodies = {function.key: function for function in functions}
    sizes: dict[tuple[str, str], int] = {}

    def size(body: Graph, depth: int) -> int:
        if depth > DEEPEST:
            raise WireError(f"its functions call each other deeper than {DEEPEST}")
        total = 0
        for node in _all_nodes(body):
            called = bodies.get(node.key)
            if called and node.key not in sizes:
                sizes[node.key] = size(called, depth + 1)
            total += sizes[node.key] if called else 1
        if total > MOST_NODES:
            raise WireError(f"its functions make more than {MOST_NODES:,} nodes")
        return total

    for body in (graph, *functions):
        size(body, 0)


def _all_nodes(graph: Graph) -> Iterable[Node]:
    for node in graph.nodes:
        yield node
        for inner in node.graphs:
            yield from _all_nodes(inner)
