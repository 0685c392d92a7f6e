"""The compiled engine, from files, against TensorFlow: every family, with seeded random weights."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcam_cli.engines.comparison import TOLERANCE, agreement, relative_difference
from gradcam_cli.engines.openvino import compiled
from gradcam_cli.engines.openvino.conversion import convert
from gradcam_cli.engines.openvino.engine import OpenVINOEngine
from gradcam_cli.engines.openvino.saving import save
from gradcam_cli.engines.openvino.vgg import forward_graph
from gradcam_cli.engines.tensorflow import TensorFlowEngine
from gradcam_cli.errors import UsageError
from gradcam_cli.methods import grad_cam
from gradcam_cli.methods.batching import in_batches
from gradcam_cli.models import vgg
from gradcam_cli.models.catalog import find_model
from gradcam_cli.models.layers import explainable_layers
from gradcam_cli.models.preprocessing import PREPROCESSING
from gradcam_cli.passes import INPUT, Engine, Gradients, Pass
from gradcam_cli.targets import TOP, Head, Target

LAST = "top_activation"
SMALLEST = (
    *("convnexttiny", "densenet121", "efficientnetb0", "efficientnetv2b0"),
    *("inceptionresnetv2", "inceptionv3", "mobilenet", "mobilenetv2", "mobilenetv3small"),
    *("nasnetmobile", "resnet50v2", "xception"),
)
VGG_ENDS = {
    "vgg16": ["block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv3"],
    "vgg19": ["block3_conv4", "block5_conv4"],
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


def arrays(results: Gradients) -> list[np.ndarray]:
    """All that there is, in one order."""
    kinds = (results.activations, results.gradients)
    return [*(array for kind in kinds for array in kind.values()), results.scores]


def raw_heatmaps(results: Gradients) -> list[np.ndarray]:
    """Before their negative part, which for an arbitrary class may be all of it, is cut off."""
    return [
        grad_cam(activations, gradients)
        for layer in results.activations
        for activations, gradients in zip(
            results.activations[layer], results.gradients[layer], strict=True
        )
    ]


def apart(one: Gradients, other: Gradients) -> float:
    """The largest difference of a raw heatmap, as a share of its largest value."""
    pairs = list(zip(raw_heatmaps(one), raw_heatmaps(other), strict=True))
    assert all(expected.any() for _, expected in pairs)
    return max(relative_difference(*pair) for pair in pairs)


def agree(
    candidate: Engine, reference: Engine, layer: str, batch: np.ndarray, targets: list[Target]
) -> Gradients:
    got, expected = (each.gradients(batch, targets, [layer]) for each in (candidate, reference))
    for what in ("activations", "gradients"):
        assert getattr(got, what).keys() == getattr(expected, what).keys() == {layer}
        assert getattr(got, what)[layer].shape == getattr(expected, what)[layer].shape
    assert apart(got, expected) <= TOLERANCE
    assert relative_difference(got.activations[layer], expected.activations[layer]) <= TOLERANCE
    assert relative_difference(got.scores, expected.scores) <= TOLERANCE
    return got


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALLEST)
def test_every_family_at_its_default_layer(name: str, tmp_path: Path) -> None:
    model = seeded(name)
    layer = next(each for each in explainable_layers(model) if each.default)
    engine = OpenVINOEngine(converted(model, tmp_path))
    got = agree(engine, TensorFlowEngine(model), layer.name, batch_of(name, 1), [Target(TOP)])
    assert got.activations[layer.name].shape == (1, *layer.shape)


@pytest.mark.slow
@pytest.mark.parametrize("name", VGG_ENDS)
def test_every_block_end_of_vgg(name: str, tmp_path: Path) -> None:
    model = seeded(name)
    model.save_weights(tmp_path / "w.weights.h5")
    with vgg.opened_weights(tmp_path / "w.weights.h5", name) as opened:
        network = forward_graph(name, opened)
        save(network.model, tmp_path / "model.xml", network.kernels)
    engine = OpenVINOEngine(tmp_path / "model.xml")
    weights = sum(4 * np.prod(variable.shape) for variable in model.weights)
    assert sum(path.stat().st_size for path in tmp_path.glob("model.*")) <= 1.1 * weights
    pools = [f"{layer.partition('_')[0]}_pool" for layer in VGG_ENDS[name]]
    ends = [*VGG_ENDS[name], *pools]
    got, expected = (
        each.gradients(batch_of(name, 1), [Target(7)], ends)
        for each in (engine, TensorFlowEngine(model))
    )
    assert list(got.gradients) == ends
    assert relative_difference(got.scores, expected.scores) <= TOLERANCE
    assert apart(got, expected) <= 20 * AT_KINKS  # there are many, and processors differ


@pytest.mark.slow
def test_every_block_end_of_resnet50(tmp_path: Path) -> None:
    model = seeded("resnet50")
    reference, engine = TensorFlowEngine(model), OpenVINOEngine(converted(model, tmp_path))
    for seed in (3, 4, 5):
        batch, targets = batch_of("resnet50", 1, seed), [Target(7)]
        got, expected = (
            each.gradients(batch, targets, RESNET_ENDS) for each in (engine, reference)
        )
        assert apart(got, expected) <= AT_KINKS
        for layer in RESNET_ENDS:
            one, other = got.activations[layer], expected.activations[layer]
            assert relative_difference(one, other) <= TOLERANCE
        assert relative_difference(got.scores, expected.scores) <= TOLERANCE


@pytest.fixture(scope="module")
def graph(lite0: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """EfficientNet-Lite0, in a folder whose name has a space and no ASCII."""
    folder = tmp_path_factory.mktemp("lite") / "à b"
    folder.mkdir()
    return converted(lite0, folder)


@pytest.fixture(scope="module")
def engine(graph: Path) -> OpenVINOEngine:
    return OpenVINOEngine(graph)


@pytest.fixture(scope="module")
def reference(lite0: Any) -> TensorFlowEngine:
    return TensorFlowEngine(lite0)


@pytest.mark.parametrize("layer", ["stem_conv", "block3b_add", "block5c_dwconv", "top_bn"])
def test_layers_of_every_kind(
    engine: OpenVINOEngine, reference: TensorFlowEngine, layer: str
) -> None:
    agree(engine, reference, layer, batch_of("efficientnet-lite0", 1), [Target(285)])


@pytest.mark.parametrize("score", ["logit", "probability"])
def test_rows_do_not_mix_and_each_has_its_own_target(
    engine: OpenVINOEngine, reference: TensorFlowEngine, score: Any
) -> None:
    batch = batch_of("efficientnet-lite0", 3)
    targets = [Target(285), Target(TOP), Target(837, versus=TOP)]
    together = engine.gradients(batch, targets, [LAST], score=score)
    expected = reference.gradients(batch, targets, [LAST], score=score)
    for row in range(3):
        alone = engine.gradients(batch[[row]], [targets[row]], [LAST], score=score)
        for got, one, other in zip(arrays(together), arrays(alone), arrays(expected), strict=True):
            np.testing.assert_allclose(got[row], one[0], atol=1e-5 * np.abs(one).max())
            np.testing.assert_allclose(got[row], other[row], atol=1e-5 * np.abs(other[row]).max())


TARGETS = [
    Target(285),
    Target(TOP),
    Target(285, versus=282),
    Target(TOP, versus=3),
    Target(7, versus=TOP),
    Target(285, counterfactual=True),
    Target(TOP, versus=9, counterfactual=True),
]


@pytest.mark.parametrize("head", ["softmax", "sigmoid"])
@pytest.mark.parametrize("score", ["logit", "probability"])
def test_targets_of_every_kind(graph: Path, lite0: Any, head: Head, score: Any) -> None:
    batch = np.repeat(batch_of("efficientnet-lite0", 1), len(TARGETS), 0)
    got, expected = (
        each.gradients(batch, TARGETS, [LAST], score=score).gradients[LAST]
        for each in (OpenVINOEngine(graph, head=head), TensorFlowEngine(lite0, head=head))
    )
    for one, other in zip(got, expected, strict=True):
        assert other.any()
        assert relative_difference(one, other) <= TOLERANCE


@pytest.mark.parametrize("rules", ["standard", "guided"])
def test_several_places_at_once_are_those_of_one_by_one(
    engine: OpenVINOEngine, reference: TensorFlowEngine, rules: Any
) -> None:
    batch, targets = batch_of("efficientnet-lite0", 1), [Target(285)]
    at = ["block5c_add", INPUT, LAST, "block7a_project_bn"]
    together = engine.gradients(batch, targets, at, rules=rules)
    expected = reference.gradients(batch, targets, at, rules=rules)
    assert list(together.gradients) == list(together.activations) == at
    assert agreement(together, expected)[1] <= TOLERANCE
    for place in at:
        alone = engine.gradients(batch, targets, [place], rules=rules)
        assert relative_difference(together.gradients[place], alone.gradients[place]) <= 1e-5
        assert relative_difference(together.activations[place], alone.activations[place]) <= 1e-5


def test_the_activations_of_the_input_are_the_batch(engine: OpenVINOEngine) -> None:
    batch = batch_of("efficientnet-lite0", 2)
    got = engine.gradients(batch, [Target(1)] * 2, [INPUT])
    np.testing.assert_array_equal(got.activations[INPUT], batch)
    assert got.gradients[INPUT].shape == batch.shape


def test_guided_gradients_are_not_the_plain_ones(engine: OpenVINOEngine) -> None:
    batch, targets = batch_of("efficientnet-lite0", 1), [Target(285)]
    plain, guided = (
        engine.gradients(batch, targets, [INPUT], rules=rules).gradients[INPUT]
        for rules in ("standard", "guided")
    )
    assert relative_difference(guided, plain) > 0.1


def test_forward_and_capture_are_those_of_tensorflow(
    engine: OpenVINOEngine, reference: TensorFlowEngine
) -> None:
    batch, at = batch_of("efficientnet-lite0", 2), ["stem_conv", LAST]
    assert relative_difference(engine.forward(batch), reference.forward(batch)) <= TOLERANCE
    got, expected = (each.capture(batch, at) for each in (engine, reference))
    assert list(got.activations) == at
    assert agreement(got, expected)[1] <= TOLERANCE


IN_A_BRANCH = "block5c_dwconv"


@pytest.mark.parametrize("layer", [LAST, "block5c_add", IN_A_BRANCH])
def test_the_tail_of_a_layers_own_activations_gives_the_scores(
    engine: OpenVINOEngine, reference: TensorFlowEngine, layer: str
) -> None:
    batch = batch_of("efficientnet-lite0", 3)
    captured = engine.capture(batch, [layer])
    scores = engine.tail(captured.activations[layer], layer, batch)
    assert relative_difference(scores, captured.scores) <= 1e-5
    masked = captured.activations[layer] * np.linspace(0, 1, scores.shape[0])[:, None, None, None]
    masked = masked.astype(np.float32)
    expected = reference.tail(masked, layer, batch)
    assert relative_difference(engine.tail(masked, layer, batch), expected) <= TOLERANCE
    assert relative_difference(expected, captured.scores) > 0.1


@pytest.mark.parametrize("name", ["openvino", "tensorflow"])
def test_activations_count_the_rows_of_a_tail(
    engine: OpenVINOEngine, reference: TensorFlowEngine, name: str
) -> None:
    chosen: Engine = {"openvino": engine, "tensorflow": reference}[name]
    batch = batch_of("efficientnet-lite0", 3)
    for layer in (LAST, IN_A_BRANCH):  # one input may stand for all
        activations = chosen.capture(batch[:1], [layer]).activations[layer]
        several = np.concatenate([activations, activations * 0])
        scores = chosen.tail(several, layer, batch[:1])
        expected = chosen.tail(several, layer, np.repeat(batch[:1], 2, 0))
        np.testing.assert_array_equal(scores, expected)
    activations = chosen.capture(batch[:1], [LAST]).activations[LAST]
    assert chosen.tail(activations, LAST, batch).shape == (1, 1000)  # no branch: not looked at
    activations = chosen.capture(batch[:2], [IN_A_BRANCH]).activations[IN_A_BRANCH]
    with pytest.raises(UsageError, match="one for each of 2 rows of activations, got 3"):
        chosen.tail(activations, IN_A_BRANCH, batch)


def test_the_same_input_gives_the_same_bytes_and_keeps_the_earlier_ones(graph: Path) -> None:
    engine = OpenVINOEngine(graph)
    batch = batch_of("efficientnet-lite0", 1)
    first = arrays(engine.gradients(batch, [Target(285)], [LAST]))
    kept = [array.copy() for array in first]
    engine.gradients(batch_of("efficientnet-lite0", 1, seed=4), [Target(1)], [LAST])
    again = arrays(OpenVINOEngine(graph).gradients(batch, [Target(285)], [LAST]))
    for one, two, three in zip(first, kept, again, strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three)


def test_a_row_does_not_depend_on_its_place_or_on_the_others(engine: OpenVINOEngine) -> None:
    batch, targets = batch_of("efficientnet-lite0", 10), [Target(index) for index in range(10)]

    def run(order: list[int]) -> list[np.ndarray]:
        def some(rows: np.ndarray) -> list[np.ndarray]:
            picked = [order[row] for row in rows]
            return arrays(engine.gradients(batch[picked], [targets[i] for i in picked], [LAST]))

        parts = [results for _, results in in_batches(some, len(order), 4, engine.parallel)]
        return [np.concatenate(each)[: len(order)] for each in zip(*parts, strict=True)]

    straight, turned, fewer = run([*range(10)]), run([*range(9, -1, -1)]), run([0])
    for whole, reverse, one in zip(straight, turned, fewer, strict=True):
        assert len(whole) == 10
        np.testing.assert_array_equal(whole, reverse[::-1])
        np.testing.assert_array_equal(whole[:1], one)


@pytest.mark.parametrize("places", [[LAST], [IN_A_BRANCH, INPUT]])
def test_rows_that_differ_from_one_alone_are_run_one_by_one(
    graph: Path, monkeypatch: pytest.MonkeyPatch, places: list[str]
) -> None:
    monkeypatch.setitem(compiled.TOLERANCES, "f32", -1.0)  # nothing is ever near enough
    engine = OpenVINOEngine(graph)
    batch, targets = batch_of("efficientnet-lite0", 3), [Target(1), Target(2), Target(3)]
    together = arrays(engine.gradients(batch, targets, places))
    tails = engine.tail(engine.capture(batch, [LAST]).activations[LAST], LAST, batch[:1])
    for row in range(3):
        alone = arrays(engine.gradients(batch[[row]], [targets[row]], places))
        for several, one in zip(together, alone, strict=True):
            np.testing.assert_array_equal(several[row], one[0])
        captured = engine.capture(batch[[row]], [LAST])
        np.testing.assert_array_equal(
            tails[row], engine.tail(captured.activations[LAST], LAST, batch)[0]
        )


def test_what_is_compiled_for_several_rows_is_bounded(graph: Path) -> None:
    engine = OpenVINOEngine(graph)
    batch = batch_of("efficientnet-lite0", 2)
    first = engine.forward(batch)
    for layer in ("top_bn", LAST, "block5c_add", "block3b_add", "stem_conv"):
        engine.capture(batch, [layer])
    assert len(engine._several_rows) <= 4
    np.testing.assert_array_equal(engine.forward(batch), first)


def test_a_batch_that_is_a_view_is_read_rightly(engine: OpenVINOEngine) -> None:
    view = batch_of("efficientnet-lite0", 2)[::2, ::-1]
    np.testing.assert_array_equal(engine.forward(view), engine.forward(np.ascontiguousarray(view)))


@pytest.mark.parametrize("name", ["openvino", "tensorflow"])
def test_a_layer_that_is_none_is_the_users_mistake(
    engine: OpenVINOEngine, reference: TensorFlowEngine, name: str
) -> None:
    chosen: Engine = {"openvino": engine, "tensorflow": reference}[name]
    batch = batch_of("efficientnet-lite0", 1)
    expected = "expected a layer of efficientnet_lite0, got 'top_activatoin'.*top_activation"
    for ask in (
        lambda: chosen.capture(batch, ["top_activatoin"]),
        lambda: chosen.gradients(batch, [Target(1)], ["top_activatoin"]),
        lambda: chosen.tail(batch, "top_activatoin", batch),
        lambda: chosen.capture(batch, ["top_activatoin", INPUT]),
    ):
        with pytest.raises(UsageError, match=expected):
            ask()


def test_only_gradients_that_were_checked_are_served(graph: Path) -> None:
    engine = OpenVINOEngine(graph, model_name="lite")
    engine.serve_only([Pass("gradients", (LAST,))])
    batch, targets = batch_of("efficientnet-lite0", 1), [Target(1)]
    engine.gradients(batch, targets, [LAST], score="probability")
    engine.tail(engine.capture(batch, ["top_bn"]).activations["top_bn"], "top_bn", batch)
    for at, rules in (([INPUT], "standard"), ([LAST], "guided"), ([LAST, INPUT], "standard")):
        with pytest.raises(UsageError, match="that lite was opened and checked for, got"):
            engine.gradients(batch, targets, at, rules=rules)


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
