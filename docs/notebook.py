"""The notebook: running it anew (`python -m docs.notebook`), and its page in the site."""

from __future__ import annotations

import os
from base64 import b64decode
from pathlib import Path
from typing import Any

import nbformat

HERE = Path(__file__).parent
NOTEBOOK = HERE / "notebook.ipynb"
_PICTURES = {"image/png": "png", "image/jpeg": "jpg"}


def run() -> Any:
    """The notebook as it is when all of it has been run here, offline.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        Where a cell fails.
    """
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    paths = [str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "GRADCAM_OFFLINE": "1", "PYTHONPATH": os.pathsep.join(paths)}
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(HERE)}})
    client.execute(env=environment)
    notebook.metadata.language_info = {"name": "python"}  # and not its version
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when it was run
        for output in cell.get("outputs", ()):
            if "text/html" in output.get("data", {}):
                del output.data["text/plain"]  # all fields of what is shown
    return notebook


def write_page(page: Path) -> None:
    """Write the notebook with its outputs to `page`, Markdown, and its pictures beside it."""
    parts = []
    for number, cell in enumerate(nbformat.read(NOTEBOOK, as_version=4).cells):
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        stem = f"{page.stem}-{number}"
        parts += [_shown(output, page, stem) for output in cell.outputs]
    page.write_text("\n\n".join(parts) + "\n", "utf-8")


def _shown(output: Any, page: Path, stem: str) -> str:
    data = output.get("data", {})
    if "text/html" in data:
        return str(data["text/html"])
    for kind, suffix in _PICTURES.items():
        if kind in data:
            picture = page.with_name(f"{stem}.{suffix}")
            picture.write_bytes(b64decode(data[kind]))
            return f"![Output of the cell above]({picture.name})"
    text = output.get("text") or data.get("text/plain", "")
    return f"```text\n{text.rstrip()}\n```"


if __name__ == "__main__":
    nbformat.write(run(), NOTEBOOK)
