"""The styles, on pictures and heatmaps that were made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gradcam_cli.errors import UsageError
from gradcam_cli.images.captions import SMALLEST, Caption, shortened
from gradcam_cli.images.drawing import DIVERGING, STYLES, WITH_CAPTION, Drawing, Style
from gradcam_cli.images.overlay import overlay, palette
from gradcam_cli.images.regions import Region
from gradcam_cli.images.styles import LEVELS, colors_of, draw, signed_heatmap
from gradcam_cli.images.upsampling import heat_over

Pixels = NDArray[np.uint8]
SIZES = [(1, 1), (32, 32), (300, 451), (2, 400), (400, 2), (900, 1200)]


def noise(height: int, width: int) -> Pixels:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)


def ramp(height: int, width: int) -> NDArray[np.float32]:
    """From 0 at the left to 1 at the right, at the picture's size."""
    return np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("style", STYLES)
def test_pictures_of_any_size_are_drawn_and_left_as_they_are(
    style: Style, size: tuple[int, int]
) -> None:
    image, heatmap = noise(*size), np.random.default_rng(1).random((7, 7), np.float32)
    before = image.copy()
    image.flags.writeable = heatmap.flags.writeable = False
    region = Region(0, 0, np.ones(size, bool))
    drawn = draw(image, heatmap, Drawing(style=style), regions=[region])
    np.testing.assert_array_equal(image, before)
    assert drawn.dtype == np.uint8
    if style in WITH_CAPTION:
        assert drawn.shape[1] >= SMALLEST
        assert drawn.shape[0] > size[0]
    else:
        assert drawn.shape == image.shape
    again = draw(image[::1, ::1], heatmap, Drawing(style=style), regions=[region])
    np.testing.assert_array_equal(drawn, again)


def test_blend_is_the_overlay() -> None:
    image, heatmap = noise(30, 40), ramp(7, 7)
    frame = (5, 0, 20, 30)
    expected = overlay(image, heatmap, frame=frame, alpha=0.4, colormap="hot", upsample="cubic")
    drawing = Drawing(alpha=0.4, colormap="hot", upsample="cubic")
    np.testing.assert_array_equal(draw(image, heatmap, drawing, frame), expected)
    np.testing.assert_array_equal(draw(image, heatmap, Drawing()), overlay(image, heatmap))


def picture_in(drawn: Pixels, size: tuple[int, int], number: int = 0) -> Pixels:
    """One of the pictures in a figure, where they are not enlarged."""
    height, width = size
    text = max(12, round((height * width) ** 0.5 / 24))
    left, top = text // 2 + number * (width + text // 2), text // 2
    return drawn[top : top + height, left : left + width]


def test_a_figure_is_as_opaque_as_it_is_hot() -> None:
    image, heat = noise(400, 500), ramp(400, 500)
    drawn = draw(image, heat, Drawing(style="figure", alpha=0.6, colormap="viridis"))
    levels = (heat * 255).astype(int)
    opacity = 0.6 * levels[..., np.newaxis] / 255
    expected = opacity * palette("viridis")[levels, 0] + (1 - opacity) * image
    got = picture_in(drawn, (400, 500))
    np.testing.assert_allclose(got.astype(int), expected, atol=1)
    np.testing.assert_array_equal(got[:, 0], image[:, 0])


def test_side_by_side_has_the_picture_as_it_is_and_the_figure() -> None:
    image, heat = noise(400, 500), ramp(400, 500)
    both = draw(image, heat, Drawing(style="side-by-side"))
    figure = draw(image, heat, Drawing(style="figure"))
    np.testing.assert_array_equal(picture_in(both, (400, 500)), image)
    np.testing.assert_array_equal(picture_in(both, (400, 500), 1), picture_in(figure, (400, 500)))


def test_the_bar_has_the_colours_of_the_heat() -> None:
    drawing = Drawing(style="figure")
    drawn = draw(noise(600, 600), ramp(7, 7), drawing)
    left = 25 // 2 + 600 + 25 // 2 + 12  # the middle of the bar, beside the picture
    bar = drawn[12 : 12 + 600, left]
    colors = colors_of(drawing)[:, 0].astype(int)
    assert colors[0].tolist() == [255, 255, 255]
    np.testing.assert_allclose(bar[5].astype(int), colors[-3], atol=6)
    np.testing.assert_allclose(bar[300].astype(int), colors[127], atol=6)


def test_a_mask_dims_what_is_not_hot() -> None:
    image, heat = noise(20, 101), ramp(20, 101)
    drawn = draw(image, heat, Drawing(style="mask", box_threshold=0.495))
    np.testing.assert_array_equal(drawn[:, 50:], image[:, 50:])
    np.testing.assert_array_equal(drawn[:, :50], image[:, :50] // 4)


def test_contours_are_where_the_heat_passes_their_levels() -> None:
    image = np.full((401, 801, 3), 128, np.uint8)
    drawn = draw(image, ramp(401, 801), Drawing(style="contour"))
    for level in LEVELS:
        color = palette("turbo")[round(255 * level), 0]
        np.testing.assert_array_equal(drawn[200, round(800 * level)], color)
        np.testing.assert_array_equal(drawn[200, round(800 * level) + 20], image[0, 0])


@pytest.mark.parametrize("style", STYLES)
def test_boxes_and_outlines_are_drawn_in_every_style(style: Style) -> None:
    image = np.full((400, 500, 3), 128, np.uint8)
    mask = np.ones((100, 200), bool)
    mask[:40, :60] = False  # a corner is missing, so that box and outline part
    drawn = draw(
        image, np.zeros((7, 7), np.float32), Drawing(style=style), regions=[Region(50, 80, mask)]
    )
    if style in WITH_CAPTION:
        drawn = picture_in(drawn, (400, 500), style == "side-by-side")
    for y, x in ((80, 60), (130, 50), (179, 200), (130, 249)):
        assert drawn[y, x].tolist() == [255, 255, 255], (y, x)
    for y, x in ((119, 80), (100, 109)):  # the outline is half as thick
        assert drawn[y - 1 : y + 3, x - 1 : x + 3].max() > 200, (y, x)
    assert drawn[150, 150].max() <= 128
    assert drawn[100, 80].max() <= 128


def test_what_is_outside_the_frame_stays() -> None:
    image, heatmap = noise(300, 400), np.ones((7, 7), np.float32)
    frame = (50, 0, 300, 300)
    for style in ("figure", "contour"):
        drawn = draw(image, heatmap, Drawing(style=style), frame)  # type: ignore[arg-type]
        got = picture_in(drawn, (300, 400)) if style == "figure" else drawn
        np.testing.assert_array_equal(got[:, :45], image[:, :45])
        np.testing.assert_array_equal(got[:, 355:], image[:, 355:])


def test_small_pictures_are_enlarged_by_whole_pixels() -> None:
    image = noise(32, 32)
    drawn = draw(image, np.zeros((7, 7), np.float32), Drawing(style="figure"))
    times = round(SMALLEST / 32)
    corner = 16 // 2
    got = drawn[corner : corner + 32 * times : times, corner : corner + 32 * times : times]
    np.testing.assert_array_equal(got, image)
    assert drawn.shape[0] < 32 * times + 100


def test_captions_are_written_and_differ() -> None:
    image, heatmap = noise(300, 400), np.zeros((7, 7), np.float32)
    plain, *written = (
        draw(image, heatmap, Drawing(style="figure"), caption=caption)
        for caption in (None, Caption("cat"), Caption("", "79 %"), Caption(details="grad-cam"))
    )
    for figure in written:
        assert figure.shape == plain.shape
        changed = np.nonzero((figure != plain).any(axis=(1, 2)))[0]
        assert changed.min() > 300
    long = draw(image, heatmap, Drawing(style="figure"), caption=Caption("a" * 500, " · 79 %"))
    assert (long[:, -5:] == 255).all(), "nothing is written over the edge"


@pytest.mark.parametrize(
    ("room", "expected"),
    [(11, "hello world"), (10, "hello wor…"), (7, "hello…"), (2, "h…"), (1, "…"), (-3, "…")],
)
def test_long_names_are_shortened(room: int, expected: str) -> None:
    assert shortened("hello world", room, len) == expected


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("style", "blur", "expected the name of a style, got 'blur'"),
        ("upsample", None, "expected the name of a way to upsample, got None"),
        ("scale", "mine", "expected the name of a scale, got 'mine'"),
        ("box_regions", 3, "expected the name of the regions for boxes, got 3"),
        ("colormap", "rainbows", "expected the name of a colour map, got 'rainbows'"),
        ("alpha", 2, "expected alpha to be a number in 0..1, got 2"),
        ("box_threshold", float("nan"), "expected box_threshold to be a number in 0..1, got nan"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_a_line(option: str, value: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Drawing(**{option: value}).check()
    assert caught.value.what == message


# Signed maps


def lab(colors: Pixels) -> NDArray[np.float64]:
    from skimage.color import rgb2lab

    converted: NDArray[np.float64] = rgb2lab(colors)
    return converted


def test_the_diverging_colours_are_even_and_as_dark_on_both_sides() -> None:
    colors = lab(palette(DIVERGING))[1:, 0]
    lightness, chroma = colors[:, 0], np.hypot(*colors[:, 1:].T)
    np.testing.assert_allclose(lightness, lightness[::-1], atol=0.8)
    np.testing.assert_allclose(chroma, chroma[::-1], atol=2)
    assert chroma[127] < 1, "zero is grey"
    steps = np.linalg.norm(np.diff(colors[7::20], axis=0), axis=1)  # zero is the colour 127
    assert steps.max() < 1.15 * steps.min()
    assert colors[0, 2] < -60 < 40 < colors[-1, 2], "blue below, red above"


def test_the_bar_of_a_signed_figure_is_even_and_white_at_zero() -> None:
    colors = lab(colors_of(Drawing(style="figure", signed=True)))[:, 0]
    assert colors[127:129, 0].min() > 99
    steps = np.linalg.norm(np.diff(colors[::32], axis=0), axis=1)
    assert steps.max() < 1.4 * steps.min()
    sequential = lab(colors_of(Drawing(style="figure")))[:, 0]
    assert sequential[127, 0] < 90


@pytest.mark.parametrize("style", ["blend", "figure", "contour"])
def test_signed_heat_has_the_colours_of_its_side(style: Style) -> None:
    image = np.full((400, 500, 3), 128, np.uint8)
    heat = np.tile(np.linspace(-1, 1, 500, dtype=np.float32), (400, 1))
    drawn = draw(image, heat, Drawing(style=style, signed=True)).astype(int)
    left = picture_in(drawn, (400, 500)) if style == "figure" else drawn
    red, blue = left[200, :, 0], left[200, :, 2]
    if style == "contour":
        for level in LEVELS:
            below, above = round(499 * (1 - level) / 2), round(499 * (1 + level) / 2)
            assert blue[below] > red[below] > 0
            assert red[above] > blue[above] > 0
    else:
        assert (blue - red)[:200].min() > 0
        assert (red - blue)[300:].min() > 0
        assert abs(red[250] - blue[250]) <= 2
    if style == "figure":
        np.testing.assert_allclose(left[200, 249:251], 128, atol=1)


def test_a_signed_blend_is_of_both_colours_by_the_formula() -> None:
    image, heat = noise(2, 255), np.linspace(-1, 1, 255, dtype=np.float32)[np.newaxis].repeat(2, 0)
    drawn = overlay(image, heat, alpha=0.3, colormap=DIVERGING, signed=True)
    expected = 0.3 * palette(DIVERGING)[1:, 0] + 0.7 * image
    np.testing.assert_allclose(drawn.astype(int), expected, atol=1)
    frame = (10, 0, 50, 2)
    outside = overlay(image, heat, frame=frame, signed=True)
    np.testing.assert_array_equal(outside[:, 60:], image[:, 60:])


@pytest.mark.parametrize("upsample", ["linear", "cubic", "guided"])
def test_signs_are_kept_by_every_way_to_upsample(upsample: Any) -> None:
    image, heat = noise(90, 90), np.array([[-1, 1, 0], [1, -1, 0]], np.float32)
    up = heat_over(image, heat, None, upsample)
    np.testing.assert_allclose(up, -heat_over(image, -heat, None, upsample), atol=1e-6)
    assert -1 <= up.min() < -0.5
    assert 0.5 < up.max() <= 1


def test_signed_maps_are_divided_by_their_largest_absolute_value() -> None:
    raw = np.array([[-4, 2], [0, 1]], np.float32)
    np.testing.assert_array_equal(signed_heatmap(raw), [[-1, 0.5], [0, 0.25]])
    np.testing.assert_array_equal(signed_heatmap(raw, [raw, -2 * raw]), [[-0.5, 0.25], [0, 0.125]])
    for nothing in (np.zeros((2, 2), np.float32), np.array([[np.nan, 1]], np.float32)):
        np.testing.assert_array_equal(signed_heatmap(nothing), np.zeros_like(nothing))
    tiny = np.array([[-1e-45, 5e-46]], np.float32)
    assert signed_heatmap(tiny).min() == -1


def test_signs_need_colours() -> None:
    with pytest.raises(UsageError, match="signs are shown by colours"):
        Drawing(style="mask", signed=True).check()
    with pytest.raises(UsageError, match=r"float32 in -1\.\.1, got \(1, 1\) float32 in -2"):
        overlay(noise(2, 2), np.full((1, 1), -2, np.float32), signed=True)
