"""`gradcam explain` in this process, on the bundled model."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import SAMPLES, records

Run = Callable[..., tuple[int, str, str]]
CAT = SAMPLES / "egyptian_cat.jpg"
LITE = ("--model", "efficientnet-lite0")


def test_the_overlay_the_table_and_the_path(gradcam: Run) -> None:
    code, out, err = gradcam("explain", CAT, *LITE, "--class", "Egyptian cat")
    assert (code, err) == (0, "")
    rows = out.splitlines()
    assert rows[-1] == "egyptian_cat.gradcam.jpg"
    assert re.search(r">\s+1\s+285\s+n02124075\s+Egyptian_cat\s+0\.\d{4}\s+█+", rows[2])
    assert len(rows) == 2 + 5 + 1
    with Image.open("egyptian_cat.gradcam.jpg") as image, Image.open(CAT) as source:
        assert image.size == source.size
        assert np.asarray(image).tobytes() != np.asarray(source).tobytes()


def test_the_default_class_has_its_own_row_and_rank(gradcam: Run) -> None:
    _, out, _ = gradcam("explain", CAT, *LITE, "--top", 2)
    rows = out.splitlines()
    assert len(rows) == 2 + 2 + 1 + 1
    assert re.search(r">\s+[1-9]\d{1,2}\s+837\s+n04356056\s+sunglasses", rows[4])


def test_a_default_class_that_is_improbable_is_said_to_be_one(gradcam: Run) -> None:
    _, out, err = gradcam("explain", CAT, *LITE, "--json")
    rank = json.loads(out)["explanations"][0]["class"]["rank"]
    assert err.startswith("gradcam: class 837 sunglasses is the default, and here ")
    assert f" number {rank} with probability 2e-05. Pass --class top " in err
    assert err.count("\n") == 1
    assert json.loads(out)["notes"] == [err.strip().removeprefix("gradcam: ")]
    for options in (("--class", 837), ("--top", rank)):
        assert gradcam("explain", CAT, *LITE, *options)[2] == ""
    assert "is the default" in gradcam("explain", CAT, *LITE, "--top", rank - 1)[2]
    assert gradcam("explain", SAMPLES / "sunglasses.jpg", *LITE)[2] == ""


def test_two_runs_give_the_same_bytes(gradcam: Run) -> None:
    _, first, _ = gradcam("explain", CAT, *LITE, "--json")
    overlay = Path("egyptian_cat.gradcam.jpg").read_bytes()
    _, second, _ = gradcam("explain", CAT, *LITE, "--json")
    assert first == second
    assert Path("egyptian_cat.gradcam.jpg").read_bytes() == overlay


def test_json_tells_it_all_in_one_object(gradcam: Run) -> None:
    code, out, err = gradcam(
        "explain", CAT, "--offline", "--class", "top", "--class", 837, "--json",
        "-o", "out/", "--save-heatmap", "maps/",
    )  # fmt: skip
    assert code == 0
    assert out.count("\n") == 1
    told = json.loads(out)
    assert told["schema"] == 1
    assert told["source"] == str(CAT)
    assert told["size"] == [451, 300]
    assert (told["model"], told["weights"]) == ("efficientnet-lite0", "bundled")
    assert (told["layer"], told["method"]) == ("top_activation", "grad-cam")
    assert (told["score"], told["engine"]) == ("logit", "openvino")
    assert "vgg16" in told["fallback"]
    (said,) = err.splitlines()
    assert said.startswith(f"gradcam: {told['fallback']}. Using the bundled ")
    assert told["notes"] == []
    assert [each["rank"] for each in told["predictions"]] == [1, 2, 3, 4, 5]
    cat, sunglasses = told["explanations"]
    assert (cat["class"]["index"], cat["class"]["rank"]) == (285, 1)
    assert (sunglasses["class"]["index"], sunglasses["class"]["wnid"]) == (837, "n04356056")
    assert cat["overlay"] == "out/egyptian_cat.285.gradcam.jpg"
    assert sunglasses["heatmap"] == "maps/egyptian_cat.837.npy"
    for each in told["explanations"]:
        assert Path(each["overlay"]).is_file()
        heatmap = np.load(each["heatmap"])
        assert heatmap.dtype == np.float32
        assert list(heatmap.shape[::-1]) == each["heatmap_size"] == [7, 7]
        assert 0 <= heatmap.min() < heatmap.max() == 1


def test_quiet_prints_the_path_only(gradcam: Run) -> None:
    assert gradcam("explain", CAT, "--offline", "-q") == (0, "egyptian_cat.gradcam.jpg\n", "")


def test_a_layer_and_a_score_are_used(gradcam: Run) -> None:
    heatmaps = []
    for options in ([], ["--layer", "block5c_add"], ["--score", "probability"]):
        code, *_ = gradcam("explain", CAT, *LITE, *options, "--save-heatmap", "h.npy", "-q")
        assert code == 0
        heatmaps.append(np.load("h.npy"))
    assert heatmaps[1].shape == (14, 14)
    assert not np.array_equal(heatmaps[0], heatmaps[2])


def test_alpha_and_colormap_reach_the_picture(gradcam: Run) -> None:
    plain = np.asarray(Image.open(CAT).convert("RGB"))
    gradcam("explain", CAT, *LITE, "--alpha", 0, "-o", "plain.png", "-q")
    np.testing.assert_array_equal(np.asarray(Image.open("plain.png")), plain)
    gradcam("explain", CAT, *LITE, "--alpha", 1, "--colormap", "bone", "-o", "bone.png", "-q")
    red, _, blue = np.asarray(Image.open("bone.png")).astype(int).reshape(-1, 3).T
    assert (blue >= red).all()  # bone is bluish gray throughout


def test_resize_reaches_the_picture(gradcam: Run) -> None:
    plain = np.asarray(Image.open(CAT).convert("RGB"))
    code, out, _ = gradcam("explain", CAT, *LITE, "--resize", "crop", "-o", "x.png", "--json")
    left, top, width, height = json.loads(out)["frame"]
    assert (code, left, top, width, height) == (0, 75, 0, 300, 300)
    drawn = np.asarray(Image.open("x.png"))
    np.testing.assert_array_equal(drawn[:, :left], plain[:, :left])
    assert (drawn[:, left] != plain[:, left]).any()


def test_orientation_and_size_are_those_of_the_source_as_shown(gradcam: Run) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(CAT) as image:
        image.rotate(90, expand=True).save("turned.jpg", quality=95, exif=exif)
    _, out, _ = gradcam("explain", "turned.jpg", *LITE, "--class", "top", "--json")
    told = json.loads(out)
    assert told["size"] == [451, 300]
    assert told["predictions"][0]["index"] == 285
    with Image.open("turned.gradcam.jpg") as overlay:
        assert overlay.size == (451, 300)
        assert overlay.getexif().get(0x0112, 1) == 1


def test_no_evidence_is_the_plain_image_and_a_next_step(gradcam: Run, tmp_path: Path) -> None:
    # A model whose weights are all zero finds evidence for nothing.
    from gradcam_cli.models.catalog import find_model

    weights = tmp_path / "zero.weights.h5"
    find_model("mobilenetv2").build().save_weights(weights)
    code, out, err = gradcam(
        "explain", CAT, "--model", "mobilenetv2", "--weights", weights, "-o", "x.png", "--json",
        "--save-heatmap", "x.npy",
    )  # fmt: skip
    assert code == 0
    told = json.loads(out)
    assert told["explanations"][0]["evidence"] == "none"
    assert told["weights"] == "file"
    assert "NaN" not in out
    assert "Try --class top, or an earlier --layer." in err
    plain = np.asarray(Image.open(CAT).convert("RGB"))
    np.testing.assert_array_equal(np.asarray(Image.open("x.png")), plain)
    assert not np.load("x.npy").any()


def test_weights_that_are_not_finite_give_no_nan(gradcam: Run, tmp_path: Path) -> None:
    from gradcam_cli.models.catalog import find_model

    weights = tmp_path / "nan.weights.h5"
    model = find_model("mobilenetv2").build()
    model.get_layer("predictions").kernel.assign(np.full((1280, 1000), np.nan, np.float32))
    model.save_weights(weights)
    code, out, err = gradcam(
        "explain", CAT, "--model", "mobilenetv2", "--weights", weights, "--json", "--class", "top"
    )
    assert code == 0
    assert "NaN" not in out
    assert json.loads(out)["explanations"][0]["evidence"] == "none"
    assert "check its weights" in err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["photo.png", "--class", "crane"], 2, "134 crane"),
        (["photo.png", "--class", "kat"], 2, "no class called"),
        (["photo.png", "--class", "1000"], 2, "0 to 999"),
        (["photo.png", "--model", "vgg17"], 2, "vgg16"),
        (["photo.png", "--layer", "block9"], 2, "gradcam layers"),
        ([*LITE, "photo.png", "-l", "block5_conv3"], 2, "is a layer of vgg16 and vgg19. Pass"),
        (["photo.png", "-m", "vgg16", "-l", "block5_conv4"], 2, "a layer of vgg19. Pass --model"),
        (["photo.png", "-m", "resnet50", "-l", "block5_conv3"], 2, "a layer of vgg16 and vgg19."),
        (["photo.png", "-m", "resnet50", "-l", "conv5_block3"], 2, "conv5_block3_out"),
        (["photo.png", "-l", "block5_conv4"], 2, "a layer of vgg19. Pass --model vgg19"),
        (["photo.png", "--weights", "x.h5", "-l", "top_conv"], 2, "Pass --model efficientnet"),
        (["photo.png", "-o", "photo.png"], 2, "source image"),
        (["photo.png", "-o", "x.gif"], 2, "neither a folder nor a file"),
        (["photo.png", "-o", "no/x.jpg"], 2, "no folder"),
        (["photo.png", "-o", "x.jpg", "--class", "1", "--class", "2"], 2, "more than one output"),
        (["photo.png", "--save-heatmap", "photo.png"], 2, ".npy"),
        (["photo.png", "--alpha", "1.5"], 2, "--alpha"),
        (["photo.png", "--colormap", "jetty"], 2, "--colormap"),
        (["photo.png", "--top", "0"], 2, "--top"),
        (["photo.png", "--nope"], 2, "gradcam explain --help"),
        (["photo.png", "--clas", "5"], 2, "no option --clas. The closest: --class"),
        (["photo.png", "--class"], 2, "requires an argument. See `gradcam explain --help`."),
        (["--", "photo.png", "-o", "x.jpg"], 2, "-o comes after --, where all is taken for"),
        (["--", "photo.png", "--class=top"], 2, "--class=top comes after --"),
        ([], 2, "SOURCE"),
        (["missing.jpg"], 3, "missing.jpg"),
        (["https://127.0.0.1:1/x.jpg", "--offline"], 3, "--offline"),
        (["photo.png", "--max-pixels", "100"], 3, "--max-pixels"),
        (["photo.png", "--offline", "--model", "vgg16"], 4, "--weights FILE"),
        (["photo.png", "--offline", "--layer", "block4_conv1"], 4, "models pull vgg16"),
        (["photo.png", "--weights", "none.h5"], 4, "none.h5"),
        (["photo.png", "--model", "vgg19", "--weights", "photo.png"], 4, "vgg19"),
    ],
)
def test_each_mistake_is_one_line_and_a_code(
    gradcam: Run, photo: Path, arguments: list[str], code: int, said: str
) -> None:
    before = sorted(Path().iterdir())
    got, out, err = gradcam("explain", *arguments)
    assert (got, out) == (code, "")
    assert said in err
    assert err.count("\n") == 1
    assert err.startswith("gradcam: ")
    assert sorted(Path().iterdir()) == before


def test_debug_shows_the_traceback(gradcam: Run) -> None:
    code, _, err = gradcam("explain", "missing.jpg", "--debug")
    assert code == 3
    assert "Traceback" in err
    assert "ImageError" in err


def test_the_source_is_untouched_after_everything(gradcam: Run, photo: Path) -> None:
    before = photo.read_bytes()
    gradcam("explain", photo, *LITE)
    gradcam("explain", photo, *LITE, "-o", "photo.png")
    assert photo.read_bytes() == before


@pytest.mark.parametrize("name", ["a b\n c.png", "-x.png", "é漢.png", "\x1b[31m.png", "x'y\".png"])
def test_odd_file_names(gradcam: Run, photo: Path, name: str) -> None:
    photo.rename(name)
    code, out, err = gradcam("explain", "-q", *LITE, "--", name)
    assert (code, err) == (0, "")
    assert out == name.removesuffix(".png") + ".gradcam.jpg\n"
    code, _, err = gradcam("explain", "--model", "nope", "--", name)
    assert "\x1b" not in err


def test_a_file_that_is_called_like_an_option(gradcam: Run, photo: Path) -> None:
    photo.rename("-o")
    assert gradcam("explain", "-q", *LITE, "--", "-o") == (0, "-o.gradcam.jpg\n", "")


def test_the_short_options(gradcam: Run) -> None:
    short = ("-m", "efficientnet-lite0", "-c", "tabby", "-l", "block5c_add")
    told = json.loads(gradcam("explain", CAT, *short, "--json")[1])
    assert (told["model"], told["layer"]) == ("efficientnet-lite0", "block5c_add")
    assert told["explanations"][0]["class"]["name"] == "tabby"


def test_a_file_name_that_is_no_text(gradcam: Run, photo: Path) -> None:
    photo.rename(os.fsdecode(b"\xff\xfe.png"))
    code, out, _ = gradcam("explain", *LITE, "--json", os.fsdecode(b"\xff\xfe.png"))
    assert code == 0
    assert json.loads(out)["explanations"][0]["overlay"]
    assert Path(os.fsdecode(b"\xff\xfe.gradcam.jpg")).is_file()


def test_an_alpha_that_is_no_number_is_refused(gradcam: Run, photo: Path) -> None:
    for value in ("nan", "-nan", "1.1", "inf"):
        code, out, err = gradcam("explain", photo, f"--alpha={value}")
        assert (code, out) == (2, "")
        assert "is not in the range 0<=x<=1" in err


def test_a_contrast_and_a_counterfactual(gradcam: Run) -> None:
    heatmaps = {}
    for name, options in {
        "cat": ("--class", 285),
        "cat.285-vs-281": ("--class", 285, "--vs", "tabby"),
        "cat.not-285": ("--class", 285, "--counterfactual"),
        "cat.281-vs-285": ("--class", "tabby", "--vs", "top"),
        "cat.not-285-vs-281": ("--class", 285, "--vs", "tabby", "--counterfactual"),
    }.items():
        code, out, _ = gradcam("explain", CAT, *LITE, *options, "--json", "--save-heatmap", "x.npy")
        assert code == 0
        (explained,) = json.loads(out)["explanations"]
        assert explained["overlay"] == f"egyptian_{name}.gradcam.jpg"
        assert explained["counterfactual"] == ("not" in name)
        assert (explained["versus"] or {}).get("index") == (
            None if "vs" not in name else int(name[-3:])
        )
        assert Path(explained["overlay"]).is_file()
        heatmaps[name] = np.load("x.npy")
    # The negative of one contrast is the other, and a counterfactual shows what Grad-CAM cuts off.
    np.testing.assert_allclose(
        heatmaps["cat.281-vs-285"], heatmaps["cat.not-285-vs-281"], atol=1e-6
    )
    assert not (heatmaps["cat"] * heatmaps["cat.not-285"]).any()
    assert not np.array_equal(heatmaps["cat"], heatmaps["cat.285-vs-281"])


def test_several_classes_of_a_contrast_tell_their_names(gradcam: Run) -> None:
    gradcam("explain", CAT, *LITE, "-c", 285, "-c", 282, "--vs", 281, "-o", "out/", "-q")
    names = sorted(path.name for path in Path("out").iterdir())
    assert names == [f"egyptian_cat.{n}-vs-281.gradcam.jpg" for n in (282, 285)]


def test_a_class_against_itself_is_refused(gradcam: Run) -> None:
    code, out, err = gradcam("explain", CAT, *LITE, "--class", "tabby", "--vs", 281)
    assert (code, out) == (2, "")
    assert err == (
        "gradcam: expected two classes to tell apart, got 281 tabby (n02123045) twice. "
        "Pass another for one of them.\n"
    )


def test_styles_boxes_and_scales_reach_the_picture_and_the_json(gradcam: Run) -> None:
    two = ("explain", CAT, *LITE, "--class", 285, "--class", 837, "-o", "out/", "--json")
    _, plain, _ = gradcam(*two)
    assert not any("boxes" in each for each in json.loads(plain)["explanations"])
    drawn = ("--style", "side-by-side", "--scale", "shared", "--upsample", "guided", "--boxes")
    code, out, err = gradcam(*two, *drawn)
    assert (code, err) == (0, "")
    cat, sunglasses = json.loads(out)["explanations"]
    assert cat["peak"] > 2 * sunglasses["peak"] > 0
    for each in (cat, sunglasses):
        (box,) = each.pop("boxes")
        left, top, width, height = box["bbox"]
        assert 0 <= left < left + width <= 451
        assert 0 <= top < top + height <= 300
        assert 0 < box["area"] <= width * height
        assert box["segmentation"]["size"] == [300, 451]
        with Image.open(each["overlay"]) as image:
            assert image.width > 2 * 451
    before = json.loads(plain)["explanations"]
    assert [cat, sunglasses] == before


def test_signs_are_drawn_and_nothing_else_is_changed(gradcam: Run) -> None:
    asked = ("explain", CAT, *LITE, "--class", 281, "--method", "hirescam", "--json")
    _, plain, _ = gradcam(*asked, "-o", "x.png")
    code, signed, err = gradcam(*asked, "-o", "x.png", "--signed")
    assert (code, err, signed) == (0, "", plain)
    with Image.open("x.png") as image:
        red, _, blue = np.asarray(image).astype(int).mean(axis=(0, 1))
    assert red > blue
    for method, *others in (("saliency",), ("saliency", "--style", "mask")):
        code, out, err = gradcam("explain", CAT, *LITE, "--method", method, "--signed", *others)
        assert (code, out) == (2, "")
        expected = "the style mask has none" if others else "saliency gives nothing below 0"
        assert expected in err


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--style", "blurred", "'blurred' is not one of 'blend', 'figure', 'side-by-side'"),
        ("--upsample", "nearest", "'nearest' is not one of 'linear', 'cubic', 'guided'"),
        ("--scale", "mine", "'mine' is not one of 'own', 'shared'"),
        ("--box-threshold", "2", "2.0 is not in the range 0<=x<=1"),
        ("--box-threshold", "nan", "nan is not in the range 0<=x<=1"),
        ("--box-regions", "some", "'some' is not one of 'largest', 'all'"),
    ],
)
def test_a_drawing_that_cannot_be_is_said_in_a_line(
    gradcam: Run, option: str, value: str, expected: str
) -> None:
    code, out, err = gradcam("explain", CAT, *LITE, option, value)
    assert (code, out) == (2, "")
    assert expected in err
    assert not list(Path().iterdir())


def test_boxes_stand_in_the_record_of_a_run_and_other_drawings_redo_it(gradcam: Run) -> None:
    many = ("explain", CAT, SAMPLES / "tripod.jpg", *LITE, "--class", "top", "-o", "out/")
    assert "2 explained" in gradcam(*many, "--boxes")[2]
    for record in records(Path("out")):
        assert record.result is not None
        assert record.result.targets[0].boxes
    assert "2 done before" in gradcam(*many, "--boxes")[2]
    assert "2 explained" in gradcam(*many)[2]
    assert gradcam("report", "out/")[0] == 0
