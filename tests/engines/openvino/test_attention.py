"""Attention as a place of passes, against the same transformer written out in NumPy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gradcam_cli.callbacks import no_note, no_progress
from gradcam_cli.engines.openvino.attention import tokens_of
from gradcam_cli.engines.openvino.engine import OpenVINOEngine
from gradcam_cli.engines.openvino.finite_differences import difference_from_finite_differences
from gradcam_cli.engines.openvino.graphs import places_of
from gradcam_cli.engines.openvino.model_files.preparing import write_graph
from gradcam_cli.engines.openvino.runtime import core
from gradcam_cli.engines.selection import open_engine
from gradcam_cli.engines.tensorflow import TensorFlowEngine
from gradcam_cli.errors import UsageError
from gradcam_cli.models.about import ABOUT, compiled_folder
from gradcam_cli.models.file_options import FileOptions
from gradcam_cli.models.model_file import ModelFile
from gradcam_cli.models.sources.model_file import FileSource
from gradcam_cli.passes import (
    ATTENTION,
    ATTENTION_CAPTURE,
    ATTENTION_GRADIENTS,
    BLOCK_ATTENTION,
    BLOCK_ATTENTION_GRADIENTS,
    INPUT,
    Gradients,
    Pass,
    TokenGrid,
)
from gradcam_cli.targets import TOP, Target
from tests import tiny_transformer as tiny
from tests.zoo import zoo

SHAPE = (tiny.BLOCKS, tiny.HEADS, tiny.TOKENS, tiny.TOKENS)
STEP = 1e-5
TRANSFORMERS = {
    "vit_like": TokenGrid(4, 4, 1),
    "vit_fused": TokenGrid(4, 4, 1),
    "vit_torch": TokenGrid(4, 4, 1),
    "vit_dynamic": TokenGrid(4, 4, 1),
    "deit_like": TokenGrid(4, 4, 2),
    "tflite_vit": TokenGrid(4, 4, 0),
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> OpenVINOEngine:
    folder = tmp_path_factory.mktemp("tiny")
    write_graph(ModelFile(tiny.save(folder / "tiny.xml")), folder / "model.xml")
    return OpenVINOEngine(folder / "model.xml")


@pytest.fixture(scope="module")
def batch() -> NDArray[np.float32]:
    random = np.random.default_rng(5)
    return random.standard_normal((3, tiny.HEIGHT, tiny.WIDTH, 3)).astype(np.float32)


def entries() -> Iterator[tuple[int, ...]]:
    return np.ndindex(*SHAPE)


def slopes(image: NDArray[np.float32], weights: NDArray[np.float64], *, by_block: bool) -> NDArray:
    """dy/dA of y = Σ weights · scores, entry by entry; of the last block's scores, or of each's."""
    result = np.zeros(SHAPE)
    for place in entries():
        last = place[0] if by_block else tiny.BLOCKS - 1
        change = np.zeros(SHAPE)
        change[place] = STEP
        high, low = (tiny.run(image, sign * change, last)[0] @ weights for sign in (1, -1))
        result[place] = (high - low) / (2 * STEP)
    return result


def assert_close(found: NDArray, expected: NDArray, tolerance: float = 2e-5) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def test_it_comes_in_order_of_depth_with_its_tokens(
    engine: OpenVINOEngine, batch: NDArray[np.float32]
) -> None:
    captured = engine.capture(batch, [ATTENTION])
    assert captured.tokens == (tiny.HEIGHT, tiny.WIDTH, 1)
    for row, image in enumerate(batch):
        scores, attention = tiny.run(image)
        assert_close(captured.activations[ATTENTION][row], np.stack(attention))
        assert_close(captured.scores[row], scores)


@pytest.mark.parametrize("place", [ATTENTION, BLOCK_ATTENTION])
def test_gradients_are_the_slopes_of_the_scores(
    place: str, engine: OpenVINOEngine, batch: NDArray[np.float32]
) -> None:
    found = engine.gradients(batch[:1], [Target(2, 0)], [place])
    weights = np.array([-1.0, 0, 1])
    expected = slopes(batch[0], weights, by_block=place == BLOCK_ATTENTION)
    assert_close(found.gradients[place][0], expected)
    assert_close(found.activations[place][0], np.stack(tiny.run(batch[0])[1]))


def test_probabilities_are_of_each_blocks_own_scores(
    engine: OpenVINOEngine, batch: NDArray[np.float32]
) -> None:
    top = int(tiny.run(batch[0])[0].argmax())
    found = engine.gradients(batch[:1], [Target(TOP)], [BLOCK_ATTENTION], score="probability")
    for block in range(tiny.BLOCKS):
        scores = tiny.run(batch[0], last=block)[0]
        shares = np.exp(scores) / np.exp(scores).sum()
        weights = shares * ((np.arange(tiny.CLASSES) == top) - shares[top])
        # dp/dz of the class that the model, and not the block, predicts.
        expected = slopes(batch[0], weights, by_block=True)[block]
        assert_close(found.gradients[BLOCK_ATTENTION][0, block], expected)


def test_several_places_and_rows_share_a_pass(
    engine: OpenVINOEngine, batch: NDArray[np.float32]
) -> None:
    targets = [Target(0), Target(1), Target(TOP)]
    places = [BLOCK_ATTENTION, INPUT, ATTENTION]
    together = engine.gradients(batch, targets, places)
    assert list(together.gradients) == places
    for place in places:
        for row, target in enumerate(targets):
            alone = engine.gradients(batch[row : row + 1], [target], [place])
            assert_close(together.gradients[place][row], alone.gradients[place][0])


def test_a_tail_takes_factors(engine: OpenVINOEngine, batch: NDArray[np.float32]) -> None:
    factors = np.random.default_rng(1).uniform(0.5, 1.5, (1, *SHAPE)).astype(np.float32)
    first = tiny.run(batch[0])[1][0] * (factors[0, 0] - 1)
    second = tiny.run(batch[0], [first, np.zeros(SHAPE[1:])])[1][1] * (factors[0, 1] - 1)
    expected = tiny.run(batch[0], [first, second])[0]
    assert_close(engine.tail(factors, ATTENTION, batch[:1])[0], expected)
    plain = tiny.run(batch[0])[1][1] * (factors[0, 1] - 1)
    own = tiny.run(batch[0], [first], last=0)[0] + tiny.run(batch[0], [0 * plain, plain])[0]
    assert_close(engine.tail(factors, BLOCK_ATTENTION, batch[:1])[0], own)


def test_attention_that_is_one_operation_is_written_out(
    tmp_path: Path, batch: NDArray[np.float32]
) -> None:
    write_graph(ModelFile(tiny.save(tmp_path / "fused.xml", fused=True)), tmp_path / "model.xml")
    captured = OpenVINOEngine(tmp_path / "model.xml").capture(batch[:1], [ATTENTION])
    assert_close(captured.activations[ATTENTION][0], np.stack(tiny.run(batch[0])[1]))


class _TooSteep(OpenVINOEngine):
    def gradients(self, *arguments: object, **options: object) -> Gradients:
        right = super().gradients(*arguments, **options)  # type: ignore[arg-type]
        wrong = {
            name: np.concatenate([array[:, :1], 1.2 * array[:, 1:]], axis=1)
            for name, array in right.gradients.items()
        }
        return Gradients(right.activations, right.scores, wrong)


@pytest.mark.parametrize("what", [ATTENTION_GRADIENTS, BLOCK_ATTENTION_GRADIENTS])
def test_the_check_finds_gradients_that_are_wrong_in_one_block(
    what: Pass, engine: OpenVINOEngine
) -> None:
    shape = (tiny.HEIGHT, tiny.WIDTH, 3)
    assert difference_from_finite_differences(engine, what, shape, "torch") == ""
    wrong = difference_from_finite_differences(_TooSteep(engine._graph), what, shape, "torch")
    assert "gradients differ" in wrong


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_transformers_of_every_kind_of_file(name: str, tmp_path: Path) -> None:
    made = write_graph(ModelFile(zoo.path(name)), tmp_path / "model.xml")
    engine = OpenVINOEngine(tmp_path / "model.xml")
    assert tokens_of(core().read_model(tmp_path / "model.xml")) == TRANSFORMERS[name]
    assert engine.layers == {layer.name: layer.shape for layer in made.layers}
    assert not {ATTENTION, BLOCK_ATTENTION} & engine.layers.keys()
    pixels = zoo.reference(name).pixels[:1]
    found = engine.gradients(pixels, [Target(1)], [ATTENTION, BLOCK_ATTENTION])
    a, of_all, by_block = (
        found.activations[ATTENTION],
        found.gradients[ATTENTION],
        found.gradients[BLOCK_ATTENTION],
    )
    assert_close(a.sum(axis=-1), np.ones(a.shape[:-1]))
    assert_close(of_all[:, -1], by_block[:, -1])
    assert np.abs(by_block).max(axis=(0, 2, 3, 4)).all()


@pytest.mark.parametrize("name", ["swin_like", "swin_new", "resnet_like"])
def test_other_attention_is_none(name: str, tmp_path: Path) -> None:
    write_graph(ModelFile(zoo.path(name)), tmp_path / "model.xml")
    engine = OpenVINOEngine(tmp_path / "model.xml", model_name=name)
    assert ATTENTION not in places_of(engine._forward)
    for what in (ATTENTION_CAPTURE, ATTENTION_GRADIENTS, Pass("tail", (BLOCK_ATTENTION,))):
        with pytest.raises(UsageError, match=f"{name} has no attention layers"):
            engine.prepare(what)


def test_a_cache_that_knows_no_attention_is_made_anew(own_home: Path) -> None:
    path = tiny.save(own_home / "tiny.xml")
    needs = [ATTENTION_GRADIENTS]

    def opened(notes: list[str]) -> OpenVINOEngine:
        source = FileSource.prepared(path, FileOptions(), note=no_note)
        model = source.open(offline=True, progress=no_progress, note=no_note)
        engine, _ = open_engine(model, None, needs, note=notes.append)
        return engine  # type: ignore[return-value]

    opened([])
    (place,) = compiled_folder().glob(f"tiny*/{ABOUT}")
    about = json.loads(place.read_text())
    about["made_with"]["code"] = "0123456789abcdef"  # as before there was attention
    place.write_text(json.dumps(about))
    notes: list[str] = []
    assert opened(notes).capture(np.zeros((1, 2, 3, 3), np.float32), [ATTENTION]).tokens
    assert any("was made by other versions; making it anew" in note for note in notes)


def test_tensorflow_refuses_it() -> None:
    from tests.methods.conftest import network

    engine = TensorFlowEngine(network(), model_name="mine")
    with pytest.raises(UsageError, match="engine tensorflow has, got gradients at the attention"):
        engine.prepare(ATTENTION_GRADIENTS)
