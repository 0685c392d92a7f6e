"""Properties of pictures, on pictures made to have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gradcam_cli.images.blurring import blurred_where
from gradcam_cli.images.properties import PROPERTIES, properties_of
from gradcam_cli.images.reading import Picture, read_image


def of_pixels(pixels: np.ndarray) -> dict[str, float]:
    return properties_of(Picture(pixels, "", "", None))


def test_of_an_even_colour() -> None:
    found = of_pixels(np.full((40, 80, 3), (255, 51, 0), np.uint8))
    assert found["brightness"] == pytest.approx((0.299 * 255 + 0.587 * 51) / 255, abs=0.01)
    assert (found["contrast"], found["sharpness"]) == (0, 0)
    assert found["saturation"] == 1
    assert found["red_green"] == pytest.approx(0.8)
    assert found["yellow_blue"] == pytest.approx(0.6)
    assert (found["width"], found["height"], found["aspect_ratio"]) == (80, 40, 2)
    assert "bytes_per_pixel" not in found


def test_blur_is_less_sharp() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 90, 3)).astype(np.uint8)
    (blurred,) = blurred_where(noise, [np.ones((90, 90), np.float32)])
    assert of_pixels(blurred)["sharpness"] < 0.01 * of_pixels(noise)["sharpness"]
    (half,) = blurred_where(noise, [np.tile(np.float32([0, 1]).repeat(45), (90, 1))])
    np.testing.assert_array_equal(half[:, :45], noise[:, :45])
    np.testing.assert_array_equal(half[:, 45:], blurred[:, 45:])


def test_of_files(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    Image.fromarray(noise).save(tmp_path / "a.jpg", quality=95, exif=exif)
    Image.fromarray(noise).save(tmp_path / "b.jpg", quality=20)
    Image.fromarray(noise).save(tmp_path / "c.png")
    fine, coarse, png = (
        properties_of(read_image(tmp_path / name)) for name in ("a.jpg", "b.jpg", "c.png")
    )
    assert [each["is_jpeg"] for each in (fine, coarse, png)] == [1, 1, 0]
    assert [each["has_camera"] for each in (fine, coarse, png)] == [1, 0, 0]
    assert fine["jpeg_quantization"] < coarse["jpeg_quantization"]
    assert fine["bytes_per_pixel"] == (tmp_path / "a.jpg").stat().st_size / 64**2
    assert set(fine) == set(PROPERTIES)
    assert set(PROPERTIES) - set(png) == {"jpeg_quantization"}
