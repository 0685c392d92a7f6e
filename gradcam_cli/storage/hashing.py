"""The digest of a file, read piece by piece."""

from __future__ import annotations

import hashlib
from pathlib import Path

_PIECE = 1 << 20


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """The digest of the content of `path`, in lower-case hexadecimal.

    Parameters
    ----------
    path : Path
        Which file.
    algorithm : str
        A name that `hashlib.new` knows: "sha256", "md5".

    Raises
    ------
    OSError
        Where it cannot be read.
    """
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
