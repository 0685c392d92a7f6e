"""`gradcam sanity`, on a small trained model and on a sample picture with real weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import SAMPLES
from tests.planted import samples, trained, write_data, write_model

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def small(own_home: Path) -> tuple[object, ...]:
    """Ten pictures in a folder, and the options of a model that looks at their objects."""
    Path("photos").mkdir()
    write_data(own_home / "photos", samples("none", 10, 2))
    Path("photos", "data.csv").unlink()
    model = write_model(own_home, trained(samples("none", 80, 1)))
    return "photos", "-m", model, "--labels", "labels.txt", "--preprocess", "scale=0..1"


def test_what_ignores_the_weights_is_called_out(gradcam: Run, small: tuple[object, ...]) -> None:
    code, out, err = gradcam("sanity", *small, "--methods", "grad-cam,random", "--plot", "s.png")
    assert code == 1
    assert (
        "gradcam: random does not depend on the weights: with all 3 kernels shuffled its maps "
        "still have a rank correlation of 1.00\n" in err
    )
    assert "grad-cam depends on the weights" in out
    rows = [line.split() for line in out.splitlines()[2:5]]
    assert [row[:3] for row in rows] == [[str(at), "of", "3"] for at in (1, 2, 3)]
    with Image.open("s.png") as chart:
        assert chart.size == (920, 500)


def test_grad_cam_passes_with_real_weights(gradcam: Run) -> None:
    options = ("--model", "efficientnet-lite0", "--offline", "--levels", 2, "--json")
    code, out, err = gradcam("sanity", SAMPLES / "egyptian_cat.jpg", *options)
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert (result["schema"], result["kernels"], result["summary"]["images"]) == (1, 50, 1)
    (method,) = result["methods"]
    assert method["method"] == "grad-cam"
    assert method["depends_on_weights"]
    assert method["depends_on_class"]
    assert [level["kernels"] for level in method["levels"]] == [1, 50]
    assert abs(method["levels"][-1]["rank_correlation"]["mean"]) < 0.5


def test_the_same_each_time_and_other_seeds_differ(gradcam: Run, small: tuple[object, ...]) -> None:
    options = (*small, "--exclude", "[1-9].jpg", "--json")
    first, again, other = (gradcam("sanity", *options, "--seed", seed)[1] for seed in (0, 0, 1))
    assert first == again != other


def test_a_broken_picture_is_told(gradcam: Run, small: tuple[object, ...]) -> None:
    Path("photos", "broken.png").write_bytes(b"no picture")
    code, out, err = gradcam("sanity", *small, "--json")
    assert code == 3
    assert "broken.png" in err
    assert json.loads(out)["summary"] == {"images": 10, "failed": 1}
    code, out, err = gradcam("sanity", "photos/broken.png", *small[1:])
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert not err.endswith("..\n")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--methods", ","), 2),
        (("--methods", "nothing"), 2),
        (("--levels", "1"), 2),
        (("--plot", "none/s.png"), 2),
        (("--class", "unicorn"), 2),
    ],
)
def test_what_cannot_be(gradcam: Run, options: tuple[object, ...], code: int) -> None:
    found, out, err = gradcam(
        "sanity", SAMPLES / "tripod.jpg", "--model", "efficientnet-lite0", *options
    )
    assert (found, out, err.count("\n")) == (code, "", 1)
