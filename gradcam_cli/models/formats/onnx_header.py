"""What an ONNX file says about itself, read without onnx or protobuf."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from gradcam_cli.models.formats.onnx_graph import DEFAULT_DOMAINS, Graph, GraphReader
from gradcam_cli.models.formats.onnx_names import check_names
from gradcam_cli.models.formats.onnx_tensor import external_file
from gradcam_cli.models.formats.refusals import damaged, refused
from gradcam_cli.models.formats.wire import Message, WireError, number, open_content

OPSETS = range(9, 24)
"""The versions of ONNX's operators that OpenVINO reads."""


@dataclass(frozen=True)
class OnnxHeader:
    """What an ONNX file says about itself.

    Attributes
    ----------
    producer : str
        Name and version of what wrote it.
    opset : int
        The version of ONNX's own operators.
    other_domains : tuple of str
        Where it takes further operators from, sorted.
    metadata : dict of str to str
        Its metadata_props.
    node_count : int
        Those of subgraphs and functions included.
    operations : dict of str to int
        How many nodes there are of each type, ``com.microsoft.Gelu`` where it is not ONNX's own.
    inputs, outputs : tuple of str
        Of the graph; inputs without those that have a stored value.
    external_files : tuple of Path
        Where further weights are, sorted.
    has_training : bool
        It also says how it is to be trained.
    """

    ir_version: int
    producer: str
    opset: int
    other_domains: tuple[str, ...]
    metadata: dict[str, str]
    node_count: int
    operations: dict[str, int]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    external_files: tuple[Path, ...]
    has_training: bool = False


@dataclass
class _Model:
    """The fields of a ModelProto while it is read."""

    reader: GraphReader = field(default_factory=GraphReader)
    graphs: list[Graph] = field(default_factory=list)
    functions: list[Graph] = field(default_factory=list)
    opsets: dict[str, int] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    texts: dict[int, str] = field(default_factory=dict)
    ir_version: int = 0
    has_training: bool = False


def read_onnx_header(path: Path) -> OnnxHeader:
    """Read what `path` says about itself, and check what can be checked without its weights.

    Raises
    ------
    ModelError
        Where it cannot be read, is no sound ONNX file, has weights outside its folder, or is of a
        version that OpenVINO does not read.
    """
    with open_content(path, "ONNX") as content:
        model = _read(Message(content, 0, len(content)))
        graph = _only_graph(model)
        check_names(graph, model.functions)
    opset = _checked_opset(path, model)
    tensors = model.reader.tensors
    external = {file for tensor in tensors for file in external_file(path, tensor)}
    return _header(model, graph, opset, tuple(sorted(external)))


def _read(message: Message) -> _Model:
    model = _Model()
    for field_number, value in message:
        if field_number == 1:
            model.ir_version = number(value)
        elif field_number in (2, 3):
            model.texts[field_number] = message.text(value, "replace")
        elif field_number == 7:
            model.graphs.append(model.reader.graph(message.inner(value)))
        elif field_number == 8:
            _note_opset(model, message.inner(value))
        elif field_number == 14:
            key, text = message.inner(value).key_and_value()
            model.metadata[key] = text
        elif field_number == 20:
            model.has_training = True
        elif field_number == 25:
            model.functions.append(model.reader.function(message.inner(value)))
    return model


def _note_opset(model: _Model, message: Message) -> None:
    """Note an OperatorSetIdProto."""
    domain, version = "", 0
    for field_number, value in message:
        if field_number == 1:
            domain = message.text(value, "replace")
        elif field_number == 2:
            version = number(value)
    model.opsets["" if domain in DEFAULT_DOMAINS else domain] = version


def _only_graph(model: _Model) -> Graph:
    if len(model.graphs) != 1:
        raise WireError("it holds no graph" if not model.graphs else "it holds several graphs")
    graph = model.graphs[0]
    if not graph.outputs:
        raise WireError("its graph has no output")
    if not {*graph.inputs} - {*graph.initializers}:
        raise WireError("its graph has no input")
    return graph


def _checked_opset(path: Path, model: _Model) -> int:
    opset = model.opsets.get("")
    if opset is None:
        raise damaged(path, "ONNX", "it does not say which operators it uses")
    if opset not in OPSETS:
        raise refused(
            path,
            f"uses opset {opset} of ONNX; {OPSETS[0]} to {OPSETS[-1]} can be read",
            "Export it anew: torch.onnx.export(..., opset_version=17).",
        )
    return opset


def _header(model: _Model, graph: Graph, opset: int, external: tuple[Path, ...]) -> OnnxHeader:
    stored = {*graph.initializers}
    operations = sorted(model.reader.operations.items())
    used = {domain for (domain, _), _ in operations}
    return OnnxHeader(
        ir_version=model.ir_version,
        producer=" ".join(text for _, text in sorted(model.texts.items()) if text),
        opset=opset,
        other_domains=tuple(sorted((used | {*model.opsets}) - {""})),
        metadata=model.metadata,
        node_count=model.reader.node_count,
        operations={".".join(filter(None, key)): count for key, count in operations},
        inputs=tuple(name for name in graph.inputs if name not in stored),
        outputs=tuple(graph.outputs),
        external_files=external,
        has_training=model.has_training,
    )
