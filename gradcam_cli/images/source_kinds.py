"""What a source is, by how it is written: a URL, standard input, a pattern, or a path."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from gradcam_cli.storage.http import is_url

_MAGIC = re.compile(r"[*?[]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def has_scheme(source: str) -> bool:
    """True where `source` is written as a URL of whatever kind."""
    return _SCHEME.match(source) is not None


def is_glob(source: str) -> bool:
    """True for a pattern that is not the name of a file as it stands."""
    if not _MAGIC.search(source) or has_scheme(source):
        return False
    return not os.path.lexists(source)


def is_single(sources: Sequence[str]) -> bool:
    """True for one URL, ``-`` or path; False for none, several, a folder or a glob."""
    if len(sources) != 1:
        return False
    source = sources[0]
    is_folder = os.path.isdir(source)  # noqa: PTH112 - Path("") is the working folder
    return source == "-" or is_url(source) or not (is_folder or is_glob(source))


def leads_nowhere(source: str) -> bool:
    """True where `source` is a path of nothing that there is."""
    return source != "-" and not is_url(source) and not Path(source).exists()
