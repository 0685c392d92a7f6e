"""Small files in the legacy layout are made with pickle alone, and a stand-in for torch."""

import builtins
import hashlib
import io
import os
import pickle
import struct
import sys
import types
from collections import OrderedDict
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcam_cli.errors import ModelError
from gradcam_cli.models import efficientnet_lite
from gradcam_cli.models.torch_pickle import read_state_dict

MAGIC = 0x1950A86A20F9469CFC6C
SYSTEM = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"long": 4}}


class FloatStorage:
    pass


class LongStorage:
    pass


class ComplexStorage:
    pass


def _rebuild_tensor_v2():
    pass


KINDS = {"<f4": FloatStorage, "<i8": LongStorage}
TORCH = types.ModuleType("torch")
TORCH._utils = types.ModuleType("torch._utils")
TORCH._utils._rebuild_tensor_v2 = _rebuild_tensor_v2
_rebuild_tensor_v2.__module__ = "torch._utils"
for kind in (FloatStorage, LongStorage, ComplexStorage):
    kind.__module__ = "torch"
    setattr(TORCH, kind.__name__, kind)


class Storage:
    def __init__(self, key, array, kind=None, count=None, view=None):
        self.key, self.array = key, array
        kind = kind or KINDS[array.dtype.str]
        self.pid = ("storage", kind, key, "cpu", array.size if count is None else count, view)


class Tensor:
    def __init__(self, storage, offset, size, stride):
        self.state = (storage, offset, size, stride, False, OrderedDict())

    def __reduce__(self):
        return _rebuild_tensor_v2, self.state


class Call:
    """Pickles as a call of anything."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class Pickler(pickle.Pickler):
    def persistent_id(self, obj):
        return obj.pid if isinstance(obj, Storage) else None


def dump(obj, protocol=2):
    stream = io.BytesIO()
    modules = {"torch": TORCH, "torch._utils": TORCH._utils}
    with mock.patch.dict(sys.modules, modules):
        Pickler(stream, protocol=protocol).dump(obj)
    return stream.getvalue()


WEIGHT = Storage("7", np.arange(12, dtype="<f4"))
STEPS = Storage("3", np.array([41], dtype="<i8"))


def entries():
    state = OrderedDict(
        weight=Tensor(WEIGHT, 0, (3, 4), (4, 1)),
        turned=Tensor(WEIGHT, 1, (2, 3), (1, 4)),
        steps=Tensor(STEPS, 0, (), ()),
    )
    state._metadata = OrderedDict(version=1)
    return state


def legacy_file(
    state=None, *, magic=MAGIC, version=1001, system=SYSTEM, storages=(STEPS, WEIGHT), pickled=None
):
    parts = [dump(magic), dump(version), dump(system), pickled or dump(state or entries())]
    parts.append(dump([storage.key for storage in storages]))
    for storage in storages:
        parts += [struct.pack("<q", storage.array.size), storage.array.tobytes()]
    return b"".join(parts)


def read(content, folder):
    path = folder / "small.pth"
    path.write_bytes(content)
    return read_state_dict(path, sha256=hashlib.sha256(content).hexdigest())


def refused(content, folder, match):
    with pytest.raises(ModelError, match=match) as caught:
        read(content, folder)
    assert "small.pth" in caught.value.what
    assert caught.value.remedy


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("pickles")


def test_bundled_file_has_its_entries():
    path = efficientnet_lite.weights_path()
    state = read_state_dict(path, sha256=efficientnet_lite.SHA256)
    assert len(state) == 296
    assert next(iter(state)) == "_conv_stem.weight"
    assert state["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert state["_blocks.1._depthwise_conv.weight"].shape == (96, 1, 3, 3)
    assert state["_fc.weight"].shape == (1000, 1280)
    assert state["_fc.weight"].dtype == np.float32
    assert state["_bn0.num_batches_tracked"].shape == ()
    assert state["_bn0.num_batches_tracked"].dtype == np.int64
    assert all(np.isfinite(array).all() for array in state.values())
    assert "torch" not in sys.modules


def test_small_file_comes_back(folder):
    state = read(legacy_file(), folder)
    assert list(state) == ["weight", "turned", "steps"]
    numbers = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_array_equal(state["weight"], numbers)
    np.testing.assert_array_equal(state["turned"], numbers.T[1:3])
    assert state["steps"] == 41
    assert all(array.flags.writeable and array.flags.owndata for array in state.values())


def test_empty_tensor_comes_back(folder):
    state = {"empty": Tensor(WEIGHT, 12, (0, 4), (4, 1)), "weight": Tensor(WEIGHT, 0, (12,), (1,))}
    assert read(legacy_file(state, storages=[WEIGHT]), folder)["empty"].shape == (0, 4)


def test_wrong_checksum_is_told_before_anything_is_unpickled(tmp_path):
    path = tmp_path / "other.pth"
    path.write_bytes(dump(Call(os.mkdir, str(tmp_path / "made"))))
    with pytest.raises(ModelError) as caught:
        read_state_dict(path, sha256="0" * 64)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    assert caught.value.what == f"{path} has sha256 {found}, expected {'0' * 64}"
    assert "Reinstall" in caught.value.remedy


def test_absent_file(tmp_path):
    with pytest.raises(ModelError, match="cannot be read"):
        read_state_dict(tmp_path / "absent.pth", sha256="")


@pytest.mark.parametrize("part", ["magic", "version", "system", "state", "nested", "keys"])
@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("how", ["mkdir", "eval", "getattr"])
def test_no_code_runs(tmp_path, part, protocol, how):
    made = tmp_path / "made"
    evil = {
        "mkdir": Call(os.mkdir, str(made)),
        "eval": Call(builtins.eval, f"__import__('os').mkdir({str(made)!r})"),
        "getattr": Call(getattr, Call(__import__, "os"), "system"),
    }[how]
    if part == "nested":
        evil = OrderedDict(weight=Tensor(evil, 0, (1,), (1,)))
    good = [dump(MAGIC), dump(1001), dump(SYSTEM), dump(entries()), dump(["3", "7"])]
    good[["magic", "version", "system", "state", "keys"].index(part.replace("nested", "state"))] = (
        dump(evil, protocol)
    )
    refused(b"".join(good), tmp_path, "not allowed")
    assert not made.exists()


@pytest.mark.parametrize(
    "pickled",
    [
        b"(S'true'\nios\nsystem\n.",  # INST
        b"\x80\x02\x82\x01.",  # EXT1
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",  # STACK_GLOBAL
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nN\x81.",  # NEWOBJ
        b"\x80\x05\x96" + b"\xff" * 8 + b".",  # BYTEARRAY8
    ],
)
def test_other_opcodes_are_refused(folder, pickled):
    refused(legacy_file(pickled=pickled), folder, "opcode|byte count")


def test_attributes_set_by_a_pickle_do_not_stay(folder):
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n"
    build = b"\x80\x02" + rebuild + b"N}X\x0c\x00\x00\x00__defaults__K\x01\x85s\x86b."
    refused(legacy_file(pickled=build), folder, "no state dict")
    assert len(read(legacy_file(), folder)) == 3


def test_deeply_nested_tuples_do_not_crash_the_process(folder):
    nested = b"\x80\x02})" + b"\x85" * 1_000_000 + b"K\x01s."
    refused(legacy_file(pickled=nested), folder, "tuples")


def test_memo_index_does_not_size_a_table(folder):
    refused(legacy_file(pickled=b"\x80\x02}r\xff\xff\xff\xff."), folder, "memo index")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"magic": MAGIC + 1}, "magic number"),
        ({"magic": "PK"}, "magic number"),
        ({"version": 1002}, "protocol version"),
        ({"system": {**SYSTEM, "little_endian": False}}, "not little endian"),
        ({"system": []}, "no system info"),
        ({"pickled": dump([])}, "no state dict"),
        ({"pickled": dump({"weight": 1})}, "weight is no tensor"),
        ({"pickled": dump({1: Tensor(WEIGHT, 0, (1,), (1,))})}, "a name that is no string"),
        ({"storages": [WEIGHT]}, "other storages"),
        ({"storages": [WEIGHT, STEPS, STEPS]}, "other storages"),
        ({"storages": [STEPS, Storage("7", np.zeros(11, "<f4"))]}, "another size"),
    ],
)
def test_wrong_parts_are_named(folder, changes, match):
    refused(legacy_file(**changes), folder, match)


def test_bytes_after_the_end(folder):
    refused(legacy_file() + b"\0", folder, "more bytes")


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (0, (13,), (1,)),
        (1, (3, 4), (4, 1)),
        (12, (), ()),
        (13, (0,), (1,)),
        (0, (2,), (12,)),
        (0, (3, 4), (5, 1)),
        (0, (2,), (2**47,)),
        (0, (2**40,), (0,)),  # would be a terabyte once copied
        (-1, (2,), (1,)),
        (3, (2,), (-1,)),
        (0, (-1,), (1,)),
        (0, (2**70,), (1,)),
        (0, (2,), (1, 1)),
        (0, (True,), (1,)),
        (0, [2], [1]),
        (0.0, (2,), (1,)),
        (0, (1,) * 70, (1,) * 70),
    ],
)
def test_tensor_outside_its_storage(folder, offset, size, stride):
    state = {"weight": Tensor(WEIGHT, offset, size, stride)}
    refused(legacy_file(state, storages=[WEIGHT]), folder, "not a PyTorch state dict")


@pytest.mark.parametrize(
    "storage",
    [
        Storage("7", WEIGHT.array, count=-1),
        Storage("7", WEIGHT.array, count=2**60),
        Storage("7", WEIGHT.array, count="12"),
        Storage("7", WEIGHT.array, kind="|O8"),
        Storage("7", WEIGHT.array, kind=ComplexStorage),
        Storage("7", WEIGHT.array, view=("8", 0, 2)),
        Storage(7, WEIGHT.array),
    ],
)
def test_storage_that_cannot_be(folder, storage):
    state = {"weight": Tensor(storage, 0, (1,), (1,))}
    refused(legacy_file(state, storages=[WEIGHT]), folder, "stor|not allowed")


def test_storage_described_in_two_ways(folder):
    longer = Storage("7", WEIGHT.array, count=13)
    state = {name: Tensor(s, 0, (1,), (1,)) for name, s in [("a", WEIGHT), ("b", longer)]}
    refused(legacy_file(state, storages=[WEIGHT]), folder, "two ways")


SMALL = legacy_file()


@settings(max_examples=150, deadline=None)
@given(length=st.integers(0, len(SMALL) - 1))
def test_truncated_file(folder, length):
    refused(SMALL[:length], folder, "not a PyTorch state dict")


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_file_gives_arrays_or_a_model_error(folder, data):
    content = bytearray(SMALL)
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] = data.draw(st.integers(0, 255))
    try:
        state = read(bytes(content), folder)
    except ModelError:
        return
    assert all(isinstance(array, np.ndarray) for array in state.values())


def test_real_pytorch_is_not_needed():
    source = Path(sys.modules[read_state_dict.__module__].__file__).read_text()
    assert "import torch" not in source
