"""What the first directory of a TIFF says about its pixels, and TIFF of more than 8 bits.

Pillow opens little TIFF of deep colour, and OpenCV misreads some kinds without a word. Pillow's
reader of directories shows beforehand which kind it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING

from gradcam_cli.errors import ImageError
from gradcam_cli.images.fetching import CONVERT, Encoded, Origin
from gradcam_cli.images.high_bit_depth import Samples, decode_by_opencv, to_eight_bit
from gradcam_cli.images.tiff_pieces import Pieces, read_pieces

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

_MOST_ENTRIES = 4096
_UNSPECIFIED, _PREMULTIPLIED, _STRAIGHT = 0, 1, 2


@dataclass(frozen=True)
class Layout:
    """How a TIFF's first picture is stored.

    Attributes
    ----------
    width, height : int
    bits : int
        Of the deepest channel.
    channels : int
    photometric : int
        0 and 1: gray, where 0 or the largest number is white; 2: RGB; more are other colours.
    in_planes : bool
        The channels are stored one after the other.
    extra_channel : int
        What a channel beyond the colours is: 0 unspecified, 1 premultiplied, 2 straight alpha.
    pieces : Pieces
        Its strips or tiles.
    has_several_pictures : bool
        Another picture follows.
    """

    width: int
    height: int
    bits: int
    channels: int
    photometric: int
    in_planes: bool
    extra_channel: int
    pieces: Pieces
    has_several_pictures: bool

    @property
    def is_high_depth(self) -> bool:
        """True for gray and RGB of more than 8 bits; the rest is Pillow's."""
        return self.bits > 8 and self.photometric in (0, 1, 2)

    def fits(self, samples: Samples) -> bool:
        """True where OpenCV found what the directory says; the picture may have been turned."""
        height, width, channels = samples.colour.shape
        channels += samples.alpha is not None
        bits = samples.colour.dtype.itemsize * 8
        size = {(height, width), (width, height)}
        return (self.height, self.width) in size and (channels, bits) == (self.channels, self.bits)

    def refuse(self, origin: Origin) -> ImageError:
        """The error to raise where a picture so stored is not read."""
        planes = " in planes" if self.in_planes else ""
        kind = f"{self.channels}×{self.bits} bits{planes}"
        return origin.refuse(
            f"its kind of TIFF ({kind}) is not read, or its data are corrupt", CONVERT
        )


def read_layout(stream: BytesIO) -> Layout:
    """Of the TIFF or BigTIFF in `stream`.

    Hostile bytes raise exceptions of many kinds; EOFError and struct.error where they end too soon.
    """
    from PIL import TiffImagePlugin as Tiff

    directory, has_several_pictures = _first_directory(stream)
    channels = int(directory.get(Tiff.SAMPLESPERPIXEL, 1))
    return Layout(
        width=int(directory[Tiff.IMAGEWIDTH]),
        height=int(directory[Tiff.IMAGELENGTH]),
        bits=int(max(directory.get(Tiff.BITSPERSAMPLE, (1,)))),
        channels=channels,
        photometric=int(directory.get(Tiff.PHOTOMETRIC_INTERPRETATION, 1)),
        in_planes=channels > 1 and directory.get(Tiff.PLANAR_CONFIGURATION, 1) == 2,
        extra_channel=int(directory.get(Tiff.EXTRASAMPLES, (_STRAIGHT,))[0]),
        pieces=read_pieces(directory),
        has_several_pictures=has_several_pictures,
    )


def _first_directory(stream: BytesIO) -> tuple[ImageFileDirectory_v2, bool]:
    """The directory, and whether another follows."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    stream.seek(0)
    head = stream.read(8)
    is_big_tiff = head[2] == 43
    directory = ImageFileDirectory_v2(head + stream.read(8) if is_big_tiff else head)
    start = directory.next
    stream.seek(start)
    entries = int.from_bytes(
        stream.read(8 if is_big_tiff else 2), "little" if head[:2] == b"II" else "big"
    )
    if entries > _MOST_ENTRIES:  # Pillow would try them all
        raise ValueError("a directory of that many entries is none")
    stream.seek(start)
    directory.load(stream)
    if directory.next == start:  # where it gives up, it warns and leaves this as it was
        raise EOFError("the directory is truncated")
    return directory, directory.next != 0


def decode_high_depth_tiff(
    encoded: Encoded, layout: Layout
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """The upright (H, W, 3) RGB pixels of a TIFF of high depth, and the notes on their range."""
    data = encoded.stream.getvalue()
    if layout.pieces.end > len(data):  # OpenCV may not mind
        raise EOFError("a strip or tile is truncated")
    samples = _decode_supported(data, layout, layout.refuse(encoded.origin))
    del data
    encoded.stream.close()  # the encoded bytes are not needed beside the pixels
    samples = replace(
        samples,
        alpha=None if layout.extra_channel == _UNSPECIFIED else samples.alpha,
        premultiplied=layout.extra_channel == _PREMULTIPLIED,
        white_is_zero=layout.photometric == 0,
    )
    return to_eight_bit(encoded.origin, samples, 1)


def _decode_supported(data: bytes, layout: Layout, refusal: ImageError) -> Samples:
    """What OpenCV decodes; raises `refusal` where that is not what the directory says."""
    if layout.channels not in (1, 3, 4) or layout.in_planes:
        raise refusal
    try:
        samples = decode_by_opencv(data)
    except MemoryError:
        raise
    except Exception as error:
        raise refusal from error
    if not layout.fits(samples):
        raise refusal
    return samples
