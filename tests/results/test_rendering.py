"""Explanations as pictures: scales, boxes and captions, in Python and in JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gradcam_cli.errors import UsageError
from gradcam_cli.images.drawing import Drawing
from gradcam_cli.images.framing import Frame
from gradcam_cli.images.overlay import overlay
from gradcam_cli.images.reading import Picture
from gradcam_cli.results.explanation import ClassLabel, Explanation, Prediction, TargetExplanation
from gradcam_cli.results.rendering import caption_of, render, scale_share, with_boxes
from tests.results.samples import CAT, explained, explanation, fields

Pixels = NDArray[np.uint8]


def blobs() -> NDArray[np.float32]:
    """A large cool one and a small hot one, at the size of `asymmetric`."""
    heatmap = np.zeros((30, 40), np.float32)
    heatmap[2:12, 3:23] = 0.5
    heatmap[20:24, 30:35] = 1
    return heatmap


def known_fields() -> dict[str, Any]:
    prediction = Prediction(285, "n1", "Egyptian_cat", probability=0.75, rank=1)
    return {"evidence": "positive", "prediction": prediction, "layer": "top_activation"}


def target(peak: float = 2.0, **other: Any) -> TargetExplanation:
    return TargetExplanation.of(blobs(), peak=peak, **(known_fields() | other))


def of_picture(pixels: Pixels, *targets: TargetExplanation) -> Explanation:
    one = explanation().with_targets(targets).of_picture(Picture(pixels, "a.png", "a", None))
    return one.with_pixels(pixels)


def test_a_shared_scale_halves_what_is_half_as_hot(asymmetric: Pixels) -> None:
    weak, strong = target(1.5), target(3.0)
    one = of_picture(asymmetric, weak, strong)
    drawn = [one.overlay(number, scale="shared") for number in (0, 1)]
    half = weak.heatmap * np.float32(0.5)
    np.testing.assert_array_equal(drawn[0], overlay(asymmetric, half))
    np.testing.assert_array_equal(drawn[1], overlay(asymmetric, strong.heatmap))
    np.testing.assert_array_equal(one.overlay(0), drawn[1])  # each on its own


def test_values_of_other_methods_and_layers_have_other_units(asymmetric: Pixels) -> None:
    targets = (target(1), target(2), target(100, method="saliency"), target(50, layer="early"))
    one = of_picture(asymmetric, *targets, target(0, evidence="none"))
    assert [scale_share(one, each) for each in one.targets] == [0.5, 1, 1, 1, 1]


def test_signed_maps_show_what_speaks_against_and_share_a_scale(asymmetric: Pixels) -> None:
    raw = blobs()
    raw[25:, :10] = -4
    maps = [target(raw=raw), target(raw=-0.5 * raw), target(raw=9 * raw, method="lrp")]
    one = of_picture(asymmetric, *maps)
    colors: dict[str, Any] = {"colormap": "blue-red", "signed": True}
    for number, scale in enumerate((1 / 4, -1 / 4, 1 / 4)):
        expected = overlay(asymmetric, scale * raw, **colors)
        np.testing.assert_array_equal(one.overlay(number, signed=True), expected)
    for number, scale in enumerate((1 / 4, -1 / 8, 1 / 4)):
        expected = overlay(asymmetric, np.float32(scale) * raw, **colors)
        drawn = one.overlay(number, signed=True, scale="shared")
        np.testing.assert_array_equal(drawn, expected)
    caption = caption_of(one, maps[0], Drawing(style="figure", signed=True))
    assert caption.scale == "below 0: against it"


def test_a_clipped_scale_ends_at_a_percentile_of_the_map(asymmetric: Pixels) -> None:
    one = of_picture(asymmetric, target())  # of which 1.7 % are 1, 16.7 % are 0.5, and the rest 0
    for percentile in (100, 98.5, 50):  # the maximum, and 0, which cuts nothing
        np.testing.assert_array_equal(one.overlay(clip_percentile=percentile), one.overlay())
    cut = one.overlay(clip_percentile=98)
    np.testing.assert_array_equal(cut, overlay(asymmetric, np.minimum(2 * blobs(), 1)))


def test_figures_of_many_values_are_clipped() -> None:
    pixels = np.full((100, 101, 3), 200, np.uint8)
    raw = np.random.default_rng(0).exponential(size=(100, 101)).astype(np.float32)
    heatmap = raw / raw.max()
    end = np.sort(heatmap, axis=None)[-101]
    fine = TargetExplanation.of(heatmap, raw=raw, peak=float(raw.max()), **known_fields())
    one = of_picture(pixels, fine)
    style: dict[str, Any] = {"style": "side-by-side"}
    default = one.overlay(**style)
    np.testing.assert_array_equal(default, one.overlay(clip_percentile=99, **style))
    assert not np.array_equal(default, one.overlay(clip_percentile=100, **style))
    clipped = one.with_targets(
        [TargetExplanation.of(np.minimum(heatmap / end, 1), **known_fields())]
    )
    bar = 2 * (400 + 8) + 8
    np.testing.assert_array_equal(
        default[:400, :bar], clipped.overlay(clip_percentile=100, **style)[:400, :bar]
    )
    assert caption_of(one, fine, Drawing(**style)).scale == "scale to percentile 99"
    np.testing.assert_array_equal(one.overlay(), one.overlay(clip_percentile=100))


def test_signed_maps_are_clipped_on_both_sides(asymmetric: Pixels) -> None:
    raw = blobs()
    raw[0, :30] = -np.arange(1, 31)
    one = of_picture(asymmetric, target(raw=raw))
    drawn = one.overlay(signed=True, clip_percentile=99)
    expected = np.clip(raw / 19, -1, 1)  # of 1,200 values 11 are larger
    colors: dict[str, Any] = {"colormap": "blue-red", "signed": True}
    np.testing.assert_array_equal(drawn, overlay(asymmetric, expected, **colors))


def test_a_clipped_scale_that_is_shared_goes_by_all_of_its_values(asymmetric: Pixels) -> None:
    weak, strong = target(0.5), target(2)
    one = of_picture(asymmetric, weak, strong)
    # Of 2,400 values 20 are 1, 200 are 0.5, 20 are 0.25, 200 are 0.125: 220 are more than 0.25.
    for number, share in enumerate((0.25, 1)):
        drawn = one.overlay(number, scale="shared", clip_percentile=90)
        heatmap = np.minimum(np.float32(share) * blobs() / np.float32(0.25), 1)
        np.testing.assert_array_equal(drawn, overlay(asymmetric, heatmap))
    drawing = Drawing(style="figure", scale="shared", clip_percentile=90)
    assert caption_of(one, weak, drawing).scale == "shared scale · scale to percentile 90"


@pytest.mark.parametrize(("clip", "labels"), [(98, ("0.5", "0.25", "0")), (100, ("1", "0.5", "0"))])
def test_the_bar_says_where_the_scale_ends(
    asymmetric: Pixels, clip: float, labels: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import ImageDraw

    texts: list[str] = []
    text = ImageDraw.ImageDraw.text
    monkeypatch.setattr(
        ImageDraw.ImageDraw,
        "text",
        lambda self, xy, words, *rest, **more: (
            texts.append(words),
            text(self, xy, words, *rest, **more),
        )[1],
    )
    of_picture(asymmetric, target()).overlay(style="figure", clip_percentile=clip)
    assert set(labels) <= set(texts)


def test_the_longest_label_of_a_bar_is_whole(asymmetric: Pixels) -> None:
    heatmap = np.full((30, 40), 0.0000612, np.float32)
    heatmap[0, 0] = 1
    one = of_picture(asymmetric, TargetExplanation.of(heatmap, **known_fields()))
    drawn = one.overlay(style="figure", clip_percentile=99)  # with "6.1e-05" and "3.1e-05"
    assert drawn.shape[1] > one.overlay(style="figure").shape[1]
    assert (drawn[:, -5:] == 255).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"foo": 1}, "expected an option of a drawing, got 'foo'"),
        ({"sytle": "figure"}, "got 'sytle'. The closest: style"),
        ({"signed": "no"}, "expected signed to be True or False, got 'no'"),
        ({"boxes": 1}, "expected boxes to be True or False, got 1"),
        ({"number": 1}, "expected number to be a whole number from 0 to 0, got 1"),
        ({"number": 1.5}, "expected number to be a whole number"),
    ],
)
def test_options_that_are_none(asymmetric: Pixels, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as error:
        of_picture(asymmetric, target()).overlay(**options)
    assert words in str(error.value)


def test_names_that_no_picture_has(asymmetric: Pixels, own_home: Path) -> None:
    one = of_picture(asymmetric, target(), target(method="saliency"))
    with pytest.raises(UsageError, match="no picture is written to a name without a suffix"):
        one.save("py")
    with pytest.raises(UsageError, match=r"expected a path, got 3\. Pass a string"):
        one.save(3)  # type: ignore[arg-type]
    assert list(Path().iterdir()) == []


def test_what_to_try_where_nothing_speaks_for_a_class(asymmetric: Pixels) -> None:
    def note(**fields: Any) -> str:
        empty = target(evidence="none", raw=fields.pop("raw", -blobs()), **fields)
        (said,) = of_picture(asymmetric, empty).notes[-1:]
        return said

    second = Prediction(281, "n2", "tabby", probability=0.2, rank=2)
    assert note().endswith("Try an earlier --layer.")
    assert note(prediction=second).endswith("Try --class top, or an earlier --layer.")
    assert note(layer="input").endswith("at the input speaks for class 285 Egyptian_cat, "
        "so the overlay is the plain image. Try another --method.")  # fmt: skip
    assert note(layer="attention").endswith("Try another --method.")
    broken = np.where(blobs() > 0.5, np.nan, 1).astype(np.float32)
    assert note(raw=broken, method="lrp:gamma=0").startswith(
        "the map of class 285 Egyptian_cat by lrp:gamma=0 has values that are no finite numbers"
    )


@pytest.mark.parametrize("percentile", [0, -1, 100.5, float("nan"), True, "99"])
def test_percentiles_that_are_none(asymmetric: Pixels, percentile: object) -> None:
    one = of_picture(asymmetric, target())
    with pytest.raises(UsageError, match="clip_percentile to be a number above 0 and at most 100"):
        one.overlay(clip_percentile=percentile)


def test_signs_are_not_in_files(asymmetric: Pixels, own_home: Path) -> None:
    one = of_picture(asymmetric, target(raw=-blobs()))
    kept = one.save("x.png", signed=True, boxes=True)
    np.testing.assert_array_equal(kept.targets[0].raw, -blobs())
    read = Explanation.from_dict(one.to_dict()).with_pixels(asymmetric)
    with pytest.raises(UsageError, match="known without its signs only"):
        read.overlay(signed=True)


def test_the_peak_is_in_json_where_it_is_known(asymmetric: Pixels) -> None:
    one = of_picture(asymmetric, target(0.123456789), target(0, evidence="none"))
    known, unknown = one.to_dict()["explanations"]
    assert known["peak"] == 0.123457
    assert "peak" not in unknown
    assert Explanation.from_dict(one.to_dict()) == one
    earlier = Explanation.from_dict(fields()).targets[0]
    assert (earlier.peak, earlier.boxes) == (msgspec.UNSET, msgspec.UNSET)
    for peak in (0, -1, "1"):
        with pytest.raises(msgspec.ValidationError, match="peak"):
            Explanation.from_dict(fields(explained(CAT, peak=peak)))


def test_boxes_are_cocos_and_in_json_where_they_are_asked_for(
    asymmetric: Pixels, own_home: Path
) -> None:
    one = of_picture(asymmetric, target())
    assert "boxes" not in one.save("plain.png").to_dict()["explanations"][0]
    saved = one.save("x.png", boxes=True, box_regions="all")
    large, small = saved.to_dict()["explanations"][0]["boxes"]
    assert (large["bbox"], large["area"]) == ((3, 2, 20, 10), 200)
    assert (small["bbox"], small["area"]) == ((30, 20, 5, 4), 20)
    assert small["segmentation"]["size"] == (30, 40)
    assert small["segmentation"]["counts"][:4] == (30 * 30 + 20, 4, 26, 4)
    assert Explanation.from_dict(msgspec.json.decode(msgspec.json.encode(saved))) == saved
    (only,) = one.save("x.png", boxes=True).targets[0].boxes or ()
    assert only.bbox == (3, 2, 20, 10)
    (hottest,) = one.save("x.png", boxes=True, box_threshold=0.6).targets[0].boxes or ()
    assert hottest.bbox == (30, 20, 5, 4)


def test_boxes_do_not_hang_on_the_scale(asymmetric: Pixels, own_home: Path) -> None:
    one = of_picture(asymmetric, target(1), target(100))
    saved = one.save("x.png", boxes=True, scale="shared")
    assert saved.targets[0].boxes == saved.targets[1].boxes != ()


def test_boxes_are_within_a_frame(asymmetric: Pixels) -> None:
    picture = Picture(asymmetric, "a.png", "a", None)
    whole = TargetExplanation.of(
        np.ones((7, 7), np.float32), evidence="positive", prediction=target().prediction
    )
    one = explanation().with_targets([whole]).of_picture(picture, Frame(5, 0, 30, 30))
    (box,) = with_boxes(one, asymmetric, Drawing(boxes=True)).targets[0].boxes or ()
    assert box.bbox == (5, 0, 30, 30)


def test_a_figure_is_a_pil_image_of_that_style(asymmetric: Pixels, own_home: Path) -> None:
    one = of_picture(asymmetric, target())
    figure = one.figure()
    assert isinstance(figure, Image.Image)
    np.testing.assert_array_equal(np.asarray(figure), one.overlay(style="figure"))
    both = one.figure(0, style="side-by-side", upsample="cubic")
    assert both.width > figure.width
    one.save("x.png", style="figure")
    np.testing.assert_array_equal(np.asarray(Image.open("x.png")), np.asarray(figure))


def test_bad_options_are_said_and_write_nothing(asymmetric: Pixels, own_home: Path) -> None:
    one = of_picture(asymmetric, target())
    with pytest.raises(UsageError, match="expected the name of a style, got 'blur'"):
        one.save("x.png", style="blur")
    with pytest.raises(UsageError, match="expected an option of a drawing, got 'stile'"):
        one.save("x.png", stile="blend")
    assert not list(own_home.iterdir())


def test_figures_that_a_format_cannot_hold_are_said(own_home: Path) -> None:
    wide = np.zeros((2, 9000, 3), np.uint8)
    one = of_picture(wide, target())
    with pytest.raises(UsageError, match=r"WEBP holds at most 16,383 pixels a side.* 18,"):
        one.save("x.webp", style="side-by-side")
    assert not list(own_home.iterdir())


@pytest.mark.parametrize(
    ("other", "drawing", "lines"),
    [
        ({}, Drawing(), ("Egyptian cat", " · 75.0 %", "grad-cam at top_activation · m")),
        (
            {"versus": ClassLabel(281, "", "tiger_cat"), "counterfactual": True},
            Drawing(scale="shared"),
            (
                "against Egyptian cat rather than tiger cat",
                " · 75.0 %",
                "grad-cam at top_activation · m",
            ),
        ),
        (
            {
                "prediction": Prediction(9, "", "a\nb", probability=1e-5, rank=9),
                "evidence": "none",
            },
            Drawing(),
            ("a\\nb", " · < 0.1 % · no evidence", "grad-cam at top_activation · m"),
        ),
    ],
)
def test_captions(
    other: dict[str, Any], drawing: Drawing, lines: tuple[str, ...], asymmetric: Pixels
) -> None:
    one = msgspec.structs.replace(explanation(), model="m").with_targets([target(**other)])
    caption = caption_of(one, one.targets[0], drawing)
    assert (caption.title, caption.figures, caption.details) == lines
    assert render(one, 0, asymmetric, Drawing(style="figure")).shape[0] > 100
