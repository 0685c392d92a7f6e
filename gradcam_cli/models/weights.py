"""Weights files: which, where from, and the user's cache of them."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class WeightsFile:
    """A weights file as its publisher names it.

    Attributes
    ----------
    url : str
        Where it is published.
    checksum : str
        ``"md5:…"`` or ``"sha256:…"``; empty where the publisher gives none.
    about_bytes : int
        Its size as the parameters tell it (4 bytes each), near enough to announce.
    """

    url: str
    checksum: str
    about_bytes: int

    @property
    def filename(self) -> str:
        """Its name in the cache: the last part of the URL."""
        return urlsplit(self.url).path.rsplit("/", 1)[-1]
