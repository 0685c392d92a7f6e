"""Small pictures of sources and overlays, as data: URIs."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from gradcam_cli.errors import ImageError
from gradcam_cli.images.reading import read_image
from gradcam_cli.reports.page.view_models import Source

if TYPE_CHECKING:
    from PIL import Image

SIDE = 256
"""The longest side."""

MOST_BYTES = 7_000
"""A picture of more is encoded at the next quality, so that 10,000 cards stay under 220 MB."""

_ORIENTATION, _UPRIGHT = 0x0112, 4
"""EXIF's tag, and its largest value that leaves width and height as they are."""

_QUALITIES = (60, 45, 30, 15, 0)


@dataclass(frozen=True)
class Thumbnail:
    """A small picture of the file at `path`; or, where `uri` is empty, why there is none.

    `full_size` is the width and height of that file, as it is shown.
    """

    uri: str = ""
    width: int = 0
    height: int = 0
    path: Path | None = None
    problem: str = ""
    full_size: tuple[int, int] = (0, 0)


_SOURCE_GONE = Thumbnail(problem="the file is gone")
_OVERLAY_MISSING = Thumbnail(problem="the file is missing")


def source_thumbnail(source: Source) -> Thumbnail:
    """The source itself, unless it is no longer the file that was explained."""
    if not source.path:
        return Thumbnail(problem="it is a URL, which is not fetched")
    path = Path(source.path)
    try:
        if not path.is_absolute() or not path.is_file():
            return _SOURCE_GONE
        # Of the stamp only the size: a copy or a checkout gives the same picture a new time.
        if path.stat().st_size != source.size:
            return Thumbnail(problem="the file has changed since")
    except (OSError, ValueError):  # ValueError: a null byte
        return _SOURCE_GONE
    return _thumbnail(path)


def overlay_thumbnail(root: Path, recorded: str) -> Thumbnail:
    """The overlay `recorded` in the folder `root`, given without links; nothing outside is read."""
    relative_path = Path(recorded)
    try:
        path = (root / relative_path).resolve()
        leaves = relative_path.is_absolute() or relative_path.drive or ".." in relative_path.parts
        if leaves or not path.is_relative_to(root):
            return Thumbnail(problem="its recorded path leads out of the folder")
        return _thumbnail(path) if path.is_file() else _OVERLAY_MISSING
    except (OSError, RuntimeError, ValueError):  # RuntimeError: links in a circle
        return _OVERLAY_MISSING


def _thumbnail(path: Path) -> Thumbnail:
    try:
        image, full_size = _open_small(path)
    except ImageError:
        return Thumbnail(problem="the file cannot be read as a picture")
    data = _encode(image)
    uri = f"data:image/webp;base64,{b64encode(data).decode()}"
    return Thumbnail(uri, *image.size, path, full_size=full_size)


def _open_small(path: Path) -> tuple[Image.Image, tuple[int, int]]:
    """The picture at `path` as it is shown, small, and its full width and height."""
    from PIL import Image, ImageOps

    # Whatever this cannot do, `read_image` does, or tells what is wrong.
    with suppress(Exception), Image.open(path, formats=("JPEG",)) as image:
        width, height = image.size
        size = (height, width) if image.getexif().get(_ORIENTATION, 1) > _UPRIGHT else image.size
        image.thumbnail((SIDE, SIDE))  # decodes no more of a large JPEG than it needs
        return ImageOps.exif_transpose(image).convert("RGB"), size
    thumbnail = Image.fromarray(read_image(str(path), offline=True).pixels)
    size = thumbnail.size
    thumbnail.thumbnail((SIDE, SIDE))
    return thumbnail, size


def _encode(image: Image.Image) -> bytes:
    image.info.clear()  # what the file says besides the picture stays out of the page
    data = b""
    for quality in _QUALITIES:
        with BytesIO() as file:
            image.save(file, format="WEBP", quality=quality, method=2)
            data = file.getvalue()
        if len(data) <= MOST_BYTES:
            break
    return data
