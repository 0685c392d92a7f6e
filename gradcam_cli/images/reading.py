"""From a path, an http(s) URL or standard input to RGB pixels as a viewer shows them.

    sources ── open, collect within bounds, recognise ─▶ decoding ── check the size, decode ─▶ RGB
                                                            ├─ Pillow, up to 8 bits
                                                            └─ tiff, deep: OpenCV, above
                                                               upright: turn, in bands

A format is recognised by its content, never by a name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from gradcam_cli.images import MAX_PIXELS, decoding, sources

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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
        What was done to the pixels, or is wrong with them, that a reader may not expect.
    """

    pixels: NDArray[np.uint8]
    name: str
    stem: str
    path: Path | None
    notes: tuple[str, ...] = ()


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
        A picture of more is refused from its header.
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
    Threads may read side by side. While any of them decodes, warning filters, Pillow's
    `MAX_IMAGE_PIXELS`, which gives way to `max_pixels`, and, for TIFF, AVIF and 16-bit PNG, the
    stderr that libraries write to, are changed for all. Afterwards all three are as they were.
    """
    encoded = sources.collect(source, max_pixels=max_pixels, offline=offline, stdin=stdin)
    pixels, notes = decoding.decode(encoded)
    origin = encoded.origin
    return Picture(pixels, origin.name, origin.stem, origin.path, notes)
