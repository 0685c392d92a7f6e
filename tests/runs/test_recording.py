"""What decides whether a source is done, and in which groups outcomes are recorded."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from gradcam_cli.cli.explain import explain
from gradcam_cli.images.baselines import BaselineFile
from gradcam_cli.images.drawing import Drawing
from gradcam_cli.images.listing import single_item
from gradcam_cli.images.writing import Destination
from gradcam_cli.methods.modifiers import Modifiers
from gradcam_cli.models.model import Model
from gradcam_cli.models.selection import select_model
from gradcam_cli.passes import FORWARD
from gradcam_cli.runs.recording import GROUP, group_outcomes
from gradcam_cli.runs.resume import NOT_IN_THE_DIGEST, digest_of
from gradcam_cli.runs.settings import Outputs, Settings
from gradcam_cli.runs.stages import Outcome, OutputFile
from gradcam_cli.targets import Target

SETTINGS = Settings(targets=(Target(285),))
OUTPUTS = Outputs(Destination(Path("out"), ".gradcam.jpg"))
OTHER: dict[str, Any] = {
    "targets": (Target(285), Target(281)),
    "methods": ("another",),
    "layer": "block1",
    "score": "probability",
    "engine": "tensorflow",
    "top": 6,
    "max_pixels": 2_000,
    "offline": True,
    "default_class": True,
    "resize": "crop",
    "passes": (FORWARD,),
    "trust": True,
    "precision": "bf16",
    "modifiers": Modifiers(smooth=3),
    "baselines": (BaselineFile("grey.png", "0" * 64),),
    "overlays": Destination(Path("elsewhere"), ".gradcam.jpg"),
    "heatmaps": Destination(Path("maps"), ".npy"),
    "drawing": Drawing(alpha=0.4),
}
OTHER_DRAWINGS: dict[str, Any] = {
    "style": "figure",
    "alpha": 0.4,
    "colormap": "hot",
    "upsample": "cubic",
    "scale": "shared",
    "boxes": True,
    "box_threshold": 0.4,
    "box_regions": "all",
    "clip_percentile": 98.0,
    "signed": True,
}
LITE = select_model("efficientnet-lite0").open()
FIELDS = [field.name for kind in (Settings, Outputs) for field in fields(kind)]


def digest(model: Model = LITE, **changes: Any) -> str:
    def changed(value: Any) -> Any:
        names = {field.name for field in fields(value)} & changes.keys()
        return replace(value, **{name: changes[name] for name in names})

    return digest_of(changed(SETTINGS), changed(OUTPUTS), model)


@pytest.mark.parametrize("name", FIELDS)
def test_whatever_changes_a_result_is_in_the_digest(name: str) -> None:
    assert (digest(**{name: OTHER[name]}) == digest()) == (name in NOT_IN_THE_DIGEST)


@pytest.mark.parametrize("name", [field.name for field in fields(Drawing)])
def test_however_an_overlay_is_drawn_is_in_the_digest(name: str) -> None:
    drawing = Drawing(**{name: OTHER_DRAWINGS[name]})
    assert digest(drawing=drawing) != digest()


@pytest.mark.parametrize("target", [Target(285, 281), Target(285, counterfactual=True)])
def test_a_contrast_and_a_counterfactual_are_in_the_digest(target: Target) -> None:
    assert digest(targets=(target,)) != digest()


def test_another_model_and_other_weights_are_in_the_digest(own_home: Path) -> None:
    digests = {digest()}
    for content in (b"one", b"two"):
        (own_home / "w.h5").write_bytes(content)
        for name in ("vgg16", "resnet50"):
            digests.add(digest(select_model(name, weights=own_home / "w.h5").open()))
    assert len(digests) == 5


OF_THE_RUN = {
    *("output", "recursive", "include", "exclude", "from_file", "null", "force", "verify"),
    *("fail_fast", "most_errors", "stream", "csv", "report", "show", "open_it", "as_json", "quiet"),
}
"""Options that change which sources are explained, when, or what is shown: no result."""

SETTING_OF = {
    **dict.fromkeys(("classes", "versus", "counterfactual"), "targets"),
    **dict.fromkeys(("methods", "options"), "methods"),
    **dict.fromkeys(("fuse", "smooth", "augment"), "modifiers"),
    "save_heatmap": "heatmaps",
    "layers": "layer",  # the first; the others are of the modifiers
    **{name: name for name in ("score", "engine", "top")},
    **dict.fromkeys(OTHER_DRAWINGS, "drawing"),
    **{name: name for name in ("max_pixels", "offline", "resize", "trust", "precision")},
    "baselines": "baselines",
    **dict.fromkeys(
        (
            *("model", "weights", "labels", "preprocess", "input_size", "output_name", "head"),
            *("tokens", "custom_objects", "trust_model"),
        ),
        "the choice of model, which is in the digest too",
    ),
}


def test_every_option_is_known_to_change_results_or_not() -> None:
    options = {each.name for each in explain.params if each.expose_value} - {"sources"}
    assert options == OF_THE_RUN | SETTING_OF.keys()
    assert set(FIELDS) - set(SETTING_OF.values()) == {"overlays", "default_class", "passes"}


def outcome(number: int, *paths: Path) -> Outcome:
    files = tuple(OutputFile(path, 0, "") for path in paths)
    return Outcome(single_item(f"{number}.jpg"), None, overlays=files)


def test_groups_hold_all_in_order_and_failures_end_them() -> None:
    done = [outcome(number, Path("x")) for number in range(3 * GROUP)]
    done[5] = outcome(5)
    groups = list(group_outcomes(done))
    assert [each for group in groups for each in group] == done
    assert max(map(len, groups)) <= GROUP
    assert groups[0][-1] is done[5] or len(groups[0]) < 6


def test_what_was_done_before_a_run_breaks_is_recorded() -> None:
    def breaks() -> Any:
        yield outcome(0, Path("x"))
        yield outcome(1, Path("x"))
        raise MemoryError

    groups = group_outcomes(breaks())
    assert [each.item.source for each in next(groups)] == ["0.jpg", "1.jpg"]
    with pytest.raises(MemoryError):
        next(groups)
