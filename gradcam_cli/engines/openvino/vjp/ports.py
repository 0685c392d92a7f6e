"""What rules are written with: outputs of nodes, constants, and a few operations on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcam_cli.engines.openvino.runtime import openvino, ops

Node = Any
Port = Any
"""An output of a node: `openvino.Output`."""

Vjp = Callable[[Node, Any, int], Port]
"""(operation, dy/d its output, number of an input) -> dy/d that input.

Of an operation with several outputs that have gradients it gets a list, with zeros for those that
y does not depend on.
"""


@dataclass(frozen=True)
class Expansion:
    """The rule of an operation that is made of simpler ones, which have rules.

    None of them may be a Relu or a Clamp, which guided backpropagation would take for the model's.
    """

    build: Callable[[Node, list[Port]], Any]
    """(operation, its inputs) -> the same output, computed by the simpler operations."""


Rules = Mapping[str, "Vjp | Expansion"]
"""The rule of each type of operation."""


class NotDifferentiableError(Exception):
    """An operation between the layer and the scores has no rule, or not for this use of it."""


def constant(array: Any, dtype: Any = np.float32) -> Node:
    """A constant, of float32 by default."""
    return ops.constant(np.asarray(array, dtype))


def integers(values: Any) -> Node:
    """A constant of int64: a shape, axes, indices."""
    return constant(values, np.int64)


_TYPES = {"f16": np.float16, "f32": np.float32, "f64": np.float64}


def constant_as(port: Port, array: Any) -> Node:
    """A constant of the type of `port`."""
    name = port.get_element_type().get_type_name()
    if name not in _TYPES:
        raise NotDifferentiableError(f"no rules for values of the type {name}")
    return constant(array, _TYPES[name])


def zeros(port: Port) -> Port:
    """Zeros, as many as `port` has elements."""
    return ops.broadcast(constant_as(port, 0), integers(shape_of(port))).output(0)


def shape_of(port: Port) -> list[int]:
    """The shape of an output, which is static."""
    return list(port.get_shape())


def fixed_value(node: Node, number: int) -> Any:
    """The value of an input that must be constant."""
    source = node.input_value(number).get_node()
    if source.get_type_name() != "Constant":
        raise NotDifferentiableError(f"{node.get_type_name()} with a computed input {number}")
    return source.data


def fixed_number(node: Node, number: int) -> float:
    """The one number that an input, which must be constant, has: a scalar or a vector of one."""
    value = np.asarray(fixed_value(node, number))
    if value.size != 1:
        kind = node.get_type_name()
        raise NotDifferentiableError(f"{kind} with {value.size} values as its input {number}")
    return float(value.item())


def fixed_integers(node: Node, number: int) -> list[int]:
    """The integers that an input, which must be constant, has."""
    return [int(value) for value in np.ravel(fixed_value(node, number))]


def own_constant(port: Port) -> Port:
    """A copy of what is computed from constants alone, or else `port` itself.

    In the CPU plugin of OpenVINO 2026.4 a product, or a convolution, and its backward pass that
    share a constant share its packed form as well, which is right for one of them. It folds what
    is computed from constants, as of weights that are stored in half precision, into one first.
    """
    return port if is_computed(port) else ops.constant(_value_of(port).data).output(0)


def fixed_array(port: Port) -> Any:
    """The value of `port`, which must be computed from constants alone."""
    if is_computed(port):
        raise NotDifferentiableError("weights that depend on the input")
    return _value_of(port).data


def is_computed(port: Port) -> bool:
    """True where a parameter of the graph is among what `port` is computed from."""
    nodes, seen = [port.get_node()], set()
    while nodes:
        node = nodes.pop()
        if node.get_type_name() == "Parameter":
            return True
        if node.get_name() not in seen:
            seen.add(node.get_name())
            nodes += [each.get_source_output().get_node() for each in reversed(node.inputs())]
    return False


def _value_of(port: Port) -> Any:
    """The tensor that `port` is, where it is computed from constants alone."""
    node = port.get_node()
    if node.get_type_name() == "Constant":
        return node.tensor_view
    inputs = [_value_of(each.get_source_output()) for each in node.inputs()]
    outputs = [
        openvino.Tensor(each.get_element_type(), each.get_shape()) for each in node.outputs()
    ]
    if not node.evaluate(outputs, inputs):
        raise NotDifferentiableError(f"weights that the operation {node.get_type_name()} computes")
    return outputs[port.get_index()]


def only_input(node: Node, number: int, allowed: int = 0) -> None:
    """Raise NotDifferentiableError unless the gradient is that of the input `allowed`."""
    if number != allowed:
        raise NotDifferentiableError(f"{node.get_type_name()} by its input {number}")


def reshaped(port: Port, shape: Sequence[int]) -> Port:
    """The same elements in another shape."""
    return ops.reshape(port, integers(shape), special_zero=False).output(0)


def summed(port: Port, axes: Sequence[int]) -> Port:
    """The sums over `axes`, which stay as axes of one element."""
    if not axes:
        return port
    return ops.reduce_sum(port, integers(axes), keep_dims=True).output(0)


def unbroadcast(port: Port, shape: list[int]) -> Port:
    """Sum over the axes along which an input of `shape` was repeated."""
    actual = shape_of(port)
    padded = [1] * (len(actual) - len(shape)) + shape
    axes = [axis for axis, (a, b) in enumerate(zip(actual, padded, strict=True)) if a != b]
    port = summed(port, axes)
    return port if shape_of(port) == shape else reshaped(port, shape)


def times(g: Port, factor: Any) -> Port:
    """A gradient times a slope."""
    return ops.multiply(g, factor).output(0)


def scaled(g: Port, factor: Any) -> Port:
    """A gradient times a constant."""
    return times(g, constant_as(g, factor))


def where(condition: Any, g: Port) -> Port:
    """`g` where `condition` holds, else 0."""
    return ops.select(condition, g, constant_as(g, 0)).output(0)


def where_not(condition: Any, g: Port) -> Port:
    """0 where `condition` holds, else `g`."""
    return ops.select(condition, constant_as(g, 0), g).output(0)


def sliced(port: Port, ranges: Mapping[int, tuple[int, int]]) -> Port:
    """A part of `port`: from where to where, for each axis that is cut."""
    shape = shape_of(port)
    cut = {axis: span for axis, span in ranges.items() if span != (0, shape[axis])}
    if not cut:
        return port
    starts, stops = zip(*cut.values(), strict=True)
    steps = [1] * len(cut)
    return ops.slice(
        port, integers(starts), integers(stops), integers(steps), integers(list(cut))
    ).output(0)


def transformed(g: Port, axis: int, matrix: Any) -> Port:
    """Along an axis, the product of a constant matrix, transposed, and `g`.

    Where y = Mx along that axis, it is the gradient by x of which that by y is `g`.

    Parameters
    ----------
    g : openvino.Output
        With as many elements along `axis` as `matrix` has rows.
    axis : int
        Counted from the first.
    matrix : (rows, columns) float array
    """
    shape, columns = shape_of(g), np.shape(matrix)[1]
    before, after = shape[:axis], shape[axis + 1 :]
    weights, lead, rest = constant_as(g, matrix), int(np.prod(before)), int(np.prod(after))
    if rest == 1:
        product = ops.matmul(reshaped(g, [lead, shape[axis]]), weights, False, False)
    else:
        product = ops.matmul(weights, reshaped(g, [lead, shape[axis], rest]), True, False)
    return reshaped(product.output(0), [*before, columns, *after])
