"""`gradcam explain` over many sources, in this process, on the bundled model."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from tests.conftest import SAMPLES, as_nobody, records

Run = Callable[..., tuple[int, str, str]]
LITE = ("--model", "efficientnet-lite0", "--class", "top")
NAMES = ["egyptian_cat", "espresso", "space_shuttle", "sunglasses", "tripod"]


@pytest.fixture
def photos(own_home: Path) -> Path:
    """Five photos, two of them in a folder inside."""
    folder = own_home / "photos"
    (folder / "in").mkdir(parents=True)
    for name in NAMES:
        place = folder / "in" if name[0] == "s" and name != "sunglasses" else folder
        shutil.copy(SAMPLES / f"{name}.jpg", place)
    shutil.copy(SAMPLES / "tripod.jpg", folder / "in")
    return Path("photos")


def outputs(folder: str = "out") -> list[str]:
    found = Path(folder).rglob("*.gradcam.jpg")
    return sorted(path.relative_to(folder).as_posix() for path in found)


def times() -> dict[str, int]:
    return {each: Path("out", each).stat().st_mtime_ns for each in outputs()}


def test_a_folder_is_mirrored_and_summed_up(gradcam: Run, photos: Path) -> None:
    code, out, err = gradcam("explain", photos, "-r", "-o", "out", *LITE)
    assert code == 0
    assert outputs() == [
        "egyptian_cat.gradcam.jpg", "espresso.gradcam.jpg", "in/space_shuttle.gradcam.jpg",
        "in/tripod.gradcam.jpg", "sunglasses.gradcam.jpg", "tripod.gradcam.jpg",
    ]  # fmt: skip
    rows = [line.split() for line in out.splitlines()[2:]]
    assert rows[0][:3] == ["872", "tripod", "2"]
    assert sorted(row[0] for row in rows) == ["285", "812", "837", "872", "967"]
    assert err.startswith("gradcam: 6 explained, ")
    assert err.count("\n") == 1


def test_each_output_is_that_of_a_run_alone(gradcam: Run, photos: Path) -> None:
    gradcam("explain", photos, "-o", "out", *LITE, "--save-heatmap", "maps")
    gradcam("explain", photos / "espresso.jpg", *LITE, "--save-heatmap", "alone.npy")
    alone = np.asarray(Image.open("espresso.gradcam.jpg")).astype(int)
    among = np.asarray(Image.open("out/espresso.gradcam.jpg")).astype(int)
    assert np.abs(alone - among).max() <= 8  # one level of the colour map, through JPEG
    assert np.abs(np.load("alone.npy") - np.load("maps/espresso.npy")).max() <= 1e-5


def test_what_is_done_is_skipped_and_other_settings_redo_it(gradcam: Run, photos: Path) -> None:
    run = ("explain", photos, "-r", "-o", "out", *LITE)
    gradcam(*run)
    before = times()
    code, out, err = gradcam(*run)
    assert (code, err) == (0, "gradcam: 0 explained, 6 done before.\n")
    assert "872 tripod" in out  # the summary is of all
    assert times() == before
    _, _, err = gradcam(*run, "--alpha", "0.4")
    assert err.startswith("gradcam: 6 explained")
    _, _, err = gradcam(*run, "--alpha", "0.4", "--force")
    assert err.startswith("gradcam: 6 explained")
    assert not {*before.items()} & {*times().items()}


def test_what_changed_or_went_is_redone_alone(gradcam: Run, photos: Path) -> None:
    run = ("explain", photos, "-r", "-o", "out", *LITE, "--save-heatmap", "maps")
    gradcam(*run)
    shutil.copy(SAMPLES / "tripod.jpg", photos / "espresso.jpg")
    Path("out/egyptian_cat.gradcam.jpg").unlink()
    Path("out/sunglasses.gradcam.jpg").write_bytes(b"cut")
    Path("maps/in/tripod.npy").unlink()
    (photos / "new.jpg").write_bytes((photos / "tripod.jpg").read_bytes())
    before = times()
    _, _, err = gradcam(*run)
    assert err.startswith("gradcam: 5 explained, 2 done before")
    same = [name for name, time in times().items() if before.get(name) == time]
    assert same == ["in/space_shuttle.gradcam.jpg", "tripod.gradcam.jpg"]


def test_json_lines_as_results_come_then_only_what_is_new(gradcam: Run, photos: Path) -> None:
    (photos / "bad.jpg").write_bytes(b"no picture")
    run = ("explain", photos, "-o", "out", *LITE, "--json")
    code, out, err = gradcam(*run)
    assert code == 3
    told = {each["source"]: each for each in map(json.loads, out.splitlines())}
    assert len(told) == 5
    assert all(each["schema"] == 1 for each in told.values())
    assert set(told["photos/bad.jpg"]) == {"schema", "source", "error"}
    cat = told["photos/egyptian_cat.jpg"]
    assert cat["explanations"][0]["class"]["index"] == 285
    assert 0 < cat["explanations"][0]["border"] < 1
    assert Path(cat["explanations"][0]["overlay"]).is_file()
    assert "bad.jpg: it is not an image" in err
    assert "4 explained, 1 failed" in err
    assert [json.loads(line)["source"] for line in gradcam(*run)[1].splitlines()] == [
        "photos/bad.jpg"
    ]


def test_a_failure_is_told_and_mended(gradcam: Run, photos: Path) -> None:
    (photos / "bad.jpg").write_bytes(b"no picture")
    run = ("explain", photos, "missing.jpg", "none/*.jpg", "-o", "out", *LITE)
    code, _, err = gradcam(*run)
    assert code == 3
    assert "missing.jpg: there is no such file" in err
    assert "none/*.jpg: nothing matches" in err
    assert "4 explained, 3 failed" in err
    errors = [record.source for record in records(Path("out")) if record.error]
    assert sorted(errors) == ["missing.jpg", "none/*.jpg", "photos/bad.jpg"]
    shutil.copy(photos / "tripod.jpg", photos / "bad.jpg")
    code, _, err = gradcam("explain", photos, "-o", "out", *LITE)
    assert code == 0
    assert err.startswith("gradcam: 1 explained, 4 done before")


@pytest.mark.parametrize("option", [["--fail-fast"], ["--max-errors", "2"]])
def test_failures_may_stop_it(gradcam: Run, photos: Path, option: list[str]) -> None:
    for number in range(60):
        (photos / f"a{number:02}.jpg").write_bytes(b"no picture")
    code, _, err = gradcam("explain", photos, "-o", "out", *LITE, *option)
    assert code == 3
    assert "not tried" in err
    failed = [record for record in records(Path("out")) if record.error]
    assert len(failed) < 30


def test_many_failures_are_counted_not_listed(gradcam: Run, photos: Path) -> None:
    for number in range(30):
        (photos / f"a{number:02}.jpg").write_bytes(b"no picture")
    _, _, err = gradcam("explain", photos, "-o", "out", *LITE)
    assert err.count("it is not an image") == 20
    assert "10 more failed" in err


def test_csv_has_a_row_for_each_class_and_each_failure(gradcam: Run, photos: Path) -> None:
    (photos / "bad.jpg").write_bytes(b"no picture")
    options = ("--model", "efficientnet-lite0", "--class", "top", "--class", "837")
    gradcam("explain", photos, "-o", "out", *options, "--csv", "rows.csv")
    with Path("rows.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    cat = [row for row in rows if row["source"].endswith("cat.jpg")]
    assert (cat[0]["class"], cat[0]["rank"]) == ("285", "1")
    assert cat[1]["name"] == "sunglasses"
    assert Path(cat[1]["overlay"]).name == "egyptian_cat.837.gradcam.jpg"
    (bad,) = [row for row in rows if row["error"]]
    assert bad["source"] == "photos/bad.jpg"
    assert len(rows) == 2 + 2 + 1 + 2 + 1  # sunglasses are its top class already


def test_sources_of_every_kind(gradcam: Run, photos: Path, own_home: Path) -> None:
    Path("list").write_text("photos/tripod.jpg\nphotos/espresso.jpg\n", "utf-8")
    code, out, _ = gradcam(
        "explain", "photos/in", "photos/egypt*", "--from-file", "list", "-o", "out", *LITE, "-q"
    )
    assert code == 0
    assert sorted(out.splitlines()) == [
        "out/egyptian_cat.gradcam.jpg", "out/espresso.gradcam.jpg",
        "out/space_shuttle.gradcam.jpg", "out/tripod.gradcam.jpg", "out/tripod.jpg.gradcam.jpg",
    ]  # fmt: skip


def test_outputs_are_not_taken_for_sources(gradcam: Run, photos: Path) -> None:
    run = ("explain", photos, "-r", "-o", photos, *LITE)
    gradcam(*run)
    code, _, err = gradcam(*run)
    assert code == 0
    assert "6 outputs of earlier runs" in err
    assert "0 explained, 6 done before" in err


def test_without_a_folder_outputs_have_one_of_their_own(gradcam: Run, photos: Path) -> None:
    places = ("--csv", "gradcam-out/rows.csv", "--report", "gradcam-out/page.html")
    heatmaps = ("--save-heatmap", "gradcam-out/maps")
    run = ("explain", ".", "-r", "--include", "*", *LITE, *heatmaps, *places)
    code, _, err = gradcam(*run)
    assert code == 0
    assert err.startswith("gradcam: Outputs go to gradcam-out/.\ngradcam: 6 explained")
    assert sorted(path.name for path in Path().iterdir()) == ["gradcam-out", "photos"]
    assert len(outputs("gradcam-out")) == 6
    code, _, err = gradcam(*run)  # what the first left there are no sources
    assert (code, err.splitlines()[1:]) == (0, ["gradcam: 0 explained, 6 done before."])
    two = (photos / "espresso.jpg", photos / "tripod.jpg", "-q", *LITE)
    _, out, err = gradcam("explain", *two)
    names = ["gradcam-out/espresso.gradcam.jpg", "gradcam-out/tripod.gradcam.jpg"]
    assert (sorted(out.splitlines()), err) == (names, "")
    assert gradcam("explain", *two) == (0, "", "")
    assert gradcam("explain", "gradcam-out", *LITE)[0] == 3  # named, it is listed as any other


def test_an_improbable_default_class_is_said_once(gradcam: Run, photos: Path) -> None:
    run = ("explain", photos, "-o", "out", "--model", "efficientnet-lite0")
    said = "the class is the default, and of 3 images not among the most probable. "
    for _ in range(2):
        assert gradcam(*run)[2].count(said) == 1
    assert "default" not in gradcam(*run, "--class", "837")[2]


def test_a_mistake_costs_nothing(gradcam: Run, photos: Path) -> None:
    for arguments, code, said in (
        ([photos, "-o", "x.jpg"], 2, "the outputs of a recorded run go into a folder"),
        ([photos, "--save-heatmap", "x.npy"], 2, "--save-heatmap"),
        ([photos, "-"], 2, "-"),
        ([photos, "--from-file", "none"], 2, "none"),
        ([photos, "--show", "--json"], 2, "--show"),
        ([photos, "--exclude", "*"], 3, "no picture"),
        ([photos, "--max-errors", "0"], 2, "--max-errors"),
        ([photos, "-o", "out", "--report", "out/page.txt"], 2, "does not end in .html"),
        ([photos, "-o", "out", "--report", "none/page.html"], 2, "there is no folder none"),
        ([photos, "-o", "out", "--csv", "none/rows.csv"], 2, "there is no folder none"),
        ([photos, "-o", "out", "--csv", photos / "tripod.jpg"], 2, "it is a source image"),
        ([photos, "-o", "out", "--csv", "photos"], 2, "is a directory"),
        ([], 2, "no SOURCE"),
    ):
        got, out, err = gradcam("explain", *arguments, *LITE)
        assert (got, out) == (code, "")
        assert said in err
        assert err.count("\n") == 1
    assert sorted(path.name for path in Path().iterdir()) == ["photos"]


def test_the_rows_and_the_page_may_go_where_the_overlays_go(gradcam: Run, photos: Path) -> None:
    places = ("--csv", "out/rows.csv", "--report", "out/page.html")
    assert gradcam("explain", photos, "-o", "out", *LITE, *places)[0] == 0
    assert Path("out/rows.csv").read_text("utf-8").count("\n") == 5
    assert "4 sources explained" in " ".join(Path("out/page.html").read_text("utf-8").split())


def test_two_runs_do_not_share_a_folder(gradcam: Run, photos: Path) -> None:
    Path("out").mkdir()
    with FileLock("out/.gradcam.lock"):
        code, _, err = gradcam("explain", photos, "-o", "out", *LITE)
    assert code == 2
    assert "another run is writing to out" in err


def test_a_folder_that_cannot_be_written(gradcam: Run, photos: Path, tmp_path: Path) -> None:
    Path("out").mkdir()
    Path("out").chmod(0o555)
    with as_nobody():
        code, _, err = gradcam("explain", photos, "-o", "out", *LITE)
    assert code == 2
    assert "cannot write to out" in err


def test_show_draws_plain_text_where_there_is_no_colour(gradcam: Run, photos: Path) -> None:
    _, out, _ = gradcam("explain", photos / "tripod.jpg", *LITE, "--show")
    drawn = out.splitlines()[:10]
    assert any("@" in line for line in out.splitlines())
    assert all(set(line) <= set(" .:-=+*#%@") for line in drawn)
    _, out, _ = gradcam("explain", photos, *LITE, "--show", "-o", "out")
    assert out.count("@") >= 4


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of Click's child
def test_open_calls_the_viewer(gradcam: Run, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo("opened")
    viewer = Path("bin/xdg-open")
    viewer.parent.mkdir()
    viewer.write_text('#!/bin/sh\necho "$@" > opened\n', "utf-8")
    viewer.chmod(0o755)
    monkeypatch.setenv("PATH", f"{viewer.parent.absolute()}:{os.environ['PATH']}")
    gradcam("explain", photos / "tripod.jpg", *LITE, "--open")
    assert Path("opened").read_text("utf-8") == "tripod.gradcam.jpg\n"
    gradcam("explain", photos, *LITE, "-o", "out", "--open")
    assert Path("opened").read_text("utf-8") == "out\n"
    monkeypatch.setenv("PATH", str(photos))
    code, _, err = gradcam("explain", photos / "tripod.jpg", *LITE, "--open")
    assert code == 0
    assert "could not be opened" in err


def test_the_same_pictures_give_the_same_bytes(gradcam: Run, photos: Path) -> None:
    told = ("--csv", "rows.csv", "--report", "out/page.html")
    for kept in ("one", "two"):
        gradcam("explain", photos, "-r", "-o", "out", *LITE, *told)
        Path("rows.csv").rename("out/rows.csv")
        Path("out").rename(kept)
    for name in (*outputs("one"), "rows.csv", "page.html"):
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes()


def test_odd_names(gradcam: Run, photos: Path) -> None:
    odd = ["a b\nc.jpg", "-x.jpg", "é漢.jpg", "\x1b[31m.jpg", "'\".jpg", os.fsdecode(b"\xff.jpg")]
    folder = Path("odd")
    folder.mkdir()
    for name in odd:
        shutil.copy(photos / "tripod.jpg", folder / name)
    code, _, err = gradcam("explain", folder, "-o", "out", *LITE, "--csv", "rows.csv")
    assert code == 0
    assert "6 explained" in err
    assert "\x1b" not in err
    assert gradcam("explain", folder, "-o", "out", *LITE)[2].startswith("gradcam: 0 explained, 6")
