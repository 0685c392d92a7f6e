"""Simple properties of pictures and of their files, by which a model may tell classes apart."""

from __future__ import annotations

from contextlib import suppress
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from gradcam_cli.images.reading import Picture

PROPERTIES = {
    "brightness": "brightness",
    "contrast": "contrast",
    "sharpness": "sharpness",
    "saturation": "saturation",
    "red_green": "redness against greenness",
    "yellow_blue": "yellowness against blueness",
    "width": "width",
    "height": "height",
    "aspect_ratio": "aspect ratio",
    "bytes_per_pixel": "bytes of the file per pixel",
    "jpeg_quantization": "JPEG compression",
    "is_jpeg": "being a JPEG",
    "has_camera": "naming a camera",
}
"""What `properties_of` gives, in words."""

_SIDE = 512
"""The middle of a picture, of so many pixels at most, stands for it: whole, and not scaled, for
scaling would change the sharpness."""

_CAMERA_TAGS = (0x010F, 0x0110)
"""EXIF's make and model."""


def properties_of(picture: Picture) -> dict[str, float]:
    """The properties of a picture.

    Parameters
    ----------
    picture : Picture

    Returns
    -------
    dict of str to float
        Of pixels: ``brightness`` and ``contrast`` (mean and standard deviation of the luma, 0..1),
        ``sharpness`` (variance of the Laplacian of the luma), ``saturation`` (mean of max - min of
        a pixel, 0..1), ``red_green`` and ``yellow_blue`` (means of R - G and of (R + G) / 2 - B,
        -1..1: Hasler and Süsstrunk, 2003); ``width``, ``height``, ``aspect_ratio`` (width over
        height). Of a local file, too: ``bytes_per_pixel``, ``is_jpeg`` and ``has_camera`` (0 or 1),
        and of a JPEG ``jpeg_quantization``, the mean step by which it was compressed: more is a
        lower quality.
    """
    height, width = picture.pixels.shape[:2]
    properties = {**_of_pixels(_middle(picture.pixels)), "width": width, "height": height}
    properties["aspect_ratio"] = width / height
    if picture.path is not None:
        properties.update(_of_file(picture.path, width * height))
    return {name: float(value) for name, value in properties.items()}


def _middle(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    top, left = max(0, height - _SIDE) // 2, max(0, width - _SIDE) // 2
    return np.ascontiguousarray(pixels[top:, left:][:_SIDE, :_SIDE])


def _of_pixels(pixels: NDArray[np.uint8]) -> dict[str, float]:
    import cv2

    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    mean, deviation = cv2.meanStdDev(grey)
    _, edges = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))
    channels = cv2.split(pixels)
    red, green, blue = (cv2.mean(channel)[0] for channel in channels)
    most, least = (cv2.mean(reduce(function, channels))[0] for function in (cv2.max, cv2.min))
    return {
        "brightness": float(mean[0, 0]) / 255,
        "contrast": float(deviation[0, 0]) / 255,
        "sharpness": float(edges[0, 0]) ** 2,
        "saturation": (most - least) / 255,
        "red_green": (red - green) / 255,
        "yellow_blue": ((red + green) / 2 - blue) / 255,
    }


def _of_file(path: Path, pixels: int) -> dict[str, float]:
    from PIL import Image

    properties = {}
    with suppress(Exception):  # what Pillow does not open has no such properties
        properties["bytes_per_pixel"] = path.stat().st_size / pixels
        with Image.open(path) as image:
            properties["is_jpeg"] = float(image.format == "JPEG")
            properties["has_camera"] = float(any(image.getexif().get(tag) for tag in _CAMERA_TAGS))
            tables = getattr(image, "quantization", None)
            if tables:
                properties["jpeg_quantization"] = float(np.mean(list(tables[min(tables)])))
    return properties
