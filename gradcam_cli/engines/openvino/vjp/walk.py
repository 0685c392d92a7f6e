"""The walk from the scores back to the places whose gradients are needed."""

from __future__ import annotations

from collections.abc import Sequence

from gradcam_cli.engines.openvino.runtime import ops
from gradcam_cli.engines.openvino.vjp.ports import (
    Expansion,
    Node,
    NotDifferentiableError,
    Port,
    Rules,
    zeros,
)
from gradcam_cli.engines.openvino.vjp.tables import STANDARD

Place = tuple[str, int]
"""An output: the name of its operation, and which of its outputs it is."""

_STEPS = frozenset({"Ceiling", "Floor", "Round", "Sign"})
"""Operations whose slope is 0 wherever they have one."""

_REASONS = {"FakeQuantize": "quantized activations have no gradient (operation FakeQuantize)"}


def gradients(
    operations: Sequence[Node],
    y: Port,
    seed: Port,
    points: Sequence[Port],
    rules: Rules = STANDARD,
) -> list[Port]:
    """The gradients with respect to `points`, where `seed` is that with respect to `y`.

    One walk serves them all: a gradient may pass through one point on its way to another.

    Parameters
    ----------
    operations : sequence of openvino.Node
        All of the graph, each after the operations it reads.
    y, seed : openvino.Output
        The end of the forward pass, and a gradient of the same shape to start from.
    points : sequence of openvino.Output
        Outputs that `y` depends on, of any operation, and any one of several that it has.
    rules : mapping of str to Vjp or Expansion
        `STANDARD`, or `GUIDED`, `LINEARIZED` or `RELEVANCE`, by which what is handed back is no
        gradient.

    Returns
    -------
    list of openvino.Output
        One for each of `points`, in their order and of their shapes.

    Raises
    ------
    NotDifferentiableError
        Where an operation on the way has no rule, or `y` does not depend on one of `points`.
    """
    gradient_at: dict[Place, Port] = {_place(y): seed}
    for node, sources in _way_back(operations, y, points):
        products = _products(node, _arriving(node, gradient_at), list(sources), rules)
        for source, product in zip(sources.values(), products, strict=True):
            _add(gradient_at, source, product)
    starts = [_place(point) for point in points]
    if not gradient_at.keys() >= set(starts):
        raise NotDifferentiableError("the scores do not depend on the layer")
    return [gradient_at[start] for start in starts]


def missing_rules(
    operations: Sequence[Node], y: Port, points: Sequence[Port], rules: Rules = STANDARD
) -> tuple[str, ...]:
    """The types of operations between `points` and `y` that have no rule, in alphabetical order.

    A rule may still refuse a use of its operation, as `gradients` then says.

    Parameters
    ----------
    operations, y, points, rules
        As of `gradients`.
    """
    types = {node.get_type_name() for node, _ in _way_back(operations, y, points)}
    return tuple(sorted(types - rules.keys()))


def _way_back(
    operations: Sequence[Node], y: Port, points: Sequence[Port]
) -> list[tuple[Node, dict[int, Place]]]:
    """The operations between `points` and `y`, the last first.

    Each has with it the numbers of its inputs that depend on `points`, and what they read.
    """
    edges = [(node, _sources(node), _outputs(node)) for node in operations]
    dependents = {_place(point) for point in points}
    for node, sources, outputs in edges:
        if node.get_type_name() not in _STEPS and not dependents.isdisjoint(sources):
            dependents.update(outputs)
    reached, way = {_place(y)} & dependents, []
    for node, sources, outputs in reversed(edges):
        if not reached.isdisjoint(outputs):
            varying = {i: source for i, source in enumerate(sources) if source in dependents}
            reached.update(varying.values())
            way.append((node, varying))
    return [(node, varying) for node, varying in way if varying]


def _place(port: Port) -> Place:
    return port.get_node().get_name(), port.get_index()


def _sources(node: Node) -> list[Place]:
    """The outputs that `node` reads the values of."""
    count = 1 if node.get_type_name() == "ConvertLike" else None  # of the other it reads the type
    return [_place(node_input.get_source_output()) for node_input in node.inputs()[:count]]


def _outputs(node: Node) -> list[Place]:
    """The outputs of `node` that have gradients.

    Integers and booleans have none: shapes, indices, comparisons. Those that a Convert makes are
    kept, for its way back to be refused: they may be quantized activations.
    """
    ports = node.outputs()
    if len(ports) == 1 and node.get_type_name() == "Convert":
        return [
            _place(port) for port in ports if port.get_element_type().get_type_name() != "boolean"
        ]
    return [_place(port) for port in ports if port.get_element_type().is_real()]


def _arriving(node: Node, gradient_at: dict[Place, Port]) -> Port | list[Port]:
    """The gradient by the output of `node`, or a list of those by its outputs."""
    arriving = [
        gradient_at[place] if place in gradient_at else zeros(node.output(place[1]))
        for place in _outputs(node)
    ]
    return arriving[0] if len(arriving) == 1 else arriving


def _products(node: Node, g: Port | list[Port], numbers: list[int], rules: Rules) -> list[Port]:
    """The gradients by the inputs of `node` with these `numbers`."""
    kind = node.get_type_name()
    if kind not in rules:
        raise NotDifferentiableError(_REASONS.get(kind, f"no rule for the operation {kind}"))
    rule = rules[kind]
    if isinstance(rule, Expansion):
        return _through(rule, node, g, numbers, rules)
    return [rule(node, g, number) for number in numbers]


def _through(rule: Expansion, node: Node, g: Port, numbers: list[int], rules: Rules) -> list[Port]:
    """The gradients by inputs of `node`, back through the operations that it is made of."""
    inputs = [node_input.get_source_output() for node_input in node.inputs()]
    for number in numbers:  # each by a name of its own: two inputs may be the same output
        kind = inputs[number].get_element_type().get_type_name()
        inputs[number] = ops.convert(inputs[number], kind).output(0)
    built = rule.build(node, inputs)
    points = [inputs[number] for number in numbers]
    y = built if hasattr(built, "get_index") else built.output(0)
    return gradients(_operations_between(inputs, y), y, g, points, rules)


def _operations_between(inputs: Sequence[Port], y: Port) -> list[Node]:
    """The operations that compute `y` from `inputs`, each after those it reads."""
    known = {port.get_node().get_name() for port in inputs}
    ordered: list[Node] = []

    def visit(node: Node) -> None:
        if node.get_name() not in known:
            known.add(node.get_name())
            for node_input in node.inputs():
                visit(node_input.get_source_output().get_node())
            ordered.append(node)

    visit(y.get_node())
    return ordered


def _add(gradient_at: dict[Place, Port], place: Place, product: Port) -> None:
    """Add to what has come to an output by other paths."""
    if place in gradient_at:
        product = ops.add(gradient_at[place], product).output(0)
    gradient_at[place] = product
