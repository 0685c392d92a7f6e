"""From a path, an http(s) URL, bytes, an open file or a PIL image to RGB pixels as a viewer shows.

    sources ── open, collect within bounds, recognise ─▶ decoding ── check the size, decode ─▶ RGB
                                                            ├─ Pillow, up to 8 bits
                                                            └─ tiff, deep: OpenCV, above
                                                               upright: turn, in bands

A format is recognised by its content, never by a name.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, TypeAlias

from gradcam_cli.images import MAX_PIXELS, decoding, fetching

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image


@dataclass(frozen=True, eq=False)
class Picture:
    """An image as a viewer shows it, and what to call it; equal to itself only.

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
        What was done to the pixels, or is wrong with them, that a reader may not expect.
    """

    pixels: NDArray[np.uint8] = field(repr=False)
    name: str
    stem: str
    path: Path | None
    notes: tuple[str, ...] = ()


Source: TypeAlias = "str | os.PathLike[str] | bytes | IO[bytes] | Image.Image | Picture"
"""What `read_image` takes."""


def read_image(
    source: Source,
    *,
    max_pixels: int = MAX_PIXELS,
    offline: bool = False,
    stdin: BinaryIO | None = None,
) -> Picture:
    """The picture at `source`, or in it.

    Parameters
    ----------
    source : str, path-like, bytes, binary file, PIL image or Picture
        Text is an http(s) URL, ``-`` for standard input, or else a path; ``./-`` and
        ``Path("-")`` are a file called ``-``. Bytes are an encoded picture, as a file holds it.
        A binary file is read from where it stands, and left open. A PIL image, the frame it
        stands at, is turned as its EXIF asks, laid over white where it is transparent, and scaled
        where it has more than 8 bits, as a file would be. A Picture is given back.
    max_pixels : int, 1 or more
        A picture of more is refused from its header.
    offline : bool
        Refuse URLs.
    stdin : binary stream, optional
        Read in place of ``sys.stdin.buffer``.

    Raises
    ------
    ImageError
        Where no picture can be had; always exactly this, whatever the bytes.
    UsageError
        Where `source` is none of these, or `max_pixels` is no such number.

    Notes
    -----
    Threads may read side by side. While any of them decodes, warning filters, Pillow's
    `MAX_IMAGE_PIXELS`, which gives way to `max_pixels`, and, for TIFF, AVIF and 16-bit PNG, the
    stderr that libraries write to, are changed for all. Afterwards all three are as they were.
    """
    from gradcam_cli.arguments import checked_integer

    max_pixels = checked_integer("max_pixels", max_pixels, 1)
    if isinstance(source, Picture):
        return source
    if decoding.is_opened(source):
        origin, pixels, notes = decoding.decode_opened(source, max_pixels)
    else:
        encoded = fetching.collect(source, max_pixels=max_pixels, offline=offline, stdin=stdin)
        pixels, notes = decoding.decode(encoded)
        origin = encoded.origin
    return Picture(pixels, origin.name, origin.stem, origin.path, notes)
