"""`gradcam explain --baseline`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gradcam_cli.images.baselines import MOST_BASELINES
from tests.conftest import SAMPLES

Run = Callable[..., tuple[int, str, str]]
CAT, OTHER = SAMPLES / "egyptian_cat.jpg", SAMPLES / "espresso.jpg"
LITE0 = ("--model", "efficientnet-lite0", "--offline", "-c", "285")
BY = ("--method", "expected-gradients:samples=2", "-o", "out/")


@pytest.fixture
def folder(own_home: Path) -> Path:
    """A folder with one picture."""
    Path("others").mkdir()
    shutil.copy(OTHER, "others/1.jpg")
    return own_home / "others"


def test_a_picture_and_a_folder_of_it_are_one_baseline(gradcam: Run, folder: Path) -> None:
    results = []
    for paths in ((), (OTHER,), (folder,), (folder, SAMPLES / "tripod.jpg")):
        options = [option for path in paths for option in ("--baseline", path)]
        code, out, _ = gradcam("explain", CAT, *LITE0, *BY, "--json", *options)
        assert code == 0
        results.append(
            (json.loads(out).get("baselines"), Path("out/egyptian_cat.gradcam.jpg").read_bytes())
        )
    black, one, same, two = results
    assert one == same
    assert len({image for _, image in results}) == 3
    assert [found and found["count"] for found, _ in (black, one, two)] == [None, 1, 2]


def test_what_cannot_be_a_baseline_is_told_in_a_line(gradcam: Run, folder: Path) -> None:
    Path("empty").mkdir()
    Path("text.jpg").write_text("no picture")
    for path, code, expected in (
        ("missing.jpg", 3, "could not read the baseline missing.jpg: there is no such file."),
        ("empty", 2, f"expected 1 to {MOST_BASELINES} pictures as baselines, got 0 of empty."),
        ("text.jpg", 3, "could not read text.jpg: "),
        ("http://localhost/a.jpg", 2, "http://localhost/a.jpg is no file."),
    ):
        for sources in ((CAT,), (CAT, OTHER)):
            found = gradcam("explain", *sources, *LITE0, *BY, "--baseline", path, "-q")
            assert found[:2] == (code, "")
            assert found[2].startswith(f"gradcam: {expected}")
            assert found[2].count("\n") == 1
    assert not list(Path().rglob("*.gradcam.jpg"))


def test_too_many_are_refused(gradcam: Run, folder: Path) -> None:
    for number in range(MOST_BASELINES + 1):
        (folder / f"{number}.jpg").touch()
    code, _, err = gradcam("explain", CAT, *LITE0, *BY, "--baseline", folder)
    assert code == 2
    assert f"got {MOST_BASELINES + 1} of" in err


def test_a_method_that_compares_with_nothing_has_no_use_for_one(gradcam: Run) -> None:
    code, _, err = gradcam("explain", CAT, *LITE0, "--baseline", OTHER)
    assert (code, err.count("\n")) == (2, 1)
    assert "baselines are of no use: grad-cam compares pictures with none" in err


def test_a_run_over_many_goes_on_until_a_baseline_changes(gradcam: Run, folder: Path) -> None:
    run = ("explain", CAT, SAMPLES / "tripod.jpg", *LITE0, *BY, "--baseline", folder)
    for explained in (2, 0):
        code, _, err = gradcam(*run)
        assert code == 0
        assert f"{explained} explained" in err
    shutil.copy(SAMPLES / "sunglasses.jpg", folder / "1.jpg")
    assert "2 explained" in gradcam(*run)[2]
