"""Where outputs go, what they are encoded as, and writing them whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from gradcam_cli.errors import UsageError
from gradcam_cli.storage.files import whole_file, write_errors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OVERLAY_SUFFIX = ".gradcam.jpg"
DEFAULT_FOLDER = Path("gradcam-out")
"""Where the outputs of many sources go."""

_FORMATS = {
    ".jpg": ("JPEG", 65_500),
    ".jpeg": ("JPEG", 65_500),
    ".png": ("PNG", 2**31 - 1),
    ".webp": ("WEBP", 16_383),
}
"""What each suffix is written as, and the longest side the format holds."""


@dataclass(frozen=True)
class Destination:
    """Where outputs of one kind go.

    Attributes
    ----------
    folder : Path
        Theirs.
    suffix : str
        How their names end.
    file : str
        The name of the only output there is; mostly empty.
    """

    folder: Path
    suffix: str
    file: str = ""

    def path(self, stem: str, tag: str = "") -> Path:
        """Where the output goes that is called ``<stem><tag><suffix>``; `stem` may have folders."""
        return self.folder / (self.file or f"{stem}{tag}{self.suffix}")

    @property
    def format(self) -> str:
        """The suffix that tells the format."""
        return Path(self.file or self.suffix).suffix.lower()


def destination(
    output: str | None, *, suffix: str, accepted: Iterable[str], several: bool
) -> Destination:
    """What `-o` means for one picture: a folder (it exists, or ends in a separator), else a file.

    Nothing is made yet. `accepted` are the suffixes a file may have; `several` outputs cannot
    share one.

    Raises
    ------
    UsageError
        Where it cannot be written, raised before any work is done.
    """
    if output is None:
        return Destination(Path(), suffix)
    path = Path(output)
    separators = tuple(s for s in (os.sep, os.altsep) if s)
    if output.endswith(separators) or path.is_dir():
        return Destination(path, suffix)
    if path.suffix.lower() not in accepted:
        raise UsageError(
            f"{output!r} is neither a folder nor a file that ends in {', '.join(accepted)}",
            f"Write {output}/ for a folder.",
        )
    if several:
        raise UsageError(
            f"{output!r} is one file, and there is more than one output",
            "Pass a folder: an existing one, or a name that ends in /.",
        )
    return Destination(path.parent, suffix, path.name)


def overlay_destination(output: str | None, *, several: bool = False) -> Destination:
    """Where overlays go: ``<stem>.gradcam.jpg`` in the working folder unless `output` says else."""
    return destination(output, suffix=OVERLAY_SUFFIX, accepted=_FORMATS, several=several)


def heatmap_destination(output: str, *, several: bool = False) -> Destination:
    """Where heatmaps go: `output`, or ``<stem>.npy`` in it."""
    return destination(output, suffix=".npy", accepted=(".npy",), several=several)


def folder_for_many(output: str | None, *, option: str = "-o") -> Path:
    """The folder that `output` names as the place of the outputs of many sources, or the default.

    Raises
    ------
    UsageError
        Where it is a file, or looks like one.
    """
    path = DEFAULT_FOLDER if output is None else Path(output)
    if output is not None and output.endswith(os.sep):
        _refuse_file_in_the_way(path, option)
    looks_like_a_file = path.suffix.lower() in {*_FORMATS, ".npy"} and not path.is_dir()
    if path.is_file() or (looks_like_a_file and not str(output).endswith(os.sep)):
        raise UsageError(
            f"{output!r} is one file, and the outputs of a recorded run go into a folder",
            f"Pass a folder with {option}.",
        )
    return path


def make_folder(folder: Path) -> None:
    """Make `folder` where it is not there yet.

    Raises
    ------
    UsageError
        Where it cannot be made.
    """
    if folder.is_dir():
        return
    _refuse_file_in_the_way(folder, "-o")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"cannot make the folder {folder}: {error.strerror}", "Choose another with -o."
        ) from error


def check_inside(root: Path, folder: Path) -> None:
    """Refuse a folder that a symbolic link takes out of `root`."""
    if not Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(root)):
        raise UsageError(
            f"cannot write to {folder}: a symbolic link there leads out of {root}",
            "Remove the link, or choose another folder with -o.",
        )


def _refuse_file_in_the_way(folder: Path, option: str) -> None:
    """Raise UsageError where a file is what `folder`, or a folder above it, is to be."""
    for path in (folder, *folder.parents):
        if path.exists():
            if path.is_dir():
                return
            raise UsageError(
                f"cannot make the folder {folder}: {path} is a file, and in the way",
                f"Move it, or choose another with {option}.",
            )


def check_writable(
    path: Path, *, sources: Iterable[Path] = (), to_come: Path | None = None
) -> None:
    """Refuse what must not be replaced: a source, a folder, a device, or an unwritable place.

    `to_come` is a folder that need not be there yet.

    Raises
    ------
    UsageError
        Naming the path and the reason.
    """
    is_to_come = to_come is not None and path.parent.absolute() == to_come.absolute()
    if not path.parent.is_dir() and not is_to_come:
        raise UsageError(
            f"cannot write {path}: there is no folder {path.parent}", "Make it, or choose another."
        )
    if not path.exists():
        return
    if not path.is_file():
        raise UsageError(f"cannot write {path}: it is not a regular file", "Choose another name.")
    if any(source.exists() and path.samefile(source) for source in sources):
        raise UsageError(
            f"cannot write {path}: it is a source image", "Choose another name with -o."
        )


def check_size(suffix: str, image: NDArray[np.uint8]) -> None:
    """Refuse an image larger than the format of `suffix` holds, with a UsageError."""
    name, longest = _FORMATS[suffix.lower()]
    if max(image.shape[:2]) > longest:
        raise UsageError(
            f"{name} holds at most {longest:,} pixels a side, "
            f"and the image has {image.shape[1]:,} × {image.shape[0]:,}",
            "Write a PNG: -o NAME.png.",
        )


def encoded_image(pixels: NDArray[np.uint8], suffix: str) -> bytes:
    """`pixels`, (H, W, 3) uint8 RGB, as a file whose name ends in `suffix` holds them.

    Raises
    ------
    UsageError
        Where no format has that suffix, or it holds no picture as large.
    """
    from PIL import Image

    if suffix.lower() not in _FORMATS:
        what = f"as {suffix!r}" if suffix else "to a name without a suffix"
        raise UsageError(f"no picture is written {what}", f"Use one of: {', '.join(_FORMATS)}.")
    check_size(suffix, pixels)
    name, _ = _FORMATS[suffix.lower()]
    options: dict[str, Any]
    options = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"quality": 95}}.get(name, {})
    # In memory: Pillow's save to a file does not notice that the disk is full.
    encoded = BytesIO()
    encoded.name = f"picture{suffix.lower()}"  # by which Pillow imports that format alone
    Image.fromarray(pixels).save(encoded, None, **options)
    return encoded.getvalue()


def encoded_heatmap(heatmap: NDArray[np.float32]) -> bytes:
    """`heatmap`, (h, w) float32 in 0..1, as a NumPy file."""
    import numpy as np

    encoded = BytesIO()
    np.save(encoded, heatmap, allow_pickle=False)
    return encoded.getvalue()


def write_output(path: Path, data: bytes, *, synced: bool = True) -> None:
    """Write `data` as all of `path`; see `output_file`."""
    with output_file(path, synced=synced) as file:
        file.write(data)


def write_checked(
    path: Path, data: bytes, *, sources: Iterable[Path] = (), synced: bool = True
) -> None:
    """Write `data` as all of `path`, where `check_writable` allows that."""
    check_writable(path, sources=sources)
    write_output(path, data, synced=synced)


@contextmanager
def output_file(path: Path, *, synced: bool = True) -> Iterator[BinaryIO]:
    """A file that appears at `path` whole or not at all; see `storage.files.whole_file`.

    Raises
    ------
    UsageError
        Where it cannot be written; nothing is left behind.
    """
    with write_errors(path), whole_file(path, synced=synced) as file:
        yield file
