"""Builds the documentation as a site in build/site (`make site`): every warning is an error.

The pages are put together in build/pages: those of docs/ and of the root of the checkout, their
links rewritten, and those that are generated: one for each method, the API, the notebook.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from docs import method_pages, notebook
from gradcam_cli import _HOMES
from gradcam_cli.methods import METHODS

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build"

TASKS = {
    "tasks/photo.md": "Explain a photo",
    "tasks/folder.md": "Explain a folder",
    "tasks/methods.md": "Compare methods",
    "figures.md": "Draw figures",
    "tasks/model-file.md": "Use your own model",
    "tasks/check.md": "Fail a build",
    "tasks/evaluate.md": "Measure heatmaps",
    "tasks/python.md": "Write Python",
    "tasks/ci.md": "Run in CI",
}
REFERENCE = {
    "commands.md": "Commands and options",
    "check.md": "Definitions of check",
    "evaluate.md": "Definitions of evaluate",
    "boxes.md": "Where methods look",
    "coverage.md": "Which model has which method",
    "parity.md": "Parity with the field",
    "design.md": "How it is built",
}
AT_ROOT = {
    "README.md": ("readme.md", "README"),
    "CONTRIBUTING.md": ("contributing.md", "Contributing"),
    "CHANGELOG.md": ("changelog.md", "Changelog"),
}
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_OUTSIDE = re.compile(r"[a-z]+:|#")


def sources() -> dict[str, str]:
    """Where each page or picture of the site comes from: paths in the checkout to paths there."""
    pictures = [f"{name}.jpg" for name in ("overlays", "figures", "compare")]
    names = ["index.md", "methods.md", *pictures, *TASKS, *REFERENCE]
    return {f"docs/{name}": name for name in names} | {
        name: place for name, (place, _) in AT_ROOT.items()
    }


GENERATED = {"docs/notebook.ipynb": "notebook.md", "docs/api.md": "api.md"}
"""What pages may link to that is made for the site, as if it were in the checkout."""


def with_links(text: str, source: str, places: Mapping[str, str]) -> str:
    """`text` of the file `source`, its links to what is at `places` in the site.

    A link to a file that is not there, such as one of the code, becomes its text.
    """
    here = os.path.dirname(places[source])  # noqa: PTH120 - of a path that is no file here

    def rewritten(link: re.Match[str]) -> str:
        image, words, target = link.groups()
        if _OUTSIDE.match(target):
            return link[0]
        path, mark, anchor = target.partition("#")
        found = os.path.normpath(Path(source).parent / path).replace(os.sep, "/")
        if found not in places:
            return words
        return f"{image}[{words}]({os.path.relpath(places[found], here or '.')}{mark}{anchor})"

    return _LINK.sub(rewritten, text)


def api_page() -> str:
    """Every public name, from its docstring."""
    parts = ["# Python API", "All of it is imported as in `from gradcam_cli import Explainer`."]
    for name, home in sorted(_HOMES.items(), key=lambda pair: pair[0].casefold()):
        heading = f"    options:\n      heading: {name}\n      toc_label: {name}\n"
        parts.append(f"::: {home}.{name}\n{heading}")
    return "\n\n".join(parts)


def write_pages(folder: Path) -> list[Any]:
    """Put all pages into `folder`, which is made anew; the table of contents."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "tasks").mkdir(parents=True)
    places = sources()
    for source, place in places.items():
        if place.endswith(".md"):
            text = with_links((ROOT / source).read_text("utf-8"), source, places | GENERATED)
            (folder / place).write_text(text, "utf-8")
        else:
            shutil.copy(ROOT / source, folder / place)
    titles = method_pages.write_pages(folder / "methods")
    (folder / "methods.md").write_text(_with_method_links(folder / "methods.md"), "utf-8")
    (folder / "api.md").write_text(api_page(), "utf-8")
    notebook.write_page(folder / "notebook.md")
    return contents(titles)


def contents(methods: Mapping[str, str]) -> list[Any]:
    """The table of contents, as MkDocs takes it."""
    tasks = [{title: place} for place, title in TASKS.items()]
    tasks.insert(-1, {"In a notebook": "notebook.md"})
    pages = [{title: f"methods/{name}"} for name, title in methods.items()]
    at_root = [{title: place} for place, title in AT_ROOT.values()]
    reference = [{title: place} for place, title in REFERENCE.items()]
    return [
        {"Start": "index.md"},
        {"Tasks": tasks},
        {"Methods": [{"All of them": "methods.md"}, *pages]},
        {"Reference": [{"Python API": "api.md"}, *reference, *at_root]},
    ]


def _with_method_links(path: Path) -> str:
    """The page of all methods, each name in its table a link."""
    text = path.read_text("utf-8")
    for method in METHODS.values():
        link = f"| [`{method.name}`](methods/{method_pages.slug(method)}.md) |"
        text = text.replace(f"| `{method.name}` |", link)
    return text


def configuration(pages: Path, site: Path, nav: list[Any]) -> dict[str, Any]:
    """That of docs/mkdocs.yml, with what only this checkout knows."""
    values: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "mkdocs.yml").read_text("utf-8"))
    (mkdocstrings,) = (plugin for plugin in values["plugins"] if isinstance(plugin, dict))
    mkdocstrings["mkdocstrings"]["handlers"]["python"]["paths"] = [str(ROOT)]
    return values | {"docs_dir": str(pages), "site_dir": str(site), "nav": nav}


def main() -> int:
    """Build it; the exit code."""
    config = BUILD / "mkdocs.yml"
    nav = write_pages(BUILD / "pages")
    values = configuration(BUILD / "pages", BUILD / "site", nav)
    config.write_text(yaml.safe_dump(values, sort_keys=False), "utf-8")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(config)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}  # which the theme prints in a frame
    return subprocess.run(command, check=False, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
