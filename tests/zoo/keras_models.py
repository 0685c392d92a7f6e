"""Small seeded Keras models, built when a test needs one, and saved in any form.

Keras draws no weights here: NumPy does, so that they do not depend on its version.
"""

from __future__ import annotations

import io
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.models.framework import fresh_keras, tensorflow

FORMS = (".keras", ".h5", "savedmodel", "tflite", "tflite_dynamic", "tflite_half", "tflite_int8")
Builder = Callable[[Any], Any]


def _draw_weights(model: Any, seed: int) -> None:
    """Weights that keep activations alive, and statistics as training leaves them."""
    random = np.random.default_rng(seed)
    for variable in model.weights:
        *owners, name = variable.path.split("/")
        shape = tuple(variable.shape)
        if not np.issubdtype(np.dtype(variable.dtype), np.floating):
            continue
        if len(shape) > 1:
            fan_in = np.prod(shape[:2] if "depthwise" in "".join(owners) else shape[:-1])
            gain = 3 if "scores" in owners else 1  # means of maps are small
            drawn = random.normal(0, gain * (1.8 / fan_in) ** 0.5, shape)
        elif name in ("gamma", "gain"):
            drawn = random.uniform(0.7, 1.3, shape)
        elif name == "moving_variance":
            drawn = random.uniform(0.6, 1.2, shape)
        else:
            drawn = random.normal(0, 0.1, shape)
        variable.assign(drawn.astype(np.float32))


def _features(keras: Any, x: Any, dtype: Any = None) -> Any:
    """Convolution, separable convolution, convolution; the last activation is called `last`."""
    layers = keras.layers
    x = layers.Conv2D(8, 3, 2, "same", use_bias=False, name="first", dtype=dtype)(x)
    x = layers.BatchNormalization(name="first_norm", dtype=dtype)(x)
    x = layers.ReLU(6, name="first_relu", dtype=dtype)(x)
    x = layers.DepthwiseConv2D(3, 1, "same", name="depthwise", dtype=dtype)(x)
    x = layers.Conv2D(12, 1, activation="relu", name="middle", dtype=dtype)(x)
    x = layers.MaxPooling2D(2, name="pool", dtype=dtype)(x)
    return layers.Conv2D(16, 3, padding="same", activation="relu", name="last", dtype=dtype)(x)


def _classifier(
    keras: Any, sides: tuple[int, ...] = (32, 32, 3), units: int = 5, head: str | None = "softmax"
) -> Any:
    layers = keras.layers
    image = keras.Input(sides, name="image")
    x = layers.GlobalAveragePooling2D(name="mean")(_features(keras, image))
    return keras.Model(image, layers.Dense(units, activation=head, name="scores")(x))


def _nested(keras: Any) -> Any:
    """Transfer learning as Keras's guide has it: the base is one layer of the model."""
    inside = keras.Input((32, 32, 3))
    base = keras.Model(inside, _features(keras, inside), name="base")
    image = keras.Input((32, 32, 3), name="image")
    x = keras.layers.GlobalAveragePooling2D()(base(image))
    x = keras.layers.Dropout(0.2)(x)
    return keras.Model(image, keras.layers.Dense(5, activation="softmax", name="scores")(x))


def _sequential(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(8, 3, activation="relu"), layers.MaxPooling2D(2),
            layers.Conv2D(12, 3, activation="relu"), layers.AveragePooling2D(2),
            layers.Conv2D(16, 3, activation="relu", name="last"),
            layers.Flatten(), layers.Dropout(0.5),
            layers.Dense(5, activation="softmax", name="scores"),
        ]
    )  # fmt: skip


def _subclassed(keras: Any) -> Any:
    from tests.zoo.custom_layer import Classifier

    model = Classifier(5)
    model.build((None, 32, 32, 3))
    return model


def _mixed_precision(keras: Any) -> Any:
    image = keras.Input((32, 32, 3), name="image")
    x = keras.layers.GlobalAveragePooling2D()(_features(keras, image, "mixed_float16"))
    scores = keras.layers.Dense(5, activation="softmax", name="scores", dtype="float32")(x)
    return keras.Model(image, scores)


def _two_outputs(keras: Any) -> Any:
    image = keras.Input((32, 32, 3), name="image")
    x = keras.layers.GlobalAveragePooling2D(name="mean")(_features(keras, image))
    scores = keras.layers.Dense(5, activation="softmax", name="scores")(x)
    return keras.Model(image, {"scores": scores, "features": x})


def _normalized_scores(keras: Any) -> Any:
    """The dense layer is followed by BatchNormalization, then by softmax."""
    image = keras.Input((32, 32, 3), name="image")
    x = keras.layers.GlobalAveragePooling2D()(_features(keras, image))
    x = keras.layers.BatchNormalization()(keras.layers.Dense(5, name="scores")(x))
    return keras.Model(image, keras.layers.Activation("softmax", name="softmax")(x))


def _convolutional_head(keras: Any) -> Any:
    image = keras.Input((None, None, 3), name="image")
    x = keras.layers.Conv2D(5, 1, name="scores")(_features(keras, image))
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Softmax()(x))


def _with_lambda(keras: Any) -> Any:
    image = keras.Input((32, 32, 3), name="image")
    x = keras.layers.Lambda(lambda x: x * 2.0 - 1.0, name="scaled")(image)
    x = keras.layers.GlobalAveragePooling2D()(_features(keras, x))
    return keras.Model(image, keras.layers.Dense(5, activation="softmax", name="scores")(x))


def _with_custom_layer(keras: Any) -> Any:
    from tests.zoo.custom_layer import ChannelGain

    image = keras.Input((32, 32, 3), name="image")
    x = ChannelGain(name="gain")(_features(keras, image))
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(5, activation="softmax", name="scores")(x))


def _rescaling(keras: Any) -> Any:
    """Augmentation and scaling of 0..255 are layers of the model."""
    image = keras.Input((32, 32, 3), name="image")
    x = keras.layers.RandomFlip("horizontal", seed=1)(image)
    x = keras.layers.Rescaling(1 / 127.5, offset=-1, name="scaled")(x)
    x = keras.layers.GlobalAveragePooling2D()(_features(keras, x))
    return keras.Model(image, keras.layers.Dense(5, activation="softmax", name="scores")(x))


def _vit_like(keras: Any) -> Any:
    """Two blocks of attention; the mean of the tokens is classified."""
    layers = keras.layers
    image = keras.Input((32, 32, 3), name="image")
    x = layers.Conv2D(16, 8, 8, name="patches")(image)
    x = layers.Add(name="placed")([x, layers.DepthwiseConv2D(3, padding="same")(x)])
    x = layers.Reshape((16, 16), name="tokens")(x)
    for block in range(2):
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        y = layers.MultiHeadAttention(2, 8, name=f"attention_{block}")(y, y)
        x = layers.Add()([x, y])
        y = layers.Dense(32, activation="gelu")(layers.LayerNormalization(epsilon=1e-6)(x))
        x = layers.Add(name=f"block_{block}")([x, layers.Dense(16)(y)])
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization(epsilon=1e-6)(x))
    return keras.Model(image, layers.Dense(5, activation="softmax", name="scores")(x))


MODELS: dict[str, Builder] = {
    "cnn": _classifier,
    "nested": _nested,
    "sequential": _sequential,
    "subclassed": _subclassed,
    "multi_label": lambda keras: _classifier(keras, head="sigmoid"),
    "one_unit": lambda keras: _classifier(keras, units=1, head="sigmoid"),
    "logits": lambda keras: _classifier(keras, head=None),
    "gray": lambda keras: _classifier(keras, (28, 28, 1)),
    "wide": lambda keras: _classifier(keras, (96, 160, 3)),
    "mixed_precision": _mixed_precision,
    "two_outputs": _two_outputs,
    "normalized_scores": _normalized_scores,
    "convolutional_head": _convolutional_head,
    "lambda": _with_lambda,
    "custom_layer": _with_custom_layer,
    "rescaling": _rescaling,
    "vit_like": _vit_like,
}
LAST_LAYER = dict.fromkeys(MODELS, "last") | {"vit_like": "block_1", "custom_layer": "gain"}
"""The layer to explain at; in "nested", it is inside the layer "base"."""


def build(name: str) -> Any:
    """The Keras model `name` of `MODELS`, with weights that its name is the seed of."""
    model = MODELS[name](fresh_keras())
    _draw_weights(model, zlib.crc32(name.encode()))
    return model


def batch_for(model: Any, rows: int = 1, seed: int = 3) -> NDArray[np.float32]:
    """Pictures that `model` takes, (rows, h, w, C) float32 in -2..2, or 0..255 to be rescaled."""
    inputs = getattr(model, "inputs", None)  # a subclassed model has none
    sides = inputs[0].shape[1:] if inputs else (32, 32, 3)
    height, width, channels = (side or 32 for side in sides)
    random = np.random.default_rng(seed)
    down, right = np.mgrid[0:height, 0:width] / max(height, width)
    phases = random.uniform(0, 6, (rows, 1, 1, channels))
    waves = np.sin(9 * down[..., None] + phases) + np.cos(7 * right[..., None] - phases)
    waves[:, height // 5 : height // 2, width // 2 : 3 * width // 4] += 0.8
    noisy = np.clip(0.6 * waves + random.normal(0, 0.3, waves.shape), -2, 127 / 64)
    steps = np.round(noisy * 64)
    rescales = any(type(layer).__name__ == "Rescaling" for layer in model.layers)
    return (steps + 128 if rescales else steps / 64).astype(np.float32)


def save(name: str, folder: Path, form: str) -> Path:
    """Build the model `name`, save it in `folder` in a form of `FORMS`, and say where."""
    model = build(name)
    if form in (".keras", ".h5"):
        model.save(path := folder / f"{name}{form}")
        return path
    if form == "savedmodel":
        model(batch_for(model), training=False)  # a subclassed model has to be called first
        model.export(path := folder / name, verbose=False)
        return path
    path = folder / f"{name}.tflite"
    path.write_bytes(_as_tflite(model, form))
    return path


def _as_tflite(model: Any, form: str) -> bytes:
    tf, _ = tensorflow()
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # that float inputs are to be quantized
        return bytes(_tflite_converter(tf, model, form).convert())


def _tflite_converter(tf: Any, model: Any, form: str) -> Any:
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if form != "tflite":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if form == "tflite_half":
        converter.target_spec.supported_types = [tf.float16]
    if form == "tflite_int8":
        converter.representative_dataset = lambda: _examples(model)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.uint8
    return converter


def _examples(model: Any) -> Iterator[list[NDArray[np.float32]]]:
    for seed in range(8):
        yield [batch_for(model, seed=seed)]
