"""Pictures drawn with characters: half blocks in true colour, or shades of plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcam_cli.reports.terminal import console

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.text import Text

_SHADES = " .:-=+*#%@"
_MOST_COLUMNS = 80
_PLAIN_COLUMNS = 48


def show(overlay: NDArray[np.uint8], heatmap: NDArray[np.float32]) -> None:
    """Draw `overlay` on stdout where that has colours and blocks, else `heatmap` in plain text.

    Parameters
    ----------
    overlay : (H, W, 3) uint8 RGB
        The blended picture.
    heatmap : (h, w) float32, 0..1
        Drawn in the shape of the picture.
    """
    out = console()
    coloured = out.color_system not in (None, "windows") and not out.no_color
    if not coloured or not out.encoding.lower().startswith("utf"):
        out.print(shaded(heatmap, *_cells(overlay.shape, min(out.width, _PLAIN_COLUMNS))))
    else:
        out.print(half_blocks(overlay, min(out.width, _MOST_COLUMNS)))


def half_blocks(overlay: NDArray[np.uint8], columns: int) -> Text:
    """`overlay` with two pixels in each character: the upper one in front, the lower one behind."""
    import cv2
    from rich.color import Color
    from rich.style import Style
    from rich.text import Text

    rows, columns = _cells(overlay.shape, columns)
    small = cv2.resize(overlay, (columns, 2 * rows), interpolation=cv2.INTER_AREA).tolist()
    lines = [Text(no_wrap=True) for _ in range(rows)]
    for row, line in enumerate(lines):
        for above, below in zip(small[2 * row], small[2 * row + 1], strict=True):
            line.append("▀", Style(color=Color.from_rgb(*above), bgcolor=Color.from_rgb(*below)))
    return Text("\n").join(lines)


def shaded(heatmap: NDArray[np.float32], rows: int, columns: int) -> str:
    """`heatmap` in `rows` lines of `columns` characters, from a space for 0 to ``@`` for 1."""
    import cv2
    import numpy as np

    levels = cv2.resize(heatmap, (columns, rows), interpolation=cv2.INTER_LINEAR)
    picks = np.clip(np.rint(levels * (len(_SHADES) - 1)), 0, len(_SHADES) - 1).astype(int)
    return "\n".join("".join(_SHADES[pick] for pick in line) for line in picks.tolist())


def _cells(shape: tuple[int, ...], columns: int) -> tuple[int, int]:
    """Rows and columns for a picture of `shape`; a character is twice as high as it is wide."""
    height, width = shape[:2]
    columns = max(1, min(columns, width))
    return max(1, round(columns * height / width / 2)), columns
