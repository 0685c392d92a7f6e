"""Items in, outcomes out: for one picture and for several, with the bundled model."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gradcam_cli.callbacks import no_progress
from gradcam_cli.errors import ImageError, ModelError, UsageError
from gradcam_cli.images.listing import Item, list_items, single_item
from gradcam_cli.images.writing import OVERLAY_SUFFIX, Destination, encoded_image
from gradcam_cli.models.selection import select_model
from gradcam_cli.runs.opening import ModelOpener
from gradcam_cli.runs.recording import RunOptions, recording
from gradcam_cli.runs.run import run
from gradcam_cli.runs.settings import Outputs, Settings
from gradcam_cli.runs.stages import Stages
from gradcam_cli.targets import TOP, Target
from tests.conftest import SAMPLES, records

pytestmark = pytest.mark.usefixtures("compiled_lite0")
CAT = str(SAMPLES / "egyptian_cat.jpg")
SETTINGS = Settings((Target(TOP), Target(281)), layer="top_activation")


class NoBar:
    """A progress bar that is not drawn."""

    def __enter__(self):
        return no_progress

    def __exit__(self, *error: object) -> None:
        pass


def opener(settings: Settings = SETTINGS, name: str = "efficientnet-lite0") -> ModelOpener:
    return ModelOpener(select_model(name), settings, never_said, NoBar)


def never_said(text: str) -> None:
    raise AssertionError(text)


def stages(rows: int | None = None, settings: Settings = SETTINGS) -> Stages:
    outputs = Outputs(Destination(Path("out"), OVERLAY_SUFFIX), Destination(Path("out"), ".npy"))
    return Stages(opener(settings), settings, outputs, rows=rows)


def items(*sources: object) -> list[Item]:
    return list_items([str(source) for source in sources]).items


def test_one_is_a_run_of_one(own_home: Path) -> None:
    (outcome,) = run([single_item(CAT)], stages(rows=1))
    assert outcome.error is None
    assert [file.path.name for file in outcome.files] == [
        "egyptian_cat.285.gradcam.jpg",
        "egyptian_cat.281.gradcam.jpg",
        "egyptian_cat.285.npy",
        "egyptian_cat.281.npy",
    ]
    for file in outcome.files:
        assert file.path.stat().st_size == file.size
    heatmaps = [target.heatmap for target in outcome.explanation.targets]
    for target, heatmap in zip(outcome.explanation.targets, heatmaps, strict=True):
        np.testing.assert_array_equal(np.load(target.heatmap_path), heatmap)


def test_several_come_to_what_each_comes_to_and_hold_no_pixels(own_home: Path) -> None:
    sources = sorted(SAMPLES.glob("*.jpg"))[:3]
    together = {outcome.item.source: outcome for outcome in run(items(*sources), stages())}
    assert len(together) == 3
    for source in sources:
        (alone,) = run(items(source), stages(rows=1))
        among = together[str(source)]
        assert "pixels" not in vars(among.explanation)  # 32 photos of 36 MB are recorded at a time
        for one, other in zip(alone.explanation.targets, among.explanation.targets, strict=True):
            assert one.target == other.target
            np.testing.assert_allclose(one.heatmap, other.heatmap, atol=1e-4)


def test_a_failure_is_an_outcome(own_home: Path) -> None:
    Path("bad.jpg").write_bytes(b"no picture")
    for rows in (1, None):
        outcomes = {o.item.source: o for o in run(items("bad.jpg", "none.jpg", CAT), stages(rows))}
        assert isinstance(outcomes["bad.jpg"].error, ImageError)
        assert "there is no such file" in str(outcomes["none.jpg"].error)
        assert outcomes[CAT].error is None
        assert outcomes["bad.jpg"].files == ()


def test_a_source_that_would_be_replaced_is_refused_before_any_work(own_home: Path) -> None:
    shutil.copy(CAT, "photo.jpg")
    settings = replace(SETTINGS, targets=(Target(TOP),))
    onto_itself = Outputs(Destination(Path(), ".jpg", "photo.jpg"))
    never_opened = replace(stages(1, settings), outputs=onto_itself, opener=None)
    (outcome,) = run([single_item("photo.jpg")], never_opened)
    assert isinstance(outcome.error, UsageError)
    assert "it is a source image" in str(outcome.error)


def test_a_model_that_cannot_be_opened_ends_the_run(own_home: Path) -> None:
    settings = replace(SETTINGS, offline=True, layer=None)
    failing = replace(stages(1), opener=opener(settings, "vgg16"))
    with pytest.raises(ModelError, match="vgg16"):
        list(run([single_item(CAT)], failing))


def test_opened_ahead_it_is_the_same_model(own_home: Path) -> None:
    ahead = opener()
    ahead.open_ahead()
    (one,) = run([single_item(CAT)], replace(stages(1), opener=ahead))
    (other,) = run([single_item(CAT)], stages(1))
    for mine, theirs in zip(one.explanation.targets, other.explanation.targets, strict=True):
        np.testing.assert_array_equal(mine.heatmap, theirs.heatmap)


def test_what_is_not_ready_is_not_opened_ahead(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADCAM_CACHE", str(own_home / "empty"))
    said: list[str] = []
    one = ModelOpener(select_model("efficientnet-lite0"), SETTINGS, said.append, NoBar)
    one.open_ahead()
    one._thread.join()
    assert said == []
    assert one._ahead is None
    assert not (own_home / "empty" / "compiled").exists() or not [
        path for path in (own_home / "empty" / "compiled").iterdir() if path.is_dir()
    ]


def test_a_recorded_run_stops_when_it_is_told_to(own_home: Path) -> None:
    for number in range(40):
        Path(f"bad{number:02}.jpg").write_bytes(b"no picture")
    bad = items(*sorted(Path().glob("bad*.jpg")))
    with recording(bad, stages(), RunOptions(max_errors=3)) as recorded:
        outcomes = list(recorded.outcomes())
    assert 3 <= len(outcomes) < 40
    assert recorded.tally.failed == len(outcomes)
    assert recorded.tally.exit_code == 3
    with recording(bad, stages(), RunOptions()) as recorded:
        assert recorded.tally.done_before == 0  # failures are tried again


def test_another_resize_is_another_result(own_home: Path) -> None:
    frames = {"squash": None, "crop": (75, 0, 300, 300), "letterbox": (0, -75, 451, 451)}
    for resize, frame in frames.items():
        settings = replace(SETTINGS, resize=resize)
        for done_before in (0, 1):
            with recording(items(CAT), stages(settings=settings), RunOptions()) as recorded:
                assert recorded.tally.done_before == done_before
                list(recorded.outcomes())
        (record,) = records(Path("out"))
        assert record.result.frame == frame
        for number, path in enumerate(record.overlays):  # undone by what is read back
            drawn = encoded_image(record.result.overlay(number), ".jpg")
            assert drawn == Path("out", path).read_bytes()
