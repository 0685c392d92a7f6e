"""Hot regions as COCO has them, to its own library and back."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pycocotools import mask as coco

from gradcam_cli.images.regions import Region
from gradcam_cli.results.regions import HotRegion, RunLengths

MASKS = arrays(np.bool_, st.tuples(st.integers(1, 8), st.integers(1, 8)))


def of_mask(mask: NDArray[np.bool_]) -> HotRegion:
    """That of a whole picture's mask, cut to its box as `hot_regions` does."""
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    part = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return HotRegion.of(Region(int(columns[0]), int(rows[0]), part), *mask.shape)


def test_counts_by_hand() -> None:
    """Down the columns: (000) (0|11) (11|0) (000); and of its mirror image, transposed."""
    mask = np.array([[0, 0, 1, 0], [0, 1, 1, 0], [0, 1, 0, 0]], bool)
    found = of_mask(mask)
    assert found.bbox == (1, 0, 2, 3)
    assert found.area == 4
    assert found.segmentation == RunLengths((3, 4), (4, 4, 4))
    assert of_mask(mask[:, ::-1].T).segmentation == RunLengths((4, 3), (1, 1, 3, 2, 3, 1, 1))


@settings(deadline=None)
@given(MASKS)
def test_masks_come_back_from_json_and_are_cocos(mask: NDArray[np.bool_]) -> None:
    if not mask.any():
        return
    found = of_mask(mask)
    read = msgspec.json.decode(msgspec.json.encode(found), type=HotRegion)
    assert read == found
    np.testing.assert_array_equal(read.segmentation.columns(0, mask.shape[1]), mask)
    left, top, part = read.region
    np.testing.assert_array_equal(part, mask[top : top + len(part), left : left + len(part[0])])
    fields = msgspec.to_builtins(found.segmentation)
    encoded = coco.frPyObjects({"size": list(fields["size"]), "counts": list(fields["counts"])},
                               *mask.shape)  # fmt: skip
    np.testing.assert_array_equal(coco.decode(encoded), mask)
    assert coco.area(encoded) == found.area
    assert coco.toBbox(encoded).tolist() == list(found.bbox)
    own = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert own == encoded


@pytest.mark.parametrize("counts", [[], [5], [3, 4], [1, -1, 6]])
def test_counts_that_are_no_mask_are_refused(counts: list[int]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"size": [2, 3], "counts": counts}, RunLengths)
