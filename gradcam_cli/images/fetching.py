"""The bytes of a picture from a path, an http(s) URL, memory or an open file, and their format.

All of them are collected, up to a bound, before any is decoded: the decoders need to seek, and a
failed transfer is not mistaken for corrupt data.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import IO, BinaryIO
from urllib.parse import unquote, urlsplit

from gradcam_cli.errors import ImageError, UsageError
from gradcam_cli.storage import http
from gradcam_cli.text import printable

MAX_FILE_BYTES = 1 << 30
MAX_URL_BYTES = 256 << 20
URL_SECONDS = 60.0

CONVERT = "Save it as PNG or JPEG and give that."
"""The remedy for a picture that is sound, but of a kind that is not read."""

_CHUNK_BYTES = 1 << 20
_HEAD_BYTES = 64
_FORMATS = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "WEBP": rb"RIFF....WEBP",
    "GIF": rb"GIF8[79]a",
    "BMP": rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0",
    "TIFF": rb"II[*+]\0|MM\0\*",
    "AVIF": rb"....ftyp(?:....){0,10}?avi[fs]",
}
_READABLE_FORMATS = "JPEG, PNG, WebP, GIF, BMP, TIFF and AVIF"
_FETCH_AGAIN = "Fetch or export the picture again."
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


@dataclass(frozen=True)
class Origin:
    """Where bytes come from: what to call it, how many it may send, what they were announced as.

    Attributes
    ----------
    name : str
        The source as it may be shown.
    stem : str
        Its file name without the last extension.
    limit : int
        The most bytes that are taken from it.
    path : Path or None
        Where it is a local file.
    content_type : str
        As a server announced it, fit to be shown.
    """

    name: str
    stem: str
    limit: int
    path: Path | None = None
    content_type: str = ""

    def refuse(self, reason: str, remedy: str = _FETCH_AGAIN) -> ImageError:
        """The error to raise where `reason` keeps this from being read."""
        return ImageError(f"could not read {self.name}: {reason}", remedy)


@dataclass(frozen=True)
class Encoded:
    """The bytes of a picture of a known format, and the number of pixels it may have."""

    origin: Origin
    stream: BytesIO
    kind: str
    max_pixels: int

    def check_size(self, width: int, height: int) -> None:
        """Raise ImageError unless there are pixels, and no more of them than `max_pixels`."""
        if min(width, height) < 1:
            raise self.origin.refuse(f"it has no pixels, {width}×{height}")
        if width * height > self.max_pixels:
            raise self.origin.refuse(
                f"its {width}×{height} pixels are more than the limit of {self.max_pixels}",
                "Shrink it, or raise the limit with --max-pixels.",
            )


def collect(
    source: object,
    *,
    max_pixels: int,
    offline: bool = False,
    stdin: BinaryIO | None = None,
) -> Encoded:
    """All bytes at `source`; the parameters are those of `read_image`.

    Raises
    ------
    ImageError
        Where there are none, too many, or they are of no format that is read.
    UsageError
        Where `source` is no source.
    """
    with _open_source(source, offline=offline, stdin=stdin) as (origin, pieces):
        try:
            stream, kind = _collect_pieces(origin, pieces)
        except MemoryError as error:
            raise origin.refuse("there is not enough memory to hold it", "Shrink it.") from error
    return Encoded(origin, stream, kind, max_pixels)


def _open_source(
    source: object, *, offline: bool, stdin: BinaryIO | None
) -> AbstractContextManager[tuple[Origin, Iterator[bytes]]]:
    """The origin that `source` names and its bytes in pieces; what was opened is closed."""
    if isinstance(source, os.PathLike):
        return _file(os.fsdecode(source))
    if isinstance(source, (bytes, bytearray, memoryview)):
        origin = Origin("a bytes object", "image", MAX_FILE_BYTES)
        return nullcontext((origin, _pieces(BytesIO(source))))
    if hasattr(source, "read"):
        return _open_file(source)  # type: ignore[arg-type]
    if not isinstance(source, str):
        raise _not_a_source_error(source)
    if source == "-":
        return _standard_input(stdin)
    return _url(source, offline=offline) if http.is_url(source) else _file(source)


def _not_a_source_error(source: object) -> UsageError:
    from gradcam_cli.arguments import describe

    return UsageError(
        "expected a path, a URL, bytes, a binary file or a PIL image to read, "
        f"got {describe(source)}",
        "Pixels need no reading: `explain` and `overlay` take an array of (H, W, 3) uint8 RGB.",
    )


@contextmanager
def _standard_input(stdin: BinaryIO | None) -> Iterator[tuple[Origin, Iterator[bytes]]]:
    origin = Origin("standard input", "stdin", MAX_FILE_BYTES)
    if stdin is None and sys.stdin is None:
        raise origin.refuse("it is closed", "Pipe a picture in, or give a path.")
    try:
        yield origin, _pieces(stdin or sys.stdin.buffer)
    except (OSError, ValueError) as error:  # ValueError: it is closed
        reason = printable(getattr(error, "strerror", None) or "it is closed")
        raise origin.refuse(reason, "Pipe a picture in, or give a path.") from error


@contextmanager
def _open_file(file: IO[bytes]) -> Iterator[tuple[Origin, Iterator[bytes]]]:
    """As `_open_source`, from where `file` stands."""
    name = getattr(file, "name", None)
    origin = Origin("an open file", "image", MAX_FILE_BYTES)
    if isinstance(name, str):  # a number where it was opened by its descriptor
        origin = replace(origin, name=printable(name), stem=Path(name).stem)
    try:
        pieces = _pieces(file)
        first = next(pieces, b"")
        if not first:
            raise origin.refuse("nothing is left to read in it", "Rewind it with seek(0).")
        yield origin, chain((first,), pieces)
    except (OSError, ValueError) as error:  # ValueError: it is closed
        reason = printable(getattr(error, "strerror", None) or "it is closed")
        raise origin.refuse(reason, "Open it anew, in mode 'rb'.") from error


@contextmanager
def _file(source: str) -> Iterator[tuple[Origin, Iterator[bytes]]]:
    path = Path(source)
    origin = Origin(printable(source), path.stem, MAX_FILE_BYTES, path)
    try:
        _refuse_other_schemes(source)
        if not source:
            raise ImageError("could not read an image: its path is empty", "Give a path or a URL.")
        with path.open("rb") as file:
            yield origin, _pieces(file)
    except FileNotFoundError as error:
        raise origin.refuse("there is no such file", "Check the path.") from error
    except (OSError, ValueError) as error:  # ValueError: a null byte
        if os.path.isdir(source):  # noqa: PTH112 - of Path, it may raise
            raise origin.refuse("it is a folder", "Name a picture in it.") from error
        if isinstance(error, PermissionError):
            remedy = "Make it readable for yourself."
            raise origin.refuse("permission was denied", remedy) from error
        reason = getattr(error, "strerror", None) or "it is not a possible path"
        raise origin.refuse(printable(reason), "Check the path.") from error


def _refuse_other_schemes(source: str) -> None:
    """Refuse what is surely meant as a URL; `http:foo` and `a:b` are file names."""
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://|(data):", source)
    if not match or (match[2] and os.path.lexists(source)):
        return
    name = printable(http.redacted(source)) if match[1] else "the data: URL"
    raise ImageError(
        f"could not read {name}: of URLs only http and https are read",
        "Give an http(s) URL, or a path without a scheme.",
    )


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_CHUNK_BYTES):
        if isinstance(piece, str):
            raise UsageError("expected a binary file, got one of text", "Open it in mode 'rb'.")
        yield piece


@contextmanager
def _url(url: str, *, offline: bool) -> Iterator[tuple[Origin, Iterator[bytes]]]:
    """As `_open_source`. A transfer has `URL_SECONDS`; a silence may add as much once more."""
    origin = Origin(printable(http.redacted(url)), url_stem(url), MAX_URL_BYTES)
    if offline:
        raise origin.refuse("--offline forbids fetching it", "Drop --offline, or give a file.")
    deadline = time.monotonic() + URL_SECONDS
    try:
        with http.open_url(url, seconds=URL_SECONDS) as response:
            kind = printable(response.headers.get("Content-Type", ""))[:60]
            origin = replace(origin, content_type=kind)
            announced = response.headers.get("Content-Length", "")
            if re.fullmatch(r"[0-9]{1,20}", announced) and int(announced) > origin.limit:
                raise _too_large_error(origin)
            yield origin, http.chunks(response, deadline=deadline)
    except http.DownloadError as error:
        remedy = "Try again later." if error.transient else "Check the address."
        raise origin.refuse(printable(error.reason)[:200], remedy) from error


def url_stem(url: str) -> str:
    """The last part of the URL's path, without its extension, as a safe name for a file."""
    try:
        path = unquote(urlsplit(url).path)
    except ValueError:
        return "image"
    last = re.split(r"[/\\]", path)[-1]
    name = "".join(c for c in last if c.isprintable() and c not in '<>:"|?*')
    base = name.rpartition(".")[0] if "." in name else name
    stem = base.encode()[:150].decode(errors="ignore")
    stem = stem.lstrip(" .-").rstrip(" .")
    return "image" if not stem or _RESERVED.fullmatch(stem) else stem


def _too_large_error(origin: Origin) -> ImageError:
    size = f"{origin.limit / (1 << 20):,.0f} MiB" if origin.limit >> 20 else f"{origin.limit} bytes"
    return origin.refuse(f"it is larger than {size}", "Give a smaller file.")


def _collect_pieces(origin: Origin, pieces: Iterator[bytes]) -> tuple[BytesIO, str]:
    """All bytes and their format, given up early where they are too many or no picture."""
    stream, head, kind = BytesIO(), b"", ""
    for piece in pieces:
        stream.write(piece)
        if not kind and len(head := head + piece[:_HEAD_BYTES]) >= _HEAD_BYTES:
            kind = _recognise_format(origin, head)
        if stream.tell() > origin.limit:
            raise _too_large_error(origin)
    if not stream.tell():
        raise origin.refuse("it is empty")
    return stream, kind or _recognise_format(origin, head)


def _recognise_format(origin: Origin, head: bytes) -> str:
    for kind, pattern in _FORMATS.items():
        if re.match(pattern, head, re.DOTALL):
            return kind
    if origin.content_type and not origin.content_type.lower().startswith("image/"):
        raise origin.refuse(
            f"it came as {origin.content_type}, not as an image that is read ({_READABLE_FORMATS})",
            "Give the address of the picture itself, not of a page that shows it.",
        )
    raise origin.refuse(f"it is not an image that is read ({_READABLE_FORMATS})", CONVERT)
