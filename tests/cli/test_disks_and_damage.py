"""What a run writes is whole: on full disks, after damage, and when somebody set a trap."""

from __future__ import annotations

import csv
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gradcam_cli.results.manifest import FILE
from gradcam_cli.storage.files import temporary_path
from tests.conftest import SAMPLES, records
from tests.disks import file_size_limit, full_at

Run = Callable[..., tuple[int, str, str]]
LITE = ("--model", "efficientnet-lite0", "--class", "top")


@pytest.fixture
def photos(own_home: Path) -> Path:
    """Forty photos, whose overlays have 15 to 85 kB."""
    folder = own_home / "photos"
    folder.mkdir()
    samples = sorted(SAMPLES.glob("*.jpg"))
    for number in range(40):
        shutil.copy(samples[number % len(samples)], folder / f"{number:02}.jpg")
    return Path("photos")


def check_whole(folder: Path) -> list[str]:
    """The overlays that are there, all of which can be read, as can all that are listed."""
    there = sorted(path.name for path in folder.glob("*.gradcam.jpg"))
    for name in there:
        with Image.open(folder / name) as image:
            image.load()
    found = records(folder)
    for record in found:
        for name, size in zip(record.overlays, record.sizes, strict=True):
            assert (folder / name).stat().st_size == size
    assert not list(folder.glob(".*"))
    return [name for record in found for name in record.overlays]


@pytest.mark.parametrize("output", ["u.jpg", "u.png", "u.webp"])
def test_one_picture_that_does_not_fit_is_not_there(gradcam: Run, output: str) -> None:
    with file_size_limit(16 << 10):
        code, out, err = gradcam("explain", SAMPLES / "tripod.jpg", "-o", output, *LITE)
    assert (code, out) == (2, "")
    assert err == f"gradcam: cannot write {output}: File too large. Choose another place with -o.\n"
    assert list(Path().iterdir()) == []


def test_a_heatmap_that_does_not_fit_is_not_there(gradcam: Run) -> None:
    with full_at(Path("disk"), "disk", 4096):
        Path("disk/filler").write_bytes(bytes(4096))
        code, _, err = gradcam(
            "explain", SAMPLES / "tripod.jpg", *LITE, "--save-heatmap", "disk/h.npy"
        )
        assert (code, err.count("\n")) == (2, 1)
        assert err.startswith("gradcam: cannot write ")
        assert [path.name for path in Path("disk").iterdir()] == ["filler"]


@pytest.mark.usefixtures("compiled_lite0")
def test_a_process_under_a_limit(own_home: Path) -> None:
    command = [sys.executable, "-m", "gradcam_cli", "explain", str(SAMPLES / "tripod.jpg"), *LITE]
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 64; exec {shlex.join(command)} -o u.jpg"],
        env={**os.environ, "PYTHONPATH": str(SAMPLES.parent)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot write u.jpg: File too large" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(own_home.iterdir()) == []


@pytest.mark.parametrize(("full", "size"), [("disk", 600 << 10), ("limit", 66 << 10)])
def test_a_folder_on_a_full_disk_ends_in_a_line(
    gradcam: Run, photos: Path, full: str, size: int
) -> None:
    run = ("explain", photos, "-o", "out", *LITE)
    with full_at(Path("out"), full, size):
        code, out, err = gradcam(*run)
        assert (code, out) == (2, "")
        assert err.count("\n") == 1
        assert "No space left" in err or "File too large" in err
        assert "of 40 are done. Make room, and run it again to go on." in err
        listed = check_whole(Path("out"))
        assert len(listed) < 40
        if full == "disk":  # room is made on another disk
            shutil.copytree("out", "roomy")
    Path("roomy" if full == "disk" else "out").rename("more")
    code, _, err = gradcam(*run[:-4], "-o", "more", *LITE)
    assert code == 0
    assert f"{40 - len(listed)} explained, " in err
    assert len(check_whole(Path("more"))) == 40


def test_rows_and_page_that_do_not_fit_are_not_there(gradcam: Run, photos: Path) -> None:
    run = ("explain", photos, "-o", "out", *LITE)
    gradcam(*run)
    with full_at(Path("disk"), "disk", 4096):
        Path("disk/filler").write_bytes(bytes(4096))
        for option in ("--csv=disk/rows.csv", "--report=disk/page.html"):
            code, _, err = gradcam(*run, option)
            assert code == 2
            assert err.startswith("gradcam: cannot write disk/")
        assert [path.name for path in Path("disk").iterdir()] == ["filler"]


def test_a_changed_output_of_the_same_size_is_found_by_its_content(
    gradcam: Run, photos: Path
) -> None:
    run = ("explain", photos, "-o", "out", *LITE, "--save-heatmap", "maps")
    gradcam(*run)
    whole = Path("out/07.gradcam.jpg").read_bytes()
    Path("out/07.gradcam.jpg").write_bytes(whole[:-100] + bytes(100))
    heatmap = np.load("maps/09.npy")
    np.save("maps/09.npy", heatmap[::-1])
    assert gradcam(*run)[2] == "gradcam: 0 explained, 40 done before.\n"
    assert gradcam(*run, "--verify")[2].startswith("gradcam: 2 explained, 38 done before")
    assert Path("out/07.gradcam.jpg").read_bytes() == whole
    np.testing.assert_array_equal(np.load("maps/09.npy"), heatmap)
    assert gradcam(*run, "--verify")[2] == "gradcam: 0 explained, 40 done before.\n"


def test_a_damaged_manifest_is_told_once_and_gone_on_with(gradcam: Run, photos: Path) -> None:
    run = ("explain", photos, "-o", "out", *LITE)
    gradcam(*run)
    lines = Path("out", FILE).read_text("utf-8").splitlines()
    lines[3] = lines[3].replace('"source": "', '"source": ["')
    lines[5] = lines[5].replace('"stamp": [', '"stamp": [NaN, ')
    lines[7] = "[" * 100_000
    damaged = "\n".join(lines) + "\n"
    for option in ("--report=out/page.html", "--force"):
        Path("out", FILE).write_text(damaged, "utf-8")
        code, _, err = gradcam(*run, option)
        assert code == 0
        assert err.startswith("gradcam: 3 lines are damaged in out/gradcam.jsonl, and passed over.")
        assert err.count("damaged") == 1
        assert ("3 explained, 37 done" in err) or option == "--force"
        assert "damaged" not in gradcam(*run)[2]
        assert len(records(Path("out"))) == 40


def test_what_killed_runs_left_is_swept(gradcam: Run, photos: Path) -> None:
    for folder in ("out/in", "maps"):
        Path(folder).mkdir(parents=True)
    left = [temporary_path(Path(name)) for name in ("out/a.jpg", "out/in/b.jpg", "maps/c.npy")]
    for path in left:
        path.write_bytes(b"half")
    Path("out/.mine.tmp").write_bytes(b"mine")
    gradcam("explain", photos, "-o", "out", *LITE, "--save-heatmap", "maps")
    assert not any(path.exists() for path in left)
    assert [path.name for path in Path("out").glob(".*")] == [".mine.tmp"]  # and no lock


def test_links_do_not_lead_out_of_the_output_folder(gradcam: Run, photos: Path) -> None:
    for name in ("in", "deep/er"):
        (photos / name).mkdir(parents=True)
        shutil.copy(photos / "00.jpg", photos / name)
    Path("elsewhere").mkdir()
    Path("out/deep").mkdir(parents=True)
    Path("out/in").symlink_to(Path("elsewhere").absolute())
    Path("out/deep/er").symlink_to("../../elsewhere/new")
    code, _, err = gradcam("explain", photos, "-r", "-o", "out", *LITE)
    assert code == 3
    assert "cannot write to out/in: a symbolic link there leads out of out. Remove the link" in err
    assert "40 explained, 2 failed" in err
    assert list(Path("elsewhere").iterdir()) == []
    Path("linked").symlink_to("out2")
    Path("out2").mkdir()  # the output folder itself may be one
    assert gradcam("explain", photos, "-o", "linked", *LITE)[0] == 0


def test_notes_are_of_a_folder_as_of_one_picture(gradcam: Run) -> None:
    shutil.copy(SAMPLES / "egyptian_cat.jpg", "cat.jpg")
    with Image.open("cat.jpg") as image:
        image.save("film.gif", save_all=True, append_images=[image.rotate(90)])
    options = ("--model", "efficientnet-lite0", "--class", "388")
    alone = json.loads(gradcam("explain", "cat.jpg", *options, "--json")[1])
    (missing,) = alone["notes"]
    assert "nothing at top_activation speaks for class" in missing
    code, out, err = gradcam("explain", "cat.jpg", "film.gif", "-o", "out", *options, "--json")
    assert code == 0
    notes = {each["source"]: each["notes"] for each in map(json.loads, out.splitlines())}
    assert notes["cat.jpg"] == [missing]
    assert notes["film.gif"][0].startswith("only the first of its frames")
    assert notes["film.gif"][1:] == [missing]
    assert err.count(missing) == 2
    assert "2 without evidence" in err


def test_weights_of_no_numbers_are_told_of_a_folder(
    gradcam: Run, vgg16_weights: Path, photos: Path
) -> None:
    import h5py

    shutil.copy(vgg16_weights, "nan.h5")
    with h5py.File("nan.h5", "r+") as file:
        group = file["predictions"]["predictions"]
        name = next(name for name in group if "bias" in name)
        group[name][...] = np.nan
    options = ("--model", "vgg16", "--weights", "nan.h5", "--engine", "tensorflow")
    shutil.copy(photos / "00.jpg", "a.jpg")
    code, _, err = gradcam("explain", "a.jpg", "--csv", "rows.csv", "-o", "out", *options)
    assert code == 0
    assert "a.jpg: vgg16 gives scores that are no finite numbers; check its weights." in err
    assert records(Path("out"))[0].result.predictions[0].probability == 0


def test_passwords_stand_nowhere(gradcam: Run, httpserver: object) -> None:
    httpserver.expect_request("/cat.jpg").respond_with_data(
        (SAMPLES / "egyptian_cat.jpg").read_bytes(), content_type="image/jpeg"
    )
    address = httpserver.url_for("/").replace("http://", "http://me:pa55word@")
    run = ("explain", f"{address}cat.jpg?size=1", f"{address}none.jpg", "-o", "out", *LITE)
    code, out, err = gradcam(*run, "--json", "--csv", "rows.csv", "--report", "out/page.html")
    assert code == 3
    written = [path.read_text("utf-8") for path in (Path("rows.csv"), *Path("out").glob("*[lL]"))]
    for text in (out, err, *written):
        assert "pa55word" not in text
        assert "me:pa" not in text
        assert "://***@127.0.0.1" in text or "://***@localhost" in text
    assert "1 done before" in gradcam(*run)[2]  # and it is known by what is kept


def test_cells_are_no_formulas(gradcam: Run, photos: Path) -> None:
    odd = Path("odd")
    odd.mkdir()
    for name in ("=cmd|' '!A1.jpg", "+1.jpg", "-1.jpg", "@x.jpg", "\ta\u202eb.jpg", "plain.jpg"):
        (odd / name).write_bytes(b"no picture")
    os.chdir(odd)
    names = sorted(
        f"./{path.name}" if path.name[0] == "-" else path.name for path in Path().iterdir()
    )
    gradcam("explain", *names, "-o", "out", *LITE, "--csv", "rows.csv")
    with Path("rows.csv").open(encoding="utf-8", newline="") as file:
        cells = [row["source"] for row in csv.DictReader(file)]
    assert sorted(cells) == [
        "'+1.jpg", "'=cmd|' '!A1.jpg", "'@x.jpg", "'\\ta\\u202eb.jpg", "./-1.jpg", "plain.jpg",
    ]  # fmt: skip
    assert "\u202e" not in Path("rows.csv").read_text("utf-8")


def test_quiet_paths_end_in_nul(gradcam: Run, photos: Path) -> None:
    _, out, _ = gradcam("explain", photos / "00.jpg", photos / "01.jpg", "-o", "out", "-q0", *LITE)
    assert sorted(out.split("\0")) == ["", "out/00.gradcam.jpg", "out/01.gradcam.jpg"]
    _, out, _ = gradcam("explain", photos / "00.jpg", "-o", "one.jpg", "-q", "-0", *LITE)
    assert out == "one.jpg\0"
