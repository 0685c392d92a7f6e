"""The operations that a Keras model is made of, and what they give while it is called.

A layer of a nested model is not connected to the outer model's input, and a subclassed model has
no graph of layers at all. What every model has are operations that it calls: `intercepted` looks
at the output of each as it comes, in a trace or under a gradient tape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import RLock
from typing import Any

from gradcam_cli.models.framework import tensorflow

OnOutput = Callable[[str, Any], Any]
"""(path of an operation, its output) -> what takes the output's place."""

_CALLING = RLock()
"""Held while operations are intercepted, for models may share them."""

_POOLING_AND_THE_LIKE = ("Pool", "Reshape", "Flatten", "Activation", "ReLU", "Softmax", "Dropout")
"""What may stand between one map for each class and the scores."""


@dataclass(frozen=True)
class OperationOutput:
    """What an operation gives, in the order of the calls.

    Attributes
    ----------
    path : str
        The operation's name, after those of the models and layers that it is inside of: "conv1",
        "resnet50/conv5_block3_out". Of an operation that is called several times, the last call
        has the plain name, and the first ones are "relu#1", "relu#2", …
    kind : str
        Its class.
    shape : tuple of int or None
        For one picture; empty where it gives no single array.
    is_copy : bool
        True for a model or layer that gives just what the last operation in it gives.
    in_head : bool
        True where nothing but poolings, reshaping and activations come between it and the scores.
    is_used : bool
        True where the scores depend on it.
    """

    path: str
    kind: str
    shape: tuple[int | None, ...]
    is_copy: bool = False
    in_head: bool = False
    is_used: bool = True


def operations_of(model: Any) -> dict[str, Any]:
    """All operations in `model` by their paths, each once, the outer ones before those inside."""
    operations: dict[str, Any] = {}
    seen = {id(model)}

    def visit(owner: Any, prefix: str) -> None:
        for operation in _parts(owner):
            if id(operation) not in seen:
                seen.add(id(operation))
                path = _free_name(prefix + operation.name, operations)
                operations[path] = operation
                visit(operation, f"{path}/")

    visit(model, "")
    return operations


def _free_name(name: str, taken: Mapping[str, Any]) -> str:
    number, free = 2, name
    while free in taken:
        number, free = number + 1, f"{name}_{number}"
    return free


def _parts(operation: Any) -> list[Any]:
    """The operations inside of `operation`; Keras's own layers are taken as a whole."""
    _, keras = tensorflow()
    parts: list[Any] = []
    if isinstance(operation, keras.Function):
        parts = operation.operations
    elif isinstance(operation, keras.Sequential):
        parts = operation.layers
    elif type(operation).__module__.startswith("keras.src."):
        return []
    if isinstance(operation, keras.Layer):
        parts = [*parts, *operation._flatten_layers(include_self=False, recursive=False)]
    return list(dict.fromkeys(parts))


# Calling ------------------------------------------------------------------------------------------


@contextmanager
def intercepted(operations: Mapping[str, Any], on_output: OnOutput) -> Iterator[None]:
    """Pass every output of `operations` through `on_output` while models are called inside.

    Layers of mixed precision compute in float32 meanwhile. The models are left as they were.
    """
    with _CALLING, ExitStack() as stack:
        for path, operation in operations.items():
            name = "quantized_call" if getattr(operation, "quantization_mode", None) else "call"
            call = _calling(getattr(operation, name), path, on_output)
            stack.enter_context(_replaced(operation, name, call))
        yield


@contextmanager
def in_float32(layers: Iterable[Any]) -> Iterator[None]:
    """Let those of `layers` that have a policy of mixed precision compute in float32 inside."""
    _, keras = tensorflow()
    policy = keras.dtype_policies.DTypePolicy("float32")
    with _CALLING, ExitStack() as stack:
        for layer in layers:
            if layer.dtype_policy.name.startswith("mixed_"):
                stack.enter_context(_replaced(layer, "_dtype_policy", policy))
        yield


def _calling(call: Callable[..., Any], path: str, on_output: OnOutput) -> Callable[..., Any]:
    # A tf.function has a graph of its own, which no tensor inside can be had from.
    plain_call = getattr(call, "python_function", call)

    def intercepting_call(*arguments: Any, **options: Any) -> Any:
        return on_output(path, plain_call(*arguments, **options))

    return intercepting_call


@contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Let `owner` have the attribute `name` inside, past what Keras does when one is set."""
    attributes = vars(owner)
    before = attributes.get(name, _replaced)
    attributes[name] = value
    try:
        yield
    finally:
        if before is _replaced:
            del attributes[name]
        else:
            attributes[name] = before


# What is known without a call ---------------------------------------------------------------------


class _UnknownError(Exception):
    """The model has to be called."""


def known_outputs(model: Any, operations: Mapping[str, Any]) -> list[OperationOutput] | None:
    """The outputs of `operations` from what Keras noted when `model` was built.

    None where it has to be called to know: it is subclassed, or a part of it is; it has several
    outputs, inputs or sides of any length, or calls an operation twice.
    """
    function = _function_of(model)
    if function is None or len(function.outputs) != 1:
        return None
    try:
        outputs = list(_outputs_in(function, "", operations))
        head, _ = _head_of(function, "")
    except _UnknownError:
        return None
    return [
        OperationOutput(path, type(operations[path]).__name__, shape, is_copy, path in head)
        for path, shape, is_copy in outputs
    ]


def ends_in_plain_layer(model: Any) -> bool:
    """True where the output of `model` is known to be that of a dense layer without activation."""
    _, keras = tensorflow()
    function = _function_of(model)
    while function is not None and len(function.outputs) == 1:
        last = function.outputs[0]._keras_history.operation
        if type(last) is keras.layers.Dense:
            return bool(last.activation is keras.activations.linear)
        function = _function_of(last)
    return False


def _function_of(operation: Any) -> Any:
    """The graph of operations that a functional or sequential model is; None of any other."""
    _, keras = tensorflow()
    own = operation._functional if isinstance(operation, keras.Sequential) else operation
    return own if isinstance(own, keras.Function) else None


def _nodes_in(function: Any) -> dict[int, Any]:
    """The one call of each operation in `function`, by the operation's id."""
    calls = [node for nodes in function._nodes_by_depth.values() for node in nodes]
    nodes = {id(node.operation): node for node in calls}
    if len(nodes) != len(calls) or len(function.inputs) != 1:
        raise _UnknownError
    return nodes


def _outputs_in(
    function: Any, prefix: str, operations: Mapping[str, Any]
) -> Iterator[tuple[str, tuple[int, ...], bool]]:
    nodes = _nodes_in(function)
    for operation in function.operations:
        path, node = prefix + operation.name, nodes[id(operation)]
        inner = _function_of(operation)
        if inner is not None:
            if [each.shape for each in inner.inputs] != [each.shape for each in node.input_tensors]:
                raise _UnknownError
            yield from _outputs_in(inner, f"{path}/", operations)
        if operations.get(path) is not operation or (inner is None and _parts(operation)):
            raise _UnknownError
        yield path, _known_shape(node.outputs), inner is not None


def _known_shape(outputs: list[Any]) -> tuple[int, ...]:
    if len(outputs) != 1:
        return ()
    shape = tuple(outputs[0].shape[1:])
    if None in shape:
        raise _UnknownError
    return shape


def _head_of(function: Any, prefix: str) -> tuple[set[str], bool]:
    """The paths in the head of `function`, and whether its input is in the head as well."""
    nodes, paths = _nodes_in(function), set()
    operation = function.outputs[0]._keras_history.operation
    while (kind := type(operation).__name__) != "InputLayer":
        path, node = prefix + operation.name, nodes[id(operation)]
        paths.add(path)
        inner = _function_of(operation)
        is_passed = any(word in kind for word in _POOLING_AND_THE_LIKE)
        if inner is not None:
            inside, is_passed = _head_of(inner, f"{path}/")
            paths |= inside
        if not is_passed or len(node.input_tensors) != 1:
            return paths, False
        operation = node.input_tensors[0]._keras_history.operation
    return paths, True
