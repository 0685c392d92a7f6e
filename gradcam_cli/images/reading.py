"""From a path, an http(s) URL or standard input to RGB pixels as a viewer shows them.

    open (file, URL, stdin) ─▶ collect, bounded ─▶ recognise ─▶ check the size ─▶ decode ─▶ RGB

A format is recognised by its content, never by a name. Pillow decodes; OpenCV decodes what Pillow
would cut down to 8 bits or cannot open: 16-bit colour PNG, and TIFF with deep colour. Decoding
fills the result band by band, so that beside the decoder's own picture there is one copy only.
"""

from __future__ import annotations

import os
import re
import struct
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import unquote, urlsplit

from gradcam_cli import downloads
from gradcam_cli.errors import ImageError
from gradcam_cli.text import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import ImageFile

MAX_PIXELS = 178_956_970
"""About 180 megapixels: where Pillow itself stops, at twice its `MAX_IMAGE_PIXELS`."""

MAX_FILE_BYTES = 1 << 30
MAX_URL_BYTES = 256 << 20
URL_SECONDS = 60.0

_CHUNK_BYTES = 1 << 20
_BAND_PIXELS = 1 << 18
_HEAD_BYTES = 64
_FORMATS = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "WEBP": rb"RIFF....WEBP",
    "GIF": rb"GIF8[79]a",
    "BMP": rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "AVIF": rb"....ftyp(?:....){0,10}?avi[fs]",
}
_READ = "JPEG, PNG, WebP, GIF, BMP, TIFF and AVIF"
_AGAIN = "Fetch or export the picture again."
_CONVERT = "Save it as PNG or JPEG and give that."
_ONLY_FIRST = "only the first of its frames or pages is read"
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Picture:
    """An image as a viewer shows it, and what to call it.

    Attributes
    ----------
    pixels : (H, W, 3) uint8, 0..255, RGB
        C-contiguous; EXIF orientation applied, transparency over white, first frame.
    name : str
        The source as it may be shown.
    stem : str
        The source's file name without its last extension, to name outputs after.
    path : Path or None
        Where the source is a local file.
    notes : tuple of str
        What was done to the pixels that a reader may not expect.
    """

    pixels: NDArray[np.uint8]
    name: str
    stem: str
    path: Path | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Origin:
    """Where bytes come from: what to call it, how many it may send, what they were announced as."""

    name: str
    stem: str
    limit: int
    path: Path | None = None
    content_type: str = ""

    def refuse(self, why: str, remedy: str = _AGAIN) -> ImageError:
        return ImageError(f"could not read {self.name}: {why}", remedy)


@dataclass(frozen=True)
class _Encoded:
    """The bytes of a picture of a known format, and the number of pixels it may have."""

    origin: _Origin
    stream: BytesIO
    kind: str
    max_pixels: int

    def check_size(self, width: int, height: int) -> None:
        if min(width, height) < 1:
            raise self.origin.refuse(f"it has no pixels, {width}×{height}")
        if width * height > self.max_pixels:
            raise self.origin.refuse(
                f"its {width}×{height} pixels are more than the limit of {self.max_pixels}",
                "Shrink it, or raise the limit with --max-pixels.",
            )


def read_image(
    source: str,
    *,
    max_pixels: int = MAX_PIXELS,
    offline: bool = False,
    stdin: BinaryIO | None = None,
) -> Picture:
    """The picture at `source`: a path, an http(s) URL, or ``-`` for standard input.

    Parameters
    ----------
    source : str
        Any text that is not a URL is a path; ``./-`` is a file called ``-``.
    max_pixels : int
        A picture of more is refused from its header. Above `MAX_PIXELS`, Pillow's process-wide
        limit is raised to match while this picture is decoded, and only then.
    offline : bool
        Refuse URLs.
    stdin : binary stream, optional
        Read in place of ``sys.stdin.buffer``.

    Raises
    ------
    ImageError
        Where no picture can be had; always exactly this, whatever the bytes.

    Notes
    -----
    Decoding is one at a time in a process: warning filters, Pillow's limit and, for TIFF and
    16-bit PNG, the stderr that libtiff and libpng write to, belong to all of its threads.
    """
    with _opened(source, offline=offline, stdin=stdin) as (origin, pieces):
        try:
            stream, kind = _collected(origin, pieces)
        except MemoryError as error:
            raise origin.refuse("there is not enough memory to hold it", "Shrink it.") from error
    encoded = _Encoded(origin, stream, kind, max_pixels)
    with _one_at_a_time, _undisturbed(max_pixels), _explained(encoded):
        pixels, notes = _decoded(encoded)
    return Picture(pixels, origin.name, origin.stem, origin.path, notes)


@contextmanager
def _opened(
    source: str, *, offline: bool, stdin: BinaryIO | None
) -> Iterator[tuple[_Origin, Iterator[bytes]]]:
    """The origin that `source` names and its bytes in pieces; closed on leaving."""
    if source == "-":
        opened = _standard_input(stdin)
    elif downloads.is_url(source):
        opened = _url(source, offline=offline)
    else:
        opened = _file(source)
    with opened as origin_and_pieces:
        yield origin_and_pieces


@contextmanager
def _standard_input(stdin: BinaryIO | None) -> Iterator[tuple[_Origin, Iterator[bytes]]]:
    origin = _Origin("standard input", "stdin", MAX_FILE_BYTES)
    if stdin is None and sys.stdin is None:
        raise origin.refuse("it is closed", "Pipe a picture in, or give a path.")
    try:
        yield origin, _pieces(stdin or sys.stdin.buffer)
    except (OSError, ValueError) as error:  # ValueError: it is closed
        reason = printable(getattr(error, "strerror", None) or "it is closed")
        raise origin.refuse(reason, "Pipe a picture in, or give a path.") from error


@contextmanager
def _file(source: str) -> Iterator[tuple[_Origin, Iterator[bytes]]]:
    path = Path(source)
    origin = _Origin(printable(source), path.stem, MAX_FILE_BYTES, path)
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
        why = getattr(error, "strerror", None) or "it is not a possible path"
        raise origin.refuse(printable(why), "Check the path.") from error


def _refuse_other_schemes(source: str) -> None:
    """Refuse what is surely meant as a URL; `http:foo` and `a:b` are file names."""
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://|(data):", source)
    if not found or (found[2] and os.path.lexists(source)):
        return
    name = printable(downloads.redacted(source)) if found[1] else "the data: URL"
    raise ImageError(
        f"could not read {name}: of URLs only http and https are read",
        "Give an http(s) URL, or a path without a scheme.",
    )


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(_CHUNK_BYTES):
        yield piece


@contextmanager
def _url(url: str, *, offline: bool) -> Iterator[tuple[_Origin, Iterator[bytes]]]:
    """As `_opened`. The whole transfer has `URL_SECONDS`; a silence may add as much once more."""
    origin = _Origin(printable(downloads.redacted(url)), _url_stem(url), MAX_URL_BYTES)
    if offline:
        raise origin.refuse("--offline forbids fetching it", "Drop --offline, or give a file.")
    deadline = time.monotonic() + URL_SECONDS
    try:
        with downloads.open_url(
            url,
            connect_seconds=min(downloads.CONNECT_SECONDS, URL_SECONDS),
            answer_seconds=min(downloads.ANSWER_SECONDS, URL_SECONDS),
            read_seconds=min(downloads.READ_SECONDS, URL_SECONDS),
        ) as response:
            kind = printable(response.headers.get("Content-Type", ""))[:60]
            origin = _Origin(origin.name, origin.stem, origin.limit, content_type=kind)
            announced = response.headers.get("Content-Length", "")
            if re.fullmatch(r"[0-9]{1,20}", announced) and int(announced) > origin.limit:
                raise _too_long(origin)
            yield origin, downloads.chunks(response, deadline=deadline)
    except downloads.DownloadError as error:
        remedy = "Try again later." if error.transient else "Check the address."
        raise origin.refuse(printable(error.reason)[:200], remedy) from error


def _url_stem(url: str) -> str:
    """The last part of the URL's path, without its extension, as a safe name for a file."""
    try:
        path = unquote(urlsplit(url).path)
    except ValueError:
        return "image"
    last = re.split(r"[/\\]", path)[-1]
    name = "".join(c for c in last if c.isprintable() and c not in '<>:"|?*')
    bare = name.rpartition(".")[0] if "." in name else name
    stem = bare.encode()[:150].decode(errors="ignore")
    stem = stem.lstrip(" .-").rstrip(" .")
    return "image" if not stem or _RESERVED.fullmatch(stem) else stem


def _too_long(origin: _Origin) -> ImageError:
    size = f"{origin.limit / (1 << 20):,.0f} MiB" if origin.limit >> 20 else f"{origin.limit} bytes"
    return origin.refuse(f"it is larger than {size}", "Give a smaller file.")


def _collected(origin: _Origin, pieces: Iterator[bytes]) -> tuple[BytesIO, str]:
    """All bytes and their format, given up early where they are too many or no picture."""
    stream, head, kind = BytesIO(), b"", ""
    for piece in pieces:
        stream.write(piece)
        if not kind and len(head := head + piece[:_HEAD_BYTES]) >= _HEAD_BYTES:
            kind = _recognised(origin, head)
        if stream.tell() > origin.limit:
            raise _too_long(origin)
    if not stream.tell():
        raise origin.refuse("it is empty")
    return stream, kind or _recognised(origin, head)


def _recognised(origin: _Origin, head: bytes) -> str:
    for kind, pattern in _FORMATS.items():
        if re.match(pattern, head, re.DOTALL):
            return kind
    if origin.content_type and not origin.content_type.lower().startswith("image/"):
        raise origin.refuse(
            f"it came as {origin.content_type}, not as an image that is read ({_READ})",
            "Give the address of the picture itself, not of a page that shows it.",
        )
    raise origin.refuse(f"it is not an image that is read ({_READ})", _CONVERT)


@contextmanager
def _undisturbed(max_pixels: int) -> Iterator[None]:
    """Keep Pillow from warning, and let it read `max_pixels` where its own limit is lower.

    Pillow refuses above twice its `MAX_IMAGE_PIXELS`, and warns above once.
    """
    from PIL import Image

    limit = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if limit is not None and 2 * limit < max_pixels:
                Image.MAX_IMAGE_PIXELS = (max_pixels + 1) // 2
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


@contextmanager
def _without_stderr() -> Iterator[None]:
    """Close the process's stderr to libtiff and libpng, which report there, past Python."""
    try:
        kept = os.dup(2)
    except OSError:  # it is closed already
        yield
        return
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextmanager
def _explained(encoded: _Encoded) -> Iterator[None]:
    """Turn whatever a decoder raises over hostile bytes into an ImageError.

    The stream is entered standing at its end.
    """
    kind, promised = encoded.kind, encoded.stream.getvalue()[4:8]
    short = kind == "WEBP" and int.from_bytes(promised, "little") + 8 > encoded.stream.tell()
    try:
        yield
    except ImageError:
        raise
    except MemoryError as error:
        why, remedy = "there is not enough memory to decode it", "Shrink it."
        raise encoded.origin.refuse(why, remedy) from error
    except Exception as error:
        beyond = isinstance(error, (EOFError, struct.error))  # numbers past the end of the bytes
        cut = short or beyond or "truncated" in str(error).lower()
        why = "truncated: they end too early" if cut else "corrupt or truncated"
        raise encoded.origin.refuse(f"its {kind} data are {why}") from error


def _decoded(encoded: _Encoded) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """The (H, W, 3) uint8 RGB pixels, upright, and the notes on them."""
    from PIL import features

    if encoded.kind == "TIFF":
        with _without_stderr():
            return _decoded_tiff(encoded)
    if encoded.kind in ("WEBP", "AVIF") and not features.check(encoded.kind.lower()):
        raise encoded.origin.refuse(f"the installed Pillow cannot read {encoded.kind}", _CONVERT)
    image = _header(encoded)
    if encoded.kind == "PNG":
        stored = str(image.tile[0][3])
        if stored in ("RGB;16B", "RGBA;16B", "LA;16B"):
            return _deep_png(encoded, image)
        _mend_clear_gray(image, stored)
    return _from_pillow(encoded, image, _Depth(16))


def _header(encoded: _Encoded) -> ImageFile.ImageFile:
    """The image opened and its size checked, with no pixel decoded yet."""
    from PIL import Image

    encoded.stream.seek(0)
    formats = (encoded.kind,)  # never those for which Pillow calls other programs
    try:
        image = Image.open(encoded.stream, formats=formats)
    except Image.DecompressionBombError:
        # Pillow does not say how wide and high. Reading the header once more does;
        # `_undisturbed` puts the limit back.
        Image.MAX_IMAGE_PIXELS = None
        encoded.stream.seek(0)
        encoded.check_size(*Image.open(encoded.stream, formats=formats).size)
        raise
    encoded.check_size(*image.size)
    return image


def _mend_clear_gray(image: ImageFile.ImageFile, stored: str) -> None:
    """Bring the transparent gray of a 1, 2 or 4-bit PNG to the 8 bits Pillow scales the pixels to.

    Pillow leaves it as stored, for 1 bit until version 11.
    """
    clear, top = image.info.get("transparency"), {"1": 1, "L;2": 3, "L;4": 15}.get(stored)
    if isinstance(clear, int) and top and clear <= top:
        image.info["transparency"] = clear * 255 // top


@dataclass(frozen=True)
class _Depth:
    """How the numbers of a picture of one channel, deeper than 8 bits, are meant."""

    bits: int
    unsigned: bool = False
    white_is_zero: bool = False


def _from_pillow(
    encoded: _Encoded, image: ImageFile.ImageFile, depth: _Depth
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    import numpy as np

    notes = _note_on_frames(image)
    image.load()
    orientation = _orientation(image)
    encoded.stream.close()  # the encoded bytes are not needed beside the pixels
    if image.mode == "LAB":
        raise encoded.origin.refuse("its colours are CIELAB, which is not read", _CONVERT)
    if image.mode not in ("I", "F") and not image.mode.startswith("I;16"):
        width, height = image.size
        return _filled(height, width, orientation, _shallow_band(image)), notes
    clear = image.info.get("transparency")
    gray = np.asarray(image)[..., None]
    image.close()
    if depth.unsigned and gray.dtype == np.int32:
        gray = gray.view(np.uint32)
    samples = _Samples(gray, bits=depth.bits, white_is_zero=depth.white_is_zero, clear=clear)
    pixels, more = _eight_bit(encoded.origin, samples, orientation)
    return pixels, notes + more


def _note_on_frames(image: ImageFile.ImageFile) -> tuple[str, ...]:
    try:
        several = getattr(image, "is_animated", False) and image.format != "MPO"
    except Exception:  # a broken second frame is no reason to refuse the first
        several = False
    return (_ONLY_FIRST,) if several else ()


def _orientation(image: ImageFile.ImageFile) -> int:
    """1 to 8 as EXIF counts; 1 after Pillow has turned the image itself, as it does for TIFF."""
    try:
        value = image.getexif().get(0x0112, 1)
        return int(value) if value in _TURNS else 1
    except Exception:  # a broken EXIF block is no reason to refuse a good image
        return 1


_TURNS = {
    1: (1, 1, False),
    2: (1, -1, False),
    3: (-1, -1, False),
    4: (-1, 1, False),
    5: (1, 1, True),
    6: (1, -1, True),
    7: (-1, -1, True),
    8: (-1, 1, True),
}
"""By EXIF orientation: the steps along rows and columns, then whether these change places."""


def _filled(
    height: int,
    width: int,
    orientation: int,
    band: Callable[[int, int], NDArray[np.uint8]],
) -> NDArray[np.uint8]:
    """The upright picture, written from `band` straight to where it is shown.

    Parameters
    ----------
    height, width : int
        As stored, before turning.
    orientation : int
        1 to 8, as EXIF counts.
    band : callable
        The stored rows from one index up to another: (rows, width, 3 or 1) uint8.
    """
    import numpy as np

    down, across, swapped = _TURNS[orientation]
    shape = (width, height, 3) if swapped else (height, width, 3)
    upright = np.empty(shape, np.uint8)
    stored = upright[::down, ::across]
    if swapped:
        stored = stored.swapaxes(0, 1)
    rows = max(1, _BAND_PIXELS // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        stored[top:bottom] = band(top, bottom)
    return upright


def _shallow_band(image: ImageFile.ImageFile) -> Callable[[int, int], NDArray[np.uint8]]:
    """Rows of an image of 8 bits or fewer as RGB, transparency over white."""
    import numpy as np
    from PIL import Image

    def band(top: int, bottom: int) -> NDArray[np.uint8]:
        part = image.crop((0, top, image.width, bottom))
        if part.has_transparency_data:
            white = Image.new("RGBA", part.size, "white")
            part = Image.alpha_composite(white, part.convert("RGBA"))
        return np.asarray(part if part.mode == "RGB" else part.convert("RGB"))

    return band


@dataclass(frozen=True)
class _Samples:
    """A picture of more than 8 bits, as stored.

    Attributes
    ----------
    colour : (H, W, 1 or 3) of any number type, RGB
    alpha : (H, W, 1) of the same type, or None
    bits : int
        Of which the largest number stands for white, where integers are of 16 bits or fewer.
    white_is_zero : bool
        Gray where 0 is white; neither decoder turns it over.
    premultiplied : bool
        Colours are multiplied by alpha already.
    clear : int or None
        The gray that is transparent.
    """

    colour: NDArray[Any]
    alpha: NDArray[Any] | None = None
    bits: int = 16
    white_is_zero: bool = False
    premultiplied: bool = False
    clear: int | None = None


def _eight_bit(
    origin: _Origin, samples: _Samples, orientation: int
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """`samples` mapped from their full range to 0..255 and rounded, over white, upright."""
    import numpy as np

    low, high, notes = _range(origin, samples)
    half = high / 2 - low / 2  # halves, so that no finite range overflows

    def band(top: int, bottom: int) -> NDArray[np.uint8]:
        stored = samples.colour[top:bottom]
        shown = stored.astype(np.float64) / 2 - low / 2
        shown *= 255 / half if half > 1e-300 else 0.0
        if samples.white_is_zero:
            shown = 255 - shown
        if samples.clear is not None:
            shown[stored == samples.clear] = 255
        if samples.alpha is not None:
            alpha = _opacity(samples.alpha[top:bottom])
            if not samples.premultiplied:
                shown *= alpha
            shown += 255 * (1 - alpha)
        return np.clip(np.rint(shown), 0, 255).astype(np.uint8)

    height, width = samples.colour.shape[:2]
    return _filled(height, width, orientation, band), notes


def _opacity(alpha: NDArray[Any]) -> NDArray[np.float64]:
    import numpy as np

    full = 1.0 if alpha.dtype.kind == "f" else float(np.iinfo(alpha.dtype).max)
    opacity: NDArray[np.float64] = np.clip(alpha.astype(np.float64) / full, 0, 1)
    return opacity


def _range(origin: _Origin, samples: _Samples) -> tuple[float, float, tuple[str, ...]]:
    """What stands for black and for white, with a note where that was taken from the pixels."""
    import numpy as np

    kind, size = samples.colour.dtype.kind, samples.colour.dtype.itemsize
    if kind == "u" and size <= 2:
        return 0.0, float(2**samples.bits - 1), ()
    low, high = float(samples.colour.min()), float(samples.colour.max())
    finite = np.isfinite((low, high)).all()
    if not finite or (samples.alpha is not None and not np.isfinite(samples.alpha.sum())):
        raise origin.refuse(
            "some of its pixels are not finite numbers", "Replace its NaN and infinite pixels."
        )
    full = 1.0 if kind == "f" else 65535.0
    if low >= 0 and high <= full:
        return 0.0, full, ()
    numbers = f"{'float' if kind == 'f' else 'integer'} pixels"
    note = f"its {numbers} are not within 0..{full:g}: stretched from {low:g}..{high:g} to 0..255"
    return low, high, (note,)


def _deep_png(
    encoded: _Encoded, image: ImageFile.ImageFile
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """16-bit colour through OpenCV, once Pillow has found the data sound and the orientation."""
    notes = _note_on_frames(image)
    image.load()
    orientation = _orientation(image)
    data = encoded.stream.getvalue()
    image.close()
    encoded.stream.close()
    with _without_stderr():
        samples = _split(_by_opencv(data), premultiplied=False)
    del data
    pixels, more = _eight_bit(encoded.origin, samples, orientation)
    return pixels, notes + more


def _by_opencv(data: bytes) -> NDArray[Any]:
    """The samples as stored: (H, W) gray or (H, W, C) BGR(A). A TIFF comes upright, a PNG not."""
    import cv2
    import numpy as np

    samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if samples is None:
        raise ValueError("OpenCV could not decode it")
    return samples


def _split(samples: NDArray[Any], *, premultiplied: bool, has_alpha: bool = True) -> _Samples:
    """OpenCV's gray, BGR or BGRA as views on RGB and alpha."""
    if samples.ndim == 2:
        return _Samples(samples[..., None])
    alpha = samples[..., 3:] if samples.shape[2] == 4 and has_alpha else None
    return _Samples(samples[..., 2::-1], alpha, premultiplied=premultiplied)


_TIFF_NUMBERS = {1: "B", 3: "H", 4: "I", 16: "Q"}
_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC = 256, 257, 258, 262
_CHANNELS, _PLANAR, _EXTRA, _NUMBERS = 277, 284, 338, 339
_OFFSETS_AND_SIZES = ((273, 279), (324, 325))
_TIFF_TAGS = {*range(_WIDTH, _BITS + 1), _PHOTOMETRIC, _CHANNELS, _PLANAR, _EXTRA, _NUMBERS}
_TIFF_TAGS |= {tag for pair in _OFFSETS_AND_SIZES for tag in pair}
_MOST_ENTRIES, _MOST_STRIPS = 4096, 1 << 20


@dataclass(frozen=True)
class _Directory:
    """The numbers of `_TIFF_TAGS` in a TIFF's first directory, and whether another follows."""

    tags: dict[int, tuple[int, ...]]
    more: bool

    def first(self, tag: int, default: int) -> int:
        return self.tags.get(tag, (default,))[0]

    @property
    def bits(self) -> int:
        return max(self.tags.get(_BITS, (1,)))

    def check_strips(self, size: int) -> None:
        """Raise EOFError where a strip or tile ends after `size` bytes: OpenCV may not mind."""
        for offsets, sizes in _OFFSETS_AND_SIZES:
            strips = zip(self.tags.get(offsets, ()), self.tags.get(sizes, ()), strict=False)
            if any(offset + length > size for offset, length in strips):
                raise EOFError("a strip or tile is truncated")


def _directory(data: bytes) -> _Directory:
    """Of a TIFF or BigTIFF; of a repeated tag the first counts, as it does for libtiff."""
    order = "<" if data[:2] == b"II" else ">"
    big = 43 in data[2:4]
    (at,) = struct.unpack_from(f"{order}{'Q' if big else 'I'}", data, 8 if big else 4)
    (count,) = struct.unpack_from(f"{order}{'Q' if big else 'H'}", data, at)
    if count > _MOST_ENTRIES:
        raise ValueError("a directory of that many entries is none")
    at += 8 if big else 2
    entry = f"{order}HH{'Q8s' if big else 'I4s'}"
    tags: dict[int, tuple[int, ...]] = {}
    for _ in range(count):
        tag, kind, length, value = struct.unpack_from(entry, data, at)
        at += struct.calcsize(entry)
        if tag in _TIFF_TAGS and kind in _TIFF_NUMBERS and 0 < length <= _MOST_STRIPS:
            form = f"{order}{length}{_TIFF_NUMBERS[kind]}"
            (offset,) = struct.unpack(f"{order}{'Q' if big else 'I'}", value)
            inside = struct.calcsize(form) <= len(value)
            numbers = struct.unpack_from(form, *((value,) if inside else (data, offset)))
            tags.setdefault(tag, numbers)
    return _Directory(tags, more=any(data[at : at + (8 if big else 4)]))


def _decoded_tiff(encoded: _Encoded) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    from PIL import UnidentifiedImageError

    directory = _directory(encoded.stream.getvalue())
    encoded.check_size(directory.tags[_WIDTH][0], directory.tags[_HEIGHT][0])
    photometric = directory.first(_PHOTOMETRIC, 1)
    gray = directory.first(_CHANNELS, 1) == 1
    if directory.bits <= 8 or (gray and directory.bits <= 32) or photometric not in (0, 1, 2):
        unsigned = directory.bits == 32 and directory.first(_NUMBERS, 1) == 1
        depth = _Depth(directory.bits, unsigned, photometric == 0)
        try:
            image = _header(encoded)
        except UnidentifiedImageError:
            pass  # 32-bit gray of some kinds is left to OpenCV
        else:
            return _from_pillow(encoded, image, depth)
    return _deep_tiff(encoded, directory)


def _deep_tiff(
    encoded: _Encoded, directory: _Directory
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Deep colour through OpenCV, which applies the orientation itself.

    What it would misread without a word is refused: channels in planes, gray with alpha.
    """
    data = encoded.stream.getvalue()
    directory.check_strips(len(data))
    channels, bits = directory.first(_CHANNELS, 1), directory.bits
    photometric = directory.first(_PHOTOMETRIC, 1)
    in_planes = channels > 1 and directory.first(_PLANAR, 1) == 2
    rare = encoded.origin.refuse(
        f"its kind of TIFF ({channels}×{bits} bits{' in planes' if in_planes else ''}) is not read,"
        " or its data are corrupt",
        _CONVERT,
    )
    if in_planes or bits <= 8 or channels not in (1, 3, 4) or photometric not in (0, 1, 2):
        raise rare
    try:
        stored = _by_opencv(data)
    except MemoryError:
        raise
    except Exception as error:
        raise rare from error
    if stored.dtype.itemsize * 8 != bits or stored[0, 0].size != channels:
        raise rare
    del data
    encoded.stream.close()
    extra = directory.first(_EXTRA, 2)
    samples = _split(stored, premultiplied=extra == 1, has_alpha=extra != 0)
    samples = replace(samples, white_is_zero=photometric == 0)
    pixels, notes = _eight_bit(encoded.origin, samples, 1)
    return pixels, notes + ((_ONLY_FIRST,) if directory.more else ())
