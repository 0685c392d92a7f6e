"""What is handed on: the source archive, the wheel, its metadata and its types."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from dataclasses import dataclass
from email import message_from_string
from importlib import import_module, metadata
from pathlib import Path

import pytest

import gradcam_cli

ROOT = Path(__file__).parent.parent
FOLDERS = (".ci", "benchmarks", "docs", "gradcam_cli", "sample_images", "tests")
FILES = (
    *("LICENSE", "MANIFEST.in", "Makefile", "pyproject.toml", "*.md", "*.cff", ".pre-commit*"),
    *("Dockerfile", ".dockerignore", "requirements-slim.txt", "action.yml"),
)
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".*_cache")


@dataclass(frozen=True)
class Built:
    """A checkout, the source archive made of it, unpacked, and the wheel made of that."""

    checkout: Path
    unpacked: Path
    wheel: Path


def run(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("package")
    checkout = folder / "checkout"
    for name in FOLDERS:
        shutil.copytree(ROOT / name, checkout / name, ignore=LEFT_OUT)
    for pattern in FILES:
        for path in ROOT.glob(pattern):
            shutil.copy(path, checkout)
    before = files(checkout)
    done = run(sys.executable, "-m", "build", "--no-isolation", "-o", folder, ".", cwd=checkout)
    assert done.returncode == 0, done.stdout + done.stderr
    for made in files(checkout) - before:
        (checkout / made).unlink()
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        if hasattr(tarfile, "data_filter"):  # not in Debian 12's Python
            tar.extraction_filter = tarfile.data_filter
        tar.extractall(folder)
    return Built(
        checkout, folder / archive.name.removesuffix(".tar.gz"), next(folder.glob("*.whl"))
    )


@pytest.fixture(scope="module")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the wheel, and all else from this one."""
    folder = tmp_path_factory.mktemp("environment")
    assert run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder).returncode == 0
    (site,) = folder.glob("lib/python*/site-packages")
    with zipfile.ZipFile(built.wheel) as wheel:
        wheel.extractall(site)
    (site / "others.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin" / "python"


@pytest.mark.slow
def test_the_source_archive_has_all_of_a_checkout(built: Built) -> None:
    added = {name for name in files(built.unpacked) if "egg-info" in name}
    assert files(built.unpacked) - added - {"PKG-INFO", "setup.cfg"} == files(built.checkout)


@pytest.mark.slow
def test_the_tests_of_the_source_archive_can_be_run(built: Built) -> None:
    one = "test_it_is_the_json_it_was_made_from"  # collects all, runs one
    pytest_here = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", one)
    done = run(*pytest_here, cwd=built.unpacked)
    assert done.returncode == 0, done.stdout + done.stderr
    passed, deselected = re.findall(r"(\d+) passed, (\d+) deselected", done.stdout)[0]
    assert int(passed) == 1
    assert int(deselected) > len(list((ROOT / "tests").rglob("test_*.py")))


@pytest.mark.slow
def test_the_wheel_has_the_package_and_nothing_else(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    expected = {f"gradcam_cli/{name}" for name in files(built.checkout / "gradcam_cli")}
    assert names == expected
    assert names > {
        "gradcam_cli/py.typed",
        "gradcam_cli/models/imagenet_class_index.json",
        "gradcam_cli/models/keras_applications.json",
        "gradcam_cli/reports/page/page.html.j2",
        "gradcam_cli/reports/page/page.css",
        "gradcam_cli/reports/page/cards.js",
    }


@pytest.mark.slow
def test_the_metadata_says_what_it_is(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
        fields = message_from_string(wheel.read(name).decode())
    assert fields["Version"] == gradcam_cli.__version__
    assert fields["License-Expression"] == "Apache-2.0"
    assert "Paper, https://arxiv.org/abs/1610.02391" in fields.get_all("Project-URL", [])
    classifiers = fields.get_all("Classifier", [])
    assert "Typing :: Typed" in classifiers
    versions = re.findall(r"Python :: (3\.\d+)", "\n".join(classifiers))
    assert versions == ["3.10", "3.11", "3.12", "3.13"]
    assert fields["Requires-Python"] == "<3.14,>=3.10"


@pytest.mark.slow
def test_the_installed_wheel_runs(installed: Path, tmp_path: Path) -> None:
    where = run(installed, "-c", "import gradcam_cli as g; print(g.__file__)", cwd=tmp_path)
    assert Path(where.stdout).is_relative_to(installed.parent.parent)
    done = run(installed, "-m", "gradcam_cli", "classes", "sunglasses", cwd=tmp_path)
    assert "n04356056" in done.stdout, done.stderr


USER = """
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gradcam_cli import (
    TOP, Explainer, Explanation, explain, overlay, read_image, select_model,
)

explainer: Explainer = Explainer.load(select_model("vgg16", weights=Path("mine.h5")))
for source in ("cat.jpg", Path("cat.jpg"), b"JPEG", read_image("cat.jpg")):
    explanation: Explanation = explainer.explain(source, ["Egyptian cat", 285, np.int64(1), TOP])
picture = read_image(Path("cat.jpg").open("rb"))
explainer.explain(picture.pixels, "top")
blended: NDArray[np.uint8] = overlay(picture.pixels, explanation.targets[0].heatmap, alpha=0.3)
name: str = explanation.predictions[0].name
one: Explanation = explain("cat.jpg", model=Path("mine.keras"), target=["cat", 5], method=["rise"])
for each in explainer.explain_many(["cat.jpg", picture], on_failure=lambda source, error: None):
    heatmap: NDArray[np.float32] = each.heatmap
shares: Explainer = Explainer.of_function(lambda x: x, input=(8, 8, 3), labels=["cat", "dog"])
"""
WRONG = """
from gradcam_cli import Explainer, overlay, read_image

Explainer.load(5)
overlay("cat.jpg", 3)
read_image(None)
"""


@pytest.mark.slow
def test_a_users_code_is_checked_by_its_types(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "user.py").write_text(USER)
    (tmp_path / "wrong.py").write_text(WRONG)
    mypy = (sys.executable, "-m", "mypy", "--strict", "--python-executable", installed)
    checked = run(*mypy, "user.py", "wrong.py", cwd=tmp_path)
    lines = re.findall(r"^(\S+?):(\d+): error: .*\[(.+)\]$", checked.stdout, re.MULTILINE)
    assert sorted(set(lines)) == [
        ("wrong.py", "4", "arg-type"),
        ("wrong.py", "5", "arg-type"),
        ("wrong.py", "6", "arg-type"),
    ], checked.stdout + checked.stderr


def test_every_public_name_is_there_and_typed() -> None:
    tree = ast.parse(Path(gradcam_cli.__file__).read_text(encoding="utf-8"))
    typed = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("gradcam_cli.")
        for alias in node.names
    }
    assert {*typed, "__version__"} == set(gradcam_cli.__all__) <= set(dir(gradcam_cli))
    for name, module in typed.items():
        assert getattr(gradcam_cli, name) is getattr(import_module(str(module)), name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        gradcam_cli.nothing  # noqa: B018


def test_what_is_imported_is_declared() -> None:
    declared = {
        re.sub(r"[-_.]+", "-", re.findall(r"^[\w.-]+", line)[0]).lower()
        for line in metadata.requires("gradcam-cli") or []
        if "extra ==" not in line
    }
    required = {"keras": ["tensorflow"], "h5py": ["tensorflow"]}  # by it, in its turn
    homes = metadata.packages_distributions() | required
    optional = {"onnxruntime", "matplotlib"}  # where it is; of the extra "figures"
    for module in imported(Path(gradcam_cli.__file__).parent) - optional:
        # What only other versions of Python need is not installed here: it goes by its own name.
        names = {re.sub(r"[-_.]+", "-", home).lower() for home in homes.get(module, [module])}
        assert declared & names, module


def imported(package: Path) -> set[str]:
    """The top-level modules of other distributions that the package's files import."""
    nodes = [
        node for path in package.rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))
    ]
    named = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    named += [str(n.module) for n in nodes if isinstance(n, ast.ImportFrom) and not n.level]
    tops = {name.partition(".")[0] for name in named}
    return tops - set(sys.stdlib_module_names) - {"gradcam_cli", "tomllib"}  # of Python 3.11
