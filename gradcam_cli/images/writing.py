"""Where outputs go, and writing them whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from gradcam_cli.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OVERLAY_SUFFIX = ".gradcam.jpg"
_FORMATS = {
    ".jpg": ("JPEG", 65_500),
    ".jpeg": ("JPEG", 65_500),
    ".png": ("PNG", 2**31 - 1),
    ".webp": ("WEBP", 16_383),
}
"""What each suffix is written as, and the longest side the format holds."""


@dataclass(frozen=True)
class Destination:
    """A place for one output, or for one a class.

    Attributes
    ----------
    folder : Path
        Where the outputs go.
    file : str
        The name of the one output; empty where `stem` and `suffix` make the names.
    stem, suffix : str
        The start and the end of the names made.
    """

    folder: Path
    file: str
    stem: str
    suffix: str

    def path(self, class_index: int | None) -> Path:
        """Where the output goes; `class_index` tells several of one source apart."""
        if self.file:
            return self.folder / self.file
        number = "" if class_index is None else f".{class_index}"
        return self.folder / f"{self.stem}{number}{self.suffix}"


def destination(
    output: str | None, *, stem: str, suffix: str, accepted: tuple[str, ...], several: bool
) -> Destination:
    """What `-o` means: a folder (it exists, or ends in a separator), else a file.

    Nothing is made yet. `accepted` are the suffixes a file may have; `several` outputs cannot
    share one.

    Raises
    ------
    UsageError
        Where it cannot be written, told before any work is done.
    """
    if output is None:
        return Destination(Path(), "", stem, suffix)
    path = Path(output)
    separators = tuple(s for s in (os.sep, os.altsep) if s)
    if output.endswith(separators) or path.is_dir():
        return Destination(path, "", stem, suffix)
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
    return Destination(path.parent, path.name, stem, suffix)


def overlay_destination(output: str | None, stem: str, *, several: bool) -> Destination:
    """Where overlays go: ``<stem>.gradcam.jpg`` in the working folder unless `output` says else."""
    return destination(
        output, stem=stem, suffix=OVERLAY_SUFFIX, accepted=tuple(_FORMATS), several=several
    )


def heatmap_destination(output: str, stem: str, *, several: bool) -> Destination:
    """Where heatmaps go: `output`, or ``<stem>.npy`` in it."""
    return destination(output, stem=stem, suffix=".npy", accepted=(".npy",), several=several)


def folder_for_many(output: str | None, *, option: str = "-o") -> Path:
    """The folder that `output` names as the place of the outputs of many sources.

    Raises
    ------
    UsageError
        Where it is a file, or looks like one.
    """
    path = Path(output or ".")
    looks_like_a_file = path.suffix.lower() in {*_FORMATS, ".npy"} and not path.is_dir()
    if path.is_file() or (looks_like_a_file and not str(output).endswith(os.sep)):
        raise UsageError(
            f"{output!r} is one file, and there is more than one output",
            f"Pass a folder with {option}.",
        )
    return path


def make_folder(place: Destination) -> None:
    """Make the folder of `place` where it was asked for as one and is not there yet."""
    if place.file or place.folder.is_dir():
        return
    try:
        place.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"cannot make the folder {place.folder}: {error.strerror}", "Choose another with -o."
        ) from error


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
    comes = to_come is not None and path.parent.absolute() == to_come.absolute()
    if not path.parent.is_dir() and not comes:
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


def check_size(path: Path, image: NDArray[np.uint8]) -> None:
    """Refuse an image larger than the format of `path` holds, with a UsageError."""
    name, longest = _FORMATS[path.suffix.lower()]
    if max(image.shape[:2]) > longest:
        raise UsageError(
            f"{name} holds at most {longest:,} pixels a side, "
            f"and the image has {image.shape[1]:,} × {image.shape[0]:,}",
            "Write a PNG: -o NAME.png.",
        )


def write_image(path: Path, pixels: NDArray[np.uint8], *, synced: bool = True) -> None:
    """Write `pixels`, (H, W, 3) uint8 RGB, in the format of the suffix of `path`.

    `synced` is as in `whole_file`.
    """
    from PIL import Image

    name, _ = _FORMATS[path.suffix.lower()]
    options = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"quality": 95}}.get(name, {})
    with whole_file(path, synced=synced) as file:
        Image.fromarray(pixels).save(file, format=name, **options)


def write_heatmap(path: Path, heatmap: NDArray[np.float32], *, synced: bool = True) -> None:
    """Write `heatmap`, (h, w) float32 in 0..1, as a NumPy file; `synced` is as in `whole_file`."""
    import numpy as np

    with whole_file(path, synced=synced) as file:
        np.save(file, heatmap, allow_pickle=False)


@contextmanager
def whole_file(path: Path, *, synced: bool = True) -> Iterator[BinaryIO]:
    """A file that appears at `path` only when the block ends well, replacing what was there.

    That holds whenever the process ends. Where it is `synced`, it holds for a loss of power too,
    which takes a few hundredths of a second.

    Raises
    ------
    UsageError
        Where it cannot be written; nothing is left behind.
    """
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.tmp")
    try:
        # Opened like any new file, so that the user's umask decides who may read it.
        with temporary.open("xb") as file:
            yield file
            if synced:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror or 'the disk refused it'}",
            "Choose another place with -o.",
        ) from error
    finally:
        _remove(temporary)


def _remove(temporary: Path) -> None:
    try:
        temporary.unlink(missing_ok=True)
    except OSError:  # the folder that refused the file may refuse this too
        return
