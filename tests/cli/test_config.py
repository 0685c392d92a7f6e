"""The settings file, and `gradcam config`, which says what holds."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from PIL import Image

from gradcam_cli.cli import gradcam as group
from gradcam_cli.cli.default_values import options_by_key, subcommands
from tests.conftest import SAMPLES

Run = Callable[..., tuple[int, str, str]]
CAT = SAMPLES / "egyptian_cat.jpg"
README = SAMPLES.parent / "README.md"
HEAVY = {"tensorflow", "openvino", "cv2", "numpy", "PIL", "skimage", "rich"}


@pytest.fixture(autouse=True)
def searched(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings files are searched for, up to the folder above the working folder."""
    monkeypatch.delenv("GRADCAM_CONFIG")
    monkeypatch.setenv("HOME", str(own_home.parent))
    monkeypatch.setenv("PYTHONPATH", str(SAMPLES.parent), prepend=os.pathsep)


@pytest.fixture
def values(gradcam: Run) -> Callable[..., dict[str, tuple[Any, str, str | None]]]:
    """(value, source, name) of each option of a command, as `gradcam config` shows them."""

    def read(*words: object) -> dict[str, tuple[Any, str, str | None]]:
        code, out, err = gradcam("config", *words, "--json")
        assert (code, err) == (0, "")
        rows = json.loads(out)["options"]
        return {row["option"]: (row["value"], row["source"], row["name"]) for row in rows}

    return read


Values = Callable[..., dict[str, tuple[Any, str, str | None]]]


def settings(text: str, path: str = "gradcam.toml") -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, "utf-8")


def given_away(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have another user own `path`: root gives it away, else we are somebody else."""
    if os.geteuid() == 0:
        os.chown(path, 65534, 65534, follow_symlinks=False)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 65534)


def test_a_flag_goes_before_the_environment_before_the_file_before_the_default(
    values: Values, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert values("explain")["engine"] == ("auto", "default", None)
    settings('engine = "tensorflow"')
    assert values("explain")["engine"] == ("tensorflow", "file", "gradcam.toml")
    monkeypatch.setenv("GRADCAM_ENGINE", "openvino")
    assert values("explain")["engine"] == ("openvino", "environment", "GRADCAM_ENGINE")
    assert values("explain", "--engine", "auto")["engine"] == ("auto", "flag", None)


def test_a_run_takes_what_the_file_says(gradcam: Run) -> None:
    settings(
        'model = "efficientnet-lite0"\n'
        '[explain]\nclass = [285, "tripod"]\nalpha = 0\ntop = 3\noutput = "out/"\njson = true\n'
    )
    code, out, err = gradcam("explain", CAT)
    assert (code, err) == (0, "")
    explained = json.loads(out)
    assert len(explained["predictions"]) == 3
    assert [each["class"]["index"] for each in explained["explanations"]] == [285, 872]
    overlay = Image.open("out/egyptian_cat.285.gradcam.jpg")
    source = Image.open(CAT).convert("RGB")
    assert np.abs(np.asarray(overlay, int) - np.asarray(source, int)).mean() < 2
    assert '"index": 837' in gradcam("explain", CAT, "--class", "837")[1]  # instead, not as well


def test_the_nearest_file_holds(values: Values) -> None:
    settings("top = 1", "../gradcam.toml")
    settings("[project]\nname = 'gradcam'\n[tool.other]\ntop = 9", "pyproject.toml")
    assert values("explain")["top"] == (1, "file", "../gradcam.toml")
    settings("[tool.gradcam.explain]\ntop = 2", "pyproject.toml")
    assert values("explain")["top"] == (2, "file", "pyproject.toml")
    settings("[explain]\ntop = 3", "gradcam.toml")
    assert values("explain")["top"] == (3, "file", "gradcam.toml")


def test_nothing_is_searched_above_the_home_folder(
    values: Values, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings("top = 1", "../gradcam.toml")
    assert values("explain")["top"][0] == 1
    link = own_home.parent / "link"
    link.symlink_to(own_home)
    monkeypatch.setenv("HOME", str(link))
    assert values("explain")["top"] == (5, "default", None)
    settings("top = 2")
    assert values("explain")["top"][0] == 2


@pytest.mark.parametrize("linked", [False, True])
def test_a_file_of_another_user_is_passed_over_unless_it_is_named(
    gradcam: Run, values: Values, monkeypatch: pytest.MonkeyPatch, linked: bool
) -> None:
    settings("top = 1", "../gradcam.toml")
    settings("top = 2", "own.toml")
    if linked:
        Path("gradcam.toml").symlink_to("own.toml")
    else:
        Path("own.toml").rename("gradcam.toml")
    assert values("explain")["top"][0] == 2
    given_away("gradcam.toml", monkeypatch)
    code, out, err = gradcam("config", "explain", "--json")
    assert code == 0
    assert "gradcam.toml belongs to another user and is not used." in err
    assert err.count("\n") == 1 + (os.geteuid() == 65534)  # not root: the one above is, too
    assert {row["option"]: row["value"] for row in json.loads(out)["options"]}["top"] != 2
    monkeypatch.setenv("GRADCAM_CONFIG", "gradcam.toml")
    assert values("explain")["top"][0] == 2


def test_a_pyproject_of_another_user_is_not_spoken_of_where_it_has_no_settings(
    values: Values, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings("[project]\n", "pyproject.toml")
    given_away("pyproject.toml", monkeypatch)
    assert values("explain")["top"] == (5, "default", None)


def test_the_file_may_be_named_or_none(
    gradcam: Run, values: Values, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings("top = 1")
    settings('[explain]\nweights = "w.h5"\noutput = "out/"', "else/where.toml")
    monkeypatch.setenv("GRADCAM_CONFIG", "else/where.toml")
    shown = values("explain")
    assert shown["top"] == (5, "default", None)
    assert shown["weights"] == ("else/w.h5", "file", "else/where.toml")
    assert shown["output"][0] == "else/out/"
    for nothing in ("", os.devnull):
        monkeypatch.setenv("GRADCAM_CONFIG", nothing)
        assert values("explain")["top"] == (5, "default", None)
    for name, said in (("none.toml", "No such file"), ("pyproject.toml", "has no [tool.gradcam]")):
        Path("pyproject.toml").write_text("[project]", "utf-8")
        monkeypatch.setenv("GRADCAM_CONFIG", name)
        code, out, err = gradcam("config")
        assert (code, out) == (2, "")
        assert name in err
        assert said in err
        assert err.count("\n") == 1


def test_paths_are_relative_to_the_file_and_may_start_at_home(
    values: Values, own_home: Path
) -> None:
    settings(
        '[explain]\nweights = "w.h5"\ncsv = "/rows.csv"\noutput = "out/"\nfrom-file = "-"\n'
        'save-heatmap = "~/maps/"\ninclude = ["*.tif"]\n',
        "../gradcam.toml",
    )
    shown = {
        key: value for key, (value, source, _) in values("explain").items() if source == "file"
    }
    assert shown == {
        "weights": "../w.h5", "csv": "/rows.csv", "output": "../out/", "from-file": "-",
        "save-heatmap": f"{own_home.parent}/maps/", "include": ["*.tif"],
    }  # fmt: skip


def every_command(command: click.Command = group) -> Iterator[click.Command]:
    yield command
    for each in subcommands(command).values():
        yield from every_command(each)


def test_every_option_that_is_a_path_is_taken_for_one(values: Values) -> None:
    for command in every_command():
        paths = {
            key
            for key, option in options_by_key(command).items()
            if re.search("FILE|PATH|DIR|LIST", option.metavar or "")
            and key not in ("model", "custom-objects")  # a name as well; for the command line only
        }
        if paths:
            table = "".join(f'{key} = "x"\n' for key in paths)
            settings(f"[{command.name}]\n{table}", "../gradcam.toml")
            shown = values(command.name)
            assert {
                key: shown[key] for key in paths if shown[key][0] not in ("../x", ["../x"])
            } == {}


def test_a_table_is_for_its_command_and_those_below(values: Values) -> None:
    settings(
        "quiet = true\n[models]\nforce = true\n[models.pull]\noffline = true\n"
        "[explain]\nnull = true\n"
    )
    assert values("explain")["quiet"][0] is True
    assert values("explain")["force"][0] is False
    assert values("explain")["null"][0] is True
    pull = values("models", "pull")
    assert {key: value for key, (value, *_) in pull.items()} == {
        "force": True, "offline": True, "quiet": True,
    }  # fmt: skip


def test_the_environment_takes_a_flag_back(values: Values, monkeypatch: pytest.MonkeyPatch) -> None:
    settings("offline = true")
    assert values("explain")["offline"] == (True, "file", "gradcam.toml")
    monkeypatch.setenv("GRADCAM_OFFLINE", "0")
    assert values("explain")["offline"] == (False, "environment", "GRADCAM_OFFLINE")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("alfa = 0.4", "alfa is no setting of `gradcam`. The closest: "),
        ("[explain]\nalfa = 0.4", "explain.alfa is no setting of `gradcam explain`."),
        ("[models]\nalpha = 0.4", "models.alpha is no setting of `gradcam models`."),
        ("[explian]", "explian is no command of `gradcam`. The closest: explain."),
        ("debug = true", "debug is no setting"),
        ("help = true", "help is no setting"),
        ("explain = 3", "explain is a command. Write [explain] above"),
        ("max-pixels = 1\nmax_pixels = 2", "max_pixels is the same as max-pixels"),
        ("weights = true", "weights is another thing in another command"),
        ("alpha = 2", "alpha cannot be used: 2.0 is not in the range"),
        ('alpha = "0.4"', 'alpha is to be a number, not "0.4"'),
        ("top = 5.5", "top is to be a whole number, not 5.5"),
        ("top = true", "top is to be a whole number, not true"),
        ("json = 1", "json is to be true or false, not 1"),
        ("json = 2020-01-01", 'json is to be true or false, not "2020-01-01"'),
        ("class = []", "class is an empty list"),
        ("class = [true]", "class is to be text, or a list of such, not true"),
        ("[explain]\nweights = 5", "explain.weights is to be text, not 5"),
        ("output = 5", "output is to be text, not 5"),
        ("layer = ['a']", 'layer is to be text, not ["a"]'),
        ('layer = "\\u0000"', "layer has a NUL in it"),
        ("engine = 'fast'", "engine cannot be used: 'fast' is not one of 'auto'"),
        ("top = ", "is no TOML"),
        ("a = " + "[" * 3000, "is no TOML"),
    ],
)
def test_a_mistake_in_the_file_is_one_line_that_names_it(
    gradcam: Run, text: str, said: str
) -> None:
    settings(text)
    code, out, err = gradcam("classes", "sunglass")  # whichever command it is about
    assert (code, out) == (2, "")
    assert err.startswith("gradcam: gradcam.toml")
    assert said in err
    assert err.count("\n") == 1
    assert err.endswith(".\n")


def test_a_file_that_cannot_be_read(gradcam: Run) -> None:
    Path("gradcam.toml").write_bytes(b"layer = '\xff'")
    assert "gradcam.toml is not encoded in UTF-8" in gradcam("classes", "cat")[2]
    Path("gradcam.toml").write_bytes(b"\xef\xbb\xbftop = 3\r\n")
    assert gradcam("classes", "cat")[0] == 0
    settings("[tool]\ngradcam = 3", "pyproject.toml")
    Path("gradcam.toml").unlink()
    assert "pyproject.toml: tool.gradcam is no table" in gradcam("classes", "cat")[2]
    settings("a file of another program's, and broken", "pyproject.toml")
    assert gradcam("classes", "cat")[0] == 0
    Path("gradcam.toml").mkdir()
    assert gradcam("classes", "cat")[0] == 0


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[explain]\nmodel = "nope"', "explain.model"),
        ('class = ["top", "no such class"]', "class"),
        ('[explain]\nreport = "page.txt"', "explain.report"),
    ],
)
def test_a_value_that_the_command_refuses_is_said_to_be_the_files(
    gradcam: Run, text: str, key: str
) -> None:
    settings(text, "../gradcam.toml")
    code, _, err = gradcam("explain", CAT)
    assert code == 2
    assert err.endswith(f" It is {key} in ../gradcam.toml.\n")
    assert err.count("\n") == 1


@pytest.mark.parametrize("text", ["alpha = 0.25", "broken"])
def test_help_is_the_same_whatever_the_file_says(gradcam: Run, text: str) -> None:
    for command in (("explain",), ("models", "pull"), ()):
        plain = gradcam(*command, "--help")
        settings(text)
        assert gradcam(*command, "--help") == plain
        Path("gradcam.toml").unlink()
    assert "0.5" in gradcam("explain", "-h")[1]


def test_what_looks_like_help_but_is_a_source_does_not_hide_the_file(gradcam: Run) -> None:
    settings("alpha = 2")
    assert "gradcam.toml" in gradcam("explain", "--", "--help")[2]


@pytest.mark.parametrize(("text", "model"), [("model = 'vgg19'", "vgg19"), ("broken", "auto")])
def test_completion_knows_the_file_and_says_nothing_of_a_broken_one(text: str, model: str) -> None:
    settings(text)
    completing = {**os.environ, "_GRADCAM_COMPLETE": "bash_complete"}
    completing |= {"COMP_WORDS": "gradcam explain --al", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-m", "gradcam_cli"],
        capture_output=True, text=True, check=True, env=completing,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("plain,--alpha\n", "")
    root = group.make_context("gradcam", ["explain", "x.jpg"], resilient_parsing=True)
    explain = group.commands["explain"]
    context = explain.make_context("explain", ["x.jpg"], parent=root, resilient_parsing=True)
    assert context.params["model"] == model


def loaded(*arguments: str) -> set[str]:
    """The modules that a command loads."""
    probe = (
        "import sys; from gradcam_cli import cli; cli.run(sys.argv[1:]);"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, *arguments], capture_output=True, text=True, check=True
    )
    return set(done.stderr.splitlines()[-1].split())


def test_toml_is_parsed_only_where_there_is_a_file(own_home: Path) -> None:
    parser = "tomllib" if sys.version_info >= (3, 11) else "tomli"
    settings("[project]", "pyproject.toml")
    assert not {parser, *HEAVY} & loaded("explain", "--nope")
    settings("alpha = 2")
    assert not {parser, *HEAVY} & loaded("explain", "--help")
    modules = loaded("explain", "x.jpg")
    assert parser in modules
    assert not HEAVY & modules


def test_a_working_folder_that_is_gone(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    program = (
        "import os, sys; os.rmdir(os.getcwd()); from gradcam_cli import cli;"
        "sys.exit(cli.run(['classes']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=gone, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_config_shows_a_table(gradcam: Run) -> None:
    settings("[explain]\nalpha = 0.4")
    code, out, err = gradcam("config", "explain", "--top", "3")
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert ["explain", "alpha", "0.4", "gradcam.toml"] in lines
    assert ["explain", "top", "3", "flag"] in lines
    assert ["explain", "class", '["837"]', "default"] in lines
    assert ["explain", "layer", "[]", "default"] in lines
    commands = {line.partition("  ")[0] for line in gradcam("config")[1].splitlines()[2:]}
    assert {"explain", "models", "models pull", "cache clear", "config"} <= commands


def test_config_names_the_whole_path_in_json(gradcam: Run, own_home: Path) -> None:
    settings("", "../gradcam.toml")
    told = json.loads(gradcam("config", "--json")[1])
    assert (told["schema"], told["file"]) == (1, str(own_home.parent / "gradcam.toml"))
    Path("../gradcam.toml").unlink()
    assert json.loads(gradcam("config", "--json")[1])["file"] is None


def test_config_refuses_what_the_command_would(
    gradcam: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for words, said in (
        (("explian",), "no command 'explian'. The closest: explain"),
        (("--alpha", "1"), "no command '--alpha'"),
        (("explain", "--alpha", "7"), "7.0 is not in the range"),
        (("explain", "--nope"), "--nope"),
        (("models", "pull", "--force"), "Missing argument"),
    ):
        code, out, err = gradcam("config", *words)
        assert (code, out) == (2, "")
        assert said in err
        assert err.count("\n") == 1
    monkeypatch.setenv("GRADCAM_ENGINE", "fast")
    code, out, err = gradcam("config", "explain")
    assert (code, out) == (2, "")
    assert "'fast' is not one of" in err


def test_the_readmes_settings_are_taken(values: Values) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    settings(example)
    shown = values("explain")
    assert (shown["class"][0], shown["output"][0]) == (["top"], "overlays/")
    assert values("models", "pull")["quiet"][0] is True


def test_a_class_of_the_file_is_no_default_class(gradcam: Run) -> None:
    settings('model = "efficientnet-lite0"\nclass = "837"')
    assert gradcam("explain", CAT)[2] == ""
