"""What was found: fields that survive JSON, heatmaps that survive pickling, and files."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from gradcam_cli.errors import UsageError
from gradcam_cli.images.framing import Frame
from gradcam_cli.images.overlay import overlay
from gradcam_cli.images.reading import Picture
from gradcam_cli.results.explanation import (
    ClassLabel,
    Explanation,
    Prediction,
    TargetExplanation,
)
from gradcam_cli.targets import Target
from tests.results.samples import CAT, TABBY, explained, explanation, fields, predicted

PREDICTION = Prediction(285, "n02124075", "Egyptian_cat", 0.75, 1)


def target(**other: object) -> TargetExplanation:
    heatmap = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    return TargetExplanation.of(heatmap, prediction=PREDICTION, evidence="positive", **other)


def of_picture(pixels: NDArray[np.uint8], *targets: TargetExplanation) -> Explanation:
    picture = Picture(pixels, "a.png", "a", None)
    return explanation().with_targets(targets).of_picture(picture).with_pixels(pixels)


def test_it_is_the_json_it_was_made_from() -> None:
    assert json.dumps(explanation().to_dict()) == json.dumps(fields())


PREDICTIONS = st.builds(
    predicted, st.text(), st.integers(0, 2**40), st.floats(0, 1), st.integers(1, 2**40)
)
TARGETS = st.builds(
    explained,
    PREDICTIONS,
    versus=st.none() | st.just({"index": 3, "wnid": "", "name": "class 3"}),
    counterfactual=st.booleans(),
    method=st.text(),
    evidence=st.sampled_from(["positive", "none"]),
    border=st.none() | st.floats(0, 1),
)


@given(
    st.lists(PREDICTIONS, min_size=1, max_size=3),
    st.lists(TARGETS, min_size=1, max_size=3),
    st.text(),
    st.lists(st.text(), max_size=2).map(tuple),
)
def test_any_survives_json(predictions: list, targets: list, source: str, notes: tuple) -> None:
    before = explanation(*targets, predictions=predictions, source=source, notes=notes)
    assert Explanation.from_dict(json.loads(json.dumps(before.to_dict()))) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"predictions": []}, r"length >= 1 - at `\$.predictions`"),
        ({"explanations": [explained({**CAT, "rank": 0})]}, r"\$.explanations\[0\].class.rank"),
        ({"explanations": [explained(CAT, versus=3)]}, r"versus"),
        ({"size": [1]}, r"\$.size"),
        ({"notes": None}, r"\$.notes"),
    ],
)
def test_what_does_not_fit_is_named(change: dict, said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        Explanation.from_dict({**fields(), **change})
    with pytest.raises(msgspec.ValidationError, match="missing required field `layer`"):
        Explanation.from_dict({key: value for key, value in fields().items() if key != "layer"})


def test_a_heatmap_stays_with_its_target() -> None:
    one = target(method="hirescam")
    assert (one.heatmap_size, one.border) == ((4, 3), round(one.border or 0, 6))
    for same in (pickle.loads(pickle.dumps(one)), one.with_paths("a.jpg", None)):
        np.testing.assert_array_equal(same.heatmap, one.heatmap)
    assert one.with_paths("a.jpg", "a.npy").heatmap_path == "a.npy"
    assert "0." not in repr(one).replace(f"border={one.border}", "").replace("0.75", "")


def test_a_heatmap_is_read_from_its_file(own_home: Path) -> None:
    np.save("a.npy", target().heatmap)
    read = explanation(explained(CAT, heatmap="a.npy"), explained(TABBY)).targets
    np.testing.assert_array_equal(read[0].heatmap, target().heatmap)
    with pytest.raises(UsageError, match=r"class 281 cannot be read: it was not written"):
        _ = read[1].heatmap
    Path("a.npy").write_bytes(b"cut")
    with pytest.raises(UsageError, match=r"class 285 cannot be read: a\.npy"):
        _ = explanation(explained(CAT, heatmap="a.npy")).targets[0].heatmap


def test_targets_and_the_names_of_files() -> None:
    plain = target()
    contrast = target(versus=ClassLabel(281, "", "tabby"), counterfactual=True, method="hirescam")
    assert plain.target == Target(285)
    assert contrast.target == Target(285, 281, counterfactual=True)
    assert plain.tag(target=False, method=False) == ""
    assert plain.tag(target=True, method=True) == ".285.grad-cam"
    assert contrast.tag(target=False, method=False) == ".not-285-vs-281"
    assert contrast.tag(target=False, method=True) == ".not-285-vs-281.hirescam"


def test_overlays_are_drawn_and_saved(own_home: Path, asymmetric: NDArray[np.uint8]) -> None:
    one = of_picture(asymmetric, target())
    drawn = one.overlay(colormap="hot")
    np.testing.assert_array_equal(drawn, overlay(asymmetric, target().heatmap, colormap="hot"))
    saved = one.save("x.png", colormap="hot")
    assert saved.targets[0].overlay_path == "x.png"
    np.testing.assert_array_equal(np.asarray(Image.open("x.png")), drawn)
    two = of_picture(asymmetric, target(), target(method="hirescam")).save("x.png")
    assert [each.overlay_path for each in two.targets] == ["x.grad-cam.png", "x.hirescam.png"]
    read = Explanation.from_dict({**one.to_dict(), "source": "x.png"})
    np.testing.assert_array_equal(read.pixels, drawn)
    with pytest.raises(UsageError, match=r"no picture is written as '\.gif'"):
        one.save("x.gif")
    with pytest.raises(UsageError, match="there is no folder none"):
        one.save("none/x.png")


@pytest.mark.parametrize("frame", [(20, 0, 60, 60), (0, -20, 100, 100)])
def test_the_part_that_was_explained_survives_json(
    asymmetric: NDArray[np.uint8], frame: tuple[int, int, int, int]
) -> None:
    picture = Picture(asymmetric, "a.png", "a", None)
    one = explanation().with_targets([target()]).of_picture(picture, Frame(*frame))
    text = json.dumps(one.to_dict())
    assert json.loads(text)["frame"] == list(frame)
    read = Explanation.from_dict(json.loads(text))
    assert (read, read.frame) == (one, frame)
    drawn = read.with_targets(one.targets).with_pixels(asymmetric).overlay()
    np.testing.assert_array_equal(drawn, overlay(asymmetric, target().heatmap, frame=frame))


def test_the_whole_picture_is_no_part_of_it(asymmetric: NDArray[np.uint8]) -> None:
    height, width = asymmetric.shape[:2]
    for frame in (None, Frame(0, 0, width, height)):
        one = explanation().of_picture(Picture(asymmetric, "a.png", "a", None), frame)
        assert one.frame is None
        assert "frame" not in one.to_dict()
    for frame in ([0, 0, 0, 9], [0, 0, 9], [0, 0, 9, 0.5], 3):
        with pytest.raises(msgspec.ValidationError, match=r"\$.frame"):
            Explanation.from_dict({**fields(), "frame": frame})


def test_a_picture_is_equal_to_itself_only(asymmetric: NDArray[np.uint8]) -> None:
    one, other = (Picture(asymmetric, "a.jpg", "a", None) for _ in range(2))
    assert one != other
    assert len({one, other, one}) == 2
    assert "255" not in repr(one)
    assert repr(pickle.loads(pickle.dumps(one))) == repr(one)


@pytest.mark.parametrize(("name", "text"), [("tabby", "281 tabby"), ("class 281", "281")])
def test_a_class_without_a_name_is_told_by_its_index(name: str, text: str) -> None:
    assert ClassLabel(281, "", name).text == text
