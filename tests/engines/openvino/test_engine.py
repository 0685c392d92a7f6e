"""The compiled engine, from files, against TensorFlow: every family, with seeded random weights."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcam_cli.engines import Engine, in_batches
from gradcam_cli.engines.openvino import engine as openvino_engine
from gradcam_cli.engines.openvino.conversion import convert
from gradcam_cli.engines.openvino.engine import TOLERANCE, OpenVINOEngine, relative_difference
from gradcam_cli.engines.tensorflow import TensorFlowEngine
from gradcam_cli.methods import METHODS
from gradcam_cli.models.catalog import find_model
from gradcam_cli.models.layers import explainable_layers
from gradcam_cli.models.preprocessing import PREPROCESSING
from gradcam_cli.targets import TOP

SMALLEST = (
    *("convnexttiny", "densenet121", "efficientnetb0", "efficientnetv2b0"),
    *("inceptionresnetv2", "inceptionv3", "mobilenet", "mobilenetv2", "mobilenetv3small"),
    *("nasnetmobile", "resnet50v2", "xception"),
)
VGG_ENDS = {
    "vgg16": ["block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv3"],
    "vgg19": ["block1_conv2", "block2_conv2", "block3_conv4", "block4_conv4", "block5_conv4"],
}
AT_KINKS = 1e-3
"""How far heatmaps may be apart where rounding decides between two slopes of a ReLU: TensorFlow is
as far from itself, between a picture alone and the same one in a batch."""
RESNET_ENDS = ["conv2_block3_out", "conv3_block4_out", "conv4_block6_out", "conv5_block3_out"]


def batch_of(name: str, count: int, seed: int = 3) -> np.ndarray:
    info = find_model(name).info
    shape = (count, *info.input)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    return PREPROCESSING[info.preprocessing](pixels)


def seeded(name: str) -> Any:
    """The real architecture with random weights that keep signals of ordinary size."""
    model = find_model(name).build()
    random = np.random.default_rng(5)
    for variable in model.weights:
        shape = tuple(variable.shape)
        if variable.name in ("gamma", "moving_variance"):
            variable.assign(random.uniform(0.8, 1.2, shape))
        elif len(shape) == 1:
            variable.assign(random.normal(0, 0.1, shape))
        else:
            drawn = random.standard_normal(shape, np.float32)
            variable.assign(drawn * np.float32(np.sqrt(2 / np.prod(shape[:-1]))))
    return model


def converted(model: Any, folder: Path) -> Path:
    convert(model, [layer.name for layer in explainable_layers(model)], folder / "model.xml")
    return folder / "model.xml"


def raw_heatmaps(features: Features) -> list[np.ndarray]:
    """Before their negative part, which for an arbitrary class may be all of it, is cut off."""
    return [
        METHODS["grad-cam"](activations, gradients)
        for activations, gradients in zip(features.activations, features.gradients, strict=True)
    ]


def apart(found: Features, expected: Features) -> float:
    """The largest difference of a raw heatmap, as a share of its largest value."""
    pairs = list(zip(raw_heatmaps(found), raw_heatmaps(expected), strict=True))
    assert all(other.any() for _, other in pairs)
    return max(relative_difference(one, other) for one, other in pairs)


def agree(found: Engine, expected: Engine, batch: np.ndarray, targets: list[int]) -> None:
    asked = np.array(targets)
    got, want = (each.features(batch, asked, "logit") for each in (found, expected))
    assert got.targets.tolist() == want.targets.tolist()
    assert got.activations.shape == got.gradients.shape == want.gradients.shape
    assert apart(got, want) <= TOLERANCE
    for name in ("activations", "logits"):
        assert relative_difference(getattr(got, name), getattr(want, name)) <= TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALLEST)
def test_every_family_at_its_default_layer(name: str, tmp_path: Path) -> None:
    model = seeded(name)
    layer = next(each for each in explainable_layers(model) if each.default)
    engine = OpenVINOEngine(converted(model, tmp_path), layer.name)
    reference = TensorFlowEngine(model, layer.name)
    agree(engine, reference, batch_of(name, 1), [TOP])
    features = engine.features(batch_of(name, 1), np.array([TOP]), "logit")
    assert features.activations.shape == (1, *layer.shape)
    assert features.targets.tolist() == [features.logits[0].argmax()]


@pytest.mark.slow
@pytest.mark.parametrize("name", VGG_ENDS)
def test_every_block_end_of_vgg(name: str, tmp_path: Path) -> None:
    model = seeded(name)
    graph = converted(model, tmp_path)
    weights = sum(4 * np.prod(variable.shape) for variable in model.weights)
    assert sum(path.stat().st_size for path in tmp_path.glob("model.*")) <= 1.1 * weights
    pools = [f"block{number}_pool" for number in range(1, 6)]
    for layer in [*VGG_ENDS[name], *pools]:
        agree(OpenVINOEngine(graph, layer), TensorFlowEngine(model, layer), batch_of(name, 1), [7])


@pytest.mark.slow
def test_every_block_end_of_resnet50(tmp_path: Path) -> None:
    model = seeded("resnet50")
    graph = converted(model, tmp_path)
    for layer in RESNET_ENDS:
        reference, engine = TensorFlowEngine(model, layer), OpenVINOEngine(graph, layer)
        for seed in (3, 4, 5):
            batch, target = batch_of("resnet50", 1, seed), np.array([7])
            both = (engine, reference)
            found, expected = (each.features(batch, target, "logit") for each in both)
            assert apart(found, expected) <= AT_KINKS
            for name in ("activations", "logits"):
                one, other = getattr(found, name), getattr(expected, name)
                assert relative_difference(one, other) <= TOLERANCE


@pytest.fixture(scope="module")
def graph(lite0: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """EfficientNet-Lite0, in a folder whose name has a space and no ASCII."""
    folder = tmp_path_factory.mktemp("lite") / "à b"
    folder.mkdir()
    return converted(lite0, folder)


@pytest.mark.parametrize("layer", ["stem_conv", "block3b_add", "block5c_dwconv", "top_bn"])
def test_layers_of_every_kind(graph: Path, lite0: Any, layer: str) -> None:
    batch = batch_of("efficientnet-lite0", 1)
    agree(OpenVINOEngine(graph, layer), TensorFlowEngine(lite0, layer), batch, [285])


@pytest.mark.parametrize("score", ["logit", "probability"])
def test_rows_do_not_mix_and_each_has_its_own_target(graph: Path, lite0: Any, score: Any) -> None:
    engine = OpenVINOEngine(graph, "top_activation")
    batch, targets = batch_of("efficientnet-lite0", 3), np.array([285, TOP, 837])
    together = engine.features(batch, targets, score)
    expected = TensorFlowEngine(lite0, "top_activation").features(batch, targets, score)
    assert together.targets.tolist() == expected.targets.tolist()
    for row in range(3):
        alone = engine.features(batch[row : row + 1], targets[row : row + 1], score)
        for name in ("activations", "gradients", "logits"):
            got = getattr(together, name)[row]
            for other in (getattr(alone, name)[0], getattr(expected, name)[row]):
                np.testing.assert_allclose(got, other, atol=1e-5 * np.abs(other).max())


def test_the_same_input_gives_the_same_bytes_and_keeps_the_earlier_ones(graph: Path) -> None:
    engine = OpenVINOEngine(graph, "top_activation")
    batch = batch_of("efficientnet-lite0", 1)
    first = engine.features(batch, np.array([285]), "logit")
    kept = first.gradients.copy(), first.activations.copy()
    engine.features(batch_of("efficientnet-lite0", 1, seed=4), np.array([1]), "logit")
    again = OpenVINOEngine(graph, "top_activation").features(batch, np.array([285]), "logit")
    for one, two, three in zip(
        (first.gradients, first.activations),
        kept,
        (again.gradients, again.activations),
        strict=True,
    ):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three)


def test_a_row_does_not_depend_on_its_place_or_on_the_others(graph: Path) -> None:
    engine = OpenVINOEngine(graph, "top_activation")
    batch, targets = batch_of("efficientnet-lite0", 10), np.arange(10)
    straight = in_batches(engine, batch, targets, "logit", 4)
    turned = in_batches(engine, batch[::-1], targets[::-1], "logit", 4)
    fewer = in_batches(engine, batch[:1], targets[:1], "logit", 4)
    for name in ("activations", "gradients", "logits", "targets"):
        whole = getattr(straight, name)
        assert len(whole) == 10
        np.testing.assert_array_equal(whole, getattr(turned, name)[::-1])
        np.testing.assert_array_equal(whole[:1], getattr(fewer, name))


def test_rows_that_differ_from_one_alone_are_run_one_by_one(
    graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = OpenVINOEngine(graph, "top_activation")
    batch, targets = batch_of("efficientnet-lite0", 3), np.array([1, 2, 3])
    monkeypatch.setattr(openvino_engine, "TOLERANCE", -1.0)  # nothing is ever near enough
    found = engine.features(batch, targets, "logit")
    for row in range(3):
        alone = engine.features(batch[[row]], targets[[row]], "logit")
        np.testing.assert_array_equal(found.logits[row], alone.logits[0])
        np.testing.assert_array_equal(found.gradients[row], alone.gradients[0])


def test_a_batch_that_is_a_view_is_read_rightly(graph: Path) -> None:
    engine = OpenVINOEngine(graph, "top_activation")
    batch = batch_of("efficientnet-lite0", 2)
    view = batch[::2, ::-1]
    found = engine.features(view, np.array([285]), "logit")
    expected = engine.features(np.ascontiguousarray(view), np.array([285]), "logit")
    np.testing.assert_array_equal(found.logits, expected.logits)


def test_openvino_is_left_whole_and_tells_nobody() -> None:
    probe = (
        "import sys\n"
        "from gradcam_cli.engines.openvino import runtime\n"
        "assert 'openvino.tools.ovc' not in sys.modules\n"
        "import openvino\n"
        "assert callable(openvino.convert_model)\n"
        "runtime.converter()\n"
        "assert 'openvino_telemetry' not in sys.modules\n"
        "from openvino.tools.ovc import convert_impl\n"
        "print(convert_impl.tm.__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout == "openvino.tools.ovc.telemetry_stub\n"
