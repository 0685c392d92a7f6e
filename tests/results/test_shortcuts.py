"""What raises an alarm, on heatmaps and properties that are made up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradcam_cli.metrics.coarse_maps import CELLS, packed
from gradcam_cli.results.check_summary import CheckedClass, CheckResult
from gradcam_cli.results.measures import Measures
from gradcam_cli.results.shortcuts import find_shortcuts

Random = np.random.Generator


def blob(x: float, y: float) -> bytes:
    rows, columns = np.mgrid[:CELLS, :CELLS]
    return packed(np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 2).astype(np.float32))


def anywhere(random: Random) -> bytes:
    return blob(*random.uniform(1, 6, 2))


def checked(at: int, label: int, **fields: object) -> CheckedClass:
    values = {"category": "", "where": "", "top1": True, "top5": True, "empty": False, **fields}
    predicted = label if values["top1"] else 1 - label
    names = ("cat", "dog")
    return CheckedClass(
        f"{at}.jpg", str(at), label, names[label], predicted, names[predicted], "", 0.0,
        Measures(**values),  # type: ignore[arg-type]
    )  # fmt: skip


def result_of(count: int, make: Callable[[int, Random], dict[str, object]]) -> CheckResult:
    random = np.random.default_rng(0)
    return CheckResult([checked(at, at % 2, **make(at, random)) for at in range(count)])


def kinds(result: CheckResult) -> list[tuple[str, str]]:
    return [(alarm.kind, alarm.subject) for alarm in find_shortcuts(result).alarms]


def test_nothing_is_found_where_nothing_is() -> None:
    result = result_of(80, lambda _, random: {"heat": anywhere(random)})
    assert kinds(result) == []
    assert find_shortcuts(CheckResult()).alarms == []
    assert kinds(result_of(1, lambda _, random: {"heat": anywhere(random)})) == []


def test_a_class_that_is_explained_at_one_place() -> None:
    def make(at: int, random: Random) -> dict[str, object]:
        return {"heat": anywhere(random) if at % 2 else blob(0.5, 6.5)}

    (alarm,) = find_shortcuts(result_of(60, make)).alarms
    assert (alarm.kind, alarm.subject) == ("place", "cat")
    assert "lies in one place, at the bottom left (6 % of the picture)" in alarm.text
    assert alarm.chance <= 0.01


def test_but_not_where_its_objects_are() -> None:
    corner = np.zeros((CELLS, CELLS), np.float32)
    corner[4:, :4] = 1

    def make(at: int, random: Random) -> dict[str, object]:
        heat = anywhere(random) if at % 2 else blob(0.5, 6.5)
        return {"heat": heat, "object_cells": packed(corner if at % 2 == 0 else 1 - corner * 0)}

    assert kinds(result_of(60, make)) == []


def test_a_few_of_a_class_that_are_explained_elsewhere() -> None:
    def make(at: int, random: Random) -> dict[str, object]:
        usual = blob(*random.normal(4.5, 0.6, 2))
        return {"heat": blob(*random.normal(0.3, 0.2, 2)) if at % 10 == 0 else usual}

    found = find_shortcuts(result_of(120, make))
    (alarm,) = found.alarms
    assert (alarm.kind, alarm.subject) == ("cluster", "cat")
    assert alarm.text.startswith("12 of 60 pictures of cat are explained elsewhere than the rest")
    assert alarm.sources == [f"{at}.jpg" for at in range(0, 100, 10)]


def test_a_property_that_tells_classes() -> None:
    def make(at: int, random: Random) -> dict[str, object]:
        properties = {"brightness": at % 2 + random.normal(), "width": 64.0}
        properties["sharpness"] = 3.0 * (at % 2) + random.random()
        return {"heat": anywhere(random), "properties": properties}

    (alarm,) = find_shortcuts(result_of(60, make)).alarms
    assert (alarm.kind, alarm.subject) == ("property", "sharpness")


def test_a_property_that_tells_errors() -> None:
    def make(at: int, random: Random) -> dict[str, object]:
        wrong = at % 5 == 0
        return {
            "heat": anywhere(random),
            "predicted_heat": anywhere(random) if wrong else b"",
            "top1": not wrong,
            "properties": {"sharpness": random.normal() - 3 * wrong, "contrast": random.random()},
        }

    (alarm,) = find_shortcuts(result_of(100, make)).alarms
    assert (alarm.kind, alarm.subject) == ("error-property", "sharpness")
    assert alarm.text.startswith("wrong predictions have less sharpness than right ones")


def test_a_place_that_makes_errors() -> None:
    def make(at: int, random: Random) -> dict[str, object]:
        wrong = at % 6 < 2
        looked = blob(6.5, 0.5) if at % 6 == 0 else anywhere(random)
        return {
            "heat": anywhere(random),
            "predicted_heat": looked if wrong else b"",
            "top1": not wrong,
        }

    found = find_shortcuts(result_of(120, make))
    (alarm,) = found.alarms
    assert (alarm.kind, alarm.subject) == ("error-place", "top right")
    first = found.wrong[0]
    assert (first.place, first.predicted) == ("top right", "dog (1)")
    assert first.count >= 20
    assert sum(group.count for group in found.wrong) == 40


def test_the_same_alarms_each_time() -> None:
    def make(at: int, random: Random) -> dict[str, object]:
        return {"heat": anywhere(random), "properties": {"width": at % 2 + random.random()}}

    result = result_of(50, make)
    assert find_shortcuts(result).alarms == find_shortcuts(result).alarms != []
