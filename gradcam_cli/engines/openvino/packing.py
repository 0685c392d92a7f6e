"""The file of an exported pass: a network as OpenVINO has compiled it, and matrices that it is fed.

    {"kernels": {name: [offset, [rows, columns]]}, "network": [offset, length]}, kernels, network

Each part begins at a multiple of `_ALIGNMENT`, so that it is used where the file is mapped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ALIGNMENT = 64
_HEADER_BYTES = 4096


def packed(network: bytes, kernels: Mapping[str, NDArray[np.float32]]) -> bytes:
    """The content of the file.

    Raises
    ------
    ValueError
        For more kernels than the header has room for.
    """
    parts, places, offset = [], {}, _HEADER_BYTES
    for name, kernel in kernels.items():
        places[name] = [offset, list(kernel.shape)]
        parts.append(_padded(kernel.tobytes()))
        offset += len(parts[-1])
    header = json.dumps({"kernels": places, "network": [offset, len(network)]}).encode() + b"\n"
    if len(header) > _HEADER_BYTES:
        raise ValueError(f"{len(kernels)} kernels are too many")
    return b"".join([header.ljust(_HEADER_BYTES), *parts, network])


def unpacked(path: Path) -> tuple[NDArray[np.uint8], dict[str, NDArray[np.float32]]]:
    """The network and the kernels in the file, which is mapped.

    Raises
    ------
    OSError
        Where it cannot be read.
    ValueError, TypeError, KeyError
        Where it is not such a file.
    """
    content: NDArray[np.uint8] = np.memmap(path, np.uint8, "c")  # OpenVINO takes no read-only array
    header = json.loads(content[:_HEADER_BYTES].tobytes())
    kernels = {name: _kernel(content, *place) for name, place in header["kernels"].items()}
    offset, length = header["network"]
    return content[offset : offset + length], kernels


def _kernel(content: NDArray[np.uint8], offset: int, shape: list[int]) -> NDArray[Any]:
    size = 4 * int(np.prod(shape))
    return content[offset : offset + size].view(np.float32).reshape(shape)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % _ALIGNMENT)
