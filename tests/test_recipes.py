"""The recipes for continuous integration: their shell steps are run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import yaml
from defusedxml import ElementTree

from gradcam_cli.cli.check import check
from tests.conftest import SAMPLES

ROOT = SAMPLES.parent
ACTION: Any = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
RECIPES = (ROOT / "docs" / "check.md").read_text("utf-8")


def step(name: str) -> dict[str, Any]:
    (found,) = (each for each in ACTION["runs"]["steps"] if each["name"] == name)
    return found


def run_step(name: str, temp: Path, **variables: object) -> subprocess.CompletedProcess[str]:
    """As a runner does: bash stops at the first error."""
    environment = {
        **os.environ,
        "RUNNER_TEMP": str(temp),
        "GITHUB_OUTPUT": str(temp / "output"),
        "GITHUB_ACTIONS": "true",
        **{key: str(value) for key, value in variables.items()},
    }
    assert set(step(name)["env"]) == {key for key in variables if key in step(name)["env"]}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step(name)["run"]]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A runner's folder in which the program is installed, as by the first step."""
    temp = tmp_path / "runner temp"
    program = temp / "gradcam" / "bin" / "gradcam"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gradcam_cli "$@"\n')
    program.chmod(0o755)
    return temp


def test_the_action_installs_what_is_beside_it(tmp_path: Path) -> None:
    """Without a network: pip builds with, and finds, what is installed here."""
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "gradcam_cli", checkout / "gradcam_cli")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout)
    site = sysconfig.get_path("purelib")
    offline = {"PIP_NO_INDEX": 1, "PIP_NO_DEPS": 1, "PIP_NO_BUILD_ISOLATION": 0, "PYTHONPATH": site}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = run_step("Install gradcam", tmp_path, ACTION=checkout, PATH=path, **offline)
    assert done.returncode == 0, done.stderr
    program = tmp_path / "gradcam" / "bin" / "gradcam"
    shown = subprocess.run(
        [program, "check", "--help"], capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": site}, check=False,
    )  # fmt: skip
    assert shown.stdout.startswith("Usage: gradcam check"), shown.stderr


@pytest.mark.usefixtures("compiled_lite0")
def test_the_action_fails_where_a_gate_is_missed(installed: Path, own_home: Path) -> None:
    inputs = {"DATA": SAMPLES / "annotations.json", "MODEL": "efficientnet-lite0"}
    done = run_step("Check", installed, **inputs, ARGS="--min-lift 1.5 --category 'a b=1'")
    assert done.returncode == 0, done.stderr
    done = run_step(
        "Check", installed, **inputs, ARGS="--min-lift 2 $(touch stolen) ; touch stolen"
    )
    assert done.returncode != 0
    done = run_step("Check", installed, **inputs, ARGS="--min-lift 2")
    assert done.returncode != 0
    assert "::error title=gradcam check::--min-lift 2 does not hold" in done.stderr
    assert not (own_home / "stolen").exists()
    _, _, reports = (installed / "output").read_text().splitlines()[-1].partition("=")
    assert Path(reports, "check.html").exists()
    suite = ElementTree.parse(Path(reports, "check.xml")).getroot()
    assert suite.get("failures") == "4"


def test_the_hook_names_a_command() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    assert (hook["entry"], hook["pass_filenames"]) == ("gradcam check", False)


def test_the_recipes_have_options_that_there_are() -> None:
    recipes = RECIPES[RECIPES.index("## Recipes") :]
    assert yaml.safe_load(recipes.split("```yaml\n")[1].split("```")[0])[0]["with"].keys() <= set(
        ACTION["inputs"]
    )
    known = {name for option in check.params for name in option.opts}
    used = {word for word in re.split(r"[\s,\]\[]+", recipes) if word.startswith("--")}
    assert used - {"--"} <= known
