"""`gradcam classes`, `layers`, `methods` and `models`, and what holds for every command."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from gradcam_cli.cli import gradcam as group
from gradcam_cli.errors import ExitCode
from gradcam_cli.methods import METHODS

Run = Callable[..., tuple[int, str, str]]
README = Path(__file__).parents[2] / "README.md"


def commands(
    command: click.Command = group, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from commands(each, (*path, name))


@pytest.mark.parametrize(("path", "command"), list(commands()))
def test_the_help_of_every_command_ends_in_examples(
    gradcam: Run, path: tuple[str, ...], command: click.Command
) -> None:
    code, out, _ = gradcam(*path, "--help")
    assert code == 0
    examples = re.search(r"\n\n  Examples?:\n((?:    \S.*\n)+)\Z", out)
    assert examples is not None
    assert " ".join(("gradcam", *path)) in examples[1]
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


@pytest.mark.parametrize(("path", "command"), list(commands()))
def test_every_command_and_option_is_in_the_readme(
    path: tuple[str, ...], command: click.Command
) -> None:
    text = README.read_text(encoding="utf-8")
    assert " ".join(("gradcam", *path)) in text
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert any(f"`{name}" in text or f" {name}" in text for name in parameter.opts)


def test_every_exit_code_is_in_the_readme() -> None:
    text = README.read_text(encoding="utf-8")
    for code in ExitCode:
        assert f"| {int(code)} |" in text


def test_version(gradcam: Run) -> None:
    code, out, _ = gradcam("--version")
    assert code == 0
    assert re.fullmatch(r"gradcam, version \d+\.\d+\.\d+\n", out)


def test_classes(gradcam: Run) -> None:
    code, out, err = gradcam("classes", "sunglass")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()[2:]] == ["836", "837"]
    assert len(gradcam("classes")[1].splitlines()) == 2 + 1000
    told = json.loads(gradcam("classes", "crane", "--json")[1])
    assert [each["index"] for each in told["classes"]] == [134, 517]
    code, out, err = gradcam("classes", "zebrra")
    assert (code, out) == (2, "")
    assert "zebra" in err


def test_layers(gradcam: Run) -> None:
    code, out, _ = gradcam("layers", "--model", "vgg16")
    assert code == 0
    (marked,) = [line for line in out.splitlines() if line.startswith(">")]
    assert marked.split() == [">", "block5_conv3", "Conv2D", "14", "×", "14", "×", "512"]
    told = json.loads(gradcam("layers", "--json")[1])
    assert told["model"] == "efficientnet-lite0"
    assert [each["name"] for each in told["layers"] if each["default"]] == ["top_activation"]
    assert gradcam("layers", "--model", "nope")[0] == 2


def test_layers_of_a_model_that_is_an_argument(
    gradcam: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADCAM_MODEL", "vgg19")
    assert json.loads(gradcam("layers", "VGG-16", "--json")[1])["model"] == "vgg16"
    assert json.loads(gradcam("layers", "--json")[1])["model"] == "vgg19"
    assert json.loads(gradcam("layers", "-m", "vgg16", "--json")[1])["model"] == "vgg16"
    code, out, err = gradcam("layers", "vgg16", "--model", "vgg19")
    assert (code, out) == (2, "")
    assert err == "gradcam: there are two models, 'vgg16' and --model 'vgg19'. Pass one of them.\n"
    code, _, err = gradcam("layers", "vgg1O")
    assert code == 2
    assert "The closest: vgg19, vgg16." in err


def test_methods(gradcam: Run) -> None:
    code, out, err = gradcam("methods")
    assert (code, err) == (0, "")
    names = [line.split()[0] for line in out.splitlines()[2:]]
    assert names == list(METHODS)
    listed = json.loads(gradcam("methods", "--json")[1])["methods"]
    assert [each["name"] for each in listed] == names
    assert listed[0]["needs"] == ["gradients at the layer"]
    code, out, err = gradcam("methods", "Integrated Gradients")
    assert (code, err) == (0, "")
    said = r"^option steps +points on the way, 1 to 10000 \(default 50\)"
    assert re.search(said, out, re.MULTILINE)
    (one,) = json.loads(gradcam("methods", "integrated-gradients", "--json")[1])["methods"]
    assert one["options"] == {"steps": {"default": 50, "low": 1, "high": 10_000}}
    code, out, err = gradcam("methods", "hirescm")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "The closest: hirescam" in err


def test_models(gradcam: Run, tmp_path: Path) -> None:
    code, out, _ = gradcam("models")
    assert code == 0
    states = {line.split()[0]: line.split("M ")[-1].strip() for line in out.splitlines()[2:]}
    assert states["efficientnet-lite0"] == "bundled"
    assert states["vgg16"] == "to fetch, 553 MB"
    cached = tmp_path / "cache" / "weights" / "vgg16_weights_tf_dim_ordering_tf_kernels.h5"
    cached.parent.mkdir(parents=True)
    cached.touch()
    told = {each["name"]: each for each in json.loads(gradcam("models", "--json")[1])["models"]}
    assert told["vgg16"]["weights"] == "cached"
    assert told["vgg16"]["parameters"] == 138_357_544
    assert told["nasnetlarge"]["input"] == [331, 331]
    assert len(told) == 41


def test_models_that_are_named(gradcam: Run) -> None:
    for arguments in (
        ["ResNet-50", "vgg19", "--json"],
        ["--json", "resnet50", "vgg19", "resnet50"],
    ):
        told = json.loads(gradcam("models", *arguments)[1])
        assert [each["name"] for each in told["models"]] == ["resnet50", "vgg19"]
    assert len(gradcam("models", "xception")[1].splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["resnet5O"], "The closest: resnet50"),
        (["vgg16", "resnet5O"], "The closest: resnet50"),
        (["pul", "vgg16"], "The closest: pull."),
        (["vgg16", "--jsn"], "there is no option --jsn. The closest: --json."),
    ],
)
def test_models_that_are_misspelt(gradcam: Run, arguments: list[str], said: str) -> None:
    code, out, err = gradcam("models", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_a_report_needs_its_folder(gradcam: Run, own_home: Path, name: str) -> None:
    (own_home / "file").touch()
    code, out, err = gradcam("report", name, "-o", "report.html")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert name in err
    assert "Name the output folder of a `gradcam explain`" in err


def test_pull_refuses_what_it_cannot_fetch(gradcam: Run) -> None:
    assert gradcam("models", "pull", "nope")[0] == 2
    code, out, err = gradcam("models", "pull", "vgg16", "--offline")
    assert (code, out) == (4, "")
    assert "offline" in err
    code, out, err = gradcam("models", "pull", "efficientnet-lite0")
    assert (code, out) == (0, "")
    assert "bundled" in err
