"""The templates of pages, and the style and script that stand in each page itself."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Template

STYLES = ("page.css", "cards.css", "viewer.css")
SCRIPTS = ("cards.js", "filters.js", "saving.js", "viewer.js", "keys.js", "start.js")
"""They share one scope, in this order."""

_BETWEEN = re.compile(r">\n\s*<")


def page_template(name: str) -> Template:
    """The template NAME.html.j2."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(lambda name: _asset(f"{name}.html.j2")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["tight"] = _tight
    return environment.get_template(name)


def _tight(markup: str) -> str:
    """`markup` without the line ends between elements, of each of which browsers make a node."""
    return _BETWEEN.sub("><", markup)


def page_assets(styles: Sequence[str] = STYLES, scripts: Sequence[str] = SCRIPTS) -> dict[str, str]:
    """The style and the script, and the policy that lets nothing else run.

    Pictures are in the page, or files beside it (``'self'``, and ``file:`` for browsers to which
    no file is of the same origin as another).
    """
    style = "\n".join(map(_asset, styles))
    script = '"use strict";\n(() => {\n' + "\n".join(map(_asset, scripts)) + "})();\n"
    policy = (
        f"default-src 'none'; img-src data: 'self' file:; style-src {_hash(style)}; "
        f"script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    )
    return {"policy": policy, "style": style, "script": script}


def _asset(name: str) -> str:
    return (files("gradcam_cli.reports") / "page" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
