"""What is wrong with an argument is said in one error, and its advice works."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gradcam_cli.arguments import check_image, checked_heatmap, checked_integer
from gradcam_cli.errors import UsageError
from gradcam_cli.images.overlay import overlay
from gradcam_cli.methods import grad_cam, normalize
from gradcam_cli.metrics.localization import border_share

HEATMAP = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)


def refused(call: Callable[..., object], *arguments: object, **options: object) -> UsageError:
    """The UsageError, of three parts on one line, that the call raises."""
    with pytest.raises(UsageError) as caught:
        call(*arguments, **options)
    error = caught.value
    assert re.fullmatch(r"expected .+, got .+", error.what)
    assert error.remedy
    assert str(error).isprintable()
    return error


def advised(error: UsageError, **names: NDArray[Any]) -> Any:
    """What the Python gives that the error advises to pass."""
    (code,) = re.findall(r"^Pass (.*)\.$", error.remedy)
    return eval(code, {"numpy": np}, names)


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (lambda pixels: pixels / 255.0, "(30, 40, 3) float64 in 0..1"),
        (lambda pixels: pixels / np.float32(255), "float32 in 0..1"),
        (lambda pixels: pixels / 127.5 - 1, "float64 in -1..1"),
        (lambda pixels: pixels.astype(np.float16), "float16 in 0..255"),
        (lambda pixels: pixels.astype(int), "int64 in 0..255"),
        (lambda pixels: pixels.astype(np.uint16) * 257, "uint16 in 0..65535"),
        (lambda pixels: np.dstack([pixels, pixels[..., 0]]), "(30, 40, 4) uint8"),
        (lambda pixels: pixels.transpose(2, 0, 1), "(3, 30, 40) uint8"),
        (lambda pixels: pixels[np.newaxis], "(1, 30, 40, 3) uint8"),
        (lambda pixels: (pixels / 255.0).transpose(2, 0, 1)[None], "(1, 3, 30, 40) float64"),
    ],
)
def test_the_advice_on_an_image_gives_its_pixels(
    asymmetric: NDArray[np.uint8], wrong: Callable[[NDArray[Any]], NDArray[Any]], what: str
) -> None:
    asymmetric[0, 0], asymmetric[-1, -1] = 0, 255
    image = wrong(asymmetric)
    error = refused(check_image, image)
    assert "expected an image of (H, W, 3) uint8 RGB, 0..255" in error.what
    assert what in error.what
    np.testing.assert_array_equal(advised(error, image=image), asymmetric)


@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 1), (1, 5, 6), (2, 5, 6, 1)])
def test_the_advice_on_a_gray_image_gives_three_equal_channels(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    got = advised(refused(check_image, image), image=image)
    check_image(got)
    first = image.ravel()[:30].reshape(5, 6)
    np.testing.assert_array_equal(got, np.stack([first] * 3, axis=-1))


def test_the_advice_on_a_mask_gives_black_and_white() -> None:
    image = np.eye(3, dtype=bool)[..., np.newaxis].repeat(3, axis=-1)
    got = advised(refused(check_image, image), image=image)
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, image * 255)


@pytest.mark.parametrize(
    "image",
    [
        np.empty((0, 4, 3), np.uint8),
        np.full((3, 4, 3), np.nan),
        np.full((3, 4, 3), 1e9),
        np.full((3, 4, 3), -7),
        np.zeros((3, 4, 3), object),
        np.zeros((3, 4, 3), complex),
        np.zeros((3, 4, 5), np.uint8),
        np.zeros((1, 1, 2, 2, 3), np.uint8),
        np.uint8(3),
        [[[1, 2, 3]]],
        "photo.jpg",
        None,
    ],
    ids=lambda image: re.sub(r"\s+", " ", f"{type(image).__name__} {getattr(image, 'shape', '')}"),
)
def test_what_is_no_image_is_refused(image: object) -> None:
    refused(check_image, image)
    refused(overlay, image, HEATMAP)


@pytest.mark.parametrize(
    "heatmap",
    [
        HEATMAP * 2,
        HEATMAP - 1,
        HEATMAP > 0.5,
        np.eye(3, dtype=int),
        (HEATMAP * 255).astype(np.uint8),
        np.where(HEATMAP > 0.5, np.nan, HEATMAP),
        np.where(HEATMAP > 0.5, np.inf, HEATMAP),
        HEATMAP.astype(object),
    ],
    ids=["2", "negative", "bool", "int", "uint8", "nan", "inf", "object"],
)
def test_the_advice_on_a_heatmap_gives_one(heatmap: NDArray[Any]) -> None:
    error = refused(checked_heatmap, heatmap)
    code = error.remedy.removeprefix("Pass ").split(", if")[0].removesuffix(".")
    checked_heatmap(eval(code, {"numpy": np}, {"heatmap": heatmap}))
    assert str(refused(border_share, heatmap)) == str(error)


@pytest.mark.parametrize("heatmap", [HEATMAP[..., None], HEATMAP[:0], HEATMAP[0], [[0.5]], None])
def test_what_is_no_heatmap_is_refused(asymmetric: NDArray[np.uint8], heatmap: object) -> None:
    refused(border_share, heatmap)
    refused(overlay, asymmetric, heatmap)


def test_a_heatmap_may_be_off_by_a_rounding_error() -> None:
    checked_heatmap(HEATMAP * np.nextafter(np.float32(1), np.float32(2)))


@pytest.mark.parametrize("alpha", [7, -0.1, float("nan"), float("inf"), None, "0.5", True])
def test_alpha_is_a_share(asymmetric: NDArray[np.uint8], alpha: object) -> None:
    refused(overlay, asymmetric, HEATMAP, alpha=alpha)
    refused(overlay, asymmetric, np.zeros((3, 4), np.float32), alpha=alpha)


@pytest.mark.parametrize("colormap", ["rainbows", "", None, 2, ["jet"]])
def test_an_unknown_colour_map_lists_those_there_are(
    asymmetric: NDArray[np.uint8], colormap: object
) -> None:
    error = refused(overlay, asymmetric, HEATMAP, colormap=colormap)
    assert "jet, " in error.remedy
    assert "turbo" in error.remedy


@pytest.mark.parametrize("value", [0, 11, -1, 2.0, True, np.True_, "3", None, 10**30])
def test_what_is_no_whole_number_in_bounds_is_refused(value: object) -> None:
    assert "from 1 to 10" in refused(checked_integer, "top", value, 1, 10).what


def test_a_number_too_long_to_be_printed_is_refused_like_any_other() -> None:
    refused(check_image, 10**5000)
    refused(checked_integer, "top", 10**5000, 1, 10)


@pytest.mark.parametrize("value", [3, np.int8(3), np.uint64(3), np.array(3)])
def test_whole_numbers_of_numpy_will_do(value: object) -> None:
    assert type(checked_integer("top", value, 1, 10)) is int


def test_methods_refuse_what_are_no_maps() -> None:
    maps = np.ones((2, 2, 3), np.float32)
    for activations, gradients in [
        (maps, maps[..., :2]),
        (maps[None], maps[None]),
        (maps.astype(int), maps.astype(int)),
        (maps[:0], maps[:0]),
        (maps.tolist(), maps),
    ]:
        refused(grad_cam, activations, gradients)
    for raw in (maps, maps[0].astype(int), maps[0, :0], [[1.0]]):
        refused(normalize, raw)
