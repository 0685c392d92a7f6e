"""SavedModel folders, checked before a framework opens them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from gradcam_cli.models.formats.refusals import damaged, readable, refused, shown
from gradcam_cli.models.formats.wire import Message, WireError, open_content

GRAPH = "saved_model.pb"
MOST_FILES = 10_000
MOST_GRAPH_BYTES = 2 << 30
"""More does not fit into a message of Protocol Buffers."""

_SHARD = re.compile(r"variables\.data-\d{5}-of-(\d{5})")
_META_GRAPH = 2


def check_savedmodel(path: Path) -> tuple[Path, ...]:
    """Check the folder of a SavedModel.

    Returns
    -------
    tuple of Path
        All of its files, sorted.

    Raises
    ------
    ModelError
        Where a file that belongs to it is missing or cut short, or one leads out of the folder.
    """
    with readable(path):
        files = tuple(sorted(_files(path)))
        has_variables = (path / "variables").is_dir()
    _check_graph(path / GRAPH)
    if has_variables:
        _check_variables(path, {file.name for file in files if file.parent.name == "variables"})
    return files


def _files(path: Path) -> Iterator[Path]:
    root = path.resolve()
    count = 0
    for folder, folders, names in os.walk(path):
        for name in (*folders, *names):
            count += 1
            if count > MOST_FILES:
                raise refused(path, f"has more than {MOST_FILES:,} files")
            entry = Path(folder, name)
            if not entry.resolve().is_relative_to(root):
                raise refused(
                    path,
                    f"has the link {shown(entry.relative_to(path))}, which leads out of it",
                    "Copy the folder with what its links stand for: cp -rL.",
                )
            if name in names and not stat.S_ISREG(entry.stat().st_mode):
                raise refused(path, f"has {shown(entry.relative_to(path))}, which is no file")
        yield from (Path(folder, name) for name in names)


def _check_graph(file: Path) -> None:
    """Refuse a saved_model.pb that is no whole message, or has no graph in it."""
    with open_content(file, "SavedModel") as content:
        if len(content) > MOST_GRAPH_BYTES:
            raise WireError("it is larger than 2 GB")
        fields = [number for number, _ in Message(content, 0, len(content))]
    if _META_GRAPH not in fields:
        raise damaged(file, "SavedModel", "it holds no graph")


def _check_variables(path: Path, names: set[str]) -> None:
    """Refuse a SavedModel whose weights are not all there."""
    remedy = "Copy the whole folder, variables included."
    if "variables.index" not in names:
        raise refused(path, "has no variables/variables.index", remedy)
    shards = [match for match in map(_SHARD.fullmatch, names) if match]
    if not shards or len(shards) != int(shards[0][1]):
        raise refused(path, "lacks files of variables/variables.data-*", remedy)
