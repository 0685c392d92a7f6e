"""ONNX files written byte by byte: messages of Protocol Buffers without its library."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    head = b""
    while number > 127:
        head += bytes([number & 127 | 128])
        number >>= 7
    return head + bytes([number])


def field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def fields(number: int, values: Sequence[int | str | bytes]) -> bytes:
    return b"".join(field(number, value) for value in values)


def node(
    op: str, inputs: Sequence[str], outputs: Sequence[str], *, domain: str = "", more: bytes = b""
) -> bytes:
    return fields(1, inputs) + fields(2, outputs) + field(4, op) + field(7, domain) + more


def graph_attribute(graph: bytes) -> bytes:
    return field(5, field(1, "body") + field(6, graph) + field(20, 5))


def tensor(
    name: str,
    shape: Sequence[int],
    raw: bytes | None = None,
    data_type: int = 1,
    **external: object,
) -> bytes:
    content = fields(1, shape) + field(2, data_type) + field(8, name)
    content += b"" if raw is None else field(9, raw)
    entries = [field(1, key) + field(2, str(value)) for key, value in external.items()]
    return content + fields(13, entries) + (field(14, 1) if external else b"")


def graph(
    nodes: Sequence[bytes],
    initializers: Sequence[bytes] = (),
    inputs: Sequence[str] = ("x",),
    outputs: Sequence[str] = ("y",),
) -> bytes:
    return (
        fields(1, nodes)
        + field(2, "graph")
        + fields(5, initializers)
        + fields(11, [field(1, name) for name in inputs])
        + fields(12, [field(1, name) for name in outputs])
    )


def function(name: str, nodes: Sequence[bytes]) -> bytes:
    return field(1, name) + field(4, "x") + field(5, "y") + fields(7, nodes) + field(10, "own")


def model(graph: bytes, opset: int = 17, more: bytes = b"") -> bytes:
    header = field(1, 8) + field(2, "writer") + field(3, "1.0")
    return header + field(7, graph) + field(8, field(1, "") + field(2, opset)) + more


RELU = node("Relu", ["x"], ["y"])


def small(more: bytes = b"") -> bytes:
    """A sound model: a convolution with stored weights, a branch, metadata."""
    weights = tensor("w", (2, 3, 1, 1), bytes(24))
    branch = graph([node("Relu", ["a"], ["b"])], inputs=(), outputs=("b",))
    nodes = [
        node("Conv", ["x", "w"], ["a"]),
        node("If", ["c"], ["d"], more=graph_attribute(branch)),
        node("Gelu", ["d"], ["y"], domain="com.microsoft"),
    ]
    condition = tensor("c", (), b"\1", data_type=9)
    metadata = field(14, field(1, "names") + field(2, "{0: 'cat'}"))
    return model(graph(nodes, [weights, condition], ["x", "w"]), 17, metadata + more)


def with_external(path: Path, size: int = 24, **external: object) -> Path:
    """A model at `path` whose weights are in the file that `external` tells."""
    weights = tensor("w", (2, 3, 1, 1), **external)
    content = model(graph([node("Conv", ["x", "w"], ["y"])], [weights]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    (path.parent / "weights.bin").write_bytes(bytes(size))
    return path
