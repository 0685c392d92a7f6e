"""`--precision`: bf16 where the processor has it, said wherever results are kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gradcam_cli.engines.openvino.processors import computes_in
from gradcam_cli.explainer import Explainer
from gradcam_cli.images.reading import read_image
from tests.conftest import SAMPLES, records

Run = Callable[..., tuple[int, str, str]]
CAT = SAMPLES / "egyptian_cat.jpg"
LITE = ("--model", "efficientnet-lite0", "--offline")

has_bf16 = pytest.mark.skipif(not computes_in("bf16"), reason="the processor has no bf16")


@has_bf16
def test_a_photo_in_bf16_is_nearly_what_it_is_in_f32(gradcam: Run) -> None:
    maps, objects = [], []
    for precision in ("f32", "bf16"):
        options = ("--precision", precision, "--save-heatmap", f"{precision}.npy", "--json")
        code, out, _ = gradcam("explain", CAT, *LITE, "--class", "top", *options)
        assert code == 0
        maps.append(np.load(f"{precision}.npy"))
        objects.append(json.loads(out))
    assert "precision" not in objects[0]
    assert objects[1]["precision"] == "bf16"
    assert objects[0]["predictions"][0]["name"] == objects[1]["predictions"][0]["name"]
    assert 0 < np.abs(maps[0] - maps[1]).max() < 0.1
    assert np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1] > 0.99


@has_bf16
def test_a_folder_is_done_again_in_another_precision(gradcam: Run, tmp_path: Path) -> None:
    options = (*LITE, "--class", "top", "-o", "out/", "--quiet")
    pictures = [str(CAT), str(SAMPLES / "espresso.jpg")]
    assert gradcam("explain", *pictures, *options)[0] == 0
    page = ("--precision", "bf16", "--report", "out/report.html")
    assert gradcam("explain", *pictures, *options, *page)[0] == 0
    results = [record.result for record in records(Path("out")) if record.result]
    assert [result.precision for result in results] == ["bf16", "bf16"]
    assert "grad-cam of the logit, in bf16" in Path("out/report.html").read_text("utf-8")


@has_bf16
def test_a_check_says_so_too(gradcam: Run) -> None:
    data = SAMPLES / "annotations.json"
    options = (*LITE, "-o", "out/", "--json")
    code, out, _ = gradcam("check", data, *options, "--precision", "bf16")
    assert code == 0
    assert json.loads(out)["precision"] == "bf16"
    code, out, _ = gradcam("check", data, *options)
    assert code == 0
    assert "precision" not in json.loads(out)


@has_bf16
def test_a_notebook_has_it(compiled_lite0: None) -> None:
    explainer = Explainer.load("efficientnet-lite0").with_precision("bf16")
    picture = read_image(CAT)
    explanation = explainer.explain(picture)
    assert explanation.precision == "bf16"
    assert explainer.with_precision("f32").explain(picture).precision == "f32"


def test_a_processor_without_it_is_said(gradcam: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "gradcam_cli.engines.openvino.processors.computes_in", lambda precision: False
    )
    code, out, err = gradcam("explain", CAT, *LITE, "--precision", "bf16", "-o", "out.jpg")
    assert (code, out) == (2, "")
    assert err == (
        "gradcam: this processor has no bf16. Drop --precision, for f32, which all have.\n"
    )
    assert not Path("out.jpg").exists()


def test_tensorflow_does_not_have_it(gradcam: Run) -> None:
    options = ("--precision", "bf16", "--engine", "tensorflow", "-o", "out.jpg")
    code, _, err = gradcam("explain", CAT, *LITE, *options)
    assert code == 2
    assert err == (
        "gradcam: only the engine openvino computes in bf16. "
        "Drop --precision, or leave --engine at auto and install OpenVINO.\n"
    )
