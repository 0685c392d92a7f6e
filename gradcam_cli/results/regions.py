"""Hot regions as annotations of COCO have them: a box, an area, and a mask in run lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gradcam_cli.images.regions import Region

Count = Annotated[int, msgspec.Meta(ge=0)]
Number = Annotated[int, msgspec.Meta(ge=1)]


class RunLengths(msgspec.Struct, frozen=True, gc=False):
    """A mask as COCO's uncompressed run-length encoding.

    Attributes
    ----------
    size : (int, int)
        Its height and width.
    counts : tuple of int
        Down one column after the other, from the left: how many pixels are outside, how many then
        inside, how many outside again, and so on.
    """

    size: tuple[Number, Number]
    counts: tuple[Count, ...]

    @classmethod
    def of(cls, region: Region, height: int, width: int) -> RunLengths:
        """That of a `region`, which is not empty, of a picture of this size."""
        import numpy as np

        columns, rows = np.nonzero(region.mask.T)
        places = (columns + region.left) * height + rows + region.top
        gaps = np.flatnonzero(np.diff(places) > 1)
        starts, ends = places[[0, *(gaps + 1)]], places[[*gaps, -1]] + 1
        edges = np.stack([starts, ends], axis=1).ravel()
        counts = np.diff(edges, prepend=0, append=height * width)
        return cls((height, width), tuple(counts[: None if counts[-1] else -1].tolist()))

    def __post_init__(self) -> None:
        """Refuse counts that are no mask of this size."""
        height, width = self.size
        if sum(self.counts) != height * width:
            raise ValueError("the counts of a mask add up to its pixels")

    def columns(self, first: int, count: int) -> NDArray[np.bool_]:
        """The mask in `count` columns from `first` on, (height, count) bool."""
        import numpy as np

        height = self.size[0]
        start, end = first * height, (first + count) * height
        lengths = np.diff(np.clip(np.cumsum(self.counts), start, end), prepend=start)
        is_inside = np.arange(len(lengths)) % 2 == 1
        return np.repeat(is_inside, lengths).reshape(count, height).T


class HotRegion(msgspec.Struct, frozen=True, gc=False):
    """A hot region, with the fields of an annotation of COCO.

    Attributes
    ----------
    bbox : (int, int, int, int)
        The box around it, in pixels of the picture: left, top, width, height.
    area : int
        Its pixels.
    segmentation : RunLengths
        Which they are.
    """

    bbox: tuple[Count, Count, Number, Number]
    area: Number
    segmentation: RunLengths

    @classmethod
    def of(cls, region: Region, height: int, width: int) -> HotRegion:
        """That of a `region` of a picture of this size."""
        rows, columns = region.mask.shape
        box = (region.left, region.top, columns, rows)
        return cls(box, int(region.mask.sum()), RunLengths.of(region, height, width))

    @property
    def region(self) -> Region:
        """The same as a mask of the box."""
        from gradcam_cli.images.regions import Region

        left, top, width, height = self.bbox
        return Region(left, top, self.segmentation.columns(left, width)[top : top + height])
