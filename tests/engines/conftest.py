"""A small model of one's own, and a cache that nobody else uses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gradcam_cli.models.labels import Labels
from gradcam_cli.models.model import InputShape, Model, ModelInfo
from gradcam_cli.models.sources.keras_weights import KerasWeights

INFO = ModelInfo("small", InputShape(16, 16), "none", Labels.unnamed(7), "softmax", 1000)


def _never_built() -> Any:
    raise AssertionError("the tests pass the network themselves")


def model_of(weights: Path, info: ModelInfo = INFO) -> Model:
    """The model whose weights are said to be in the file `weights`."""
    return Model.of(info, KerasWeights(weights, "file", _never_built, ("", "")))


@pytest.fixture
def cache(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that nobody else uses."""
    folder = own_home / "own cache"
    monkeypatch.setenv("GRADCAM_CACHE", str(folder))
    return folder


@pytest.fixture
def model(own_home: Path) -> Model:
    weights = own_home / "weights.h5"
    weights.write_bytes(b"the weights")
    return model_of(weights)
