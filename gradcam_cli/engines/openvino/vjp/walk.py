"""The walk from the scores back to the places whose gradients are needed."""

from __future__ import annotations

from collections.abc import Sequence

from gradcam_cli.engines.openvino.runtime import ops
from gradcam_cli.engines.openvino.vjp.ports import Node, NotDifferentiableError, Port, Rules
from gradcam_cli.engines.openvino.vjp.tables import STANDARD


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
        Outputs that `y` depends on.
    rules : mapping of str to Vjp
        `STANDARD` or `GUIDED`.

    Returns
    -------
    list of openvino.Output
        One for each of `points`, in their order and of their shapes.

    Raises
    ------
    NotDifferentiableError
        Where an operation on the way has no rule, or `y` does not depend on one of `points`.
    """
    starts = [point.get_node().get_name() for point in points]
    between = _dependents(operations, set(starts))
    gradient_at: dict[str, Port] = {y.get_node().get_name(): seed}
    for node in reversed(operations):
        if node.get_name() in gradient_at and node.get_name() in between:
            _pass_on(node, gradient_at, between, rules)
    if not gradient_at.keys() >= set(starts):
        raise NotDifferentiableError("the scores do not depend on the layer")
    return [gradient_at[start] for start in starts]


def _pass_on(node: Node, gradient_at: dict[str, Port], between: set[str], rules: Rules) -> None:
    """Add the gradient that came to `node` to those of the operations that it reads."""
    onward = [(i, source) for i, source in enumerate(_sources(node)) if source in between]
    vjp = rules.get(node.get_type_name())
    if onward and vjp is None:
        raise NotDifferentiableError(f"no rule for the operation {node.get_type_name()}")
    for number, source in onward:
        product = vjp(node, gradient_at[node.get_name()], number)  # type: ignore[misc]
        gradient_at[source] = (
            ops.add(gradient_at[source], product).output(0) if source in gradient_at else product
        )


def _dependents(operations: Sequence[Node], names: set[str]) -> set[str]:
    """The names of operations, with those of all that depend on their values."""
    names = set(names)
    for node in operations:
        of_values = node.get_type_name() != "ShapeOf"  # of its shape only, which is fixed
        if of_values and not names.isdisjoint(_sources(node)):
            names.add(node.get_name())
    return names


def _sources(node: Node) -> list[str]:
    return [node_input.get_source_output().get_node().get_name() for node_input in node.inputs()]
