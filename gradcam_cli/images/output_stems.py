"""Names for outputs that are safe on every system, no two of them the same."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from gradcam_cli.images.writing import OVERLAY_SUFFIX

MAX_BYTES = 150
"""The longest part of a stem; file systems hold 255 bytes, and numbers and suffixes follow."""

_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*\u2028\u2029\ud800-\udfff]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\..*)?")
_OUTPUT_NAME = re.compile(rf"(?i)gradcam\.jsonl|.*(\.npy|{re.escape(OVERLAY_SUFFIX)})")


class OutputStems:
    """The stems in use so far."""

    def __init__(self) -> None:
        self._folded: set[str] = set()

    def new(self, path: str, extension: str, key: str) -> str:
        """The stem for a source, as `Item.output_stem` has it; no file system has it twice.

        Parameters
        ----------
        path : str
            The source without its extension, relative, with ``/`` between parts; not safe yet.
        extension : str
            What may be added to tell it from another.
        key : str
            What no other source has.
        """
        for stem in _candidates(path, extension, key):
            if (folded := _folded(stem)) not in self._folded:
                break
        self._folded.add(folded)
        return stem


def _candidates(path: str, extension: str, key: str) -> Iterator[str]:
    """Safe stems, the best first, and without end."""
    *folders, name = path.split("/")
    folder_prefix = "".join(f"{_safe_folder(folder)}/" for folder in folders)
    yield folder_prefix + _safe_part(name)
    yield folder_prefix + _safe_part(name + extension)
    start, digest = _safe_part(name, MAX_BYTES - 9), key
    while True:
        digest = hashlib.sha256(digest.encode("utf-8", "surrogatepass")).hexdigest()
        yield f"{folder_prefix}{start}-{digest[:8]}"


def _folded(stem: str) -> str:
    """The same for all that some file system takes for the same name."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", stem).casefold())


def _safe_part(name: str, most: int = MAX_BYTES) -> str:
    """`name` as a part of a path on every system, in at most `most` bytes."""
    for prefix in ("", "_"):
        safe = _UNSAFE.sub("_", prefix + name).encode()[:most].decode(errors="ignore").rstrip(" .")
        if safe and not _RESERVED.fullmatch(safe):
            break
    return safe


@lru_cache(maxsize=4096)
def _safe_folder(name: str) -> str:
    """As `_safe_part`, and not what a file in the output folder may be called."""
    safe = _safe_part(name)
    return safe.replace(".", "_") if _OUTPUT_NAME.fullmatch(safe) else safe
