"""Make the TFLite files and the SavedModel of this folder and their references, of Keras models.

Run by hand, where gradcam is installed with TensorFlow; it asks gradcam for nothing but the names
of layers, which the files do not have:

    python -m tests.zoo.make_keras        # all, or those that are named

It writes the models, `references/NAME.npz` and the rows of `zoo.json`. Weights and references are
the same each time; the files hold numbers that TensorFlow counts up, or draws, and may differ.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gradcam_cli.callbacks import no_note
from gradcam_cli.engines.openvino.engine import OpenVINOEngine
from gradcam_cli.engines.openvino.model_cache import prepare_file
from gradcam_cli.models.about import GRAPH, place_of, read
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.models.model_file import ModelFile
from gradcam_cli.passes import FORWARD
from tests.zoo import keras_models
from tests.zoo.references import (
    Array,
    Computed,
    Values,
    facts_of,
    read_table,
    write_reference,
    write_table,
)

HERE = Path(__file__).parent
LABELS = ("cat", "dog", "cow's calf", "fox", "tree frog")
MOMENT = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Spec:
    """A model of `keras_models`, and how it is saved.

    Attributes
    ----------
    model, form : str
        Of `keras_models.MODELS` and `FORMS`.
    says : str
        What is special about it.
    head : str
        What it ends in.
    layout : str
        That of the layer: NHWC, or NTC for tokens.
    tolerance : float
        How far logits may be from those of Keras, where the file rounds.
    labels : tuple of str
        Put into an archive behind the file, as TFLite's metadata has them.
    seed : int
        Of the picture.
    """

    model: str
    form: str
    says: str
    head: str = "softmax"
    layout: str = "NHWC"
    tolerance: float = 1e-4
    labels: tuple[str, ...] = ()
    seed: int = 3


SPECS = {
    "tflite_float": Spec("cnn", "tflite", "in float32, as converted by default"),
    "tflite_dynamic": Spec(
        "sequential",
        "tflite_dynamic",
        "weights in 8 bits, converted when run",
        tolerance=5e-2,
        seed=0,
    ),
    "tflite_half": Spec("gray", "tflite_half", "weights in float16", tolerance=1e-2),
    "tflite_int8": Spec(
        "rescaling", "tflite_int8", "all in 8 bits, input and output too", tolerance=0.1, seed=4
    ),
    "tflite_labels": Spec(
        "multi_label", "tflite", "names of classes in its metadata", "sigmoid", labels=LABELS
    ),
    "tflite_one_unit": Spec("one_unit", "tflite", "one unit and a sigmoid", "sigmoid"),
    "tflite_vit": Spec("vit_like", "tflite", "a vision transformer", layout="NTC"),
    "saved_model": Spec("nested", "savedmodel", "a folder; a model inside a model"),
}


def save(name: str, spec: Spec) -> Path:
    """Write the model; return where."""
    path = HERE / (name if spec.form == "savedmodel" else f"{name}.tflite")
    if path.is_dir():
        shutil.rmtree(path)
    with tempfile.TemporaryDirectory() as folder:
        shutil.move(keras_models.save(spec.model, Path(folder), spec.form), path)
    if spec.labels:
        path.write_bytes(path.read_bytes() + labels_archive(spec.labels))
    return path


def labels_archive(labels: tuple[str, ...]) -> bytes:
    """What TFLite's metadata writer puts behind a file: a ZIP archive with the names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        member = zipfile.ZipInfo("labels.txt", MOMENT)
        archive.writestr(member, "".join(f"{label}\n" for label in labels))
    return buffer.getvalue()


def layer_named(model: Any, name: str) -> Any:
    """The layer `name` of a model, or of one inside it."""
    for layer in model.layers:
        if layer.name == name:
            return layer
        if hasattr(layer, "layers") and (found := layer_named(layer, name)):
            return found
    return None


@contextmanager
def recorded(layer: Any, tape: Any) -> Iterator[list[Any]]:
    """A list that what `layer` gives is added to, watched by `tape`."""
    outputs: list[Any] = []
    call = layer.call

    def watched(*arguments: Any, **options: Any) -> Any:
        outputs.append(call(*arguments, **options))
        tape.watch(outputs[-1])
        return outputs[-1]

    layer.call = watched
    try:
        yield outputs
    finally:
        layer.call = call


def computed(spec: Spec, path: Path, model: Any, batch: Array) -> Computed:
    """What Keras computes, gradients by TensorFlow's tape; outputs are the file's own."""
    tf, keras = tensorflow()
    last = layer_named(model, keras_models.LAST_LAYER[spec.model])
    layer_named(model, "scores").activation = keras.activations.linear
    image = tf.constant(batch)
    with tf.GradientTape() as tape, recorded(last, tape) as outputs:
        tape.watch(image)
        logits = model(image, training=False)  # RandomFlip takes None for True
        index = int(logits[0].numpy().argmax())
        y = tf.reduce_sum(logits[:, index])
    (activations,) = outputs
    by_layer, by_input = tape.gradient(y, [activations, image])
    pair = activations.numpy(), by_layer.numpy()
    given = run_file(tf, path, batch)
    return Computed([given], logits.numpy(), index, [pair], by_input.numpy())


def run_file(tf: Any, path: Path, batch: Array) -> Array:
    """What TensorFlow itself gives of the file."""
    if path.is_dir():
        loaded = tf.saved_model.load(str(path))  # its variables live as long as it does
        return np.asarray(loaded.serve(tf.constant(batch)), np.float32)
    interpreter = tf.lite.Interpreter(str(path))
    interpreter.allocate_tensors()
    (given,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.set_tensor(given["index"], batch.astype(given["dtype"]))
    interpreter.invoke()
    return np.asarray(interpreter.get_tensor(result["index"]), np.float32)


def values_of(path: Path, batch: Array, layout: str) -> Values:
    """The maps of all layers, by the names that gradcam gives them."""
    file = ModelFile(path)
    prepare_file(file, None, [FORWARD], no_note)
    place = place_of(file.name, file.digest())
    about = read(place)
    assert about is not None
    maps = OpenVINOEngine(place / GRAPH).capture(batch, [layer.name for layer in about.layers])
    flat = (1, -1) if layout == "NTC" else ()
    return {
        (name, ""): array.reshape(*flat, array.shape[-1]) if flat else array
        for name, array in maps.activations.items()
    }


def make(name: str, spec: Spec) -> dict[str, Any]:
    """Save one; write its reference; return its row of `zoo.json`."""
    path = save(name, spec)
    model = keras_models.build(spec.model)
    batch = keras_models.batch_for(model, seed=spec.seed)
    results = computed(spec, path, model, batch)
    values = values_of(path, batch, spec.layout)
    found = write_reference(name, values, batch, results, (spec.layout, 0), spec.tolerance)
    facts = {"says": spec.says, "file": path.name, "made_by": "make_keras.py", "head": spec.head}
    if spec.labels:
        facts["labels"] = list(spec.labels)
    facts |= {"precise": spec.tolerance <= 1e-4, "in_bytes": spec.form == "tflite_int8"}
    if facts["in_bytes"]:
        facts["preprocessing"] = "none"
    return facts | facts_of(batch.shape, "NHWC", results.logits) | found


def main(names: list[str]) -> None:
    rows = read_table()
    with tempfile.TemporaryDirectory() as cache:
        os.environ["GRADCAM_CACHE"] = cache
        for name in names or SPECS:
            print(name)
            rows[name] = make(name, SPECS[name])
    write_table(rows)


if __name__ == "__main__":
    main(sys.argv[1:])
