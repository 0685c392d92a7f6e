"""Without TensorFlow: what runs, and what those are told who ask for what does not.

The processes see a folder of packages that has those of requirements-slim.txt, what these require,
and nothing else.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from gradcam_cli.engines.openvino.model_cache import open_compiled
from gradcam_cli.models.catalog import find_model
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.models.model import Model
from gradcam_cli.models.sources.keras_weights import KerasWeights
from tests.conftest import SAMPLES

ROOT = Path(__file__).parent.parent
PHOTO = SAMPLES / "egyptian_cat.jpg"
NEEDS_IT = "needs TensorFlow once, to be compiled, and TensorFlow is not installed"
NO_VGG16 = "the weights of vgg16 are not in the cache, and offline they are not fetched"

Slim = Callable[..., tuple[int, str, str]]


def requirements() -> list[Requirement]:
    """Those of requirements-slim.txt."""
    lines = (ROOT / "requirements-slim.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def test_the_requirements_are_those_of_the_package_without_tensorflow() -> None:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {Requirement(line) for line in project["dependencies"]}
    left_out = declared - set(requirements())
    assert {requirement.name for requirement in left_out} == {"tensorflow"}
    assert set(requirements()) < declared


def distributions(pending: list[Requirement]) -> Iterator[metadata.Distribution]:
    """Those installed for `pending`, and for what they require."""
    names = set()
    for requirement in pending:
        marker = requirement.marker
        if requirement.name in names or (marker and not marker.evaluate({"extra": ""})):
            continue
        names.add(requirement.name)
        distribution = metadata.distribution(requirement.name)
        yield distribution
        pending += map(Requirement, distribution.requires or [])


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of a slim installation, linked to those that are installed here."""
    folder = tmp_path_factory.mktemp("packages")
    for distribution in distributions(requirements()):
        for name in {file.parts[0] for file in distribution.files or []} - {"..", "__pycache__"}:
            if not (folder / name).exists():
                (folder / name).symlink_to(distribution.locate_file(name))
    return folder


@pytest.fixture
def slim(packages: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Slim:
    """Run gradcam in a slim installation with a cache of its own: (exit code, stdout, stderr)."""
    monkeypatch.setenv("GRADCAM_CACHE", str(own_home / "slim cache"))

    def run(*arguments: object) -> tuple[int, str, str]:
        command = [sys.executable, "-S", "-m", "gradcam_cli", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{packages}"}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        return done.returncode, done.stdout, done.stderr

    return run


def test_the_bundled_model_explains_from_an_empty_cache(slim: Slim) -> None:
    photo = ("explain", PHOTO, "--class", 285, "--offline", "--json")
    code, out, err = slim(*photo, "--style", "contour", "--boxes")
    first, second, *others = err.splitlines()
    assert (code, others) == (0, [])
    assert first == f"gradcam: {NO_VGG16}. Using the bundled efficientnet-lite0 instead of vgg16."
    assert "Compiling efficientnet-lite0 and checking it against finite differences" in second
    found = json.loads(out)
    assert found["predictions"][0]["name"] == "Egyptian_cat"
    assert set(found["versions"]) == {"gradcam", "openvino", "numpy"}
    assert found["fallback"] == NO_VGG16


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("layers efficientnet-lite0", "top_activation"),
        ("classes sunglasses", "n04356056"),
        ("models", "efficientnet-lite0"),
    ],
)
def test_what_is_known_beforehand_is_listed(slim: Slim, command: str, expected: str) -> None:
    code, out, err = slim(*command.split())
    assert (code, err) == (0, "")
    assert expected in out


@pytest.fixture
def mine(own_home: Path) -> Path:
    """What passes for weights."""
    path = own_home / "mine.h5"
    path.write_bytes(b"weights")
    return path


def small_network() -> Any:
    """A classifier that takes and gives what ResNet50 does."""
    _, keras = tensorflow()
    layers = keras.layers
    keras.utils.set_random_seed(3)
    image = keras.Input((224, 224, 3))
    early = layers.Conv2D(4, 16, 16, activation="relu", name="early")(image)
    late = layers.Conv2D(8, 3, activation="relu", name="late")(early)
    scores = layers.Dense(1000)(layers.GlobalAveragePooling2D()(late))
    return keras.Model(image, scores)


def test_what_was_compiled_with_tensorflow_serves_without(slim: Slim, mine: Path) -> None:
    weights = KerasWeights(mine, "file", small_network, ("", ""))
    info = replace(find_model("resnet50").info, layer_names=())
    open_compiled(Model.of(info, weights), None, small_network, lambda text: None)
    photo = ("explain", PHOTO, "--class", "top", "--model", "resnet50", "--weights", mine, "--json")
    code, out, err = slim(*photo)
    assert (code, err) == (0, "")
    assert json.loads(out)["layer"] == "late"
    code, out, err = slim(*photo, "--method", "saliency", "-o", "other/")
    assert code == 0
    assert (
        "Checking the pass “gradients at the input” of the compiled resnet50 against finite" in err
    )
    code, out, err = slim("layers", "resnet50", "--json")
    assert (code, err) == (0, "")
    assert [layer["name"] for layer in json.loads(out)["layers"]] == ["early", "late"]


@pytest.mark.slow
def test_vgg16_needs_its_weights_and_nothing_else(slim: Slim, vgg16_weights: Path) -> None:
    photo = ("explain", PHOTO, "--class", "top", "--model", "vgg16", "--weights", vgg16_weights)
    code, out, err = slim(*photo, "--json")
    assert (code, err.count("\n")) == (0, 1)
    assert "Compiling vgg16 and checking it against finite differences" in err
    assert json.loads(out)["layer"] == "block5_conv3"
    code, out, err = slim("layers", "vgg16", "--json")
    assert (code, err) == (0, "")
    assert len(json.loads(out)["layers"]) == 18


def test_a_cache_that_cannot_be_written_is_said(
    slim: Slim, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADCAM_CACHE", str(mine))
    code, _, err = slim("explain", PHOTO, "--class", 285, "--model", "efficientnet-lite0")
    assert (code, err.count("\n")) == (4, 1)
    assert "compiled models cannot be kept in" in err
    assert err.endswith(
        "Set GRADCAM_CACHE to a folder that can be written to, on a disk with room.\n"
    )


def test_what_only_tensorflow_could_do_is_refused_in_a_line(slim: Slim, mine: Path) -> None:
    small_network().save("model.keras")
    photo = ("explain", PHOTO, "--class", "top", "--model")
    for command, expected in {
        ("layers", "resnet50"): f"resnet50 {NEEDS_IT}",
        (*photo, "resnet50", "--offline"): f"resnet50 {NEEDS_IT}",
        (*photo, "resnet50", "--weights", mine): f"resnet50 {NEEDS_IT}",
        (*photo, "model.keras"): f"model.keras {NEEDS_IT}",
        (*photo, "efficientnet-lite0", "--engine", "tensorflow"): "--engine at auto.",
    }.items():
        code, out, err = slim(*command)
        assert (code, out, err.count("\n")) == (4, "", 1)
        assert expected in err
