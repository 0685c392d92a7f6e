"""What decides whether a source is done, and in which groups outcomes are recorded."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from gradcam_cli.cli.explain import explain
from gradcam_cli.models.selection import select
from gradcam_cli.results.manifest import Record
from gradcam_cli.runs.batch import GROUP, NOT_IN_THE_DIGEST, Outcome, Settings, in_groups

SETTINGS = Settings(
    folder=Path("out"),
    heatmaps=None,
    targets=(285,),
    method="grad-cam",
    layer=None,
    score="logit",
    engine="auto",
    top=5,
    alpha=0.5,
    colormap="jet",
    max_pixels=1_000,
    offline=False,
)
OTHER: dict[str, Any] = {
    "folder": Path("elsewhere"),
    "heatmaps": Path("maps"),
    "targets": (285, 281),
    "method": "another",
    "layer": "block1",
    "score": "probability",
    "engine": "tensorflow",
    "top": 6,
    "alpha": 0.4,
    "colormap": "hot",
    "max_pixels": 2_000,
    "offline": True,
}
LITE = select("efficientnet-lite0").open()


@pytest.mark.parametrize("name", [field.name for field in fields(Settings)])
def test_whatever_changes_a_result_is_in_the_digest(name: str) -> None:
    changed = replace(SETTINGS, **{name: OTHER[name]})
    same = changed.digest(LITE) == SETTINGS.digest(LITE)
    assert same == (name in NOT_IN_THE_DIGEST)


def test_another_model_and_other_weights_are_in_the_digest(own_home: Path) -> None:
    digests = {SETTINGS.digest(LITE)}
    for content in (b"one", b"two"):
        (own_home / "w.h5").write_bytes(content)
        for name in ("vgg16", "resnet50"):
            model = select(name, weights=own_home / "w.h5").open()
            digests.add(SETTINGS.digest(model))
    assert len(digests) == 5


OF_THE_RUN = {
    *("output", "recursive", "include", "exclude", "from_file", "null", "force", "verify"),
    *("fail_fast", "most_errors", "csv", "report", "show", "open_it", "as_json", "quiet"),
}
"""Options that change which sources are explained, when, or what is shown: no result."""

SETTING_OF = {
    "classes": "targets",
    "save_heatmap": "heatmaps",
    **{name: name for name in ("layer", "score", "engine", "alpha", "colormap", "top")},
    **{name: name for name in ("max_pixels", "offline")},
    **dict.fromkeys(("model", "weights"), "the choice of model, which is in the digest too"),
}


def test_every_option_is_known_to_change_results_or_not() -> None:
    options = {each.name for each in explain.params if each.expose_value} - {"sources"}
    assert options == OF_THE_RUN | SETTING_OF.keys()
    settings = {field.name for field in fields(Settings)}
    assert settings - set(SETTING_OF.values()) == {"folder", "method"}


def outcome(number: int, *files: Path) -> Outcome:
    return Outcome(Record(f"{number}.jpg", "", None, "", error="no"), files)


def test_groups_hold_all_in_order_and_failures_end_them() -> None:
    done = [outcome(number, Path("x")) for number in range(3 * GROUP)]
    done[5] = outcome(5)
    groups = list(in_groups(done))
    assert [each for group in groups for each in group] == done
    assert max(map(len, groups)) <= GROUP
    assert groups[0][-1] is done[5] or len(groups[0]) < 6


def test_what_was_done_before_a_run_breaks_is_recorded() -> None:
    def breaks() -> Any:
        yield outcome(0, Path("x"))
        yield outcome(1, Path("x"))
        raise MemoryError

    groups = in_groups(breaks())
    assert [each.record.source for each in next(groups)] == ["0.jpg", "1.jpg"]
    with pytest.raises(MemoryError):
        next(groups)
