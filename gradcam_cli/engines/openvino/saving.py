"""Writing a graph, its large weights by ourselves: OpenVINO takes four times as long for them.

OpenVINO writes the graph with inputs in their places. The weights are put behind its own in the
.bin file, and the inputs are made constants in the .xml file, which say where each begins.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

from numpy.typing import NDArray

from gradcam_cli.engines.openvino.runtime import openvino, ops

_LARGE_BYTES = 1 << 20
_ALIGNMENT = 64
_PLACEHOLDER = "large weights "

Parts = Iterable[NDArray[Any]]
"""The values of a constant, in contiguous parts one after the other."""


class _Constant(NamedTuple):
    """A constant as it is in the files; its values are in the .bin file alone."""

    name: str
    parts: Parts


class _Place(NamedTuple):
    """Where the values of a constant are in the .bin file, in bytes."""

    offset: int
    size: int


def save(model: Any, graph: Path, weights: Mapping[str, Parts] | None = None) -> None:
    """Write `model` to `graph`, an .xml file, with its weights beside it.

    Parameters
    ----------
    model : openvino.Model
    graph : Path
    weights : mapping of iterables of float32 arrays, optional
        The values of those inputs of `model`, by name, that are constants in the file: contiguous
        parts, one after the other. Each is written before the next one is asked for, so that
        large weights need not be whole in memory.

    Raises
    ------
    OSError
        Where it cannot be written.
    """
    model = model.clone()
    constants = _replace_large_constants(model)
    for name, parts in (weights or {}).items():
        constants[name] = _Constant(name, parts)
    try:
        openvino.save_model(model, graph, compress_to_fp16=False)
    except RuntimeError as error:
        raise OSError(errno.EIO, "it could not be written") from error
    if constants:
        _restore(constants, graph, _append(constants, graph.with_suffix(".bin")))


def _replace_large_constants(model: Any) -> dict[str, _Constant]:
    """Put an input in the place of each large constant of floats; the constants by its name."""
    constants: dict[str, _Constant] = {}
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Constant" or node.get_byte_size() < _LARGE_BYTES:
            continue
        if node.get_element_type() != openvino.Type.f32:
            continue
        name = f"{_PLACEHOLDER}{len(constants)}"
        placeholder = ops.parameter(list(node.shape), openvino.Type.f32)
        placeholder.set_friendly_name(name)
        for reader_input in node.output(0).get_target_inputs():
            reader_input.replace_source_output(placeholder.output(0))
        model.add_parameters([placeholder])
        constants[name] = _Constant(node.get_friendly_name(), [node.data])
    return constants


def _append(constants: dict[str, _Constant], weights: Path) -> dict[str, _Place]:
    """Write the values of `constants` at the end of `weights`; where each is."""
    places = {}
    with weights.open("ab") as file:
        for name, constant in constants.items():
            file.write(bytes(-file.tell() % _ALIGNMENT))
            offset = file.tell()
            for part in constant.parts:
                file.write(part.data.cast("B"))
            places[name] = _Place(offset, file.tell() - offset)
    return places


def _restore(constants: dict[str, _Constant], graph: Path, places: dict[str, _Place]) -> None:
    """Make constants again of the inputs in the .xml file."""
    tree = ElementTree.parse(graph)
    for layer in tree.iterfind("layers/layer"):
        name, data = layer.attrib["name"], layer.find("data")
        if name in constants and data is not None:
            layer.attrib.update(name=constants[name].name, type="Const")
            data.attrib.update(offset=str(places[name].offset), size=str(places[name].size))
    tree.write(graph, "utf-8", xml_declaration=True)
