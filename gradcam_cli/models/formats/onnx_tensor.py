"""Where the numbers of an ONNX tensor are, and whether there can be as many as its shape says."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from gradcam_cli.errors import ModelError
from gradcam_cli.models.formats.refusals import readable, refused, shown
from gradcam_cli.models.formats.wire import Message, Span, WireError, number, span, varint

_BITS = {
    1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64,
    14: 64, 15: 128, 16: 16, 17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8,
}  # fmt: skip
"""Of an element, by TensorProto.DataType; strings have no fixed size."""

_EXTERNAL = 1
_MOST_DIMENSIONS = 64
_DRIVE = re.compile("[A-Za-z]:")
_MEMORY = "_ORT_MEM_ADDR_"
"""With this as its location some readers take the offset for an address in their own memory."""


@dataclass
class Tensor:
    """What a TensorProto says about itself.

    Attributes
    ----------
    locations, offsets, lengths : list of str
        Of the file with its numbers; a second one of a kind is as good as the first to a reader.
    raw : int or None
        How many bytes of numbers are in the model's own file, where they are stored raw.
    """

    name: str = ""
    dimensions: list[int] = field(default_factory=list)
    data_type: int = 0
    raw: int | None = None
    data_location: int = 0
    locations: list[str] = field(default_factory=list)
    offsets: list[str] = field(default_factory=list)
    lengths: list[str] = field(default_factory=list)

    @property
    def is_external(self) -> bool:
        """True where its numbers are in another file, or some reader might think so."""
        return self.data_location == _EXTERNAL or bool(self.locations)

    @property
    def bytes_needed(self) -> int | None:
        """How many bytes its shape and type make, where that is known."""
        bits = _BITS.get(self.data_type)
        return None if bits is None else (math.prod(self.dimensions) * bits + 7) // 8


def read_tensor(message: Message) -> Tensor:
    """Read a TensorProto, its numbers skipped.

    Raises
    ------
    WireError
        Where it is none, or has more or fewer bytes than its shape says.
    """
    tensor = Tensor()
    for field_number, value in message:
        if field_number == 1:
            tensor.dimensions += _numbers(message, value)
        elif field_number == 2:
            tensor.data_type = number(value)
        elif field_number == 8:
            tensor.name = message.text(value)
        elif field_number == 9:
            start, stop = span(value)
            tensor.raw = stop - start
        elif field_number == 13:
            _note_external(tensor, message.inner(value))
        elif field_number == 14:
            tensor.data_location = number(value)
    _check_size(tensor)
    return tensor


def _numbers(message: Message, value: int | Span) -> list[int]:
    """A repeated integer, whether packed or not."""
    if isinstance(value, int):
        return [number(value)]
    position, stop = value
    numbers: list[int] = []
    while position < stop and len(numbers) <= _MOST_DIMENSIONS:
        item, position = varint(message.buffer, position, stop)
        numbers.append(number(item))
    return numbers


def _note_external(tensor: Tensor, entry: Message) -> None:
    key, value = entry.key_and_value()
    kinds = {"location": tensor.locations, "offset": tensor.offsets, "length": tensor.lengths}
    if key in kinds:
        kinds[key].append(value)


def _check_size(tensor: Tensor) -> None:
    if len(tensor.dimensions) > _MOST_DIMENSIONS or min(tensor.dimensions, default=0) < 0:
        raise WireError(f"the tensor {shown(tensor.name)} has an impossible shape")
    needed = tensor.bytes_needed
    if tensor.raw and not tensor.is_external and needed is not None and tensor.raw != needed:
        raise WireError(
            f"the tensor {shown(tensor.name)} has {tensor.raw} bytes, its shape makes {needed}"
        )


def external_file(model: Path, tensor: Tensor) -> tuple[Path, ...]:
    """The files beside `model` that hold the numbers of `tensor`, checked but not opened.

    Raises
    ------
    ModelError
        Where one is outside the folder of `model`, missing, or too short.
    """
    if not tensor.locations:
        raise refused(model, f"does not say where the numbers of {shown(tensor.name)} are")
    files = tuple(_inside(model, location) for location in tensor.locations)
    offset, length = _extent(model, tensor)
    for file in files:
        with readable(file):
            size = file.stat().st_size
        if offset + length > size:
            raise refused(
                file, f"has {size} bytes, {model.name} needs {offset + length}: it is cut short"
            )
    return files


def _inside(model: Path, location: str) -> Path:
    """The file at `location`, which has to be in the folder of `model` and below."""
    parts = PurePosixPath(location).parts
    foreign = any(letter in location for letter in "\\\0\ufffd") or _DRIVE.match(location)
    if not location or foreign or location.startswith("/") or {"..", _MEMORY} & {*parts}:
        raise _outside(model, location)
    file = model.parent / location
    try:
        resolved = file.resolve()
        within = resolved.is_relative_to(model.parent.resolve())
        is_file = resolved.is_file()
    except (OSError, RuntimeError, ValueError):  # a link to itself, a name that is too long
        within = is_file = False
    if not within:
        raise _link(model, location) if is_file else _outside(model, location)
    if not is_file:
        raise refused(
            model,
            f"has weights in {shown(location)}, which is not beside it",
            "Copy that file into the same folder, under the same name.",
        )
    return file


def _outside(model: Path, location: str) -> ModelError:
    return refused(
        model,
        f"has weights outside its folder: {shown(location) or 'a file without a name'}",
        "Save the model with its weights in one file, or in a file beside it.",
    )


def _link(model: Path, location: str) -> ModelError:
    """The error for weights as they are in a cache of downloads; OpenVINO does not follow those."""
    return refused(
        model,
        f"has weights in {shown(location)}, a link that leads out of its folder",
        "Copy the folder with what its links stand for, cp -rL, and pass the model in the copy.",
    )


def _extent(model: Path, tensor: Tensor) -> tuple[int, int]:
    """The largest offset and the largest length that a reader may take from `tensor`."""
    numbers = [*tensor.offsets, *tensor.lengths]
    if not all(text.isascii() and text.isdigit() and len(text) < 20 for text in numbers):
        raise refused(model, f"has no valid place for the numbers of {shown(tensor.name)}")
    lengths = [int(text) for text in tensor.lengths] or [tensor.bytes_needed or 0]
    return max(map(int, tensor.offsets), default=0), max(lengths)
