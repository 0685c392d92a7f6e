"""`gradcam compare` and `gradcam methods --model`, on sample pictures with real weights."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from defusedxml import ElementTree
from PIL import Image

from gradcam_cli.methods import METHODS
from tests.conftest import SAMPLES
from tests.zoo import zoo

Run = Callable[..., tuple[int, str, str]]

CAT = SAMPLES / "egyptian_cat.jpg"
LITE0 = ("--model", "efficientnet-lite0", "--offline")
DATA = ("--annotations", SAMPLES / "annotations.json")


def test_methods_side_by_side(gradcam: Run) -> None:
    methods = ("--methods", "grad-cam,hirescam,eigen-cam")
    code, out, err = gradcam("compare", CAT, *LITE0, *methods, *DATA, "--json")
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert (result["schema"], result["rows"], result["columns"]) == (1, "pictures", "methods")
    assert result["figure"] == "gradcam-compare.png"
    assert [cell["method"] for cell in result["cells"]] == ["grad-cam", "hirescam", "eigen-cam"]
    assert [cell["same_as"] for cell in result["cells"]] == [None, "grad-cam", None]
    for cell in result["cells"]:
        assert (cell["layer"], cell["class"]["name"]) == ("top_activation", "Egyptian_cat")
        assert 0.9 < cell["heat_in_object"] <= 1
        assert cell["seconds"] > 0
    assert result["pictures"][0]["predictions"][0]["name"] == "Egyptian_cat"
    with Image.open("gradcam-compare.png") as figure:
        assert figure.format == "PNG"
        assert figure.width > 1000
    assert [path.name for path in Path().iterdir()] == ["gradcam-compare.png"]


FEW = {
    "smooth-grad-cam++": ":samples=2",
    "ss-cam": ":samples=1",
    "is-cam": ":steps=1",
    "opti-cam": ":steps=2",
    "occlusion": ":stride=0.2",
    "rise": ":masks=20",
    "integrated-gradients": ":steps=3",
    "expected-gradients": ":samples=3",
}
ATTENTION = ("attention-rollout", "generic-attention", "transformer-attribution", "le-grad")


@pytest.mark.parametrize(
    ("model", "layer", "refused"),
    [
        (zoo.path("resnet_like"), None, ATTENTION),
        (zoo.path("vit_torch"), None, ("guided-backprop", "guided-grad-cam", "lrp")),
    ],
    ids=("convolutional", "transformer"),
)
def test_every_method_has_a_map_or_a_reason(
    gradcam: Run, model: object, layer: str | None, refused: tuple[str, ...]
) -> None:
    methods = ",".join(f"{name}{FEW.get(name, '')}" for name in METHODS)
    layers = () if layer is None else ("--layer", layer)
    options = ("--model", model, "--offline", "--methods", methods, *layers)
    code, out, _ = gradcam("compare", CAT, *options, "--json")
    assert code == 0
    cells = {cell["method"].partition(":")[0]: cell for cell in json.loads(out)["cells"]}
    assert list(cells) == list(METHODS)
    assert sorted(name for name, cell in cells.items() if cell["reason"]) == sorted(refused)
    for name, cell in cells.items():
        # Of a transformer, whose maps may be negative everywhere, some have no evidence.
        usual = {"positive"} if refused == ATTENTION else {"positive", "none"}
        assert cell["evidence"] in ({None} if name in refused else usual), name
    for name in refused:
        assert re.search(
            r"\. (Choose another method|Try --method score-cam)", cells[name]["reason"]
        )


def test_the_table_and_the_same_bytes_each_time(gradcam: Run) -> None:
    options = (*LITE0, "--class", "top", "--class", "tabby", "--methods", "grad-cam,eigen-cam")
    code, out, err = gradcam("compare", CAT, *options, "-o", "one.svg")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["class", "method", "probability", "time"]
    assert [line.split()[:3] for line in lines[2:6]] == [
        [str(index), name, method]
        for index, name in ((285, "Egyptian_cat"), (281, "tabby"))
        for method in ("grad-cam", "eigen-cam")
    ]
    assert lines[6:] == ["one.svg"]
    assert ElementTree.parse("one.svg").getroot().tag.endswith("svg")
    assert gradcam("compare", CAT, *options, "-o", "two.svg", "-q") == (0, "two.svg\n", "")
    assert Path("one.svg").read_bytes() == Path("two.svg").read_bytes()


def test_a_page_needs_no_matplotlib_and_is_the_same_each_time(
    gradcam: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    asked = ("compare", CAT, *LITE0, *DATA, "--methods", "grad-cam,le-grad", "-q")
    code, out, err = gradcam(*asked, "-o", "one.html")
    assert (code, out) == (0, "one.html\n")
    assert "le-grad: efficientnet-lite0 has no attention layers" in err
    page = Path("one.html").read_text("utf-8")
    assert "none: efficientnet-lite0 has no attention layers" in page
    assert "in the box" in page
    assert page.count("data:image/webp") == 2
    gradcam(*asked, "-o", "two.html")
    assert Path("two.html").read_text("utf-8") == page


def test_a_contrast_of_probabilities_with_options(gradcam: Run) -> None:
    asked = ("compare", CAT, *LITE0, "--methods", "grad-cam,integrated-gradients", "--json")
    asked = (*asked, "--option", "steps=3")
    _, plain, _ = gradcam(*asked)
    _, contrast, err = gradcam(*asked, "--vs", "tabby", "--score", "probability", "-o", "x.html")
    assert err == ""
    result = json.loads(contrast)
    assert (result["versus"], result["score"]) == ("281 tabby", "probability")
    assert not {"versus", "score", "precision"} & set(json.loads(plain))
    assert [cell["method"] for cell in result["cells"]] == [
        "grad-cam", "integrated-gradients:steps=3",
    ]  # fmt: skip
    page = Path("x.html").read_text("utf-8")
    assert "versus: <bdi>281 tabby</bdi>" in page
    assert "score: <bdi>probability</bdi>" in page
    drawn = page.count("data:image/webp")
    assert drawn == 3
    maps = [Path(name) for name in ("plain.html", "vs.html")]
    gradcam(*asked, "-o", maps[0])
    gradcam(*asked, "-o", maps[1], "--vs", "tabby")
    assert maps[0].read_text("utf-8") != maps[1].read_text("utf-8")


def test_signs_are_drawn_where_they_are_asked_for(gradcam: Run) -> None:
    model = ("--model", zoo.path("resnet_like"), "--preprocess", "torch")
    asked = ("compare", CAT, *model, "--methods", "lrp,saliency")
    _, plain, _ = gradcam(*asked, "-o", "plain.html", "--json")
    code, signed, err = gradcam(*asked, "-o", "signed.html", "--signed", "--json")
    assert (code, err) == (0, "")
    assert [json.loads(each)["signed"] for each in (plain, signed)] == [False, True]
    assert "colours: <bdi>red for the class, blue against it</bdi>" in Path(
        "signed.html"
    ).read_text("utf-8")
    pictures = [
        re.findall(r"data:image/webp[^\"']*", Path(name).read_text("utf-8"))
        for name in ("plain.html", "signed.html")
    ]
    same = [first == second for first, second in zip(*pictures, strict=True)]
    assert same == [True, False, False]  # the photo; red where it was turbo


def test_the_precision_is_told_or_refused(gradcam: Run) -> None:
    code, out, err = gradcam("compare", CAT, *LITE0, "--precision", "bf16", "--json")
    if code == 0:
        assert json.loads(out)["precision"] == "bf16"
    else:
        assert (code, out) == (2, "")
        assert "bf16" in err


def test_layers_by_default_methods_as_a_pdf(gradcam: Run) -> None:
    layers = ("-l", "block6d_add", "-l", "top_activation")
    code, out, _ = gradcam("compare", CAT, *LITE0, *layers, "-o", "figure.pdf", "--json")
    result = json.loads(out)
    assert (code, result["rows"], result["columns"]) == (0, "layers", "methods")
    assert len(result["cells"]) == 8
    assert {cell["layer"] for cell in result["cells"]} == {"block6d_add", "top_activation", "input"}
    assert Path("figure.pdf").read_bytes().startswith(b"%PDF-")


def test_one_method_where_both_sides_are_others(gradcam: Run) -> None:
    classes = ("-c", "tabby", "-c", "top", "-l", "block6d_add", "-l", "top_activation")
    code, out, _ = gradcam("compare", CAT, *LITE0, *classes, "--json")
    result = json.loads(out)
    assert (code, result["rows"], result["columns"]) == (0, "classes", "layers")
    assert {cell["method"] for cell in result["cells"]} == {"grad-cam"}


def test_a_broken_picture_is_told_and_the_rest_drawn(gradcam: Run) -> None:
    Path("broken.png").write_bytes(b"no picture")
    code, out, err = gradcam(
        "compare", CAT, "broken.png", *LITE0, "--methods", "grad-cam", "--json"
    )
    assert (code, err.count("\n")) == (3, 1)
    assert "broken.png" in err
    result = json.loads(out)
    assert [failure["source"] for failure in result["failures"]] == ["broken.png"]
    assert len(result["cells"]) == 1
    code, out, err = gradcam(
        "compare", "broken.png", *LITE0, "--methods", "grad-cam", "-o", "none.png"
    )
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert not err.endswith("..\n")
    assert not Path("none.png").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--methods", "nothing"), "there is no method"),
        (("--methods", ","), "expected names"),
        (("-l", "top_activation", "-l", "blocks"), "no explainable layer called 'blocks'"),
        (("-c", "unicorn"), "there is no class called 'unicorn'"),
        (("--rows", "methods", "--columns", "methods"), "are both methods"),
        (("-c", "1", "-c", "2", "--rows", "layers", "--columns", "models"), "several classes"),
        (
            ("--model", "vgg16", "--weights", "x.h5"),
            "--weights is for one model, and several are compared",
        ),
        (("-o", "figure.jpg"), "expected a figure that ends in .png, .svg, .pdf, .html"),
        (("-o", "none/figure.png"), "there is no folder none"),
        (
            ("--signed", "--methods", "saliency,grad-cam++"),
            "--signed is of no use: saliency gives nothing below 0. Drop --signed, or pass another "
            "--methods",
        ),
        (("--images", "."), "of no use without --annotations"),
        (("--annotations", "none.json"), "there is no none.json"),
        (("--labels", "labels.txt"), "--labels and the like are for a model in a file"),
    ],
)
def test_what_cannot_be(gradcam: Run, options: tuple[str, ...], words: str) -> None:
    code, out, err = gradcam("compare", CAT, *LITE0, *options)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
    assert list(Path().iterdir()) == []


def test_a_source_is_not_overwritten(gradcam: Run) -> None:
    Path("photo.png").write_bytes(CAT.read_bytes())
    code, _, err = gradcam("compare", "photo.png", *LITE0, "-o", "photo.png")
    assert (code, "it is a source image" in err) == (2, True)
    assert Path("photo.png").read_bytes() == CAT.read_bytes()


def test_without_matplotlib_a_line_says_how_to_get_it(
    gradcam: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, out, err = gradcam("compare", CAT, *LITE0)
    assert (code, out) == (2, "")
    assert err == (
        "gradcam: figures are drawn by matplotlib, which is not installed. "
        'Install it: pip install "gradcam-cli[figures]".\n'
    )
    project = SAMPLES.parent.joinpath("pyproject.toml").read_text("utf-8")
    assert 'figures = ["matplotlib' in project


def test_annotations_of_other_pictures_are_told(gradcam: Run) -> None:
    Path("photo.jpg").write_bytes(CAT.read_bytes())
    code, out, err = gradcam("compare", "photo.jpg", *LITE0, *DATA, "--methods", "grad-cam", "-q")
    assert (code, out, err) == (0, "gradcam-compare.png\n", "")
    _, out, err = gradcam("compare", "photo.jpg", *LITE0, *DATA, "--methods", "grad-cam", "--json")
    assert err == f"gradcam: {DATA[1]} says nothing of these pictures.\n"
    assert json.loads(out)["cells"][0]["heat_in_object"] is None


def test_a_model_of_the_environment(gradcam: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADCAM_MODEL", "a folder/of mine.onnx")
    code, _, err = gradcam("compare", CAT)
    assert code != 0
    assert "a folder/of mine.onnx" in err


# gradcam methods --model


def test_methods_of_a_model(gradcam: Run) -> None:
    names = ("grad-cam", "hirescam", "saliency")
    code, out, err = gradcam("methods", *names, *LITE0)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[3].endswith("the same as grad-cam")
    assert lines[-1] == "Of one picture, by efficientnet-lite0 at top_activation, in openvino."
    result = json.loads(gradcam("methods", *names, *LITE0, "--json", "-l", "block6d_add")[1])
    assert (result["model"], result["layer"]) == ("efficientnet-lite0", "block6d_add")
    assert [each["name"] for each in result["methods"]] == list(names)
    assert [each["same_as"] for each in result["methods"]] == [None, None, None]
    assert [each["passes"] for each in result["methods"]] == [{"gradients": 1}] * 3
    assert all(each["available"] and each["seconds"] > 0 for each in result["methods"])


def test_several_methods_are_listed(gradcam: Run) -> None:
    code, out, err = gradcam("methods", "saliency", "grad-cam")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()[2:]] == ["saliency", "grad-cam"]


def test_a_layer_needs_a_model(gradcam: Run) -> None:
    code, out, err = gradcam("methods", "--layer", "top_activation")
    assert (code, out) == (2, "")
    assert err == "gradcam: --layer is of no use without --model. Pass both, or none.\n"


def test_a_model_of_the_settings_is_not_opened_to_list_methods(
    gradcam: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("gradcam.toml").write_text('model = "none.onnx"\n')
    monkeypatch.delenv("GRADCAM_CONFIG")
    code, out, _ = gradcam("methods", "--json")
    assert (code, "model" in json.loads(out)) == (0, False)
