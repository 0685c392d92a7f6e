"""Keras files, nested and reloaded, against a gradient tape written out here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcam_cli.callbacks import no_note, no_progress
from gradcam_cli.engines.openvino.model_cache import prepare_file
from gradcam_cli.engines.selection import open_engine
from gradcam_cli.errors import GradcamError, ModelError
from gradcam_cli.models.about import compiled_folder
from gradcam_cli.models.file_options import FileOptions, GraphOptions, Trust
from gradcam_cli.models.framework import fresh_keras, tensorflow
from gradcam_cli.models.model_file import ModelFile
from gradcam_cli.models.sources.model_file import FileSource
from gradcam_cli.passes import LAYER_GRADIENTS
from gradcam_cli.targets import Target
from tests.zoo import keras_models

CUSTOM = """
import keras

@keras.saving.register_keras_serializable("ours")
class Doubled(keras.layers.Layer):
    def call(self, x):
        return 2 * x
"""


def base(keras: Any, side: tuple[int, int] = (32, 32), channels: int = 3) -> Any:
    layers = keras.layers
    image = keras.Input((*side, channels))
    x = layers.Conv2D(6, 3, strides=2, padding="same", activation="relu", name="first")(image)
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu", name="last")(x)
    return keras.Model(image, x, name="base")


def nested(keras: Any, units: int = 4, activation: str = "softmax", **options: Any) -> Any:
    layers = keras.layers
    inside = base(keras, **options)
    return keras.Sequential(
        [
            keras.Input(inside.input_shape[1:]),
            inside,
            layers.GlobalAveragePooling2D(),
            layers.Dense(units, activation=activation, name="scores"),
        ]
    )


@pytest.fixture
def saved(own_home: Path) -> Callable[..., Path]:
    """Save a seeded model of a builder by a name; its path."""

    def save(build: Callable[..., Any], name: str = "mine.keras", **options: Any) -> Path:
        keras = fresh_keras()
        keras.utils.set_random_seed(3)
        build(keras, **options).save(own_home / name)
        return own_home / name

    return save


def opened(path: Path, options: FileOptions | None = None) -> FileSource:
    options = options or FileOptions()
    file = ModelFile(path, options.graph, options.trust)
    prepare_file(file, None, [LAYER_GRADIENTS], no_note)
    return FileSource.prepared(path, options)


def by_tape(path: Path, batch: Any, index: int) -> tuple[Any, Any, Any]:
    """Scores, activations and gradients at the nested layer "last", in plain Keras."""
    tf, keras = tensorflow()
    model = keras.saving.load_model(path, compile=False)
    inside, pool, dense = model.layers
    with tf.GradientTape() as tape:
        maps = inside(batch)
        scores = tf.matmul(pool(maps), dense.kernel) + dense.bias
        y = scores[:, index]
        tape.watch(maps)
        scores = tf.matmul(pool(maps), dense.kernel) + dense.bias
        y = scores[:, index]
    return scores.numpy(), maps.numpy(), tape.gradient(y, maps).numpy()


@pytest.mark.parametrize("name", ["mine.keras", "mine.h5"])
def test_a_nested_base_is_explained_at_a_layer_by_its_path(
    saved: Callable[..., Path], name: str
) -> None:
    path = saved(nested, name)
    source = opened(path)
    assert [layer.name for layer in source.layers() if layer.default] == ["base/last"]
    findings = source.findings
    assert (findings.head, findings.activation, findings.classes) == ("softmax", "softmax", 4)
    model = source.open(offline=True, progress=no_progress, note=no_note)
    engine, layer = open_engine(model)
    assert engine.name == "openvino"
    batch = np.random.default_rng(0).uniform(-1, 1, (1, 32, 32, 3)).astype(np.float32)
    scores, activations, gradients = by_tape(path, batch, 2)
    found = engine.gradients(batch, [Target(2)], [layer])
    np.testing.assert_allclose(found.scores, scores, atol=1e-4)
    np.testing.assert_allclose(found.activations[layer], activations, atol=1e-4)
    np.testing.assert_allclose(found.gradients[layer], gradients, atol=1e-5)
    reference, _ = open_engine(model, engine_name="tensorflow")
    again = reference.gradients(batch, [Target(2)], [layer])
    np.testing.assert_allclose(again.gradients[layer], gradients, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"units": 1, "activation": "sigmoid"}, ("sigmoid", 2, (32, 32, 3))),
        ({"units": 5, "activation": "sigmoid"}, ("sigmoid", 5, (32, 32, 3))),
        ({"side": (24, 40), "channels": 1}, ("softmax", 4, (24, 40, 1))),
    ],
)
def test_heads_and_inputs_are_noticed(
    saved: Callable[..., Path], options: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    findings = opened(saved(nested, **options)).findings
    assert (findings.head, findings.classes, tuple(findings.input)) == expected


def with_rescaling(keras: Any) -> Any:
    inside = base(keras)
    image = keras.Input((32, 32, 3))
    x = keras.layers.Rescaling(1 / 255)(image)
    pooled = keras.layers.GlobalAveragePooling2D()(inside(x))
    return keras.Model(image, keras.layers.Dense(3, activation="softmax")(pooled))


def test_a_rescaling_inside_leaves_pixels_as_they_are(saved: Callable[..., Path]) -> None:
    findings = opened(saved(with_rescaling)).findings
    assert (findings.preprocessing, findings.preprocessing_guessed) == ("none", False)


def two_outputs(keras: Any) -> Any:
    image = keras.Input((32, 32, 3))
    maps = base(keras)(image)
    pooled = keras.layers.GlobalAveragePooling2D()(maps)
    heads = [keras.layers.Dense(n, name=name)(pooled) for name, n in (("kind", 3), ("age", 5))]
    return keras.Model(image, heads)


def test_one_of_two_outputs_is_chosen(saved: Callable[..., Path]) -> None:
    path = saved(two_outputs)
    with pytest.raises(GradcamError, match="output"):
        opened(path)
    graph = GraphOptions(output_name="age")
    assert opened(path, FileOptions(graph=graph)).findings.classes == 5


def with_lambda(keras: Any) -> Any:
    image = keras.Input((32, 32, 3))
    x = keras.layers.Lambda(lambda x: x * 2)(base(keras)(image))
    pooled = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(3)(pooled))


def test_code_in_a_file_is_run_only_where_it_is_trusted(saved: Callable[..., Path]) -> None:
    path = saved(with_lambda)
    with pytest.raises(GradcamError, match="--trust-model"):
        opened(path)
    assert opened(path, FileOptions(trust=Trust(trust_model=True))).findings.classes == 3


def test_a_layer_of_ones_own_is_named(saved: Callable[..., Path], own_home: Path) -> None:
    (own_home / "layers_of_ours.py").write_text(CUSTOM)
    namespace: dict[str, Any] = {}
    exec(CUSTOM, namespace)

    def with_doubled(keras: Any) -> Any:
        image = keras.Input((32, 32, 3))
        pooled = keras.layers.GlobalAveragePooling2D()(namespace["Doubled"]()(base(keras)(image)))
        return keras.Model(image, keras.layers.Dense(3)(pooled))

    path = saved(with_doubled)
    with pytest.raises(GradcamError, match="--custom-objects") as caught:
        opened(path)
    assert "Doubled" in str(caught.value)
    with pytest.raises(GradcamError, match=r"module\.py"):
        opened(path, FileOptions(trust=Trust(("missing.py:Doubled",))))
    trust = Trust((f"{own_home / 'layers_of_ours.py'}:Doubled",))
    assert opened(path, FileOptions(trust=trust)).findings.classes == 3


def tape_over_submodels(path: Path, layer: str, batch: Any, index: int) -> tuple[Any, Any]:
    """Activations and gradients at a layer of a functional model whose last layer is a softmax."""
    tf, keras = tensorflow()
    model = keras.saving.load_model(path, compile=False)
    model.layers[-1].activation = keras.activations.linear
    maps = keras.Model(model.input, model.get_layer(layer).output)(batch, training=False)
    maps = tf.cast(maps, tf.float32)
    after = keras.Model(model.get_layer(layer).output, model.output)
    with tf.GradientTape() as tape:
        tape.watch(maps)
        score = after(maps, training=False)[:, index]
    return maps.numpy(), tape.gradient(score, maps).numpy()


@pytest.mark.parametrize(
    ("name", "kind", "tolerance"),
    [
        ("rescaling", ".keras", 1e-5),
        ("rescaling", ".h5", 1e-5),
        ("mixed_precision", ".keras", 0.02),
    ],
)
def test_models_as_tutorials_make_them(
    own_home: Path, name: str, kind: str, tolerance: float
) -> None:
    path = keras_models.save(name, own_home, kind)
    source = opened(path)
    model = source.open(offline=True, progress=no_progress, note=no_note)
    engine, layer = open_engine(model)
    assert (engine.name, layer) == ("openvino", "last")
    batch = keras_models.batch_for(keras_models.build(name))
    activations, gradients = tape_over_submodels(path, layer, batch, 3)
    found = engine.gradients(batch, [Target(3)], [layer])
    for ours, theirs in (
        (found.activations[layer], activations),
        (found.gradients[layer], gradients),
    ):
        assert np.abs(ours - theirs).max() <= tolerance * np.abs(theirs).max()


def test_a_vision_transformer_is_explained_at_a_block(own_home: Path) -> None:
    path = keras_models.save("vit_like", own_home, ".keras")
    source = opened(path)
    findings = source.findings
    assert (findings.activation, findings.reference) == ("softmax", "finite differences")
    engine, layer = open_engine(source.open(offline=True, progress=no_progress, note=no_note))
    assert "block_1" in layer
    batch = keras_models.batch_for(keras_models.build("vit_like"))
    activations, gradients = tape_over_submodels(path, "block_1", batch, 3)
    found = engine.gradients(batch, [Target(3)], [layer])
    grid = (1, 4, 4, 16)
    for ours, theirs in (
        (found.activations[layer], activations),
        (found.gradients[layer], gradients),
    ):
        np.testing.assert_allclose(ours, theirs.reshape(grid), atol=1e-5 * np.abs(theirs).max())


def test_a_subclassed_model_with_its_class(own_home: Path) -> None:
    path = keras_models.save("subclassed", own_home, ".keras")
    with pytest.raises(GradcamError, match=r"--custom-objects module\.py:Classifier"):
        opened(path)
    code = Path(keras_models.__file__).with_name("custom_layer.py")
    source = opened(path, FileOptions(trust=Trust((f"{code}:Classifier",))))
    assert [layer.name for layer in source.layers() if layer.default] == ["last"]


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("convolutional_head", GraphOptions(), "convolutional_head.keras takes pictures of any"),
        ("two_outputs", GraphOptions(), "two_outputs.keras has 2 outputs: scores, features"),
        ("two_outputs", GraphOptions(output_name="x"), "two_outputs.keras has no output 'x'"),
    ],
)
def test_what_has_to_be_said_of_a_file_is_asked_for(
    own_home: Path, name: str, options: GraphOptions, words: str
) -> None:
    path = keras_models.save(name, own_home, ".keras")
    with pytest.raises(GradcamError, match=words):
        opened(path, FileOptions(graph=options))


CRASHING = (
    """
import os, signal
if {condition}:
    os.kill(os.getpid(), signal.SIGSEGV)
"""
    + CUSTOM
)


@pytest.mark.parametrize(
    ("condition", "survives"),
    [("True", False), ("os.environ.get('TF_ENABLE_ONEDNN_OPTS') != '0'", True)],
)
def test_a_process_that_crashes_takes_no_command_along(
    saved: Callable[..., Path], own_home: Path, condition: str, survives: bool
) -> None:
    """The second time without oneDNN, which is known to crash on some models."""
    code = own_home / "crashing.py"
    code.write_text(CRASHING.format(condition=condition))
    options = FileOptions(trust=Trust((f"{code}:Doubled",)))
    path = saved(nested)
    if survives:
        assert FileSource.prepared(path, options).findings.classes == 4
        return
    before = {each for each in compiled_folder().glob("*") if each.is_dir()}
    with pytest.raises(ModelError, match=r"TensorFlow crashed when .*: signal SIGSEGV ended it"):
        FileSource.prepared(path, options)
    assert {each for each in compiled_folder().glob("*") if each.is_dir()} == before
