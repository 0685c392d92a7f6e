"""`--model FILE`: a model in a file, from the command line."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gradcam_cli.models.about import ABOUT, GRAPH, WEIGHTS
from tests.zoo import zoo

Run = Callable[..., tuple[int, str, str]]

NAMES = ("cat", "dog", "bird", "fish", "rocket")


@pytest.fixture
def labels(own_home: Path) -> Path:
    """labels.txt in the working folder, for a model of five classes."""
    path = own_home / "labels.txt"
    path.write_text("\n".join(NAMES))
    return path


def explained(gradcam: Run, *arguments: object) -> dict:
    code, out, err = gradcam("explain", *arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def test_a_model_in_a_file_is_explained(gradcam: Run, photo: Path, labels: Path) -> None:
    code, out, err = gradcam(
        "explain", photo, "--model", zoo.path("cnn_nchw"), "--labels", labels, "-o", "out/"
    )
    assert code == 0, err
    assert Path("out/photo.gradcam.jpg").is_file()
    assert all(name in out for name in NAMES)
    assert "cnn_nchw.onnx does not say how pixels become its input; torch is a guess" in err


def test_the_predicted_class_is_explained_where_nobody_chose_one(
    gradcam: Run, photo: Path, labels: Path
) -> None:
    model = ("--model", zoo.path("cnn_nchw"), "--labels", labels)
    result = explained(gradcam, photo, *model)
    assert result["explanations"][0]["class"] == result["predictions"][0]
    by_name = explained(gradcam, photo, *model, "--class", "bird")
    assert by_name["explanations"][0]["class"]["index"] == 2


def test_what_was_guessed_stands_in_the_json(gradcam: Run, photo: Path) -> None:
    model = ("--model", zoo.path("dynamic_sides"))
    guesses = explained(gradcam, photo, *model)["guesses"]
    assert [guess.split("; ")[1].split(" is a guess")[0] for guess in guesses] == [
        "torch",
        "224x224",
    ]
    settled = explained(gradcam, photo, *model, "--preprocess", "none", "--input-size", "64x96")
    assert "guesses" not in settled


def test_preprocessing_changes_the_scores(gradcam: Run, photo: Path) -> None:
    model = ("--model", zoo.path("cnn_nchw"))
    torch = explained(gradcam, photo, *model, "--preprocess", "torch")
    steps = "scale=0..1,mean=0.485/0.456/0.406,std=0.229/0.224/0.225"
    written_out = explained(gradcam, photo, *model, "--preprocess", steps)
    other = explained(gradcam, photo, *model, "--preprocess", "channels=bgr,scale=0..1")

    def probabilities(result: dict) -> list[float]:
        return [
            row["probability"] for row in sorted(result["predictions"], key=lambda r: r["index"])
        ]

    np.testing.assert_allclose(probabilities(torch), probabilities(written_out), atol=1e-5)
    assert not np.allclose(probabilities(torch), probabilities(other), atol=1e-3)


def test_a_head_of_the_users(gradcam: Run, photo: Path) -> None:
    result = explained(gradcam, photo, "--model", zoo.path("cnn_nchw"), "--head", "sigmoid")
    assert sum(row["probability"] for row in result["predictions"]) != pytest.approx(1, abs=0.01)


def test_names_in_the_file_are_used(gradcam: Run) -> None:
    code, out, err = gradcam("classes", "--model", zoo.path("class_names"), "--json")
    assert code == 0, err
    assert "cat" in [row["name"] for row in json.loads(out)["classes"]]


def test_layers_tell_the_default_and_why(gradcam: Run) -> None:
    code, out, err = gradcam("layers", zoo.path("vit_like"), "--json")
    assert code == 0, err
    (default,) = [layer for layer in json.loads(out)["layers"] if layer["default"]]
    assert default["name"] == "/blocks/blocks.2/Add_1"
    assert default["shape"] == [4, 4, 24]
    assert "last block" in default["reason"]
    code, out, err = gradcam("layers", zoo.path("vit_like"))
    assert code == 0
    assert "last block" in out + err


# doctor


def test_doctor_tells_what_is_known(gradcam: Run, labels: Path) -> None:
    code, out, err = gradcam("doctor", zoo.path("cnn_nchw"))
    assert code == 0, err
    for part in ("onnx", "32 x 32 RGB", "NCHW", "a guess", "Convolution 3", "finite differences"):
        assert part in out
    assert "--labels" in out
    code, out, err = gradcam("doctor", zoo.path("cnn_nchw"), "--labels", labels, "--json")
    told = json.loads(out)
    assert told["explainable"] is True
    assert told["labels"] == list(NAMES)
    assert told["file"]["format"] == "onnx"
    assert told["file"]["preprocessing_guessed"] is True
    assert told["default_layer"].endswith("Relu")
    assert told["checked_against"] == "finite differences"
    assert told["seconds"] > 0


CNN = shlex.quote(str(zoo.path("cnn_nchw")))


@pytest.mark.parametrize("name", ["two_inputs", "segmenter", "custom_operation"])
def test_doctor_exits_with_1_where_a_model_cannot_be_explained(gradcam: Run, name: str) -> None:
    code, out, err = gradcam("doctor", zoo.path(name), "--json")
    assert code == 1, err
    told = json.loads(out)
    assert told["explainable"] is False
    assert zoo.NAMES[name].refusal in told["problem"] + " ".join(told["suggestions"])


def test_doctor_takes_models_of_the_catalogue(gradcam: Run) -> None:
    code, out, err = gradcam("doctor", "efficientnet-lite0", "--offline")
    assert code == 0, err
    assert "top_activation" in out


def test_doctor_of_what_is_no_model_exits_with_4(gradcam: Run, own_home: Path) -> None:
    (own_home / "words.onnx").write_text("just words")
    for name in ("words.onnx", "missing.onnx"):
        code, out, err = gradcam("doctor", name)
        assert (code, out) == (4, "")
        assert len(err.splitlines()) == 1
        assert name in err


# Wrong use


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (("--labels", "two.txt"), 2, "expected 5 names"),
        (("--preprocess", "tosh"), 2, "torch"),
        (("--class", "elephant"), 2, "no class called 'elephant'"),
        (("--layer", "nowhere"), 2, "no explainable layer called 'nowhere'"),
        (("--weights", "w.h5"), 2, "--weights"),
        (("--engine", "tensorflow"), 4, "no Keras model"),
        (("--input-size", "0x7"), 2, "no size"),
        (("--output-name", "other"), 4, "no output 'other'"),
        (
            ("--layer", "nowhere"),
            2,
            f"`gradcam layers {CNN}` lists all",
        ),
    ],
)
def test_wrong_use_is_told_in_a_line(
    gradcam: Run, photo: Path, own_home: Path, arguments: tuple[str, ...], code: int, part: str
) -> None:
    (own_home / "two.txt").write_text("cat\ndog\n")
    model = ("--model", zoo.path("cnn_nchw"), "--preprocess", "torch")
    got, out, err = gradcam("explain", photo, *model, *arguments)
    assert (got, out) == (code, "")
    assert part in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("name", "head", "of_use"),
    [
        ("softmax", "sigmoid", False),
        ("multi_label", "softmax", False),
        ("one_unit", "softmax", False),
        ("two_units", "sigmoid", True),
        ("softmax", "softmax", True),
    ],
)
def test_a_head_that_the_file_has_is_not_replaced(
    gradcam: Run, photo: Path, name: str, head: str, of_use: bool
) -> None:
    code, _, err = gradcam("explain", photo, "--model", zoo.path(name), "--head", head, "-q")
    assert code == (0 if of_use else 2), err
    assert (f"--head {head} is of no use" in err) is not of_use


def test_a_model_is_called_as_the_link_to_it(gradcam: Run, photo: Path, own_home: Path) -> None:
    (own_home / "blobs").mkdir()
    shutil.copy(zoo.path("cnn_nchw"), own_home / "blobs" / "5e1f")
    (own_home / "mine.onnx").symlink_to("blobs/5e1f")
    assert explained(gradcam, photo, "--model", "mine.onnx")["model"] == "mine.onnx"


@pytest.mark.parametrize("package", ["gradcam", "openvino"])
def test_what_another_version_noticed_is_noticed_anew(
    gradcam: Run, own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setenv("GRADCAM_CACHE", str(tmp_path / "own"))
    assert gradcam("classes", "--model", zoo.path("class_names"))[0] == 0
    (record,) = (tmp_path / "own").rglob(ABOUT)
    content = json.loads(record.read_text())
    content["made_with"][package] = "0.0.1"
    content["findings"]["names"][0] = "of another version"
    record.write_text(json.dumps(content))
    code, out, err = gradcam("classes", "--model", zoo.path("class_names"))
    assert code == 0, err
    assert "of another version" not in out
    assert "making it anew" in err


def test_heat_in_the_bars_is_told(gradcam: Run, own_home: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 12, 3), np.uint8)
    Image.fromarray(pixels).save("tall.png")
    model = ("--model", zoo.path("cnn_nchw"))
    notes = {
        resize: explained(gradcam, "tall.png", *model, "--resize", resize)["notes"]
        for resize in ("letterbox", "squash", "crop")
    }
    assert "lies in the bars beside the picture" in " ".join(notes["letterbox"])
    assert not any("bars" in note for note in notes["squash"] + notes["crop"])


def test_options_of_files_are_refused_for_the_catalogue(gradcam: Run, photo: Path) -> None:
    code, _, err = gradcam("explain", photo, "--model", "efficientnet-lite0", "--tokens", 1)
    assert code == 2
    assert "of the catalogue" in err


def test_a_settings_file_may_name_a_model_but_run_no_code(
    gradcam: Run, photo: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRADCAM_CONFIG")
    shutil.copy(zoo.path("cnn_nchw"), own_home / "mine.onnx")
    (own_home / "gradcam.toml").write_text('model = "mine.onnx"\npreprocess = "torch"\n')
    (own_home / "below").mkdir()
    monkeypatch.chdir(own_home / "below")
    assert explained(gradcam, own_home / "photo.png")["model"] == "mine.onnx"
    (own_home / "gradcam.toml").write_text("trust-model = true\n")
    code, _, err = gradcam("explain", own_home / "photo.png")
    assert code == 2
    assert "command line only" in err


# Many pictures


def test_scores_that_hardly_differ_are_told_of_a_guess(
    gradcam: Run, photo: Path, own_home: Path
) -> None:
    (own_home / "photos").mkdir()
    for number in range(10):
        shutil.copy(photo, own_home / "photos" / f"{number}.png")
    model = ("--model", zoo.path("vit_like"))
    code, _, err = gradcam("explain", "photos", *model, "-o", "out/")
    assert code == 0, err
    result = explained(gradcam, photo, *model)
    hardly = result["predictions"][0]["probability"] <= 1 / 6 + 0.1 * 5 / 6
    assert ("the guessed preprocessing may be wrong" in err) == hardly
    settled = gradcam("explain", "photos", *model, "-o", "out2/", "--preprocess", "torch")
    assert "guess" not in settled[2]


def test_a_folder_is_explained_anew_with_other_labels_or_preprocessing(
    gradcam: Run, photo: Path, own_home: Path, labels: Path
) -> None:
    (own_home / "photos").mkdir()
    shutil.copy(photo, own_home / "photos" / "a.png")
    model = ("--model", zoo.path("cnn_nchw"), "-o", "out/")
    assert "1 explained" in gradcam("explain", "photos", *model)[2]
    assert "1 done before" in gradcam("explain", "photos", *model)[2]
    assert "1 explained" in gradcam("explain", "photos", *model, "--labels", labels)[2]
    assert "1 explained" in gradcam("explain", "photos", *model, "--preprocess", "tf")[2]


# export


def test_an_exported_model_opens_anywhere(
    gradcam: Run, photo: Path, own_home: Path, labels: Path, tmp_path: Path, monkeypatch
) -> None:
    model = (zoo.path("cnn_nchw"), "--labels", labels, "--preprocess", "scale=0..1")
    code, out, err = gradcam("export", *model, "-o", "explainer/")
    assert (code, out.strip()) == (0, "explainer"), err
    assert {path.name for path in Path("explainer").iterdir()} == {GRAPH, WEIGHTS, ABOUT}
    before = explained(gradcam, photo, "--model", *model, "--save-heatmap", "before.npy")
    monkeypatch.setenv("GRADCAM_CACHE", str(tmp_path / "another machine"))
    after = explained(
        gradcam, photo, "--model", "explainer/", "--offline", "--save-heatmap", "after.npy"
    )
    assert after["predictions"] == before["predictions"]
    assert after["predictions"][0]["name"] in NAMES
    np.testing.assert_array_equal(np.load("after.npy"), np.load("before.npy"))
    assert "guesses" not in after


def test_an_export_is_refused_where_something_is(gradcam: Run, own_home: Path) -> None:
    (own_home / "there").mkdir()
    code, _, err = gradcam("export", zoo.path("cnn_nchw"), "-o", "there")
    assert code == 2
    assert "there already" in err
    assert not list((own_home / "there").iterdir())


@pytest.mark.parametrize("file", [GRAPH, WEIGHTS, ABOUT])
def test_a_damaged_export_is_told(gradcam: Run, photo: Path, own_home: Path, file: str) -> None:
    assert gradcam("export", zoo.path("cnn_nchw"), "-o", "explainer")[0] == 0
    path = own_home / "explainer" / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x55
    path.write_bytes(content)
    code, out, err = gradcam("explain", photo, "--model", "explainer")
    assert (code, out) == (4, ""), err
    assert "Traceback" not in err


# The whole process


def test_a_model_in_a_file_needs_no_framework(gradcam: Run, photo: Path, own_home: Path) -> None:
    model = str(zoo.path("cnn_nchw"))
    assert gradcam("doctor", model)[0] == 0
    code = (
        "import sys; from gradcam_cli import cli; "
        f"code = cli.run(['explain', {str(photo)!r}, '--model', {model!r}, '-q']); "
        "found = {'tensorflow', 'keras', 'torch', 'onnx', 'onnxruntime'} & set(sys.modules); "
        "print(int(code), sorted(found))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=True
    )
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr


# Attention


@pytest.mark.parametrize(
    "method", ["attention-rollout", "generic-attention", "transformer-attribution", "le-grad"]
)
def test_a_transformer_is_explained_by_its_attention(
    gradcam: Run, photo: Path, method: str
) -> None:
    model = ("--model", zoo.path("vit_like"), "--preprocess", "torch")
    (told,) = explained(gradcam, photo, *model, "--method", method)["explanations"]
    assert (told["method"], told["layer"]) == (method, "attention")
    layer = zoo.NAMES["vit_like"].default_layer
    code, _, err = gradcam("explain", photo, *model, "--method", method, "--layer", layer)
    assert code == 2
    assert f"--layer {layer} is of no use: {method} looks at the attention" in err


@pytest.mark.parametrize("name", ["swin_new", "cnn_nchw"])
def test_what_has_no_such_attention_says_so_in_a_line(gradcam: Run, photo: Path, name: str) -> None:
    model = ("--model", zoo.path(name), "--preprocess", "torch")
    for method in ("attention-rollout", "le-grad"):
        code, out, err = gradcam("explain", photo, *model, "--method", method)
        assert (code, out) == (2, "")
        assert err.splitlines()[-1].startswith(f"gradcam: {name}.onnx has no attention layers")
