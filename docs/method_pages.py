"""A page for each method: its record, its docstring, and a picture that the tool has made."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from pathlib import Path

from benchmarks.markdown import table
from gradcam_cli import Explainer, Explanation
from gradcam_cli.errors import GradcamError
from gradcam_cli.images.overlay import thumbnail
from gradcam_cli.images.writing import encoded_image, write_output
from gradcam_cli.methods import METHODS, Method
from gradcam_cli.methods.contract import Imported
from gradcam_cli.reports.methods import needs, option_text

ROOT = Path(__file__).parent.parent
SAMPLE, MODEL, CLASS = ROOT / "sample_images" / "egyptian_cat.jpg", "efficientnet-lite0", 285
SIDE = 360

FEWER_PASSES = {"rise": "masks=1000", "ss-cam": "samples=2", "is-cam": "steps=4"}
"""Options for the pictures of those methods that take a minute, so that the site is soon built."""

_CAPTION = "What {title} shows for the class *Egyptian cat* of the bundled model{by}."

_WITHOUT_HEADING = """\
    options:
      show_root_heading: false
      show_root_toc_entry: false
"""


def slug(method: Method) -> str:
    """The name of its page."""
    return method.name.replace("++", "-plus-plus")


def documented(method: Method) -> list[str]:
    """The dotted names of what says how the method computes: functions, or names with a docstring.

    A docstring that begins with "`name` of" is that of another function, run on each input; it
    stands behind that of the other where it says more.

    Raises
    ------
    LookupError
        Where nothing says it.
    """
    assert isinstance(method.maps, Imported)
    return _documented(f"gradcam_cli.methods.{method.maps.module}", method.maps.name)


def _documented(module: str, name: str) -> list[str]:
    """Those of `name` in `module`."""
    path = f"{module}.{name}"
    body = ast.parse(Path(import_module(module).__file__ or "").read_text("utf-8")).body
    for node, following in pairwise([*body, ast.Pass()]):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            text = ast.get_docstring(node) or ""
            other = re.match(r"`(\w+)` of ", text)
            more = [path] if "\n" in text or not other else []
            return [*(_function(module, [other[1]]) if other else []), *more]
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
                return [path]
            values = node.value.args if isinstance(node.value, ast.Call) else []
            names = [n.id for each in values for n in ast.walk(each) if isinstance(n, ast.Name)]
            return _function(module, names)
    raise LookupError(f"{path} is not defined where it is imported from")


def _function(module: str, names: Sequence[str]) -> list[str]:
    """The first of `names` that is a function with a docstring in `module`."""
    for function in (getattr(import_module(module), name, None) for name in names):
        if inspect.isfunction(function) and function.__doc__:
            return [f"{function.__module__}.{function.__qualname__}"]
    raise LookupError(f"nothing is said of {', '.join(names)} in {module}")


def page(method: Method, outcome: str) -> str:
    """Markdown; `outcome` is the line with the picture, or why there is none."""
    return "\n\n".join(
        [
            f"# {method.title}",
            f"{method.summary[0].upper()}{method.summary[1:]}.",
            outcome,
            f"```sh\ngradcam explain photo.jpg --method {method.name}\n```",
            _facts(method),
            *_options(method),
            "## How it is computed",
            *(f"::: {name}\n{_WITHOUT_HEADING}" for name in documented(method)),
        ]
    )


def _facts(method: Method) -> str:
    paper = re.sub(r"arXiv ([0-9.]+[0-9])", r"[arXiv \1](https://arxiv.org/abs/\1)", method.paper)
    rows = [
        ("paper", paper),
        ("needs", needs(method)),
        ("cost", method.cost),
        ("sign", "for and against the class" if method.signed else "none below 0"),
        ("class", "matters" if method.uses_target else "does not matter"),
        ("resolution", "the layer's" if method.uses_layer else "the input's"),
    ]
    return table(("record", ""), rows, left=2)


def _options(method: Method) -> list[str]:
    if not method.options:
        return []
    rows = [(f"`{option.name}`", option_text(option)) for option in method.options]
    first = method.options[0]
    example = f"`--method {method.name}:{first.name}={first.default}`"
    return ["## Options", f"As in {example}.", table(("Option", "What it is"), rows, left=2)]


def write_pages(folder: Path) -> dict[str, str]:
    """Write all pages and pictures; titles by the names of the files in `folder`."""
    folder.mkdir()
    for method in METHODS.values():
        outcome = _outcome(method, folder / f"{slug(method)}.jpg")
        (folder / f"{slug(method)}.md").write_text(page(method, outcome), "utf-8")
    return {f"{slug(method)}.md": method.title for method in METHODS.values()}


def _outcome(method: Method, picture: Path) -> str:
    options = FEWER_PASSES.get(method.name)
    try:
        explanation = explained(f"{method.name}:{options}" if options else method.name)
    except GradcamError as error:
        return f"On the bundled model, {MODEL}, there is no picture of it: {error.what}."
    write_output(picture, encoded_image(thumbnail(explanation.overlay(), SIDE), ".jpg"))
    caption = _CAPTION.format(title=method.title, by=f", by `{options}`" if options else "")
    return f"![{caption}]({picture.name})\n\n*{caption}*"


def explained(method: str) -> Explanation:
    """The sample by `method`, as `--method` takes it."""
    explainer = Explainer.load(MODEL, methods=method, offline=True)
    return explainer.explain(SAMPLE, CLASS)
