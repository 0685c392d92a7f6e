"""Records of arrays are equal to themselves only and short to look at; light ones have values."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from gradcam_cli.images.reading import Picture
from gradcam_cli.results.explanation import (
    ClassLabel,
    Explanation,
    Features,
    Prediction,
    TargetExplanation,
)


def prediction() -> Prediction:
    return Prediction(ClassLabel(285, "n02124075", "Egyptian_cat"), 0.75, 1)


def target() -> TargetExplanation:
    return TargetExplanation(prediction(), np.full((99, 99), 0.123, np.float32), "positive")


def explanation() -> Explanation:
    words = ("lite", "bundled", "top", "grad-cam", "logit", "openvino")
    return Explanation(*words, (prediction(),) * 1000, (target(),), {"numpy": "2.0"})


def features() -> Features:
    maps = np.full((2, 7, 7, 99), 0.123, np.float32)
    return Features(maps, maps, np.zeros((2, 1000), np.float32), np.zeros(2, np.int64))


def picture() -> Picture:
    return Picture(np.full((99, 99, 3), 123, np.uint8), "a.jpg", "a", None)


@pytest.mark.parametrize("make", [target, explanation, features, picture])
def test_records_of_arrays_are_equal_to_themselves_only(make) -> None:
    one, other = make(), make()
    assert one == one  # noqa: PLR0124
    assert one != other
    assert len({one, other, one}) == 2
    assert one in [other, one]


@pytest.mark.parametrize("make", [target, explanation, features, picture])
def test_records_of_arrays_are_short_to_look_at(make) -> None:
    shown = repr(make())
    assert shown.startswith(f"{make.__name__.title().split('_')[0]}"[:6])
    assert len(shown) < 500
    assert "123" not in shown.replace("0.123", "123")


@pytest.mark.parametrize("make", [target, explanation, features, picture])
def test_records_survive_pickling(make) -> None:
    assert repr(pickle.loads(pickle.dumps(make()))) == repr(make())


def test_light_records_are_equal_by_value() -> None:
    assert prediction() == prediction()
    assert len({prediction(), prediction()}) == 1
