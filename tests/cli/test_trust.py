"""`gradcam explain --trust`, on a small model that looks at objects, and with real weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gradcam_cli.explainer import Explainer
from gradcam_cli.results.explanation import TargetExplanation
from gradcam_cli.results.trust import RANDOM_MAPS, Trust
from gradcam_cli.runs.trust import TrustTests
from tests.conftest import SAMPLES, records
from tests.planted import samples, trained, write_data, write_model
from tests.zoo import zoo

Run = Callable[..., tuple[int, str, str]]
CAT = SAMPLES / "egyptian_cat.jpg"
LITE0 = ("--model", "efficientnet-lite0", "--offline")


@pytest.fixture
def small(own_home: Path) -> tuple[object, ...]:
    """Three pictures in a folder, and the options of a model that looks at their objects."""
    Path("photos").mkdir()
    write_data(own_home / "photos", samples("none", 3, 2))
    Path("photos", "data.csv").unlink()
    model = write_model(own_home, trained(samples("none", 80, 1)))
    return "-m", model, "--labels", "labels.txt", "--preprocess", "scale=0..1", "--trust"


def test_a_map_that_is_trusted_and_one_that_is_not(gradcam: Run, small: tuple[object, ...]) -> None:
    methods = ("--method", "grad-cam", "--method", "random")
    code, out, _ = gradcam("explain", "photos/0.jpg", *small, *methods, "-o", "out/")
    assert code == 0
    good, control, *paths = out.splitlines()[4:]
    assert good.startswith("upright by grad-cam: trust: deletion ")
    assert control.startswith("upright by random: doubt: ")
    assert "the map hardly depends on the weights" in control
    assert len(paths) == 2
    options = (*small, *methods, "-o", "out/", "--json")
    first, second = json.loads(gradcam("explain", "photos/0.jpg", *options)[1])["explanations"]
    assert (first["trust"]["verdict"], second["trust"]["verdict"]) == ("trust", "doubt")
    assert first["trust"]["better_than_random"] == RANDOM_MAPS
    assert first["trust"]["other_class"] == "level"
    assert second["trust"]["shuffled_weights"] == 1


def test_doubts_of_many_pictures_are_notes(gradcam: Run, small: tuple[object, ...]) -> None:
    options = (
        *small,
        "--method",
        "random",
        "-o",
        "out/",
        "--report",
        "page.html",
        "--csv",
        "c.csv",
    )
    code, _, err = gradcam("explain", "photos/", *options)
    assert code == 0
    assert err.count("by random: doubt: ") == 3
    verdicts = {record.result.targets[0].trust.verdict for record in records(Path("out"))}
    assert verdicts == {"doubt"}
    assert Path("page.html").read_text("utf-8").count("<span>doubt: ") == 3
    assert Path("c.csv").read_text().count(",doubt,") == 3
    before = Path("out", "gradcam.jsonl").read_bytes()
    gradcam("explain", "photos/", *options)
    assert Path("out", "gradcam.jsonl").read_bytes() == before
    gradcam("explain", "photos/", *small[:-1], "--method", "random", "-o", "out/")
    assert Path("out", "gradcam.jsonl").read_bytes() != before


def test_with_real_weights(gradcam: Run) -> None:
    code, out, _ = gradcam("explain", CAT, *LITE0, "--class", "Egyptian cat", "--trust", "--json")
    assert code == 0
    (explained,) = json.loads(out)["explanations"]
    trust = explained["trust"]
    assert trust["verdict"] == "trust", trust["why"]
    assert trust["insertion"] > trust["random_insertion"] + 0.1


def test_contrasts_are_not_tested(gradcam: Run) -> None:
    for options in (("--vs", "tabby"), ("--counterfactual",)):
        code, out, err = gradcam("explain", CAT, *LITE0, "--trust", *options)
        assert (code, out, err.count("\n")) == (2, "", 1)


def test_without_the_option_there_is_no_such_field(gradcam: Run) -> None:
    (explained,) = json.loads(gradcam("explain", CAT, *LITE0, "--json")[1])["explanations"]
    assert "trust" not in explained


def test_the_verdict_by_hand() -> None:
    random_areas = [(0.4, 0.4)] * 18 + [(0.2, 0.6)]
    good = Trust.of((0.1, 0.8), random_areas, 0.1, ("dog", 0.2))
    assert (good.verdict, good.better_than_random) == ("trust", 19)
    assert good.random_deletion == pytest.approx((18 * 0.4 + 0.2) / 19, abs=1e-6)
    as_good = Trust.of((0.2, 0.6), random_areas, None, None)
    assert (as_good.verdict, as_good.better_than_random) == ("doubt", 18)
    assert as_good.text.startswith("doubt: 1 of 19 random maps are as good: deletion 0.20")
    all_wrong = Trust.of((0.5, 0.2), random_areas, -0.9, ("dog", 0.99))
    assert len(all_wrong.why) == 3
    empty = Trust.of((0.1, 0.8), random_areas, 0.0, ("dog", 0.0), empty=True)
    assert empty.text == "doubt: the map is empty"


def test_an_empty_map_is_not_trusted() -> None:
    explainer = Explainer.load(zoo.path("resnet_like"))
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    explanation = explainer.explain(pixels, "top")
    full = explanation.targets[0]
    empty = TargetExplanation.of(
        np.zeros_like(full.heatmap), prediction=full.prediction, evidence="none", layer=full.layer
    )
    both = explanation.with_targets([full, empty])
    tested = TrustTests(explainer).tested(both, explainer.input_of(pixels), pixels)
    whys = [target.trust.why for target in tested.targets]
    assert ["the map is empty" in why for why in whys] == [False, True]
    assert tested.targets[1].trust.verdict == "doubt"


def test_maps_of_no_numbers_are_told(gradcam: Run) -> None:
    unstable = ("--method", "lrp:gamma=0", "--class", "top")
    code, out, err = gradcam("explain", CAT, *LITE0, *unstable, "--json")
    assert code == 0
    assert json.loads(out)["explanations"][0]["evidence"] == "none"
    assert "by lrp:gamma=0.0 has values that are no finite numbers" in err
