"""Decode a JPEG and find out whether its data were those of a whole picture.

libjpeg only warns of data that end too early or are left over, and Pillow keeps the warnings to
itself. But the decoder takes bytes beyond the end of a scan at once, to look for a marker, and
holds back those in the middle of one until they are enough to go on. So a few bytes, given one at
a time, show where it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import ImageFile

_MARKER = re.compile(rb"\xff([^\x00\xff])")  # a variable length takes ten times as long
_START_OF_SCAN, _END_OF_IMAGE, _TEMPORARY = 0xDA, 0xD9, 0x01
_RESTARTS = range(0xD0, 0xD8)
_ARITHMETIC_OR_LOSSLESS = (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
_PROBES = 4
_BEYOND = bytes(32)
"""More than a decoder reads ahead, so that none lacks what lies beyond the end of a scan."""
_LEAST_STRETCH = 1024
_MOST_SCANS = 500


def load_jpeg(image: ImageFile.ImageFile, data: bytes) -> bool:
    """Decode `data` into `image`, just opened from them; False where part of it may be wrong.

    Raises
    ------
    EOFError
        Where the data end without an end marker.
    ValueError
        Where the decoder gives up, or there are more scans than a picture could need.
    """
    decoder = _Decoder(image)
    undamaged, ends_itself, at = True, False, 0
    for start, end in _stretches(data):
        if not at:
            ends_itself = _is_only_scan(image, data[:start])
        decoder.feed(data[at:start])
        undamaged &= _has_exact_length(decoder, data[start:end])
        at = end
    # Bytes are taken at once also where a restart is due, but then more of the picture is, too.
    undamaged &= decoder.finished or not ends_itself
    decoder.feed(data[at:])
    decoder.close()
    return undamaged


def _is_only_scan(image: ImageFile.ImageFile, head: bytes) -> bool:
    """True where the scan that `head` ends with has all of the picture, if not progressively."""
    channels = len(image.getbands())
    return "progressive" not in image.info and head[-4 - 2 * channels] == channels


def _stretches(data: bytes) -> Iterator[tuple[int, int]]:
    """Where stretches of Huffman codes begin and end, at restarts and scans; no other codes'."""
    start, at, scans = 0, 2, 0
    while marker := _MARKER.search(data, at):
        code, at = marker[1][0], marker.end()
        if code in _RESTARTS or code == _TEMPORARY:
            if start and at - start >= _LEAST_STRETCH:
                yield start, marker.start()
                start = at
            continue
        if start:
            yield start, marker.start()
        if code == _END_OF_IMAGE or code in _ARITHMETIC_OR_LOSSLESS:  # never decoded in pieces
            return
        at += int.from_bytes(data[at : at + 2], "big")
        start = at if code == _START_OF_SCAN else 0
        scans += code == _START_OF_SCAN
        if scans > _MOST_SCANS:  # of few bytes, but each goes over all of the picture
            raise ValueError("so many scans are none")
    raise EOFError("there is no end marker")


def _has_exact_length(decoder: _Decoder, codes: bytes) -> bool:
    """Feed a stretch of codes: True where it is neither too short for its blocks nor too long."""
    early = max(0, len(codes.rstrip(b"\0\xff")) - len(_BEYOND))  # some cameras pad
    first, rest = codes[:early], codes[early:]
    too_long = False
    if first and decoder.feed(first):
        too_long = decoder.feed_singly(rest[:_PROBES])
        rest = rest[_PROBES:]
    enough = decoder.feed(rest + _BEYOND) and decoder.feed_singly(bytes(_PROBES))
    return enough and not too_long


class _Decoder:
    """Pillow's decoder of JPEG, given bytes in pieces.

    Parameters
    ----------
    image : ImageFile
        To decode into.

    Attributes
    ----------
    finished : bool
        No more bytes are needed.
    """

    def __init__(self, image: ImageFile.ImageFile) -> None:
        from PIL import Image

        [(name, box, _, arguments)] = image.tile
        image.load_prepare()
        self.finished = False
        self._image = image
        self._decoder: Any = Image._getdecoder(image.mode, name, arguments, image.decoderconfig)
        self._decoder.setimage(image.im, box)
        self._pending = b""

    def feed(self, data: bytes) -> bool:
        """True where all was taken, or no more is needed."""
        if self.finished:
            return True
        self._pending += data
        accepted, error = self._decoder.decode(self._pending)
        if error < 0:
            raise ValueError(f"the decoder gives up: {error}")
        self.finished = accepted < 0
        self._pending = b"" if self.finished else self._pending[accepted:]
        return not self._pending

    def feed_singly(self, data: bytes) -> bool:
        """True where each byte was taken at once."""
        accepted = [self.feed(data[i : i + 1]) for i in range(len(data))]
        return all(accepted)

    def close(self) -> None:
        """Leave a loaded image; EOFError where it is not finished."""
        self._decoder.cleanup()
        if not self.finished:
            raise EOFError("the decoder needs more")
        self._image.tile = []
        self._image.load()
