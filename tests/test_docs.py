"""What is written about the program, against the program itself."""

from __future__ import annotations

import doctest
import re
import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

import gradcam_cli
from docs.commands import PAGE, page
from gradcam_cli.cli import gradcam
from gradcam_cli.metrics.table import METRICS, Metric
from gradcam_cli.results.check_summary import MEASURES
from tests.conftest import SAMPLES

ROOT = Path(__file__).parent.parent
README = ROOT.joinpath("README.md").read_text("utf-8")
CONTRIBUTING = ROOT.joinpath("CONTRIBUTING.md").read_text("utf-8")
CHECK = ROOT.joinpath("docs", "check.md").read_text("utf-8")
EVALUATE = ROOT.joinpath("docs", "evaluate.md").read_text("utf-8")
DESIGN = ROOT.joinpath("docs", "design.md").read_text("utf-8")


# Commands


def commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


COMMANDS = dict(commands(gradcam, "gradcam"))


def test_the_page_of_commands_is_what_click_has() -> None:
    assert PAGE.read_text("utf-8") == page(), "docs/commands.md is out of date: run `make docs`"


@pytest.mark.parametrize("path", COMMANDS)
def test_each_command_is_documented(path: str) -> None:
    command = COMMANDS[path]
    assert command.help
    assert re.search(rf"^      {path}\b", command.epilog or "", re.M), "it has no example"
    assert f"`{path}" in README


@pytest.mark.parametrize("path", COMMANDS)
def test_each_option_stands_on_the_page_with_its_help(path: str) -> None:
    (section,) = re.findall(rf"^## `{path}`\n(.*?)(?=^## |\Z)", page(), re.M | re.S)
    for option in COMMANDS[path].params:
        if isinstance(option, click.Option):
            assert option.help
            for name in option.opts:
                assert re.search(rf"^\| .*`{name}[ `].* \| \w.* \|.*\|.*\|$", section, re.M)


# Metrics and measures


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_each_metric_has_its_definition(metric: Metric) -> None:
    rows = [line for line in EVALUATE.splitlines() if line.startswith("| ")]
    (row,) = (line for line in rows if f"`{metric.name}`" in line.split("|")[1])
    number = metric.paper.rpartition(" ")[2]
    assert number in EVALUATE
    better = {True: "more", False: "less", None: "neither"}[metric.more_is_better]
    assert better in row.split("|")[3]


def test_each_measure_and_property_is_explained() -> None:
    rows = [line.split("|")[1].strip() for line in CHECK.splitlines() if line.startswith("| `")]
    assert rows == [f"`{measure.name}`" for measure in MEASURES]
    for measure in MEASURES:
        (row,) = (line for line in CHECK.splitlines() if line.startswith(f"| `{measure.name}`"))
        assert ("| better |" if measure.more_is_better else "| worse |") in row


# Examples in docstrings


def modules_with_examples() -> list[str]:
    """Told from their text, so that collecting the tests imports none of them."""
    package = Path(gradcam_cli.__file__).parent
    paths = sorted(path for path in package.rglob("*.py") if ">>>" in path.read_text("utf-8"))
    return [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths]


@pytest.mark.parametrize("name", modules_with_examples())
@pytest.mark.usefixtures("compiled_lite0")
def test_the_examples_of_docstrings(name: str, own_home: Path) -> None:
    shutil.copy(SAMPLES / "egyptian_cat.jpg", own_home / "cat.jpg")
    module = import_module(name)
    failed, attempted = doctest.testmod(module)
    written = Path(str(module.__file__)).read_text("utf-8").count(">>> ")
    assert (failed, attempted) == (0, written)  # so none is skipped


# What is referred to


def test_what_contributors_are_told_of_exists() -> None:
    paths = set(re.findall(r"`((?:gradcam_cli|tests|docs|benchmarks)/[\w./-]+)`", CONTRIBUTING))
    assert len(paths) > 10
    assert [path for path in sorted(paths) if not ROOT.joinpath(path).exists()] == []
    targets = set(re.findall(r"(?:`|^    )make (\w+)", CONTRIBUTING, re.M))
    makefile = ROOT.joinpath("Makefile").read_text("utf-8")
    assert targets > {"test", "lint", "docs"}
    assert targets <= set(re.findall(r"^(\w+):", makefile, re.M))


@pytest.mark.parametrize("text", [CONTRIBUTING, DESIGN], ids=["CONTRIBUTING", "design"])
def test_links_lead_somewhere(text: str) -> None:
    folder = ROOT if text is CONTRIBUTING else ROOT / "docs"
    links = re.findall(r"\]\((?!http)([^)#]+)", text)
    assert links
    assert [link for link in links if not (folder / link).exists()] == []


# Citation


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load(ROOT.joinpath("CITATION.cff").read_text("utf-8"))
    assert citation["version"] == gradcam_cli.__version__
    assert citation["cff-version"] == "1.2.0"
    assert citation["authors"] == [{"name": "gradcam contributors"}]
    assert {"message", "title", "type"} < set(citation)
    (paper,) = citation["references"]
    assert paper["url"] == "https://arxiv.org/abs/1610.02391"
    assert {"type", "title", "authors"} < set(paper)


# Hooks


def test_the_hooks_before_a_commit_are_those_of_make_lint() -> None:
    config: dict[str, Any] = yaml.safe_load(
        ROOT.joinpath(".pre-commit-config.yaml").read_text("utf-8")
    )
    (local,) = config["repos"]
    assert local["repo"] == "local"  # nothing is fetched
    hooks = {hook["entry"].replace(" --force-exclude", "") for hook in local["hooks"]}
    assert {hook["language"] for hook in local["hooks"]} == {"system"}
    recipe = re.findall(r"^lint:.*\n((?:\t.*\n)+)", ROOT.joinpath("Makefile").read_text(), re.M)[0]
    lines = [line.strip().removesuffix(" .") for line in recipe.splitlines()]
    linters = {line.replace("$(BIN)", ".venv/bin") for line in lines if "pre-commit" not in line}
    assert hooks == linters
