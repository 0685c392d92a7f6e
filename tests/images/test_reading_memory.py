"""Pictures that are in memory or in open files already, read as a file with the same would be."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gradcam_cli.errors import ImageError, UsageError
from gradcam_cli.images.reading import Picture, read_image
from tests.conftest import SAMPLES
from tests.images.conftest import exif, read, refused, saved

CAT = SAMPLES / "egyptian_cat.jpg"
RGB = np.random.default_rng(8).integers(0, 256, (5, 7, 3), np.uint8)


@pytest.fixture
def cat() -> NDArray[np.uint8]:
    return read_image(str(CAT)).pixels


def test_a_path_is_read_as_its_text_is(cat: NDArray[np.uint8]) -> None:
    picture = read_image(CAT)
    np.testing.assert_array_equal(picture.pixels, cat)
    assert (picture.stem, picture.path) == ("egyptian_cat", CAT)


def test_a_path_is_never_a_url_nor_standard_input(photo: Path) -> None:
    Path("-").write_bytes(photo.read_bytes())
    assert read_image(Path("-")).path == Path("-")
    assert "no such file" in refused(Path("http://127.0.0.1/x.png")).what  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_are_an_encoded_picture(kind: Any, cat: NDArray[np.uint8]) -> None:
    picture = read_image(kind(CAT.read_bytes()))
    np.testing.assert_array_equal(picture.pixels, cat)
    assert (picture.stem, picture.path) == ("image", None)


def test_an_open_file_is_read_from_where_it_stands_and_left_open(cat: NDArray[np.uint8]) -> None:
    with CAT.open("rb") as file:
        picture = read_image(file)
        assert not file.closed
    assert (picture.name, picture.stem) == (str(CAT), "egyptian_cat")
    np.testing.assert_array_equal(picture.pixels, cat)
    with tempfile.TemporaryFile() as file:  # its name is a number
        file.write(b"before" + CAT.read_bytes())
        file.seek(len(b"before"))
        picture = read_image(file)
    assert (picture.name, picture.stem) == ("an open file", "image")
    np.testing.assert_array_equal(picture.pixels, cat)


def test_a_file_at_its_end_a_closed_one_and_one_of_text_are_refused() -> None:
    buffer = io.BytesIO(CAT.read_bytes())
    read_image(buffer)
    assert "Rewind it" in refused(buffer).remedy  # type: ignore[arg-type]
    buffer.close()
    assert "closed" in refused(buffer).what  # type: ignore[arg-type]
    for stdin in ({}, {"stdin": io.StringIO("text")}):
        source: Any = "-" if stdin else io.StringIO("text")
        with pytest.raises(UsageError, match="expected a binary file, got one of text"):
            read_image(source, **stdin)


@pytest.mark.parametrize("source", [None, 3, ["a.jpg"], RGB, True, object()])
def test_what_is_no_source_is_refused(source: Any) -> None:
    with pytest.raises(UsageError, match=r"expected a path, .* or a PIL image to read, got"):
        read_image(source)


@pytest.mark.parametrize("max_pixels", [0, -1, None, True, 1e9, "9"])
def test_max_pixels_is_a_whole_number(max_pixels: Any) -> None:
    for source in (CAT, Image.fromarray(RGB)):
        with pytest.raises(UsageError, match="expected max_pixels to be"):
            read_image(source, max_pixels=max_pixels)


def test_a_picture_is_given_back() -> None:
    picture = Picture(RGB, "a", "a", None)
    assert read_image(picture) is picture


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_pil_image_is_turned_as_a_file_is(orientation: int) -> None:
    data = saved(RGB, "PNG", exif=exif(orientation))
    with Image.open(io.BytesIO(data)) as image:
        picture = read_image(image)
        np.testing.assert_array_equal(picture.pixels, read(data).pixels)
        resized = read_image(image.resize((14, 10), Image.Resampling.NEAREST)).pixels
    np.testing.assert_array_equal(resized[::2, ::2], picture.pixels)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV"])
def test_a_pil_image_of_up_to_8_bits_is_what_pillow_shows_over_white(mode: str) -> None:
    image = Image.fromarray(RGB).convert("RGBA")
    image.putalpha(Image.fromarray(RGB[..., 1]))
    image = image.convert("P" if mode == "PA" else mode).convert(mode)
    before = image.tobytes(), image.info.copy()
    white = Image.new("RGBA", image.size, "white")
    whole = image.convert("RGB").convert("RGBA") if mode in ("HSV", "YCbCr") else image
    expected = Image.alpha_composite(white, whole.convert("RGBA")).convert("RGB")
    np.testing.assert_array_equal(read_image(image).pixels, np.asarray(expected))
    assert (image.tobytes(), image.info) == before


@pytest.mark.parametrize(("mode", "straight"), [("RGBa", "RGBA"), ("La", "LA")])
def test_a_premultiplied_pil_image_is_laid_over_white(mode: str, straight: str) -> None:
    image = Image.fromarray(np.dstack([RGB, RGB[..., 0] | 128])).convert(straight)
    premultiplied = image.convert(mode)
    got, expected = read_image(premultiplied).pixels, read_image(image).pixels
    np.testing.assert_allclose(got.astype(int), expected.astype(int), atol=2)


def test_a_deep_pil_image_is_scaled_as_a_file_is() -> None:
    deep = np.random.default_rng(9).integers(0, 1 << 16, (5, 7), np.uint16)
    shown = np.rint(deep / 257).astype(np.uint8)
    for image in (Image.fromarray(deep), Image.fromarray(deep.astype(np.int32))):
        picture = read_image(image)
        np.testing.assert_array_equal(picture.pixels, np.dstack([shown] * 3))
        assert not picture.notes
    with Image.open(io.BytesIO(saved(deep, "PNG"))) as image:
        np.testing.assert_array_equal(read_image(image).pixels[..., 0], shown)


def test_a_pil_image_of_floats_is_stretched_with_a_note_where_it_must_be() -> None:
    floats = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4)  # in steps of 17 levels
    picture = read_image(Image.fromarray(floats))
    np.testing.assert_array_equal(picture.pixels[..., 0], np.rint(floats * 255))
    assert not picture.notes
    picture = read_image(Image.fromarray(floats * 10 - 5))
    np.testing.assert_allclose(picture.pixels[..., 0], np.rint(floats * 255), atol=1)
    assert "stretched from -5..5" in picture.notes[0]
    floats[0, 0] = np.nan
    assert "not finite" in refused(Image.fromarray(floats)).what  # type: ignore[arg-type]


def test_of_several_frames_the_one_it_stands_at_is_read() -> None:
    frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    data = io.BytesIO()
    frames[0].save(data, "TIFF", save_all=True, append_images=frames[1:])
    with Image.open(data) as image:
        image.seek(1)
        picture = read_image(image)
    np.testing.assert_array_equal(picture.pixels, 255 - RGB)
    assert "stands at" in picture.notes[0]


def test_a_pil_image_is_named_after_its_file() -> None:
    with Image.open(CAT) as image:
        picture = read_image(image)
    assert (picture.name, picture.stem, picture.path) == (str(CAT), "egyptian_cat", None)
    picture = read_image(Image.fromarray(RGB))
    assert (picture.name, picture.stem) == ("a PIL image", "image")


def test_a_pil_image_that_cannot_be_read_is_refused() -> None:
    with Image.open(CAT) as gone:
        gone.load()
    gone.close()
    cut = Image.open(io.BytesIO(CAT.read_bytes()[:2000]))
    for image, what in [
        (gone, "could not load it"),
        (cut, "could not load it"),
        (Image.new("RGB", (0, 3)), "no pixels"),
        (Image.new("LAB", (2, 3)), "CIELAB"),
    ]:
        assert what in refused(image).what  # type: ignore[arg-type]
    with pytest.raises(ImageError, match="more than the limit of 34"):
        read_image(Image.fromarray(RGB), max_pixels=34)
