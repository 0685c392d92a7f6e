"""`gradcam diff`, on small models of which one was trained on a planted shortcut."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gradcam_cli.results.manifest import FILE
from tests.planted import samples, trained, write_data, write_model

Run = Callable[..., tuple[int, str, str]]
READING = ("--labels", "good/labels.txt", "--preprocess", "scale=0..1")


@pytest.fixture
def models(own_home: Path) -> tuple[object, ...]:
    """A model that looks at objects, one that looks for a mark, and pictures of objects."""
    for name, leak in (("good", "none"), ("bad", "mark")):
        Path(name).mkdir()
        write_model(Path(name), trained(samples(leak, 80, 1)))  # type: ignore[arg-type]
    write_data(own_home, samples("none", 12, 2))
    return "good/planted.xml", "bad/planted.xml", "data.csv", *READING


def test_a_worse_model_is_told_and_fails(gradcam: Run, models: tuple[object, ...]) -> None:
    limits = ("--max-broken", 0.2, "--max-object-loss", 0.2, "--max-changed", 1)
    code, out, err = gradcam("diff", *models, *limits, "--report", "page.html", "--json")
    assert code == 1
    result = json.loads(out)
    summary = result["summary"]
    assert (summary["images"], summary["failed"]) == (12, 0)
    assert summary["broken"]["mean"] > 0.4
    gates = {gate["gate"]: gate["passed"] for gate in result["gates"]}
    assert gates == {"--max-changed": True, "--max-broken": False, "--max-object-loss": False}
    assert "gradcam: --max-broken 0.2 does not hold: it is" in err
    change = next(each for each in result["changes"] if each["measure"] == "top1")
    assert change["worse"]
    assert change["after"] - change["before"] == pytest.approx(change["mean"], abs=1e-5)
    worst = result["images"][0]
    assert worst["broken"]
    assert worst["old"]["predicted"] != worst["new"]["predicted"]
    page = Path("page.html").read_text("utf-8")
    assert page.count("<article") == 12
    assert page.count("data:image/webp") == 24
    before = [Path("gradcam-diff", name, FILE).read_bytes() for name in ("old", "new")]
    assert gradcam("diff", *models, *limits, "--json")[1] == out
    assert [Path("gradcam-diff", name, FILE).read_bytes() for name in ("old", "new")] == before


def test_a_model_and_itself(gradcam: Run, models: tuple[object, ...]) -> None:
    good = str(models[0])
    limits = ("--max-changed", 0, "--max-moved", 0, "--max-lift-loss", 0)
    code, out, _ = gradcam("diff", good, good, *models[2:], *limits)
    assert code == 0
    assert "predictions changed" in out
    assert "0.0 %" in out


def test_what_cannot_be_compared(gradcam: Run, models: tuple[object, ...]) -> None:
    code, _, err = gradcam("diff", "none.onnx", *models[1:])
    assert (code, err.count("\n")) == (4, 1)
    code, _, err = gradcam("diff", *models[:2], "none.csv", *READING)
    assert (code, err.count("\n")) == (2, 1)
    code, _, err = gradcam("diff", *models, "--report", "page.txt")
    assert (code, err.count("\n")) == (2, 1)
    with Path("data.csv").open("a") as file:
        file.write("gone.jpg,upright,0,0,3,3\n")
    code, out, err = gradcam("diff", *models, "--json")
    assert code == 3
    assert "gone.jpg" in err
    assert json.loads(out)["summary"]["failed"] == 1
