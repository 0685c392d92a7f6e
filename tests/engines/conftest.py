"""A small model of one's own, and a cache that nobody else uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradcam_cli.models.catalog import ModelSpec
from gradcam_cli.models.loading import Choice

SPEC = ModelSpec("small", "", 16, 1000, "none", None)


@pytest.fixture
def cache(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that nobody else uses."""
    folder = own_home / "own cache"
    monkeypatch.setenv("GRADCAM_CACHE", str(folder))
    return folder


@pytest.fixture
def choice(own_home: Path) -> Choice:
    weights = own_home / "weights.h5"
    weights.write_bytes(b"the weights")
    return Choice(SPEC, weights, "file")
