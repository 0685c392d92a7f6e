"""Read a PyTorch state dict in the legacy (not zip) format, without PyTorch.

Such a file is five pickles, each after the other, then the numbers:

    magic number · protocol version · system info · state dict · storage keys
    for each key, in that order: its element count (int64), then its elements

The state dict holds no numbers itself: a tensor in it names a storage and says how to
look at it (offset, size, stride). A pickle can call anything it names, so here it may
name four kinds of things only, and only the opcodes such a file is made of are run.
"""

from __future__ import annotations

import hashlib
import io
import math
import pickle
import pickletools
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.errors import ModelError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_REMEDY = "Reinstall the package that contains it"

_DTYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
}

# fmt: off
_OPCODES = frozenset({
    "PROTO", "STOP", "MARK", "GLOBAL", "REDUCE", "BUILD", "BINPERSID",
    "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET",
    "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE",
    "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3",
    "EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS",
})
# fmt: on
# CPython hashes tuples recursively with no limit: some 100,000 nested in each other crash it.
_MOST_TUPLES = 10_000


class _Storage(NamedTuple):
    key: str
    dtype: str
    elements: int


class _Tensor(NamedTuple):
    """A view of a storage; offset and strides count elements."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


class _Entries(dict[Any, Any]):
    """Stands for OrderedDict; the attributes a pickle would set on it are dropped."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        pass


def read_state_dict(path: Path, *, sha256: str) -> dict[str, NDArray[Any]]:
    """Read the arrays of a state dict.

    Parameters
    ----------
    path : Path
        A file written by ``torch.save(model.state_dict(), path)`` before PyTorch 1.6.
    sha256 : str
        The checksum it must have, in hexadecimal; checked before anything else.

    Returns
    -------
    dict of str to array
        In the file's order; each array owns its memory.

    Raises
    ------
    ModelError
        The file cannot be read, is another file, or is not in this format.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}", _REMEDY) from error
    actual = hashlib.sha256(content).hexdigest()
    if actual != sha256:
        raise ModelError(f"{path} has sha256 {actual}, expected {sha256}", _REMEDY)
    try:
        return _parse(content)
    except Exception as error:  # a hostile pickle can make its reader raise nearly anything
        reason = str(error) or type(error).__name__
        what = f"{path} is not a PyTorch state dict in the legacy format: {reason}"
        raise ModelError(what, _REMEDY) from error


def _parse(content: bytes) -> dict[str, NDArray[Any]]:
    stream = io.BytesIO(content)
    _expect(_load(stream) == _MAGIC, "wrong magic number")
    _expect(_load(stream) == _PROTOCOL, f"protocol version other than {_PROTOCOL}")
    system = _load(stream)
    _expect(isinstance(system, dict), "no system info")
    _expect(system.get("little_endian") is True, "not little endian")
    entries = _load(stream)
    _expect(isinstance(entries, dict), "no state dict")
    storages = _storages(entries)
    keys = _load(stream)
    _expect(isinstance(keys, list) and all(type(key) is str for key in keys), "no storage keys")
    _expect(sorted(keys) == sorted(storages), "other storages than the tensors use")
    numbers = {key: _read_storage(stream, storages[key]) for key in keys}
    _expect(stream.read(1) == b"", "more bytes after the last storage")
    return {name: _view(name, entry, numbers) for name, entry in entries.items()}


def _expect(condition: bool, message: str) -> None:
    if not condition:
        raise pickle.UnpicklingError(message)


def _storages(entries: dict[Any, Any]) -> dict[str, _Storage]:
    """Collect the storages that the tensors look at, by key."""
    storages: dict[str, _Storage] = {}
    for name, entry in entries.items():
        _expect(type(name) is str, "a name that is no string")
        _expect(isinstance(entry, _Tensor), f"{name} is no tensor")
        storage = entry.storage
        known = storages.setdefault(storage.key, storage)
        _expect(known == storage, f"storage {storage.key} described in two ways")
    return storages


def _load(stream: io.BytesIO) -> Any:
    """Unpickle the next pickle, once its opcodes are known to be harmless."""
    start = stream.tell()
    tuples = 0
    for opcode, argument, position in pickletools.genops(stream):
        _expect(opcode.name in _OPCODES, f"opcode {opcode.name} is not allowed")
        if opcode.name.endswith("BINPUT"):  # the index sizes a table: keep it small
            _expect(0 <= int(argument or 0) <= (position or 0), "memo index out of range")
        tuples += opcode.name.startswith("TUPLE")
        _expect(tuples <= _MOST_TUPLES, f"more than {_MOST_TUPLES} tuples")
    stream.seek(start)
    return _Unpickler(stream).load()


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return _Entries
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor_maker()
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")

    def persistent_load(self, pid: Any) -> _Storage:
        _expect(isinstance(pid, tuple) and len(pid) == 6, "malformed storage")
        tag, dtype, key, _location, elements, view = pid
        _expect(tag == "storage" and view is None, "malformed storage")
        _expect(type(dtype) is str and dtype in _DTYPES.values(), "unknown kind of storage")
        _expect(type(key) is str, "a storage key that is no string")
        _expect(_is_count(elements), "storage size out of range")
        return _Storage(key, dtype, elements)


def _tensor_maker() -> Callable[..., _Tensor]:
    """Stand for _rebuild_tensor_v2: a new function each time, as a pickle may set attributes."""

    def make(storage: Any, offset: Any, size: Any, stride: Any, *_grad_and_hooks: Any) -> _Tensor:
        _expect(isinstance(storage, _Storage), "a tensor without storage")
        _expect(_is_count(offset), "tensor offset out of range")
        for counts in (size, stride):
            _expect(
                isinstance(counts, tuple) and all(map(_is_count, counts)),
                "tensor size or stride out of range",
            )
        _expect(len(size) == len(stride), "tensor size and stride differ in length")
        return _Tensor(storage, offset, size, stride)

    return make


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**48


def _read_storage(stream: io.BytesIO, storage: _Storage) -> NDArray[Any]:
    (count,) = struct.unpack("<q", stream.read(8))
    _expect(count == storage.elements, f"storage {storage.key} has another size than expected")
    dtype = np.dtype(storage.dtype)
    data = stream.read(count * dtype.itemsize)
    _expect(len(data) == count * dtype.itemsize, "the file ends early")
    return np.frombuffer(data, dtype)


def _view(name: str, tensor: _Tensor, numbers: dict[str, NDArray[Any]]) -> NDArray[Any]:
    """Copy a tensor out of its storage, once it is known to lie inside."""
    storage, offset, size, stride = tensor
    elements = math.prod(size)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    inside = offset <= storage.elements if elements == 0 else last < storage.elements
    _expect(inside and elements <= storage.elements, f"{name} reaches outside its storage")
    flat = numbers[storage.key]
    if elements == 0:
        return np.empty(size, flat.dtype)
    steps = tuple(step * flat.itemsize for step in stride)
    return np.lib.stride_tricks.as_strided(flat[offset:], size, steps, writeable=False).copy()
