"""A grid of heatmaps, of small trained models and of the bundled one."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from numpy.typing import NDArray
from openvino import opset13 as ops

from gradcam_cli.annotations.reading import read_annotations
from gradcam_cli.callbacks import no_note, no_progress
from gradcam_cli.errors import ImageError, UsageError
from gradcam_cli.explainer import Explainer
from gradcam_cli.images.listing import list_items
from gradcam_cli.methods.choice import parse_methods
from gradcam_cli.models.file_options import FileOptions
from gradcam_cli.models.selection import Selection, select_model
from gradcam_cli.results.comparison import Axes, Cell, Comparison, Place
from gradcam_cli.runs import comparing, method_survey
from gradcam_cli.runs.available import OpeningOptions, SameMaps, are_one_map, open_available
from gradcam_cli.runs.check_items import check_items
from gradcam_cli.runs.checking import CheckItem
from gradcam_cli.runs.comparing import (
    MOST_CELLS,
    Callbacks,
    ComparedModel,
    CompareOptions,
    compare,
    slow_text,
)
from gradcam_cli.runs.method_survey import clouds, survey
from tests.planted import CLASSES, SIDE, samples, trained, write_data, write_model

QUIET = Callbacks(lambda: nullcontext(no_progress))


def without_relu() -> ov.Model:
    """As `planted.trained` has it, but small, untrained, and with sigmoids for ReLUs."""
    random = np.random.default_rng(0)
    picture = ops.parameter([1, SIDE, SIDE, 3], np.float32, name="image")
    moved = ops.transpose(picture, np.array([0, 3, 1, 2]))
    filters = random.normal(0, 1, (4, 3, 8, 8)).astype(np.float32)
    maps = ops.sigmoid(
        ops.convolution(moved, filters, [8, 8], [0, 0], [0, 0], [1, 1]), name="features"
    )
    means = ops.reduce_mean(maps, np.array([2, 3]), keep_dims=False)
    logits = ops.matmul(means, random.normal(0, 1, (4, 2)).astype(np.float32), False, False)
    return ov.Model([logits], [picture], "smooth")


@pytest.fixture(scope="module")
def network() -> ov.Model:
    return trained(samples("none", 80, 1))


@pytest.fixture
def planted(own_home: Path, network: ov.Model) -> Selection:
    """A trained model, with pictures and data.csv in the working folder."""
    write_data(own_home, samples("none", 3, 2))
    return selected(write_model(own_home, network))


def selected(path: Path) -> Selection:
    options = FileOptions(labels=Path("labels.txt"), preprocessing="scale=0..1")
    return select_model(str(path), file_options=options)


def grid(
    axes: tuple[str, str],
    *models: Selection,
    methods: str = "grad-cam",
    classes: tuple[str, ...] = ("top",),
    pictures: tuple[str, ...] = ("0.jpg",),
    layers: tuple[str | None, ...] = (None,),
    annotated: bool = False,
) -> Comparison:
    compared = []
    for model in models:
        found: dict[str, CheckItem] = {}
        if annotated:
            items = check_items(read_annotations(Path("data.csv")), model.labels)
            found = {item.key: item for item in items if isinstance(item, CheckItem)}
        compared.append(
            ComparedModel(
                str(model.candidates[0].file.path), model, model.labels.targets(classes), found
            )
        )
    options = CompareOptions(parse_methods(methods.split(",")), layers)
    return compare(Axes(*axes), compared, list_items(pictures).items, classes, options, QUIET)


def cell_at(comparison: Comparison, **at: int) -> Cell:
    return comparison.cells[Place(**{**dict.fromkeys(Place._fields, 0), **at})]


def test_cells_are_what_explain_computes(planted: Selection) -> None:
    methods, classes, pictures = "grad-cam,saliency,eigen-cam", CLASSES, ("0.jpg", "1.jpg")
    for name in CLASSES:
        made = grid(
            ("pictures", "methods"), planted, methods=methods, classes=(name,), pictures=pictures
        )
        explainer = Explainer.load(planted, methods=methods.split(","))
        for number, picture in enumerate(pictures):
            explanation = explainer.explain(picture, name)
            for at, target in enumerate(explanation.targets):
                cell = cell_at(made, pictures=number, methods=at)
                assert cell.heatmap is not None
                np.testing.assert_array_equal(cell.heatmap, target.heatmap.astype(np.float16))
                assert (cell.layer, cell.prediction) == (target.layer, target.prediction)
                assert cell.seconds is not None
            assert made.predictions[number, 0] == explanation.predictions[:3]
    assert classes == CLASSES


def relus(selection: Selection) -> tuple[str, ...]:
    """The two layers of a planted model; OpenVINO numbers them as it likes."""
    layers = selection.without_fetching().layers()
    return tuple(layer.name for layer in layers if layer.kind == "Relu")


def test_classes_and_layers_are_axes_too(planted: Selection) -> None:
    layers = relus(planted)
    made = grid(("classes", "layers"), planted, classes=CLASSES, layers=layers)
    heatmaps = [made.cells[place].heatmap for place in made.places()]
    sizes = [heatmap.shape for heatmap in heatmaps if heatmap is not None]
    assert sizes == [(62, 62), (29, 29)] * 2
    for at, name in enumerate(CLASSES):
        prediction = cell_at(made, classes=at).prediction
        assert prediction is not None
        assert prediction.name == name
    assert made.values["layers"] == list(layers)
    assert grid(("layers", "methods"), planted).values["layers"] == [layers[1]]  # the default's


def test_models_are_an_axis_too(planted: Selection, own_home: Path) -> None:
    own_home.joinpath("other").mkdir()
    other = selected(write_model(own_home / "other", trained(samples("mark", 80, 1))))
    made = grid(("models", "methods"), planted, other)
    first, second = (cell_at(made, models=at).heatmap for at in (0, 1))
    assert first is not None
    assert second is not None
    assert np.abs(first - second).max() > 0.1
    names = made.values["models"]  # of two that have one name, the paths
    assert [Path(name).parent.name for name in names] == [own_home.name, "other"]
    assert grid(("models", "methods"), planted).values["models"] == ["planted.xml"]


def test_the_share_in_the_box_is_that_of_check(planted: Selection) -> None:
    pictures = ("0.jpg", "1.jpg", "2.jpg")
    made = grid(
        ("pictures", "classes"), planted, classes=CLASSES, pictures=pictures, annotated=True
    )
    for number, sample in enumerate(samples("none", 3, 2)):
        own = cell_at(made, pictures=number, classes=sample.label)
        other = cell_at(made, pictures=number, classes=1 - sample.label)
        assert (other.heat_in_object, other.lift, other.boxes) == (None, None, ())
        left, top, width, height = (value * SIDE for value in own.boxes[0])
        np.testing.assert_allclose((left, top, width, height), sample.box)
        # 64 × 64 pixels are measured as they are: the heat, bilinear, in the box.
        import cv2

        heat = cv2.resize(own.heatmap.astype(np.float32), (SIDE, SIDE))  # type: ignore[union-attr]
        x, y, w, h = sample.box
        share = heat[y : y + h, x : x + w].sum() / heat.sum()
        assert own.heat_in_object == pytest.approx(share, abs=2e-3)
        assert own.lift == pytest.approx(share * SIDE * SIDE / (w * h), rel=1e-2)


def test_on_a_pooled_head_grad_cam_and_hirescam_are_one(planted: Selection) -> None:
    made = grid(("layers", "methods"), planted, methods="eigen-cam,grad-cam,hirescam,random",
                layers=relus(planted))  # fmt: skip
    assert made.same == {(0, 0): {}, (0, 1): {2: 1}}
    assert made.same_as(Place(0, 0, 0, 1, 2)) == "grad-cam"
    assert made.same_as(Place(0, 0, 0, 1, 1)) == ""


def test_what_a_model_cannot_have_is_marked(planted: Selection, own_home: Path) -> None:
    smooth = own_home / "smooth.xml"
    ov.save_model(without_relu(), smooth, compress_to_fp16=False)
    made = grid(
        ("models", "methods"), planted, selected(smooth), methods="guided-backprop,grad-cam"
    )
    reasons = [cell_at(made, models=m, methods=n).reason for m in (0, 1) for n in (0, 1)]
    assert reasons == ["", "", reasons[2], ""]
    assert "guided gradients need a model with ReLUs" in reasons[2]
    assert cell_at(made, models=1, methods=0).remedy
    with pytest.raises(UsageError, match="guided gradients need"):
        grid(("pictures", "methods"), selected(smooth), methods="guided-backprop")


def test_a_layer_that_one_of_the_models_has_not(planted: Selection, own_home: Path) -> None:
    smooth = own_home / "smooth.xml"
    ov.save_model(without_relu(), smooth, compress_to_fp16=False)
    made = grid(("models", "layers"), planted, selected(smooth), layers=relus(planted))
    assert "smooth.xml has no explainable layer called" in cell_at(made, models=1).reason
    assert [cell.reason for place, cell in made.cells.items() if place.models == 0] == ["", ""]


def test_a_picture_that_cannot_be_read_is_left_out(planted: Selection) -> None:
    Path("broken.jpg").write_bytes(b"no picture")
    made = grid(("pictures", "methods"), planted, pictures=("0.jpg", "broken.jpg", "2.jpg"))
    assert made.positions("pictures") == [0, 2]
    assert [place.pictures for place in made.places()] == [0, 2]
    assert [name for name, _ in made.failures] == ["broken.jpg"]
    with pytest.raises(ImageError, match=r"broken\.jpg"):
        grid(("pictures", "methods"), planted, pictures=("broken.jpg",))


def test_too_many_cells_are_refused_before_anything_is_opened(planted: Selection) -> None:
    items = list_items(["0.jpg"]).items * (MOST_CELLS + 1)
    model = ComparedModel("", planted, planted.labels.targets("top"))
    options = CompareOptions(parse_methods("grad-cam"))
    with pytest.raises(UsageError, match="401 cells are no figure"):
        compare(Axes("pictures", "methods"), [model], items, ["top"], options, QUIET)


# Which maps are one


def raw(*values: float) -> NDArray[np.float32]:
    return np.array(values, np.float32).reshape(2, -1)


MAP = raw(1, 2, -3, 4, 0, 2)


@pytest.mark.parametrize(
    ("other", "one"),
    [
        (7 * MAP, True),
        (MAP + raw(0, 0, 0, 0.001, 0, 0), True),
        (MAP + 1, False),  # they correlate, and are drawn otherwise
        (-MAP, False),
        (MAP[:, ::-1], False),
        (MAP.reshape(3, 2), False),
        (np.full_like(MAP, np.nan), False),
        (np.zeros_like(MAP), False),
    ],
)
def test_which_maps_are_one(other: NDArray[np.float32], one: bool) -> None:
    assert are_one_map(MAP, other) == one


def test_methods_are_one_where_they_are_on_every_picture() -> None:
    same = SameMaps()
    same.add({0: MAP, 1: 2 * MAP, 2: MAP, 3: -MAP})
    same.add({0: MAP, 1: -MAP, 2: 3 * MAP, 3: MAP})
    assert same.earlier == {2: 0}
    same.add({1: MAP, 2: MAP})  # some may be missing
    assert same.earlier == {2: 0}


# What methods are for a model


def surveyed(selection: Selection, names: str, layer: str | None = None) -> Any:
    methods = parse_methods(names.split(","))
    return survey(selection.open(), layer, methods, OpeningOptions(), no_note)


def test_the_survey_counts_times_and_compares(planted: Selection) -> None:
    found = surveyed(
        planted, "grad-cam,hirescam,eigen-cam,ablation-cam,integrated-gradients:steps=3"
    )
    assert (found.model, found.layer, found.engine) == (
        "planted.xml",
        relus(planted)[1],
        "openvino",
    )
    passes = [each.passes for each in found.methods]
    assert passes[:3] == [{"gradients": 1}, {"gradients": 1}, {"capture": 1}]
    assert passes[3]["capture"] == 1
    assert 1 <= passes[3]["tail"] <= 24 + 4  # channels, and the rest of a batch
    assert passes[4]["gradients"] >= 3
    assert [each.same_as for each in found.methods[:3]] == ["", "grad-cam", ""]
    assert all(each.seconds > 0 and not each.reason for each in found.methods)
    assert surveyed(planted, "grad-cam,hirescam", relus(planted)[0]).methods[1].same_as == ""


def test_the_survey_counts_what_takes_long_without_running_it(
    planted: Selection, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = "rise:masks=40,integrated-gradients:steps=30,opti-cam:steps=20"
    whole = surveyed(planted, names).methods
    monkeypatch.setattr(method_survey, "_LONGEST_SECONDS", 0)
    estimated = surveyed(planted, names).methods
    assert [each.is_estimate for each in (*whole, *estimated)] == [False] * 3 + [True] * 3
    assert [each.passes for each in estimated] == [each.passes for each in whole]
    assert all(each.seconds > 0 and each.same_as == "" for each in estimated)


def test_the_survey_tells_what_cannot_be_had(own_home: Path) -> None:
    Path("labels.txt").write_text("\n".join(CLASSES))
    ov.save_model(without_relu(), own_home / "smooth.xml", compress_to_fp16=False)
    smooth = selected(Path("smooth.xml"))
    refused, had = surveyed(smooth, "guided-backprop,grad-cam").methods
    assert "guided gradients need a model with ReLUs" in refused.reason
    assert (refused.seconds, refused.passes) == (None, {})
    assert had.passes == {"gradients": 1}
    with pytest.raises(UsageError, match="guided gradients need"):
        surveyed(smooth, "guided-backprop")


def test_clouds_are_the_same_for_the_same_seed() -> None:
    first = clouds(30, 40, 0)
    assert (first.shape, first.dtype) == ((30, 40, 3), np.uint8)
    assert first.std() > 30
    np.testing.assert_array_equal(first, clouds(30, 40, 0))
    assert (first != clouds(30, 40, 1)).any()


def test_all_that_can_be_had_share_one_engine(planted: Selection) -> None:
    methods = parse_methods(["grad-cam", "saliency", "ablation-cam"])
    available = open_available(planted.open(), None, methods, OpeningOptions(), no_note)
    assert available.refused == {}
    assert available.explainer is not None
    assert available.explainer.methods == methods


# What takes long


@pytest.mark.parametrize(
    ("method", "ending"),
    [
        ("rise", " It takes less with fewer than --option masks=4000."),
        ("ss-cam:samples=3", " It takes less with fewer than --option samples=3."),
        ("is-cam", " It takes less with fewer than --option steps=10."),
        ("score-cam", ""),
    ],
)
def test_how_long_a_method_takes_and_what_makes_it_shorter(method: str, ending: str) -> None:
    (choice,) = parse_methods(method)
    expected = f"{method} takes about 97 s a heatmap, for 4,001 passes.{ending}"
    assert slow_text(choice, 96.6, 4001) == expected


def test_slow_methods_are_told_once(planted: Selection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "LONG", 0.0)
    notes: list[str] = []
    items = list_items(("0.jpg", "1.jpg")).items
    model = ComparedModel("m", planted, planted.labels.targets("top"))
    callbacks = Callbacks(lambda: nullcontext(no_progress), notes.append)
    options = CompareOptions(parse_methods(["rise:masks=40", "grad-cam"]))
    axes = Axes("pictures", "methods")
    compare(axes, [model], items, ["top"], options, callbacks)
    (told,) = notes
    assert told.startswith("rise:masks=40 takes about ")
