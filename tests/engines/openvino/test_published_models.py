"""Models of others, as they are published."""

from __future__ import annotations

import numpy as np
import pytest

from gradcam_cli.callbacks import no_note, no_progress
from gradcam_cli.engines.openvino.model_cache import prepare_file
from gradcam_cli.engines.selection import open_engine
from gradcam_cli.heads import probabilities
from gradcam_cli.models.file_options import FileOptions, GraphOptions
from gradcam_cli.models.model_file import ModelFile
from gradcam_cli.models.sources.model_file import FileSource
from gradcam_cli.passes import LAYER_GRADIENTS
from gradcam_cli.targets import Target
from tests.zoo import zoo

FOLDER = zoo.HERE / "published"


@pytest.mark.usefixtures("own_home")
@pytest.mark.parametrize(
    ("name", "file", "size", "maps"),
    [
        ("emotion", "emotion_model_quantized.tflite", None, (4, 4, 128)),
        ("direction", "ch_ppocr_mobile_v2.0_cls_infer.onnx", (48, 192), (2, 96, 200)),
    ],
)
def test_they_are_explained(
    name: str, file: str, size: tuple[int, int] | None, maps: tuple[int, ...]
) -> None:
    options = GraphOptions(input_size=size)
    prepare_file(ModelFile(FOLDER / file, options), None, [LAYER_GRADIENTS], no_note)
    source = FileSource.prepared(FOLDER / file, FileOptions(graph=options))
    model = source.open(offline=True, progress=no_progress, note=no_note)
    engine, layer = open_engine(model)
    with np.load(FOLDER / "references.npz") as references:
        batch, expected = references[f"{name}_batch"], references[name]
    predicted = int(expected.argmax())
    found = engine.gradients(batch, [Target(predicted)], [layer])
    np.testing.assert_allclose(
        probabilities(found.scores[0], source.findings.head), expected[0], atol=1e-3
    )
    assert found.activations[layer].shape[1:] == maps
    assert found.gradients[layer].any()
