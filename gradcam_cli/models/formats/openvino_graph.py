"""OpenVINO's own files, .xml and .bin, checked before OpenVINO opens them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from gradcam_cli.models.formats.refusals import damaged, readable, refused, shown

MOST_XML_BYTES = 256 << 20
MOST_LAYERS, DEEPEST = 100_000, 200
_CHUNK = 1 << 20
_INFO = ("net", "rt_info", "model_info")


@dataclass(frozen=True)
class OpenvinoHeader:
    """What an OpenVINO graph says about itself.

    Attributes
    ----------
    name : str
        Of the network.
    version : int
        Of the format.
    weights : Path or None
        The .bin beside it, where the graph has any constants.
    operations : dict of str to int
        How many layers there are of each type, those of nested graphs included.
    model_info : dict of str to str
        What its maker noted: labels, mean_values, scale_values, reverse_input_channels,
        resize_type and the like; the name of a nested entry has its group's before a slash.
    """

    name: str
    version: int
    weights: Path | None
    operations: dict[str, int]
    model_info: dict[str, str]


class _GraphError(ValueError):
    """The XML is well formed, but no graph."""


@dataclass
class _Reader:
    """Takes the elements of a graph as they come; keeps no tree of them."""

    network: dict[str, str] = field(default_factory=dict)
    operations: Counter[str] = field(default_factory=Counter)
    model_info: dict[str, str] = field(default_factory=dict)
    layers: int = 0
    weights_end: int = -1
    open_elements: list[str] = field(default_factory=list)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if not self.open_elements:
            if name != "net":
                raise _GraphError("it is no <net>")
            self.network = attributes
        self.open_elements.append(name)
        if len(self.open_elements) > DEEPEST:
            raise _GraphError(f"it is nested deeper than {DEEPEST}")
        if name == "layer":
            self._layer(attributes)
        elif name == "data" and "offset" in attributes and "size" in attributes:
            end = _number(attributes["offset"]) + _number(attributes["size"])
            self.weights_end = max(self.weights_end, end)
        elif tuple(self.open_elements[: len(_INFO)]) == _INFO and "value" in attributes:
            self.model_info["/".join(self.open_elements[len(_INFO) :])] = attributes["value"]

    def end(self, _: str) -> None:
        self.open_elements.pop()

    def _layer(self, attributes: dict[str, str]) -> None:
        self.operations[attributes.get("type", "")] += 1
        self.layers += 1
        if self.layers > MOST_LAYERS:
            raise _GraphError(f"it has more than {MOST_LAYERS:,} layers")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise _GraphError(f"{shown(text)} is no place in a file")
    return int(text)


def _refuse_doctype(*_: object) -> None:
    raise _GraphError("it has a DOCTYPE, which no graph needs")


def check_openvino(path: Path) -> OpenvinoHeader:
    """Check a graph of OpenVINO and that its weights are there.

    Parameters
    ----------
    path : Path
        The .xml file.

    Raises
    ------
    ModelError
        Where it is damaged, too large, declares entities, or needs more weights than there are.
    """
    reader = _Reader()
    with readable(path):
        if path.stat().st_size > MOST_XML_BYTES:
            raise damaged(path, "OpenVINO", f"it has more than {MOST_XML_BYTES >> 20} MB")
        try:
            _read(path, reader)
            version = _number(reader.network.get("version", ""))
        except (expat.ExpatError, _GraphError, UnicodeError, LookupError) as error:
            raise damaged(path, "OpenVINO", shown(error)) from error
    if not reader.operations:
        raise damaged(path, "OpenVINO", "it has no layers")
    operations = dict(sorted(reader.operations.items()))
    weights = _weights(path, reader.weights_end)
    name = reader.network.get("name", "")
    return OpenvinoHeader(name, version, weights, operations, reader.model_info)


def _read(path: Path, reader: _Reader) -> None:
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.EntityDeclHandler = _refuse_doctype
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            parser.Parse(chunk, False)
        parser.Parse(b"", True)


def _weights(path: Path, end: int) -> Path | None:
    """The file of the weights, which has to have `end` bytes; none where there are no weights."""
    if end < 0:
        return None
    weights = path.with_suffix(".bin")
    if not weights.is_file():
        raise refused(
            path, f"has no {shown(weights.name)} beside it", "Copy both files into one folder."
        )
    with readable(weights):
        size = weights.stat().st_size
    if end > size:
        raise refused(
            weights,
            f"has {size} bytes, {path.name} needs {end}: it is cut short or another model's",
        )
    return weights
