"""Squash, crop and letterbox, against the same written out plainly, and their undoing."""

from __future__ import annotations

import tracemalloc
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gradcam_cli.errors import UsageError
from gradcam_cli.images.framing import RESIZES, Frame, Resize, checked_frame, frame_of
from gradcam_cli.images.overlay import COLORMAPS, model_input, overlay

Size = tuple[int, int]
Picture = NDArray[np.uint8]
SIDES = st.integers(1, 80)
SIZES = st.tuples(SIDES, SIDES)


def noise(height: int, width: int) -> Picture:
    rng = np.random.default_rng(height * 1000 + width)
    return rng.integers(0, 256, (height, width, 3), np.uint8)


def squashed(image: Picture, size: Size) -> Picture:
    return cv2.resize(image, size[::-1], interpolation=cv2.INTER_CUBIC)


def cropped(image: Picture, size: Size) -> tuple[Picture, Size]:
    """The middle of `image`, and its top and left."""
    (height, width), (h, w) = image.shape[:2], size
    if width * h > height * w:
        side = max(1, round(height * w / h))
        left = (width - side) // 2
        return image[:, left : left + side], (0, left)
    side = max(1, round(width * h / w))
    top = (height - side) // 2
    return image[top : top + side], (top, 0)


def padded(image: Picture, size: Size) -> tuple[Picture, Size]:
    """`image` between black bars, and how high and wide the first of them is."""
    (height, width), (h, w) = image.shape[:2], size
    if width * h > height * w:
        bars = max(1, round(width * h / w)) - height
        return np.pad(image, ((bars // 2, bars - bars // 2), (0, 0), (0, 0))), (bars // 2, 0)
    bars = max(1, round(height * w / h)) - width
    return np.pad(image, ((0, 0), (bars // 2, bars - bars // 2), (0, 0))), (0, bars // 2)


def coloured(heatmap: NDArray[np.float32], size: Size, colormap: str = "jet") -> Picture:
    levels = np.uint8(255 * cv2.resize(heatmap, size[::-1]))
    colors = cv2.applyColorMap(levels, COLORMAPS.index(colormap))
    return cv2.cvtColor(colors, cv2.COLOR_BGR2RGB)


@given(SIZES, SIZES, st.sampled_from(RESIZES))
def test_a_frame_has_the_inputs_shape_and_the_pictures_middle(
    size: Size, shape: Size, resize: Resize
) -> None:
    frame = frame_of(size, shape, resize)
    (height, width), (h, w) = size, shape
    if resize == "squash":
        assert frame == (0, 0, width, height)
        return
    assert (frame.width == width) or (frame.height == height)
    assert (frame.width - width) * (1 if resize == "letterbox" else -1) >= 0
    assert (frame.height - height) * (1 if resize == "letterbox" else -1) >= 0
    tall, wide = abs(frame.height - frame.width * h / w), abs(frame.width - frame.height * w / h)
    assert min(tall, wide) <= 0.5 or min(frame.width, frame.height) == 1
    assert abs(2 * frame.left + frame.width - width) <= 1
    assert abs(2 * frame.top + frame.height - height) <= 1


@settings(deadline=None)
@given(SIZES, SIZES)
def test_crop_is_a_slice_resized(size: Size, shape: Size) -> None:
    image = noise(*size)
    frame = frame_of(size, shape, "crop")
    part, corner = cropped(image, shape)
    assert (frame.top, frame.left) == corner
    np.testing.assert_array_equal(model_input(image, (*shape, 3), frame), squashed(part, shape))


@settings(deadline=None)
@given(SIZES, SIZES)
def test_letterbox_is_a_padded_picture_resized(size: Size, shape: Size) -> None:
    image = noise(*size)
    frame = frame_of(size, shape, "letterbox")
    assume(frame.width * frame.height <= 3 * image[..., 0].size)
    canvas, bars = padded(image, shape)
    assert (-frame.top, -frame.left) == bars
    np.testing.assert_array_equal(model_input(image, (*shape, 3), frame), squashed(canvas, shape))


@pytest.mark.parametrize("resize", RESIZES)
def test_luma_and_views_are_framed_as_well(asymmetric: Picture, resize: Resize) -> None:
    asymmetric.flags.writeable = False
    for view in (asymmetric[::2, ::-1], np.asfortranarray(asymmetric)):
        frame = frame_of(view.shape[:2], (30, 20), resize)
        rgb = model_input(view.copy(), (30, 20, 3), frame)
        np.testing.assert_array_equal(model_input(view, (30, 20, 3), frame), rgb)
        luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., np.newaxis]
        np.testing.assert_array_equal(model_input(view, (30, 20, 1), frame), luma)


@settings(deadline=None)
@given(SIZES, SIZES, SIZES)
def test_the_overlay_of_a_crop_leaves_the_rest(size: Size, shape: Size, cells: Size) -> None:
    image = noise(*size)
    heatmap = np.random.default_rng(1).random(cells, np.float32)
    part, (top, left) = cropped(image, shape)
    height, width = part.shape[:2]
    expected = image.copy()
    blended = cv2.addWeighted(coloured(heatmap, (height, width)), 0.3, part, 0.7, 0)
    expected[top : top + height, left : left + width] = blended
    frame = frame_of(size, shape, "crop")
    np.testing.assert_array_equal(overlay(image, heatmap, frame=frame, alpha=0.3), expected)


@settings(deadline=None)
@given(SIZES, SIZES, SIZES)
def test_the_overlay_of_a_letterbox_is_without_bars(size: Size, shape: Size, cells: Size) -> None:
    image = noise(*size)
    frame = frame_of(size, shape, "letterbox")
    assume(frame.width * frame.height <= 1_000_000)
    heatmap = np.random.default_rng(1).random(cells, np.float32)
    canvas, (top, left) = padded(image, shape)
    blended = cv2.addWeighted(coloured(heatmap, canvas.shape[:2]), 0.3, canvas, 0.7, 0)
    expected = blended[top : top + size[0], left : left + size[1]]
    got = overlay(image, heatmap, frame=frame, alpha=0.3)
    np.testing.assert_allclose(got, expected, atol=3)  # rounding may tip one of 256 levels
    assert np.mean(got != expected) < 0.01 or image.size < 3000


@given(SIZES, SIZES)
def test_the_overlay_of_all_is_the_plain_formula(size: Size, cells: Size) -> None:
    image, heatmap = noise(*size), np.random.default_rng(2).random(cells, np.float32)
    expected = cv2.addWeighted(coloured(heatmap, size), 0.5, image, 0.5, 0)
    for frame in (None, frame_of(size, (7, 5), "squash")):
        np.testing.assert_array_equal(overlay(image, heatmap, frame=frame), expected)
    np.testing.assert_array_equal(model_input(image, (7, 5, 3)), squashed(image, (7, 5)))


def one_hot(shape: Size, cell: Size) -> NDArray[np.float32]:
    heatmap = np.zeros(shape, np.float32)
    heatmap[cell] = 1
    return heatmap


@st.composite
def cells(draw: st.DrawFn, least: int, most: int) -> tuple[Size, Size]:
    """The height and width of an input, and one of its pixels."""
    side = st.integers(least, most)
    h, w = draw(side), draw(side)
    return (h, w), (draw(st.integers(0, h - 1)), draw(st.integers(0, w - 1)))


@settings(deadline=None)
@given(SIZES, cells(1, 40), st.sampled_from(RESIZES))
def test_heat_at_one_pixel_stays_where_that_came_from(
    size: Size, input_cell: tuple[Size, Size], resize: Resize
) -> None:
    (h, w), (y, x) = input_cell
    frame = frame_of(size, (h, w), resize)
    black = np.zeros((*size, 3), np.uint8)
    drawn = overlay(black, one_hot((h, w), (y, x)), frame=frame, alpha=1, colormap="bone")
    rows, columns = np.nonzero(drawn.any(axis=-1))
    # In the input's pixels: from the middle of the one before to the middle of the one after.
    down = (rows - frame.top + 0.5) * h / frame.height
    across = (columns - frame.left + 0.5) * w / frame.width
    assert (np.abs(down - y - 0.5) < 1 + 1e-6).all() or h == 1
    assert (np.abs(across - x - 0.5) < 1 + 1e-6).all() or w == 1


@settings(deadline=None)
@given(
    st.tuples(st.integers(48, 150), st.integers(48, 150)),
    cells(2, 6),
    st.sampled_from(RESIZES),
)
def test_what_is_drawn_hot_is_what_the_model_sees_there(
    size: Size, input_cell: tuple[Size, Size], resize: Resize
) -> None:
    shape, cell = input_cell
    frame = frame_of(size, shape, resize)
    assume(frame.width * frame.height <= 3 * size[0] * size[1])
    black = np.zeros((*size, 3), np.uint8)
    drawn = overlay(black, one_hot(shape, cell), frame=frame, alpha=1, colormap="bone")
    image = np.where(drawn > coloured(np.full((1, 1), 0.5, np.float32), (1, 1), "bone"), 255, 0)
    seen = model_input(image.astype(np.uint8), (*shape, 3), frame)[..., 0]
    if seen.any():
        assert np.unravel_index(seen.argmax(), shape) == cell
    middle = (np.array(cell) + 0.5) * (frame[3], frame[2]) / shape + (frame.top, frame.left)
    assert seen.any() or (middle < 3).any() or (middle > np.array(size) - 3).any()


@pytest.mark.parametrize("resize", RESIZES)
@pytest.mark.parametrize("size", [(1, 100_000), (100_000, 1), (20_000, 3)])
def test_long_pictures_take_little_memory(size: Size, resize: Resize) -> None:
    image = np.full((*size, 3), 200, np.uint8)
    heatmap = np.random.default_rng(3).random((224, 224), np.float32)
    frame = frame_of(size, (224, 224), resize)
    tracemalloc.start()
    try:
        made = model_input(image, (224, 224, 3), frame)
        drawn = overlay(image, heatmap, frame=frame, alpha=1)
        assert tracemalloc.get_traced_memory()[1] < 200_000_000
    finally:
        tracemalloc.stop()
    assert drawn.shape == image.shape
    lit = made.any(axis=-1)
    if resize == "letterbox":
        assert lit.sum() == 224
        assert lit.all(axis=int(size[0] < size[1]))[112]
    else:
        assert lit.all()


def test_a_long_picture_between_bars_is_resized_by_itself() -> None:
    image = noise(20, 400)
    made = model_input(image, (50, 50, 3), frame_of((20, 400), (50, 50), "letterbox"))
    expected = np.zeros((50, 50, 3), np.uint8)
    expected[24:26] = squashed(image, (2, 50))
    np.testing.assert_array_equal(made, expected)


def test_a_frame_beside_the_picture_leaves_it(asymmetric: Picture) -> None:
    height, width = asymmetric.shape[:2]
    for frame in ((width, 0, 5, 5), (-6, 0, 5, 5), (0, height + 9, 5, 5), (0, -6, 5, 5)):
        got = overlay(asymmetric, np.ones((2, 2), np.float32), frame=frame)
        np.testing.assert_array_equal(got, asymmetric)
        assert got is not asymmetric


@pytest.mark.parametrize(
    "frame",
    [
        *((0, 0, 0, 5), (0, 0, 5, -1), (0, 0, 5), 3, "abcd", (0, 0, 1.5, 1), (0, 0, True, 1)),
        (-(2**70), 0, 2**80, 1),
    ],
    ids=str,
)
def test_what_is_no_frame_is_refused(asymmetric: Picture, frame: Any) -> None:
    with pytest.raises(UsageError, match=r"^expected a frame.*, got "):
        overlay(asymmetric, np.ones((2, 2), np.float32), frame=frame)


def test_four_numbers_are_a_frame() -> None:
    assert checked_frame([np.int64(-3), 0, np.uint8(4), 5]) == Frame(-3, 0, 4, 5)
