from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gradcam_cli.errors import UsageError
from gradcam_cli.images.writing import (
    check_size,
    check_writable,
    encoded_heatmap,
    encoded_image,
    folder_for_many,
    heatmap_destination,
    make_folder,
    output_file,
    overlay_destination,
    write_output,
)


def test_the_default_is_beside_where_one_stands() -> None:
    place = overlay_destination(None)
    assert place.path("photo") == Path("photo.gradcam.jpg")
    assert place.path("photo", ".285") == Path("photo.285.gradcam.jpg")
    assert place.format == ".jpg"


def test_a_file_has_the_name_it_was_given() -> None:
    place = overlay_destination("out.x.PNG")
    assert place.path("photo", ".285") == Path("out.x.PNG")
    assert place.format == ".png"


def test_a_folder_is_one_that_exists_or_ends_in_a_slash(tmp_path: Path) -> None:
    for output in (str(tmp_path), f"{tmp_path}/new/deep/"):
        place = overlay_destination(output, several=True)
        make_folder(place.folder)
        assert place.path("photo", ".3") == Path(output) / "photo.3.gradcam.jpg"
        assert place.folder.is_dir()


@pytest.mark.parametrize("output", ["told.json/", "told.json/in/side/"])
def test_a_file_in_the_way_of_a_folder_is_named(own_home: Path, output: str) -> None:
    Path("told.json").write_text("{}")
    said = r"told\.json is a file, and in the way"
    with pytest.raises(UsageError, match=said):
        make_folder(overlay_destination(output).folder)
    with pytest.raises(UsageError, match=said):
        folder_for_many(output)


@pytest.mark.parametrize("name", ["x.gif", "x", "x.jpg.txt", ".jpg"])
def test_other_suffixes_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"neither a folder nor a file"):
        overlay_destination(name)


def test_one_file_cannot_hold_several() -> None:
    with pytest.raises(UsageError, match=r"more than one output"):
        overlay_destination("x.jpg", several=True)
    with pytest.raises(UsageError, match=r"more than one output"):
        heatmap_destination("x.npy", several=True)


def test_a_source_is_never_replaced(tmp_path: Path) -> None:
    source = tmp_path / "photo.jpg"
    source.write_bytes(b"precious")
    (tmp_path / "link.jpg").symlink_to(source)
    os.link(source, tmp_path / "hard.jpg")
    for name in ("photo.jpg", "link.jpg", "hard.jpg"):
        with pytest.raises(UsageError, match=r"it is a source image"):
            check_writable(tmp_path / name, sources=(source,))


@pytest.mark.parametrize("path", ["/dev/null", ".", "no/such/folder/x.jpg"])
def test_devices_folders_and_nowhere_are_refused(path: str) -> None:
    with pytest.raises(UsageError, match=r"cannot write"):
        check_writable(Path(path))


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".png", ".webp"])
def test_pictures_come_back_with_their_colours(
    tmp_path: Path, asymmetric: np.ndarray, suffix: str
) -> None:
    path = tmp_path / f"x{suffix}"
    write_output(path, encoded_image(asymmetric, suffix))
    with Image.open(path) as image:
        back = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(back - asymmetric).mean() < (0.01 if suffix == ".png" else 4)


def test_heatmaps_come_back_exactly(tmp_path: Path) -> None:
    heatmap = np.random.default_rng(1).random((7, 9), np.float32)
    write_output(tmp_path / "h.npy", encoded_heatmap(heatmap))
    back = np.load(tmp_path / "h.npy", allow_pickle=False)
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, heatmap)


def test_what_a_format_cannot_hold_is_told_before() -> None:
    wide = np.zeros((1, 70_000, 3), np.uint8)
    with pytest.raises(UsageError, match=r"65,500 pixels a side.*PNG"):
        check_size(".jpg", wide)
    check_size(".PNG", wide)


def test_a_failure_leaves_the_old_file_and_nothing_else(own_home: Path) -> None:
    path = own_home / "x.jpg"
    path.write_bytes(b"old")
    with pytest.raises(TypeError), output_file(path) as file:
        file.write("half")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_is_one_sentence() -> None:
    with (
        pytest.raises(UsageError, match=r"cannot write .*x\.jpg"),
        output_file(Path("/proc/x.jpg")),
    ):
        pass


def test_the_umask_decides_who_may_read(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_output(tmp_path / "h.npy", b"data")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "h.npy").stat().st_mode) == 0o640
