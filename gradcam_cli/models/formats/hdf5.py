"""HDF5 files from strangers: what in one would make its reader open another file, or fill memory.

h5py comes with TensorFlow and is imported here only when there is such a file to look at. A few
bytes that are wrong can crash or hang its library: this belongs into a process of its own, with a
limit of time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

from gradcam_cli.errors import ModelError
from gradcam_cli.models.formats.refusals import damaged, readable, refused, shown

MODEL_CONFIG = "model_config"
"""The attribute that a file has if it holds more than weights."""

MOST_OBJECTS = 100_000
MOST_BYTES = 20 << 30
HIGHEST_RATIO, RATIO_FROM = 200, 64 << 20
_REMEDY = "Save the model anew with model.save."

_END_PLACES = {0: 40, 1: 44, 2: 28, 3: 28}
"""Where the superblock of each version says how long the file is, if addresses have 8 bytes."""

Source = Path | BinaryIO | IO[bytes]


def end_of_file(beginning: bytes) -> int:
    """How many bytes a file has to have that begins with `beginning`; 0 where it does not say."""
    version = beginning[8] if beginning.startswith(b"\x89HDF") and len(beginning) > 64 else -1
    place = _END_PLACES.get(version)
    if place is None or beginning[13 if version < 2 else 9] != 8:
        return 0
    return int.from_bytes(beginning[place : place + 8], "little")


def weights_only(path: Path) -> ModelError:
    """The error for a file that has weights but no network."""
    return refused(
        path,
        "holds weights only",
        f"Pass --model NAME --weights {path}, or save the whole model with model.save.",
    )


@contextmanager
def open_hdf5(path: Path, source: Source) -> Iterator[Any]:
    """`source`, the file `path` or a part of it, as an ``h5py.File``.

    Whatever h5py raises in the block is a `ModelError` about `path`.
    """
    try:
        import h5py
    except ImportError as error:
        raise refused(
            path, "needs h5py to be read", "It comes with TensorFlow: pip install tensorflow."
        ) from error
    with readable(path):
        path.open("rb").close()
    try:
        with h5py.File(source, "r") as file:
            yield file
    except ModelError:
        raise
    except Exception as error:  # a damaged file can make h5py raise nearly anything
        raise damaged(path, "HDF5", shown(str(error) or type(error).__name__)) from error


def check_hdf5(path: Path, file: Any) -> None:
    """Refuse what in `file` leads out of it, and data sets that unpack to far more than they are.

    Parameters
    ----------
    path : Path
        What errors name.
    file : h5py.File
        Opened for reading.

    Raises
    ------
    ModelError
        Says which object it is, and what is wrong with it.
    """
    groups, seen, total = [file], {_address(file)}, 0
    while groups:
        for place, item in _children(path, groups.pop()):
            address = _address(item)
            if address in seen:
                continue
            seen.add(address)
            if len(seen) > MOST_OBJECTS:
                raise refused(path, f"has more than {MOST_OBJECTS:,} objects", _REMEDY)
            if hasattr(item, "keys"):
                groups.append(item)
            elif hasattr(item, "chunks"):
                total += _checked_bytes(path, place, item)
                if total > MOST_BYTES:
                    raise refused(path, f"would unpack to {total >> 30:,} GB", _REMEDY)


def _children(path: Path, group: Any) -> Iterator[tuple[str, Any]]:
    """What `group` has under a name of its own; soft links lead to one of these, or nowhere."""
    import h5py

    for name in group:
        place = f"{group.name}/{name}".replace("//", "/")
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            reason = f"leads to another file, {shown(link.filename)}, by the link {shown(place)}"
            raise refused(path, reason, _REMEDY)
        if isinstance(link, h5py.HardLink):
            yield place, group[name]


def _address(item: Any) -> tuple[int, int]:
    """What tells an object from others, however many names it has."""
    import h5py

    info = h5py.h5o.get_info(item.id)
    return info.fileno, info.addr


def _checked_bytes(path: Path, place: str, data_set: Any) -> int:
    """How many bytes `data_set` makes in memory."""
    import h5py

    layout = data_set.id.get_create_plist()
    if layout.get_external_count() or layout.get_layout() == h5py.h5d.VIRTUAL:
        raise refused(path, f"has the numbers of {shown(place)} in other files", _REMEDY)
    size = int(data_set.size or 0) * int(data_set.dtype.itemsize)
    stored = int(data_set.id.get_storage_size())
    if size > RATIO_FROM and size > HIGHEST_RATIO * max(stored, 1):
        reason = f"has {shown(place)}, which grows from {stored:,} to {size:,} bytes"
        raise refused(path, reason, _REMEDY)
    return size


def text_attribute(path: Path, file: Any, name: str, most_bytes: int) -> str:
    """The text of an attribute; empty where there is none.

    Raises
    ------
    ModelError
        Where it is longer than `most_bytes`, or no text.
    """
    if name not in file.attrs:
        return ""
    too_long = refused(path, f"has a {name} of more than {most_bytes >> 20} MB", _REMEDY)
    if file.attrs.get_id(name).get_storage_size() > most_bytes:
        raise too_long
    value = file.attrs[name]
    text = value.decode("utf-8") if isinstance(value, bytes) else value
    if not isinstance(text, str):
        raise damaged(path, "HDF5", f"its {name} is no text")
    if len(text) > most_bytes:  # of a text of variable length the storage is only a reference
        raise too_long
    return text
