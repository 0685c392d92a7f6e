"""Models that look at what was planted: `gradcam check` finds it, and nothing where nothing is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest

from gradcam_cli.images.properties import properties_of
from gradcam_cli.images.reading import Picture
from gradcam_cli.methods import normalize
from gradcam_cli.metrics.coarse_maps import packed
from gradcam_cli.results.check_summary import CheckedClass, CheckResult
from gradcam_cli.results.measures import Measures
from gradcam_cli.results.shortcuts import Shortcuts, find_shortcuts
from tests.planted import CLASSES, SIDE, Leak, Sample, samples, trained, write_data, write_model

Run = Callable[..., tuple[int, str, str]]
GATES = ("--min-top1", 0.8, "--min-lift", 1.5, "--min-object-drop", 0.2)


@pytest.fixture
def checked(gradcam: Run, own_home: Path) -> Callable[..., tuple[int, Any]]:
    """Train a model on pictures with a leak, and check it on others: (exit code, JSON)."""

    def run(leak: Leak, *options: object) -> tuple[int, Any]:
        model = write_model(own_home, trained(samples(leak, 120, 1)))
        data = write_data(own_home, samples(leak, 60, 2))
        files = ("--labels", "labels.txt", "--preprocess", "scale=0..1")
        code, out, _ = gradcam("check", data, "-m", model, *files, *options, "--json")
        return code, json.loads(out)

    return run


def missed(result: Any) -> set[tuple[str, str | None]]:
    return {(gate["measure"], gate["class"]) for gate in result["gates"] if not gate["passed"]}


def kinds(result: Any) -> set[tuple[str, str]]:
    return {(alarm["kind"], alarm["subject"]) for alarm in result["shortcuts"]}


def test_a_model_that_looks_at_the_object_passes(checked: Callable[..., tuple[int, Any]]) -> None:
    code, result = checked("none", *GATES, "--per-class", "--max-shortcuts", 0)
    assert (code, missed(result), kinds(result)) == (0, set(), set())
    assert result["summary"]["lift"] > 3


def test_the_colour_of_the_background(checked: Callable[..., tuple[int, Any]]) -> None:
    code, result = checked("background", *GATES, "--max-shortcuts", 0)
    assert code == 1
    assert result["summary"]["top1"] > 0.95  # so that nobody would suspect it
    assert missed(result) == {("lift", None), ("object_drop", None)}
    assert result["summary"]["lift"] < 0.7
    assert abs(result["summary"]["object_drop"]) < 0.05
    assert {("property", "red_green"), ("property", "yellow_blue")} <= kinds(result)


def test_a_mark_in_the_corner(checked: Callable[..., tuple[int, Any]]) -> None:
    code, result = checked("mark", *GATES, "--per-class", "--max-shortcuts", 0)
    assert code == 1
    assert {("lift", "upright"), ("object_drop", "upright")} <= missed(result)
    (place,) = (alarm for alarm in result["shortcuts"] if alarm["kind"] == "place")
    assert place["subject"] == "upright"
    assert "top left" in place["text"]
    assert place["effect"] > 0.3
    assert place["chance"] <= 0.01
    marked = {f"{at}.jpg" for at, each in enumerate(samples("mark", 60, 2)) if each.label == 0}
    assert {Path(source).name for source in place["sources"]} <= marked


def test_the_compression(checked: Callable[..., tuple[int, Any]]) -> None:
    code, result = checked("compression", "--max-shortcuts", 0)
    assert code == 1
    assert ("property", "jpeg_quantization") in kinds(result)
    first = result["shortcuts"][0]
    assert first["text"].startswith("JPEG compression tells classes apart: 100 % of its variance")


# Without files, and so fast


def found(leak: Leak, seed: int, *, boxes: bool) -> Shortcuts:
    """What is found of a model trained and tested on pictures of this seed."""
    model = trained(samples(leak, 60, 1_000 + seed), seed)
    nodes = {node.get_friendly_name(): node for node in model.get_ops()}
    (head,) = (node for node in nodes.values() if node.get_type_name() == "MatMul")
    weights = head.input_value(1).get_node().get_data()
    network = ov.Core().compile_model(
        ov.Model([nodes["features"].output(0), model.outputs[0]], model.get_parameters(), "both")
    )
    result = CheckResult()
    for at, sample in enumerate(samples(leak, 60, 5_000 + seed)):
        maps, logits = (
            array[0] for array in network([sample.pixels[np.newaxis] / np.float32(255)]).values()
        )
        grad_cam = np.moveaxis(maps, 0, -1) @ weights
        result.checked.append(measured(at, sample, grad_cam, int(logits.argmax()), boxes=boxes))
    return find_shortcuts(result)


def measured(at: int, sample: Sample, maps: Any, predicted: int, *, boxes: bool) -> CheckedClass:
    heat, of_predicted = (
        packed(normalize(maps[..., index])[0]) for index in (sample.label, predicted)
    )
    mask = np.zeros((SIDE, SIDE), np.float32)
    x, y, width, height = sample.box
    mask[y : y + height, x : x + width] = 1
    right = predicted == sample.label
    measures = Measures(
        category=CLASSES[sample.label],
        where="",
        top1=right,
        top5=True,
        empty=False,
        heat=heat,
        object_cells=packed(mask) if boxes else b"",
        predicted_heat=b"" if right else of_predicted,
        properties=properties_of(Picture(sample.pixels, "", "", None)),
    )
    return CheckedClass(
        f"{at}.jpg", str(at), sample.label, CLASSES[sample.label], predicted,
        CLASSES[predicted], "", 0.0, measures,
    )  # fmt: skip


def test_false_alarms_are_rare() -> None:
    alarms = {
        seed: [alarm.text for alarm in found("none", seed, boxes=bool(seed % 2)).alarms]
        for seed in range(30)
    }
    assert sum(map(bool, alarms.values())) < 0.05 * len(alarms), alarms


@pytest.mark.parametrize("seed", range(3))
def test_what_is_planted_is_found_without_boxes(seed: int) -> None:
    by_leak = {
        leak: {alarm.kind for alarm in found(leak, seed, boxes=False).alarms}
        for leak in ("background", "mark")
    }
    assert "property" in by_leak["background"]
    assert "place" in by_leak["mark"]
