"""Writing a graph, its large weights by ourselves: OpenVINO takes four times as long for them.

OpenVINO writes the graph with inputs in their places. The weights are put behind its own in the
.bin file, and the inputs are made constants in the .xml file, which say where each begins.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from gradcam_cli.engines.openvino.runtime import openvino, ops

_LARGE_BYTES = 1 << 20
_ALIGNMENT = 64
_WEIGHTS = "large weights "


def save(model: Any, graph: Path) -> None:
    """Write `model` to `graph`, an .xml file, with its weights beside it.

    Raises
    ------
    OSError
        Where it cannot be written.
    """
    model = model.clone()
    constants = _replace_large_constants(model)
    try:
        openvino.save_model(model, graph, compress_to_fp16=False)
    except RuntimeError as error:
        raise OSError(errno.EIO, "it could not be written") from error
    if constants:
        _restore(constants, graph, _append(constants, graph.with_suffix(".bin")))


def _replace_large_constants(model: Any) -> dict[str, Any]:
    """Put an input in the place of each large constant of floats; the constants by its name."""
    constants: dict[str, Any] = {}
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Constant" or node.get_byte_size() < _LARGE_BYTES:
            continue
        if node.get_element_type() != openvino.Type.f32:
            continue
        name = f"{_WEIGHTS}{len(constants)}"
        placeholder = ops.parameter(list(node.shape), openvino.Type.f32)
        placeholder.set_friendly_name(name)
        for reader_input in node.output(0).get_target_inputs():
            reader_input.replace_source_output(placeholder.output(0))
        model.add_parameters([placeholder])
        constants[name] = node
    return constants


def _append(constants: dict[str, Any], weights: Path) -> dict[str, int]:
    """Write the values of `constants` at the end of `weights`; where each begins."""
    offsets = {}
    with weights.open("ab") as file:
        for name, node in constants.items():
            file.write(bytes(-file.tell() % _ALIGNMENT))
            offsets[name] = file.tell()
            file.write(memoryview(node.data).cast("B"))
    return offsets


def _restore(constants: dict[str, Any], graph: Path, offsets: dict[str, int]) -> None:
    """Make constants again of the inputs in the .xml file."""
    tree = ElementTree.parse(graph)
    for layer in tree.iterfind("layers/layer"):
        name, data = layer.attrib["name"], layer.find("data")
        if name in constants and data is not None:
            node = constants[name]
            layer.attrib.update(name=node.get_friendly_name(), type="Const")
            data.attrib.update(offset=str(offsets[name]), size=str(node.get_byte_size()))
    tree.write(graph, "utf-8", xml_declaration=True)
