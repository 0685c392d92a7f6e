"""Make keras/: one small network as TFLite in four forms, SavedModel and OpenVINO IR.

    python -m tests.zoo.make_keras

Run by hand, with the project's own development environment. The weights are drawn with a seed;
reference.npz has what TensorFlow computes: a batch, the logits, and at the last convolution's ReLU
activations and gradients of the first picture's highest logit.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

HERE = Path(__file__).parent / "keras"
SIDE = 32


def network() -> Any:
    keras.utils.set_random_seed(11)
    layers = keras.layers
    image = keras.Input((SIDE, SIDE, 3), name="image")
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(image)
    x = layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)
    x = layers.Conv2D(12, 3, strides=2, padding="same", activation="relu", name="last")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(5, activation="softmax", name="scores")(x))


def samples() -> Iterator[list[Any]]:
    random = np.random.default_rng(0)
    for _ in range(16):
        yield [random.uniform(-1, 1, (1, SIDE, SIDE, 3)).astype(np.float32)]


def tflite(model: Any, name: str, **settings: Any) -> None:
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    for key, value in settings.items():
        setattr(converter, key, value)
    (HERE / f"{name}.tflite").write_bytes(converter.convert())


def reference(model: Any) -> dict[str, Any]:
    batch = np.random.default_rng(1).uniform(-1, 1, (1, SIDE, SIDE, 3)).astype(np.float32)
    dense = model.get_layer("scores")
    head = keras.Model(model.inputs, [model.get_layer("last").output])
    with tf.GradientTape() as tape:
        maps = head(batch)
        tape.watch(maps)
        logits = tf.reduce_mean(maps, (1, 2)) @ dense.kernel + dense.bias
        index = int(np.argmax(logits))
        y = logits[0, index]
    return {
        "batch": batch,
        "logits": logits.numpy(),
        "index": index,
        "activations": maps.numpy(),
        "gradients": tape.gradient(y, maps).numpy(),
    }


def main() -> None:
    import openvino

    HERE.mkdir(exist_ok=True)
    model = network()
    optimized = [tf.lite.Optimize.DEFAULT]
    tflite(model, "plain")
    tflite(model, "weights_of_bytes", optimizations=optimized)
    half = tf.lite.TFLiteConverter.from_keras_model(model)
    half.optimizations = optimized
    half.target_spec.supported_types = [tf.float16]
    (HERE / "half.tflite").write_bytes(half.convert())
    whole = tf.lite.TFLiteConverter.from_keras_model(model)
    whole.optimizations = optimized
    whole.representative_dataset = samples
    whole.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    whole.inference_input_type = whole.inference_output_type = tf.uint8
    (HERE / "bytes.tflite").write_bytes(whole.convert())
    model.export(str(HERE / "saved"))
    graph = openvino.convert_model(str(HERE / "saved"))
    graph.set_rt_info("cat dog bird fish rocket", ["model_info", "labels"])
    graph.set_rt_info("127.5 127.5 127.5", ["model_info", "mean_values"])
    graph.set_rt_info("127.5 127.5 127.5", ["model_info", "scale_values"])
    openvino.save_model(graph, HERE / "graph.xml", compress_to_fp16=False)
    openvino.save_model(graph, HERE / "graph_half.xml", compress_to_fp16=True)
    for name in ("graph.xml", "graph_half.xml"):  # where it was made is nobody's business
        path = HERE / name
        path.write_text(path.read_text().replace(f"{HERE}/", ""))
    np.savez_compressed(HERE / "reference.npz", **reference(model))


if __name__ == "__main__":
    main()
