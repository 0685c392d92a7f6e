"""`gradcam evaluate`, on a small trained model and on sample pictures with real weights."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gradcam_cli.metrics.table import DEFAULT, METRICS
from gradcam_cli.results.manifest import FILE
from tests.conftest import SAMPLES
from tests.planted import samples, trained, write_data, write_model

Run = Callable[..., tuple[int, str, str]]
CAT = SAMPLES / "egyptian_cat.jpg"
LITE0 = ("--model", "efficientnet-lite0", "--offline")


@pytest.fixture
def small(own_home: Path) -> tuple[object, ...]:
    """Eight pictures in a folder, and the options of a model that looks at their objects."""
    Path("photos").mkdir()
    write_data(own_home / "photos", samples("none", 8, 2))
    Path("photos", "data.csv").unlink()
    model = write_model(own_home, trained(samples("none", 80, 1)))
    return "photos", "-m", model, "--labels", "labels.txt", "--preprocess", "scale=0..1"


def metrics(result: Any) -> dict[str, Any]:
    return {each["metric"]: each["methods"] for each in result["metrics"]}


def test_grad_cam_beats_random(gradcam: Run, small: tuple[object, ...]) -> None:
    names = "deletion,insertion,road,mu-fidelity,sensitivity-n,infidelity"
    code, out, _ = gradcam(
        "evaluate", *small, "--methods", "grad-cam", "--metrics", names, "--steps", 10, "--json"
    )
    assert code == 0
    result = json.loads(out)
    assert result["summary"] == {"images": 8, "failed": 0}
    found = metrics(result)
    assert set(found) == set(names.replace("-", "_").split(","))
    for name, methods in found.items():
        assert list(methods) == ["grad-cam", "random"]
        assert methods["grad-cam"]["rank"] == 1, name
        assert methods["grad-cam"]["beats_random"], name
        assert methods["random"]["rank"] == 2, name
        low, high = methods["grad-cam"]["interval"]
        assert low <= methods["grad-cam"]["mean"] <= high
    assert len(result["curves"]["deletion"]["grad-cam"]) == 11
    first, last = (result["curves"]["insertion"]["random"][at]["mean"] for at in (0, -1))
    assert last > first


def test_methods_that_are_one_method_tie(gradcam: Run, small: tuple[object, ...]) -> None:
    """On a pooled dense head HiResCAM at the last layer is Grad-CAM."""
    options = ("--methods", "grad-cam,hirescam", "--steps", 5, "--metrics", "all")
    code, out, _ = gradcam("evaluate", *small, *options, "--exclude", "[2-7].jpg", "--json")
    assert code == 0
    found = metrics(json.loads(out))
    assert list(found) == [metric.name for metric in METRICS]
    for name, methods in found.items():
        one, other = methods["grad-cam"], methods["hirescam"]
        assert one["mean"] == pytest.approx(other["mean"], abs=1e-4), name
        assert one["rank"] == other["rank"], name
        assert (one["rank"] is None) == (name in ("sparsity", "complexity"))


def test_pictures_with_real_weights(gradcam: Run) -> None:
    options = (
        "--methods",
        "grad-cam",
        "--steps",
        4,
        "--metrics",
        "deletion,arcc",
        "-c",
        "top",
        "-c",
        "tabby",
    )
    code, out, _ = gradcam("evaluate", CAT, *LITE0, *options, "--json")
    assert code == 0
    result = json.loads(out)
    first = result["curves"]["deletion"]["grad-cam"][0]["mean"]
    assert first == pytest.approx((0.79 + 0.073) / 2, abs=0.01)
    assert [each["class"] for each in result["images"]] == ["Egyptian_cat", "tabby"] * 2
    assert result["summary"]["images"] == 1
    arcc = metrics(result)["arcc"]
    assert arcc["grad-cam"]["mean"] > arcc["random"]["mean"] + 0.1


def test_what_it_writes(gradcam: Run, small: tuple[object, ...]) -> None:
    files = ("--csv", "rows.csv", "--plot", "charts.png", "--report", "page.html")
    options = ("--methods", "grad-cam", "--steps", 4, *files)
    code, out, err = gradcam("evaluate", *small, *options)
    assert (code, err.splitlines()[-1]) == (0, "gradcam: 8 pictures evaluated.")
    lines = out.splitlines()
    assert lines[0].split() == ["metric", "grad-cam", "random"]
    assert len(lines) == 2 + len(DEFAULT) + 1
    rows = list(csv.DictReader(io.StringIO(Path("rows.csv").read_text())))
    assert len(rows) == 16
    assert set(DEFAULT) < set(rows[0])
    with Image.open("charts.png") as charts:
        assert charts.width == 920
        assert len(charts.convert("RGB").getcolors(1 << 20) or []) > 10
    page = Path("page.html").read_text("utf-8")
    assert page.count("<svg") == 2 + len(DEFAULT)
    assert "Rong et al., 2022" in page
    before = Path("gradcam-evaluate", FILE).read_bytes()
    assert gradcam("evaluate", *small, *options)[1] == out
    assert Path("gradcam-evaluate", FILE).read_bytes() == before
    gradcam("evaluate", *small, *options, "--removed", "black")
    assert Path("gradcam-evaluate", FILE).read_bytes() != before


def test_a_broken_picture_is_told(gradcam: Run, small: tuple[object, ...]) -> None:
    Path("photos", "broken.png").write_bytes(b"no picture")
    options = ("--methods", "grad-cam", "--metrics", "sparsity", "--json")
    code, out, err = gradcam("evaluate", *small, *options)
    assert code == 3
    assert "broken.png" in err
    result = json.loads(out)
    assert result["summary"] == {"images": 8, "failed": 1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--metrics", "roar"), "there is no metric 'roar'"),
        (("--metrics", ","), "expected names with commas"),
        (("--methods", "grad-camm"), "grad-camm"),
        (("--steps", "1"), "--steps"),
        (("--report", "page.txt"), "does not end in .html"),
        (("--plot", CAT), "source"),
        (("--class", "unicorn"), "unicorn"),
    ],
)
def test_what_cannot_be(gradcam: Run, options: tuple[object, ...], message: str) -> None:
    code, out, err = gradcam("evaluate", CAT, *LITE0, *options)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert not Path("gradcam-evaluate").exists()


def test_no_source(gradcam: Run) -> None:
    assert gradcam("evaluate")[0] == 2
