"""Pictures on paper: beside each other, with a colour bar, over a caption.

Sizes go by the picture's, so that a figure of 300 pixels and one of 4,000 look alike. Text is in
the font that Pillow brings.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont, ImageFont

    Font = FreeTypeFont | ImageFont
    Pixels = NDArray[np.uint8]

SMALLEST = 400
"""The mean side that smaller pictures are enlarged to, about, and how wide figures are at least."""

_LONGEST = 1600
"""The longest side that pictures are enlarged to."""

_TEXT = 1 / 24
"""How large text is, as a share of a picture's mean side."""

_SMALLEST_TEXT = 12
_LEAST_LINES = 5
"""How many lines high a colour bar is that has its middle marked."""
_PAPER, _INK, _FAINT_INK = "white", "black", "#555555"


@dataclass(frozen=True)
class Caption:
    """What stands below a picture.

    Attributes
    ----------
    title, figures : str
        The first line: what is shown, shortened to what has room, and figures, which are not.
    details : str
        The second line, shortened to what has room.
    scale : str
        The third line, what is to be known of the scale, shortened to what has room; none where it
        is empty.
    """

    title: str = ""
    figures: str = ""
    details: str = ""
    scale: str = ""


def enlarged(image: Pixels) -> tuple[Pixels, int]:
    """`image` large enough for a figure, each pixel a square of so many: the second value."""
    height, width = image.shape[:2]
    times = min(round(SMALLEST / _mean_side(height, width)), _LONGEST // max(height, width))
    times = max(1, times)
    return repeated(image, times), times


def repeated(pixels: NDArray[Any], times: int) -> NDArray[Any]:
    """`pixels`, (h, w, …), each a square of `times` × `times` of them."""
    return pixels if times == 1 else pixels.repeat(times, axis=0).repeat(times, axis=1)


def _mean_side(height: int, width: int) -> float:
    return math.sqrt(height * width)


def captioned(
    panels: Sequence[Pixels], colors: Pixels, caption: Caption, ends: tuple[float, float] = (0, 1)
) -> Pixels:
    """`panels` in a row, a bar of their colours, and the caption below.

    Parameters
    ----------
    panels : sequence of (H, W, 3) uint8 RGB
        Of one size.
    colors : (256, 1, 3) uint8 RGB
        Those of heat from one of `ends` to the other.
    caption : Caption
    ends : (float, float)
        What stands beside the ends of the bar.

    Returns
    -------
    (H + …, W + …, 3) uint8 RGB
    """
    import numpy as np
    from PIL import Image

    height, width = panels[0].shape[:2]
    text = max(_SMALLEST_TEXT, round(_mean_side(height, width) * _TEXT))
    gap = text // 2
    bar = len(panels) * (width + gap) + gap
    labels = max(_font(text).getlength(_label(end)) for end in (*ends, sum(ends) / 2))
    beside = max(3 * text, text + text // 3 + math.ceil(labels))
    across = max(bar + beside + gap, SMALLEST)
    lines = 5 if caption.scale else 4
    page = Image.new("RGB", (across, height + lines * text), _PAPER)
    for number, panel in enumerate(panels):
        page.paste(Image.fromarray(panel), (gap + number * (width + gap), gap))
    _draw_bar(page, colors, (bar, gap, text, height), ends)
    _draw_caption(page, caption, (gap, height + 2 * gap, across - 2 * gap), text)
    return np.asarray(page)


def _draw_bar(
    page: Image, colors: Pixels, box: tuple[int, int, int, int], ends: tuple[float, float]
) -> None:
    """Draw the colours on `page`, the hottest above, at (left, top, width, height), with a scale.

    Text is as high as the bar is wide.
    """
    import numpy as np
    from PIL import Image, ImageDraw

    left, top, width, height = box
    levels = np.linspace(255, 0, height).round().astype(np.intp)
    page.paste(Image.fromarray(colors[levels].repeat(width, axis=1)), (left, top))
    draw = ImageDraw.Draw(page)
    draw.rectangle((left, top, left + width - 1, top + height - 1), outline=_FAINT_INK)
    beside = left + width + width // 3
    low, high = ends
    draw.text((beside, top), _label(high), _INK, _font(width), anchor="lt")
    draw.text((beside, top + height), _label(low), _INK, _font(width), anchor="lb")
    if height >= _LEAST_LINES * width:
        middle = _label((low + high) / 2)
        draw.text((beside, top + height / 2), middle, _INK, _font(width), anchor="lm")


def _label(value: float) -> str:
    """What stands beside the bar: two digits."""
    return f"{value:.2g}"


def _draw_caption(page: Image, caption: Caption, box: tuple[int, int, int], text: int) -> None:
    """Write the caption on `page`, from (left, top) on in so much width."""
    from PIL import ImageDraw

    left, top, width = box
    draw = ImageDraw.Draw(page)
    room = width - draw.textlength(caption.figures, _font(text))
    title = shortened(caption.title, room, lambda words: draw.textlength(words, _font(text)))
    draw.text((left, top), title + caption.figures, _INK, _font(text), anchor="lt")
    small = _font(round(0.8 * text))
    for number, line in enumerate((caption.details, caption.scale)):
        line_text = shortened(line, width, lambda words: draw.textlength(words, small))
        below = top + (1.6 + 1.2 * number) * text
        draw.text((left, below), line_text, _FAINT_INK, small, anchor="lt")


@cache
def _font(size: int) -> Font:
    """The font that Pillow brings."""
    from PIL import ImageFont

    return ImageFont.load_default(size)


def shortened(text: str, room: float, length_of: Callable[[str], float]) -> str:
    """`text`, or so much of its beginning and an ellipsis that it is at most `room` long."""
    if length_of(text) <= room:
        return text
    kept = bisect_right(range(len(text)), room, key=lambda end: length_of(f"{text[:end]}…"))
    return f"{text[: max(kept - 1, 0)].rstrip()}…"
