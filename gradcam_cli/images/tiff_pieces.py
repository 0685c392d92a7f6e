"""Whether the strips or tiles of a TIFF hold as many rows as its header says.

Neither Pillow nor libtiff minds when they do not: what is missing comes out black or gray.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING

from gradcam_cli.images.jpeg import load_jpeg

if TYPE_CHECKING:
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

_UNCOMPRESSED, _JPEG = 1, 7
_MARKER_BYTES = 2


@dataclass(frozen=True)
class Pieces:
    """The strips or tiles of a picture.

    Attributes
    ----------
    width, height : int
        Of the picture.
    columns, rows : int
        Of a strip or tile; the last strip may have fewer rows.
    planes : int
        More than 1 where each channel has strips or tiles of its own.
    pixel_bits : int
        Of all channels, or of one where each has its own plane.
    compression : int
    tables : bytes
        What all its JPEG streams share.
    offsets, sizes : tuple of int
        Where each begins, and its bytes, as they are stored.
    tiled : bool
    """

    width: int
    height: int
    columns: int
    rows: int
    planes: int
    pixel_bits: int
    compression: int
    tables: bytes
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    tiled: bool

    @property
    def end(self) -> int:
        """Of the last of them, in bytes."""
        ends = (at + size for at, size in zip(self.offsets, self.sizes, strict=False))
        return max(ends, default=0)

    def check(self) -> None:
        """Raise EOFError where they are too few, or too short for pixels that are not compressed.

        ValueError where they have no size.
        """
        if min(self.columns, self.rows) < 1:
            raise ValueError("a strip or tile has no pixels")
        sizes = self.sizes or (0,) * len(self.offsets)  # where 0, libtiff works it out
        if self._count > min(len(self.offsets), len(sizes)):
            raise EOFError("strips or tiles are missing")
        if self.compression == _UNCOMPRESSED:
            row_bytes = (self.columns * self.pixel_bits + 7) // 8
            for index, size in enumerate(sizes[: self._count]):
                if 0 < size < self._rows_of(index) * row_bytes:
                    raise EOFError("a strip or tile is too short")

    def are_undamaged(self, data: bytes) -> bool:
        """False where those compressed as JPEG are damaged, and part of the picture may be wrong.

        Raises
        ------
        EOFError
            Where one has too few pixels.
        """
        if self.compression != _JPEG or self.planes > 1:
            return True
        undamaged = [
            self._is_undamaged(index, jpeg) for index, jpeg in enumerate(self._jpegs(data))
        ]
        return all(undamaged)

    @property
    def _pieces_per_column(self) -> int:
        return -(-self.height // self.rows)

    @property
    def _count(self) -> int:
        return self._pieces_per_column * -(-self.width // self.columns) * self.planes

    def _rows_of(self, index: int) -> int:
        if self.tiled:
            return self.rows
        return min(self.rows, self.height - index % self._pieces_per_column * self.rows)

    def _jpegs(self, data: bytes) -> Iterator[bytes]:
        spans = zip(self.offsets, self.sizes, strict=False)
        for at, size in islice(spans, self._count):
            piece = data[at : at + size]
            yield self.tables[:-_MARKER_BYTES] + piece[_MARKER_BYTES:] if self.tables else piece

    def _is_undamaged(self, index: int, jpeg: bytes) -> bool:
        from PIL import Image

        image = Image.open(BytesIO(jpeg), formats=("JPEG",))
        if image.width != self.columns or image.height > self.rows:
            raise ValueError("a strip or tile has another size")
        if image.height < self._rows_of(index):
            raise EOFError("a strip or tile has too few rows")
        return load_jpeg(image, jpeg)


def read_pieces(directory: ImageFileDirectory_v2) -> Pieces:
    """As the first directory of a TIFF lists them."""
    from PIL import TiffImagePlugin as Tiff

    width, height = int(directory[Tiff.IMAGEWIDTH]), int(directory[Tiff.IMAGELENGTH])
    tiled = not directory.get(Tiff.STRIPOFFSETS)
    channels = int(directory.get(Tiff.SAMPLESPERPIXEL, 1))
    planes = channels if directory.get(Tiff.PLANAR_CONFIGURATION, 1) == 2 else 1
    bits = int(max(directory.get(Tiff.BITSPERSAMPLE, (1,))))
    return Pieces(
        width=width,
        height=height,
        columns=int(directory.get(Tiff.TILEWIDTH, 0)) if tiled else width,
        rows=int(directory.get(Tiff.TILELENGTH if tiled else Tiff.ROWSPERSTRIP, height)),
        planes=planes,
        pixel_bits=bits * (channels // planes),
        compression=int(directory.get(Tiff.COMPRESSION, _UNCOMPRESSED)),
        tables=bytes(directory.get(Tiff.JPEGTABLES, b"")),
        offsets=tuple(directory.get(Tiff.TILEOFFSETS if tiled else Tiff.STRIPOFFSETS, ())),
        sizes=tuple(directory.get(Tiff.TILEBYTECOUNTS if tiled else Tiff.STRIPBYTECOUNTS, ())),
        tiled=tiled,
    )
