"""Which rectangle of a picture a model gets: all of it, its middle, or all of it between bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Resize = Literal["squash", "crop", "letterbox"]
"""How a picture comes to the shape of a model's input; see `frame_of`."""

RESIZES: tuple[Resize, ...] = get_args(Resize)

_FAR = 1 << 40
"""Further out than any picture reaches, and near enough for floats to count every pixel."""

_MOST_PADDED = 3
"""How many times the pixels of the picture a padded copy may have."""


class Frame(NamedTuple):
    """A rectangle, in pixels of the picture, that is squashed to a model's input.

    Attributes
    ----------
    left, top : int
        Its first column and row; below zero where it begins outside the picture.
    width, height : int
        At least 1.
    """

    left: int
    top: int
    width: int
    height: int

    def over(self, height: int, width: int) -> tuple[slice, slice]:
        """The rows and columns of a picture of this size that are inside; perhaps none."""
        rows = slice(max(self.top, 0), max(min(self.top + self.height, height), 0))
        return rows, slice(max(self.left, 0), max(min(self.left + self.width, width), 0))


def whole(height: int, width: int) -> Frame:
    """All of a picture of this size."""
    return Frame(0, 0, width, height)


def frame_of(size: tuple[int, int], input_size: tuple[int, int], resize: Resize) -> Frame:
    """The part of a picture that becomes a model's input.

    Parameters
    ----------
    size : (int, int)
        The height and width of the picture.
    input_size : (int, int)
        Those of the input.
    resize : "squash", "crop" or "letterbox"
        The whole picture, whatever its shape; the largest rectangle in its middle that has the
        input's shape; or the smallest one around it that has, with bars beside the picture.

    Returns
    -------
    Frame
        Of whole pixels, so that it has the input's shape to within half a pixel.
    """
    (height, width), (input_height, input_width) = size, input_size
    if resize == "squash":
        return whole(height, width)
    is_wide = width * input_height > height * input_width
    if is_wide == (resize == "crop"):
        framed_height, framed_width = height, max(1, round(height * input_width / input_height))
    else:
        framed_height, framed_width = max(1, round(width * input_height / input_width)), width
    left, top = int((width - framed_width) / 2), int((height - framed_height) / 2)
    return Frame(left, top, framed_width, framed_height)


def checked_frame(frame: object) -> Frame:
    """`frame` as a Frame, where it is four whole numbers that can be one.

    Raises
    ------
    UsageError
        Where it is not.
    """
    from gradcam_cli.arguments import checked_integer, describe
    from gradcam_cli.errors import UsageError

    if not isinstance(frame, (tuple, list)) or len(frame) != 4:
        raise UsageError(
            f"expected a frame of (left, top, width, height), got {describe(frame)}",
            "Pass the `frame` of an explanation.",
        )
    bounds = zip(Frame._fields, frame, (-_FAR, -_FAR, 1, 1), strict=True)
    return Frame(*(checked_integer(f"a frame's {name}", n, low, _FAR) for name, n, low in bounds))


def resized(image: NDArray[np.uint8], frame: Frame, height: int, width: int) -> NDArray[np.uint8]:
    """What is in `frame`, squashed by cubic interpolation; black where there is no picture.

    Parameters
    ----------
    image : (H, W, 3) uint8 RGB, 0..255
        Left as it is.
    frame : Frame
        As `frame_of` gives it.
    height, width : int
        Of the result. The bars' edges are at whole pixels of it where a padded copy of the picture
        would be several times as large: of a line of 1 × 10,000, it would be 10,000 times.

    Returns
    -------
    (height, width, 3) uint8 RGB, 0..255
    """
    import cv2

    picture_height, picture_width = image.shape[:2]
    if frame.height <= picture_height and frame.width <= picture_width:
        image = image[frame.over(picture_height, picture_width)]
    elif frame.height * frame.width <= _MOST_PADDED * picture_height * picture_width:
        image = _on_black(image, frame, frame.height, frame.width)
    else:
        return _on_black(image, frame, height, width)
    squashed = cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)
    return squashed.astype("uint8", copy=False)


def _on_black(image: NDArray[np.uint8], frame: Frame, height: int, width: int) -> NDArray[np.uint8]:
    """The frame, at (height, width), with the whole image in it and black around that."""
    import cv2
    import numpy as np

    rows = _scaled(-frame.top, image.shape[0], frame.height, height)
    columns = _scaled(-frame.left, image.shape[1], frame.width, width)
    size = (columns.stop - columns.start, rows.stop - rows.start)
    if size != (image.shape[1], image.shape[0]):
        image = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC).astype("uint8", copy=False)
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[rows, columns] = image
    return canvas


def _scaled(start: int, length: int, whole_length: int, scaled_length: int) -> slice:
    """A part of an axis once that is scaled, in whole pixels and at least one."""
    first = round(start * scaled_length / whole_length)
    last = round((start + length) * scaled_length / whole_length)
    return slice(first, max(last, first + 1))


def upsampled_over(
    heatmap: NDArray[np.float32], frame: Frame, height: int, width: int
) -> NDArray[np.float32]:
    """The part over a picture of `heatmap`, which is spread over `frame` bilinearly.

    Parameters
    ----------
    heatmap : (h, w) float32 or float64
    frame : Frame
    height, width : int
        Of the picture.

    Returns
    -------
    (rows, columns) of `heatmap`'s dtype
        Those of `frame.over(height, width)`, which are some; nothing else is computed.
    """
    import cv2

    rows, columns = frame.over(height, width)
    heatmap = _interpolated_rows(heatmap, frame.top, frame.height, rows)
    heatmap = _interpolated_rows(heatmap.T, frame.left, frame.width, columns).T
    size = (columns.stop - columns.start, rows.stop - rows.start)
    return cv2.resize(heatmap, size).astype(heatmap.dtype, copy=False)


def _interpolated_rows(
    heatmap: NDArray[np.float32], start: int, length: int, part: slice
) -> NDArray[np.float32]:
    """Of `heatmap` at `length` rows from `start` on, those of `part`; itself where that is all."""
    import numpy as np

    if (start, start + length) == (part.start, part.stop):
        return heatmap  # left to OpenCV
    last = len(heatmap) - 1
    centers = np.arange(part.start - start, part.stop - start) + 0.5
    places = np.clip(centers * (len(heatmap) / length) - 0.5, 0, last)
    above = places.astype(np.intp)
    share = (places - above).astype(heatmap.dtype)[:, np.newaxis]
    return heatmap[above] * (1 - share) + heatmap[np.minimum(above + 1, last)] * share
