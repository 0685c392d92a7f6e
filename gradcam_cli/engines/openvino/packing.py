"""The file of an exported pass: a network as OpenVINO has compiled it, and what it is fed.

    {"kernels": {name: [offset, [rows, columns]]}}, the network

The kernels, and the weights that compiling left as they were, stay in the file of the model's
weights, where they are used as it is mapped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

Place = tuple[int, tuple[int, ...]]
"""Where a matrix of float32 begins in the file of weights, and its shape."""

_HEADER_BYTES = 4096
_COMPARED = [0, -1]
"""The rows that are compared; the others would only be read into memory."""


def packed(network: bytes, kernels: Mapping[str, Place]) -> bytes:
    """The content of the file.

    Raises
    ------
    ValueError
        For more kernels than the header has room for.
    """
    header = json.dumps({"kernels": kernels}).encode() + b"\n"
    if len(header) > _HEADER_BYTES:
        raise ValueError(f"{len(kernels)} kernels are too many")
    return header.ljust(_HEADER_BYTES) + network


def unpacked(file: Path, weights: Path) -> tuple[NDArray[np.uint8], dict[str, NDArray[np.float32]]]:
    """The network in `file`, and the kernels in `weights`; both files are mapped.

    Raises
    ------
    OSError
        Where one cannot be read.
    ValueError, TypeError, KeyError
        Where it is no such file.
    """
    content, values = (np.memmap(path, np.uint8, "c") for path in (file, weights))
    header = json.loads(content[:_HEADER_BYTES].tobytes())
    kernels = {name: _kernel(values, *place) for name, place in header["kernels"].items()}
    return content[_HEADER_BYTES:], kernels


def places_of(constants: Mapping[str, NDArray[np.float32]], graph: Path) -> dict[str, Place]:
    """Where `constants`, by their names in the .xml file `graph`, stand in the file beside it.

    Raises
    ------
    OSError, ValueError, KeyError
        Where one is not there.
    """
    found: dict[str, int] = {}
    if constants:
        for layer in ElementTree.parse(graph).iter("layer"):
            data = layer.find("data")
            if layer.get("name") in constants and data is not None:
                found[layer.attrib["name"]] = int(data.attrib["offset"])
    values = np.memmap(graph.with_suffix(".bin"), np.uint8, "r") if constants else np.empty(0)
    for name, constant in constants.items():
        kernel = _kernel(values, found[name], constant.shape)
        if not np.array_equal(kernel[_COMPARED], constant[_COMPARED]):
            raise ValueError(f"{name} is not where {graph} has it")
    return {name: (found[name], constant.shape) for name, constant in constants.items()}


def _kernel(values: NDArray[Any], offset: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    size = 4 * int(np.prod(shape))
    kernel: NDArray[np.float32] = values[offset : offset + size].view(np.float32).reshape(shape)
    return kernel
