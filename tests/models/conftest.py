"""What the tests of models share: a cache without pauses, and a served weights file."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradcam_cli.models.weights import WeightsFile
from gradcam_cli.storage import resumable
from tests.models.weights_server import WeightsServer


@pytest.fixture(autouse=True)
def cache(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the weights; nothing waits between attempts, nor goes through a proxy."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(resumable, "PAUSE_SECONDS", 0.0)
    return tmp_path / "cache" / "weights"


def published(server: WeightsServer, checksum: str | None = None) -> WeightsFile:
    """What `server` has, as a catalogue would name it."""
    return WeightsFile(
        server.url(), server.checksum if checksum is None else checksum, len(server.body)
    )


def names(folder: Path) -> set[str]:
    """The files in `folder`."""
    return {path.name for path in folder.iterdir()}
