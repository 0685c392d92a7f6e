"""From the bytes of a picture to upright RGB pixels, and one ImageError whatever the bytes.

Pillow reads every header and decodes all of up to 8 bits a channel. `jpeg`, `png` and `tiff_pieces`
look for damage that decoders do not mind.
"""

from __future__ import annotations

import os
import struct
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from gradcam_cli.errors import ImageError
from gradcam_cli.images.fetching import CONVERT, MAX_FILE_BYTES, Encoded, Origin
from gradcam_cli.images.high_bit_depth import Samples, decode_by_opencv, to_eight_bit
from gradcam_cli.images.jpeg import load_jpeg
from gradcam_cli.images.orientation import TURNS, fill_upright
from gradcam_cli.images.png import check_rows, without_damaged_chunks
from gradcam_cli.images.tiff import decode_high_depth_tiff, read_layout
from gradcam_cli.process import stderr_into
from gradcam_cli.text import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image, ImageFile

_ONLY_CURRENT_FRAME = ("only the frame or page that it stands at is read",)
_ONLY_FIRST_FRAME = ("only the first of its frames or pages is read",)
_HIGH_DEPTH_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
_DAMAGED_JPEG = ("its JPEG data are damaged: part of the picture may be wrong",)
_STDERR_WRITERS = ("TIFF", "AVIF")
"""Kinds whose libraries write to stderr."""
_16_BIT_PNG_MODES = ("I;16B", "LA;16B", "RGB;16B", "RGBA;16B")


class _SharedState:
    """A state of the whole process that threads share: begun by the first, ended by the last.

    Parameters
    ----------
    state : callable
        Gives the context manager of that state.
    """

    def __init__(self, state: Callable[[], AbstractContextManager[None]]) -> None:
        self._state = state
        self._lock = threading.Lock()
        self._inside = 0
        self._stack = ExitStack()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if not self._inside:
                self._stack.enter_context(self._state())
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if not self._inside:
                    self._stack.close()


def decode(encoded: Encoded) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """The upright (H, W, 3) RGB pixels, C-contiguous, and the notes on them.

    Closes the stream.

    Raises
    ------
    ImageError
        Where they cannot be decoded or are too many.
    """
    quiet = _without_stderr() if encoded.kind in _STDERR_WRITERS else nullcontext()
    with _without_pillow_limits(), _decoding_errors(encoded), quiet:
        return _decode_tiff(encoded) if encoded.kind == "TIFF" else _decode_other(encoded)


@_SharedState
@contextmanager
def _without_pillow_limits() -> Iterator[None]:
    """Keep Pillow from warning, and from stopping at a number of pixels of its own."""
    from PIL import Image

    limit = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            Image.MAX_IMAGE_PIXELS = None
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


@_SharedState
@contextmanager
def _without_stderr() -> Iterator[None]:
    """Keep libraries quiet; Pillow and OpenCV report what is wrong in what they return or raise."""
    with Path(os.devnull).open("wb") as null_device, stderr_into(null_device):
        yield


@contextmanager
def _decoding_errors(encoded: Encoded) -> Iterator[None]:
    """Turn whatever a decoder raises over hostile bytes into an ImageError."""
    try:
        yield
    except ImageError:
        raise
    except MemoryError as error:
        reason, remedy = "there is not enough memory to decode it", "Shrink it."
        raise encoded.origin.refuse(reason, remedy) from error
    except Exception as error:
        # struct.error comes of numbers past the end of the bytes.
        is_truncated = (
            isinstance(error, (EOFError, struct.error)) or "truncated" in str(error).lower()
        )
        reason = "truncated: they end too early" if is_truncated else "corrupt or truncated"
        raise encoded.origin.refuse(f"its {encoded.kind} data are {reason}") from error


def _check_support(encoded: Encoded) -> None:
    from PIL import features

    if encoded.kind in ("WEBP", "AVIF") and not features.check(encoded.kind.lower()):
        raise encoded.origin.refuse(f"the installed Pillow cannot read {encoded.kind}", CONVERT)


def _check_complete(encoded: Encoded) -> Encoded:
    """Check what its decoder does not: that a WebP or PNG is complete; damaged PNG chunks go."""
    data = encoded.stream.getvalue()
    # libwebp would only say that it failed.
    if encoded.kind == "WEBP" and int.from_bytes(data[4:8], "little") + 8 > len(data):
        raise EOFError("the RIFF chunk is truncated")
    if encoded.kind == "PNG" and (repaired := without_damaged_chunks(data)) is not data:
        encoded.stream.close()
        return replace(encoded, stream=BytesIO(repaired))
    return encoded


def _open_header(encoded: Encoded) -> ImageFile.ImageFile:
    """The image opened and its size checked, with no pixel decoded yet."""
    from PIL import Image

    encoded.stream.seek(0)
    if encoded.kind == "JPEG":
        image = _open_jpeg(encoded.stream)
    else:  # only the one format: for others, Pillow may call other programs
        image = Image.open(encoded.stream, formats=(encoded.kind,))
    encoded.check_size(*image.size)
    return image


def _open_jpeg(stream: BytesIO) -> ImageFile.ImageFile:
    """As `Image.open` does, which imports five formats first: a hundredth of a second."""
    from PIL import UnidentifiedImageError
    from PIL.JpegImagePlugin import jpeg_factory

    try:
        image: ImageFile.ImageFile = jpeg_factory(stream)
    except (SyntaxError, IndexError, TypeError, struct.error) as error:
        raise UnidentifiedImageError("cannot identify image file") from error
    return image


def _decode_other(encoded: Encoded) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    _check_support(encoded)
    encoded = _check_complete(encoded)
    image = _open_header(encoded)
    raw_mode = str(image.tile[0][3]) if encoded.kind == "PNG" else ""
    if raw_mode in _16_BIT_PNG_MODES:
        with _without_stderr():
            return _decode_16_bit_png(encoded, image)
    _scale_transparent_gray(image, raw_mode)
    return _decode_by_pillow(encoded, image)


def _decode_tiff(encoded: Encoded) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    from PIL import UnidentifiedImageError

    layout = read_layout(encoded.stream)
    encoded.check_size(layout.width, layout.height)
    layout.pieces.check()
    if layout.is_high_depth:
        pixels, notes = decode_high_depth_tiff(encoded, layout)
        return pixels, notes + (_ONLY_FIRST_FRAME if layout.has_several_pictures else ())
    try:
        image = _open_header(encoded)
    except UnidentifiedImageError as error:
        raise layout.refuse(encoded.origin) from error
    are_undamaged = layout.pieces.are_undamaged(encoded.stream.getvalue())
    pixels, notes = _decode_by_pillow(encoded, image)
    return pixels, notes if are_undamaged else notes + _DAMAGED_JPEG


def _decode_16_bit_png(
    encoded: Encoded, image: ImageFile.ImageFile
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Through OpenCV, once Pillow has found the data sound and what OpenCV leaves out."""
    notes = _note_on_frames(image)
    _load(encoded, image)
    orientation = _orientation(image)
    gray = image.info.get("transparency")  # a tuple for colours, which OpenCV does apply
    data = encoded.stream.getvalue()
    image.close()
    encoded.stream.close()
    samples = decode_by_opencv(data)
    del data
    if isinstance(gray, int):
        samples = replace(samples, transparent_gray=gray)
    pixels, range_notes = to_eight_bit(encoded.origin, samples, orientation)
    return pixels, notes + range_notes


def _scale_transparent_gray(image: ImageFile.ImageFile, raw_mode: str) -> None:
    """Bring the transparent gray of a 1, 2 or 4-bit PNG to the 8 bits Pillow scales the pixels to.

    Pillow leaves it as stored, for 1 bit until version 11.
    """
    gray, white = image.info.get("transparency"), {"1": 1, "L;2": 3, "L;4": 15}.get(raw_mode)
    if isinstance(gray, int) and white and gray <= white:
        image.info["transparency"] = gray * 255 // white


def _decode_by_pillow(
    encoded: Encoded, image: ImageFile.ImageFile
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    notes = _note_on_frames(image) + _load(encoded, image)
    orientation = _orientation(image)
    encoded.stream.close()  # the encoded bytes are not needed beside the pixels
    return _upright_pixels(encoded.origin, image, orientation), notes


def _upright_pixels(origin: Origin, image: Image.Image, orientation: int) -> NDArray[np.uint8]:
    """The pixels of `image`, loaded, of up to 8 bits."""
    if image.mode == "LAB":
        raise origin.refuse("its colours are CIELAB, which is not read", CONVERT)
    width, height = image.size
    return fill_upright(height, width, orientation, _band_of(image))


def _load(encoded: Encoded, image: ImageFile.ImageFile) -> tuple[str, ...]:
    """Decode the pixels, and note where part of them may not be what it was."""
    if encoded.kind == "JPEG":
        return () if load_jpeg(image, encoded.stream.getvalue()) else _DAMAGED_JPEG
    image.load()
    if encoded.kind == "PNG":
        check_rows(image, encoded.stream.getvalue())
    return ()


def _note_on_frames(image: Image.Image) -> tuple[str, ...]:
    try:
        several = getattr(image, "is_animated", False) and image.format != "MPO"
    except Exception:  # a broken second frame is no reason to refuse the first
        several = False
    return _ONLY_FIRST_FRAME if several else ()


def _orientation(image: Image.Image) -> int:
    """1 to 8 as EXIF counts; 1 after Pillow has turned the image itself, as it does for TIFF."""
    try:
        value = image.getexif().get(0x0112, 1)
        return int(value) if value in TURNS else 1
    except Exception:  # a broken EXIF block is no reason to refuse a good image
        return 1


def _band_of(image: Image.Image) -> Callable[[int, int], NDArray[np.uint8]]:
    """Rows of `image` as RGB, transparency over white; for `fill_upright`."""
    import numpy as np
    from PIL import Image

    def band(top: int, bottom: int) -> NDArray[np.uint8]:
        is_all = bottom - top == image.height
        part: Image.Image = image if is_all else image.crop((0, top, image.width, bottom))
        if part.has_transparency_data:
            white = Image.new("RGBA", part.size, "white")
            part = Image.alpha_composite(white, part.convert("RGBA"))
        return np.asarray(part if part.mode == "RGB" else part.convert("RGB"))

    return band


def is_opened(source: object) -> TypeGuard[Image.Image]:
    """True for a PIL image; where Pillow is not loaded, nothing is one."""
    pillow = sys.modules.get("PIL.Image")
    kind = getattr(pillow, "Image", None)  # another thread may be importing it
    return kind is not None and isinstance(source, kind)


def decode_opened(
    image: Image.Image, max_pixels: int
) -> tuple[Origin, NDArray[np.uint8], tuple[str, ...]]:
    """As `decode`, of a PIL image, which is left as it is; and what to call it."""
    name = getattr(image, "filename", "")
    origin = Origin("a PIL image", "image", MAX_FILE_BYTES)
    if isinstance(name, str) and name:
        origin = replace(origin, name=printable(name), stem=Path(name).stem)
    encoded = Encoded(origin, BytesIO(), image.format or image.mode, max_pixels)
    with _without_pillow_limits(), _decoding_errors(encoded):
        encoded.check_size(*image.size)
        _load_opened(image, origin)
        notes = _ONLY_CURRENT_FRAME if _note_on_frames(image) else ()
        orientation = _orientation(image)
        if image.mode in _HIGH_DEPTH_MODES:
            pixels, range_notes = to_eight_bit(origin, _high_depth_samples(image), orientation)
            return origin, pixels, notes + range_notes
        if image.mode == "La":  # Pillow brings it to LA only
            image = image.convert("LA")
        return origin, _upright_pixels(origin, image, orientation), notes


def _load_opened(image: Image.Image, origin: Origin) -> None:
    """Have Pillow decode what it may have put off until now."""
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:
        reason = printable(str(error))[:200]
        remedy = "Open it anew, and keep its file open until it has been read."
        raise origin.refuse(f"Pillow could not load it: {reason}", remedy) from error


def _high_depth_samples(image: Image.Image) -> Samples:
    import numpy as np

    gray = image.info.get("transparency")
    samples = np.asarray(image)[..., np.newaxis]
    return Samples(samples, transparent_gray=gray if isinstance(gray, int) else None)
