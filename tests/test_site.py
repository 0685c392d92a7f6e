"""The documentation as a site: its pages, before MkDocs makes HTML of them (`make site`)."""

from __future__ import annotations

import inspect
import re
import shlex
import shutil
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import nbformat
import pytest
import yaml
from PIL import Image

from docs import method_pages, notebook, site
from gradcam_cli.cli import gradcam as gradcam_command
from gradcam_cli.errors import UsageError
from gradcam_cli.methods import METHODS, Maps, Question
from gradcam_cli.methods.contract import Imported
from tests.conftest import SAMPLES

ROOT = SAMPLES.parent
PLACES = site.sources()
PAGES = [source for source, place in PLACES.items() if place.endswith(".md")]
EVERYTHING = PLACES | site.GENERATED


def text_of(source: str) -> str:
    return (ROOT / source).read_text("utf-8")


# Links


def test_links_lead_to_pages_or_become_text() -> None:
    places = {
        name: name.removeprefix("docs/") for name in ("docs/a.md", "docs/b/c.md", "docs/p.jpg")
    }
    places["README.md"] = "readme.md"
    text = (
        "[r](../README.md#x) [`c`](b/c.md) [code](../code.py) [w](https://x.y) [h](#h) ![p](p.jpg)"
    )
    assert site.with_links(text, "docs/a.md", places) == (
        "[r](readme.md#x) [`c`](b/c.md) code [w](https://x.y) [h](#h) ![p](p.jpg)"
    )
    assert site.with_links("[a](../a.md) [r](../../README.md)", "docs/b/c.md", places) == (
        "[a](../a.md) [r](../readme.md)"
    )
    assert site.with_links("![p](docs/p.jpg)", "README.md", places) == "![p](p.jpg)"


@pytest.mark.parametrize("source", PAGES)
def test_what_a_page_links_to_is_in_the_checkout_or_made(source: str) -> None:
    for target in re.findall(r"\]\(((?!https?:|#)[^)\s]+)\)", text_of(source)):
        path = (ROOT / source).parent / target.partition("#")[0]
        made = path.resolve().relative_to(ROOT).as_posix() in site.GENERATED
        assert made or path.exists(), target


@pytest.mark.parametrize("source", [page for page in PAGES if page.startswith("docs/tasks/")])
def test_what_a_page_of_a_task_links_to_is_in_the_site(source: str) -> None:
    text = text_of(source)
    links = re.findall(r"\]\(((?!https?:|#)[^)\s]+)\)", text)
    kept = re.findall(r"\]\(((?!https?:|#)[^)\s]+)\)", site.with_links(text, source, EVERYTHING))
    assert len(links) == len(kept) > 0


def test_every_page_is_in_the_contents() -> None:
    titles = {f"{method_pages.slug(method)}.md": method.title for method in METHODS.values()}
    assert len(titles) == len(METHODS)
    listed = yaml.safe_dump(site.contents(titles))
    pages = {place for place in EVERYTHING.values() if place.endswith(".md")}
    for place in pages | {f"methods/{name}" for name in titles}:
        assert listed.count(f": {place}\n") == 1, place


def test_every_page_of_docs_is_in_the_site() -> None:
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert files == {page for page in PAGES if page.startswith("docs/")}


# Methods


def docstring(path: str) -> str:
    module, _, name = path.rpartition(".")
    source = inspect.getsource(import_module(module))
    (text,) = re.findall(rf'^(?:def )?{name}\b.*?"""(.*?)"""', source, re.M | re.S)
    return str(text)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_documented_where_its_page_looks(name: str) -> None:
    text = "".join(map(docstring, method_pages.documented(METHODS[name])))
    number = re.search(r"\d{4}\.\d{4,5}", METHODS[name].paper)
    assert number is None or number[0] in text
    assert len(text.split()) > 5


def test_a_page_says_what_the_record_says() -> None:
    method = METHODS["integrated-gradients"]
    text = method_pages.page(method, "![picture](p.jpg)")
    assert text.startswith("# Integrated Gradients\n\nWhat each pixel adds")
    assert "[arXiv 1703.01365](https://arxiv.org/abs/1703.01365)" in text
    assert "| `steps` | points on the way, 1 to 10000 (default 50) |" in text
    assert "`--method integrated-gradients:steps=50`" in text
    assert "::: gradcam_cli.methods.path_gradient.integrated_gradients\n" in text
    assert "## Options" not in method_pages.page(METHODS["grad-cam"], "")
    assert method_pages.documented(METHODS["hirescam"]) == ["gradcam_cli.methods.cam.hires_cam"]


@pytest.mark.usefixtures("compiled_lite0")
def test_a_page_has_a_picture_or_says_why_not(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = own_home / "grad-cam.jpg"
    line = method_pages._outcome(METHODS["grad-cam"], path)
    assert line.startswith("![What Grad-CAM shows")
    with Image.open(path) as picture:
        assert max(picture.size) == method_pages.SIDE

    def of_tokens(question: Question) -> Maps:
        raise UsageError("this needs tokens", "Pass a transformer.")

    other = replace(METHODS["grad-cam"], name="of-tokens", maps=of_tokens)
    monkeypatch.setitem(METHODS, "of-tokens", other)
    line = method_pages._outcome(other, own_home / "other.jpg")
    assert line == (
        "On the bundled model, efficientnet-lite0, there is no picture of it: this needs tokens."
    )
    assert not (own_home / "other.jpg").exists()


def test_what_says_nothing_has_no_page() -> None:
    undocumented = replace(METHODS["random"], maps=Imported("control", "no_such_maps"))
    with pytest.raises(LookupError, match="no_such_maps is not defined"):
        method_pages.documented(undocumented)


# API and settings


def test_the_api_page_has_every_public_name() -> None:
    import gradcam_cli

    names = re.findall(r"^    +heading: (\w+)$", site.api_page(), re.M)
    assert sorted(names) == sorted(set(gradcam_cli.__all__) - {"__version__"})
    for path in re.findall(r"^::: ([\w.]+)$", site.api_page(), re.M):
        module, _, name = path.rpartition(".")
        assert getattr(import_module(module), name) is getattr(gradcam_cli, name)


def test_a_warning_fails_the_build() -> None:
    values: dict[str, Any] = site.configuration(Path("p"), Path("s"), [])
    assert set(values["validation"]["links"].values()) == {"warn"}
    assert '"--strict"' in inspect.getsource(site.main)
    assert "--quiet" not in inspect.getsource(site.main)  # it would swallow the warnings
    assert "\nmake site\n" in (ROOT / ".ci" / "run").read_text("utf-8")


# Examples


def shell_examples() -> list[str]:
    blocks = [
        block
        for source in PAGES
        if source.startswith("docs/tasks/") or source == "docs/index.md"
        for block in re.findall(r"```sh\n(.*?)```", text_of(source), re.S)
    ]
    commands = (re.search(r"\bgradcam .*", line) for block in blocks for line in block.splitlines())
    return [command[0] for command in commands if command]


@pytest.mark.parametrize("example", shell_examples())
def test_an_example_has_options_that_there_are(example: str) -> None:
    words = shlex.split(re.split(r" [|>] ", example)[0])[1:]
    command: click.Command = gradcam_command
    context = click.Context(command, info_name="gradcam", **command.context_settings)
    while isinstance(command, click.Group) and words:
        command = command.commands[words.pop(0)]
        context = click.Context(command, parent=context, info_name=command.name)
    _, rest, _ = command.make_parser(context).parse_args(words)
    assert rest == []


@pytest.mark.usefixtures("compiled_lite0")
def test_the_python_of_its_page_runs(own_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(SAMPLES / "egyptian_cat.jpg", own_home / "photo.jpg")
    names: dict[str, Any] = {}
    blocks = re.findall(r"```python\n(.*?)```", text_of("docs/tasks/python.md"), re.S)
    for block in blocks:
        exec(block, names)
    assert len(blocks) == 3
    assert names["explanation"].method == "occlusion"
    assert names["explanation"].heatmap.max() == 1
    assert (own_home / "photo.gradcam.jpg").is_file()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["photo.jpg", "Egyptian_cat"]] * 2
    ((source, error),) = names["failed"]
    assert source == "missing.jpg"
    assert "no such file" in str(error)


# The notebook


def outputs(cells: list[Any]) -> list[tuple[str, list[str], str]]:
    """Of each output its type, its kinds of data, and its text but for figures."""
    shown = [output for cell in cells for output in cell.get("outputs", ())]
    return [
        (output.output_type, sorted(output.get("data", {})), output.get("text", ""))
        for output in shown
    ]


@pytest.mark.slow
@pytest.mark.usefixtures("compiled_lite0")
# The kernel is a process of its own, on 127.0.0.1; what its libraries warn of is theirs.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_the_notebook_runs_and_shows_what_is_in_it(own_home: Path) -> None:
    kept = nbformat.read(notebook.NOTEBOOK, as_version=4)
    assert nbformat.validate(kept) is None
    assert outputs(notebook.run().cells) == outputs(kept.cells)
    assert notebook.NOTEBOOK.stat().st_size < 1_000_000
    pictures = [kinds for _, kinds, _ in outputs(kept.cells) if kinds]
    assert pictures == [["image/png", "text/html"]] * 2


def test_the_notebook_becomes_a_page(tmp_path: Path) -> None:
    notebook.write_page(tmp_path / "notebook.md")
    text = (tmp_path / "notebook.md").read_text("utf-8")
    assert text.startswith("# gradcam in a notebook\n")
    assert text.count("```python\n") == len(re.findall(r"```text\n", text)) + 2
    assert "Egyptian_cat    0.790" in text
    assert text.count("<img ") == 3
