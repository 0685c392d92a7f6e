"""What shells complete: asked of the command in this process, of a process, of the shells."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from gradcam_cli.cli import gradcam as group
from gradcam_cli.cli.completion_values import complete_class_names
from gradcam_cli.errors import UsageError
from gradcam_cli.images.overlay import COLORMAPS
from gradcam_cli.methods import METHODS
from gradcam_cli.models import about
from gradcam_cli.models.catalog import models
from gradcam_cli.models.known_layers import known_layers
from gradcam_cli.models.labels import imagenet_labels

ROOT = Path(__file__).parents[2]
HEAVY = ("tensorflow", "keras", "openvino", "cv2", "skimage", "PIL", "numpy", "requests", "rich")


def completed(*words: str) -> list[tuple[str, str]]:
    """The completions, as (type, value), of the last of `words`, which may be empty."""
    asked = ShellComplete(group, {}, "gradcam", "_GRADCAM_COMPLETE")
    return [(item.type, item.value) for item in asked.get_completions(list(words[:-1]), words[-1])]


def values(*words: str) -> list[str]:
    assert {kind for kind, _ in completed(*words)} <= {"plain"}
    return [value for _, value in completed(*words)]


@pytest.mark.parametrize("option", ["-m", "--model"])
@pytest.mark.parametrize("command", ["explain", "layers"])
def test_models_after_the_option(command: str, option: str) -> None:
    assert values(command, option, "") == ["auto", *models()]
    assert values(command, option, "ResNet-50") == ["resnet50", "resnet50v2"]
    assert values(command, option, "a") == ["auto"]
    assert values(command, "--model=vgg1") == ["vgg16", "vgg19"]


@pytest.mark.parametrize("words", [("models", "pull"), ("cache", "clear")])
def test_models_as_arguments(words: tuple[str, str]) -> None:
    assert values(*words, "") == list(models())
    assert values(*words, "vgg16", "vgg1") == ["vgg16", "vgg19"]


def test_models_of_the_listings() -> None:
    assert values("layers", "xc") == ["xception"]
    assert values("models", "") == ["pull", *models()]
    assert values("models", "vgg16", "xc") == ["xception"]
    assert values("models", "--") == ["--json", "--debug", "--help"]


@pytest.mark.parametrize("option", ["-c", "--class"])
def test_classes(option: str) -> None:
    assert values("explain", option, "egy") == ["Egyptian_cat"]
    assert values("explain", option, "Egyptian c") == ["Egyptian_cat"]
    assert values("explain", option, "99") == ["99", *map(str, range(990, 1000))]
    assert values("explain", option, "n0212") == [
        label.wnid for label in imagenet_labels() if label.wnid.startswith("n0212")
    ]
    assert values("explain", option, "to")[0] == "top"
    assert values("explain", "-c", "top", option, "zeb") == ["zebra"]
    assert values("classes", "top") == []
    assert len(values("explain", option, "")) == 1 + 1000


def test_each_class_that_is_offered_means_just_that_class() -> None:
    context = click.Context(group)
    parameter = group.commands["classes"].params[0]
    offered = [item.value for item in complete_class_names(context, parameter, "")]
    assert [imagenet_labels().resolve(value) for value in offered] == list(range(1000))
    assert not [value for value in offered if set(value) & set("'\" \\$")]


def test_methods() -> None:
    assert values("methods", "") == list(METHODS)
    assert values("explain", "--method", "") == list(METHODS)
    assert values("explain", "--method", "GradCAM") == [
        "grad-cam",
        "grad-cam++",
        "grad-cam-elementwise",
    ]


def test_methods_to_compare_may_be_all() -> None:
    assert values("compare", "--methods", "") == ["all", *METHODS]
    assert values("compare", "--methods", "al") == ["all"]
    assert values("compare", "--methods", "grad-cam,hire") == ["grad-cam,hirescam"]
    assert "all" not in values("explain", "--method", "")


def test_layers_are_those_of_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    known = known_layers()
    assert values("explain", "-m", "VGG-19", "-l", "") == list(known["vgg19"])
    assert values("explain", "--model=efficientnet-lite0", "--layer", "top_") == [
        "top_conv", "top_bn", "top_activation",
    ]  # fmt: skip
    assert values("explain", "-l", "block5_conv") == [f"block5_conv{i}" for i in (1, 2, 3)]
    assert values("explain", "-l", "") == [*known["vgg16"], *known["efficientnet-lite0"]]
    monkeypatch.setenv("GRADCAM_MODEL", "vgg19")
    assert values("explain", "-l", "block5_conv") == [f"block5_conv{i}" for i in (1, 2, 3, 4)]
    assert values("explain", "-m", "nope", "-l", "") == []


def test_layers_of_a_compiled_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRADCAM_CACHE", str(tmp_path))
    assert values("explain", "-m", "resnet50", "-l", "") == []
    record_layers(tmp_path, "resnet50v2", ["post_relu"])
    record_layers(tmp_path, "resnet50", ["conv1_conv", "conv5_block3_out"])
    assert values("explain", "-m", "resnet50", "-l", "conv5") == ["conv5_block3_out"]
    for record in tmp_path.rglob(about.ABOUT):
        record.write_text("{", "utf-8")
    assert values("explain", "-m", "resnet50", "-l", "") == []


def record_layers(cache: Path, model: str, names: list[str]) -> None:
    """Put the record of a compiled `model` with the layers `names` into `cache`."""
    layers = [
        {"name": name, "kind": "Conv2D", "shape": (7, 7, 64), "default": name == names[-1]}
        for name in names
    ]
    files = dict.fromkeys((about.GRAPH, about.WEIGHTS), "0")
    place = cache / "compiled" / f"{model}-0123456789abcdef"
    place.mkdir(parents=True)
    record = {"schema": 2, "model": model, "weights": "0", "made_with": {}, "files": files}
    text = json.dumps({**record, "layers": layers, "checked": {}})
    (place / about.ABOUT).write_text(text, "utf-8")


def test_colour_maps_and_shells() -> None:
    assert values("explain", "--colormap", "") == list(COLORMAPS)
    assert values("completion", "") == ["bash", "zsh", "fish"]


@pytest.mark.parametrize(
    "words",
    [
        ("explain",),
        ("explain", "one.jpg"),
        ("explain", "-q", "--"),
        *(("explain", option) for option in ("-o", "--output", "--save-heatmap", "--weights")),
        *(("explain", option) for option in ("--from-file", "--csv", "--report")),
        ("report", "out", "-o"),
    ],
)
def test_files(words: tuple[str, ...]) -> None:
    assert completed(*words, "ph") == [("file", "ph")]


def test_folders() -> None:
    assert completed("report", "ou") == [("dir", "ou")]


def test_options_and_commands() -> None:
    assert values("explain", "--m") == ["--model", "--method", "--max-pixels", "--max-errors"]
    assert values("") == sorted(group.commands)


@pytest.mark.parametrize(("shell", "marks"), [
    ("bash", "complete -o nosort -F _gradcam_completion gradcam"),
    ("zsh", "compdef _gradcam_completion gradcam"),
    ("fish", "--command gradcam"),
])  # fmt: skip
def test_the_script_of_each_shell(
    gradcam: Callable[..., tuple[int, str, str]], shell: str, marks: str
) -> None:
    code, out, err = gradcam("completion", shell)
    assert (code, err) == (0, "")
    assert marks in out
    assert f"_GRADCAM_COMPLETE={shell}_complete" in out
    assert subprocess.run([shell, "-n"], input=out, text=True, check=False).returncode == 0


def test_another_shell_is_refused(gradcam: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = gradcam("completion", "tcsh")
    assert (code, out) == (2, "")
    assert "'bash', 'zsh', 'fish'" in err
    assert gradcam("completion")[2].count("\n") == 1


PROBE = (
    "import sys, atexit; atexit.register(lambda: print("
    f"[name for name in {HEAVY} if name in sys.modules], file=sys.stderr));"
    "from gradcam_cli import cli; sys.exit(cli.run())"
)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("gradcam explain -m res", "resnet50"),
        ("gradcam explain -m resnet50 -l con", "conv1_conv"),
        ("gradcam explain -c egy", "Egyptian_cat"),
        ("gradcam explain --colormap vi", "viridis"),
        ("gradcam methods hi", "hirescam"),
    ],
)
def test_a_completion_loads_nothing_heavy(
    line: str, value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GRADCAM_CACHE", str(tmp_path))
    record_layers(tmp_path, "resnet50", ["conv1_conv"])
    monkeypatch.setenv("_GRADCAM_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    assert f"plain,{value}" in done.stdout.splitlines()
    assert done.stderr == "[]\n"


@pytest.fixture
def command_on_path(tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`gradcam` of this checkout on the PATH of shells; photo.jpg in the working folder."""
    script = tmp_path / "bin" / "gradcam"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gradcam_cli "$@"\n', "utf-8")
    script.chmod(0o755)
    (own_home / "photo.jpg").touch()
    path = f"{script.parent}{os.pathsep}{os.environ['PATH']}"
    for name, value in (("PATH", path), ("HOME", str(tmp_path)), ("TERM", "xterm")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)


# A terminal with an interactive shell in it, and what that shows once the keys were typed.
TYPED = r"""
zmodload zsh/zpty
zpty -e shell ${(z)1}
zpty -w shell "$2 && printf 'rea%s\n' dy"
zpty -r -m shell seen '*ready*'
for keys shown in "${@:3}"; do
    zpty -n -w shell $'\x15'"$keys"$'\t'
    zpty -r -m shell seen "*$shown*"
    print -r -- "$keys: $shown"
done
"""
STARTS = {
    "bash": ("bash --norc --noprofile -i", 'eval "$(gradcam completion bash)"'),
    "zsh": (
        "zsh -f -i",
        'autoload -Uz compinit && compinit -u -D && eval "$(gradcam completion zsh)"',
    ),
}
TYPING = [
    ("gradcam expl", "gradcam explain"),
    ("gradcam explain -m efficientnet-l", "efficientnet-lite0"),
    ("gradcam explain --model=xce", "--model=xception"),
    ("gradcam explain -c Egy", "Egyptian_cat"),
    ("gradcam explain -m vgg19 -l block5_p", "block5_pool"),
    ("gradcam explain --colormap civ", "cividis"),
    ("gradcam explain ph", "photo.jpg"),
    ("gradcam models pull nasnetm", "nasnetmobile"),
]


@pytest.mark.parametrize("shell", STARTS)
@pytest.mark.usefixtures("command_on_path")
def test_typed_in_the_shell(shell: str) -> None:
    pairs = [word for pair in TYPING for word in pair]
    done = subprocess.run(
        ["zsh", "-f", "-c", TYPED, "typed", *STARTS[shell], *pairs],
        capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip
    assert done.stdout.splitlines() == [f"{keys}: {shown}" for keys, shown in TYPING]


@pytest.mark.usefixtures("command_on_path")
def test_asked_of_fish() -> None:
    asked = "\n".join(f'complete -C "{keys}"' for keys, _ in TYPING)
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"gradcam completion fish | source\n{asked}"],
        capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip
    offered = [line.split("\t")[0] for line in done.stdout.splitlines()]
    assert offered == [shown.split()[-1] for _, shown in TYPING]


def test_a_layer_is_completed_to_one_that_is_taken() -> None:
    from gradcam_cli.models.selection import select_model

    for name in values("explain", "-l", ""):
        assert select_model("auto", layer=name).name in ("vgg16", "efficientnet-lite0")
    with pytest.raises(UsageError):
        select_model("auto", layer="block9")
