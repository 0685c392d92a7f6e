"""From a Keras model to the file that the compiled engine runs, and the check of what it gives."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np

from gradcam_cli.engines.comparison import TOLERANCE, agreement
from gradcam_cli.engines.openvino.graphs import LOGITS, output_name
from gradcam_cli.engines.openvino.runtime import converter, openvino, ops
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.models.preprocessing import PREPROCESSING
from gradcam_cli.passes import Engine
from gradcam_cli.process import uninterrupted
from gradcam_cli.targets import TOP, Target

_INPUTS = 3


def convert(network: Any, layers: list[str], graph: Path) -> None:
    """Write the forward pass of `network` to `graph`, an .xml file, with its weights beside it.

    Parameters
    ----------
    network : keras.Model
        (N, H, W, 3) -> (N, classes) logits.
    layers : list of str
        The operations of `network` that get an output of their own.
    graph : Path
        Where to; the weights go to the .bin of the same name.

    Raises
    ------
    OSError
        Where it cannot be written.
    """
    tf, keras = tensorflow()
    outputs = {operation.name: operation.output for operation in network.operations}
    seen = keras.Model(network.inputs[0], [*(outputs[layer] for layer in layers), network.output])
    shape = (None, *network.inputs[0].shape[1:])

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32)])  # type: ignore[untyped-decorator]
    def forward(image: Any) -> dict[str, Any]:
        return {f"output{i}": each for i, each in enumerate(seen(image, training=False))}

    with uninterrupted():  # the converter makes a failure of its own of Ctrl-C
        model = converter()(forward.get_concrete_function())
    ports = {name: each for each in model.outputs for name in each.get_names()}
    results = []
    for i, name in enumerate([*map(output_name, layers), LOGITS]):
        result = ops.result(ports[f"output{i}"].get_node().input_value(0))
        result.set_friendly_name(name)
        results.append(result)
    named = openvino.Model(results, model.get_parameters(), network.name)
    _cancel_transposes(named)
    try:
        openvino.save_model(named, graph, compress_to_fp16=False)
    except RuntimeError as error:
        raise OSError(errno.EIO, "it could not be written") from error


def _cancel_transposes(model: Any) -> None:
    """Let what undoes a Transpose read what went into it.

    Every layer's output is turned to channels last, as Keras has it, and back for the next layer.
    """
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Transpose":
            continue
        source = node.input_value(0).get_node()
        if source.get_type_name() != "Transpose":
            continue
        first, second = (each.input_value(1).get_node().data for each in (source, node))
        if np.array_equal(first[second], np.arange(len(first))):
            for reader in node.output(0).get_target_inputs():
                reader.replace_source_output(source.input_value(0))


def flaw(candidate: Engine, reference: Engine, layer: str, side: int, preprocessing: str) -> str:
    """What is wrong with `candidate`, compared with `reference` on a picture of noise; or nothing.

    At a kink, as a ReLU has it at 0, rounding alone decides between two slopes, and one unit in
    millions then differs. So up to three pictures are tried, and one that agrees is enough: a
    graph that is wrong is wrong for all.
    """
    random = np.random.default_rng(0)
    what, difference = "", 0.0
    for _ in range(_INPUTS):
        noise = random.integers(0, 256, (1, side, side, 3), np.uint8)
        batch = PREPROCESSING[preprocessing](noise)
        found, expected = (
            each.gradients(batch, [Target(TOP)], [layer]) for each in (candidate, reference)
        )
        what, difference = agreement(found, expected)
        if difference <= TOLERANCE:
            return ""
    if not np.isfinite(difference):
        return f"its {what}, or TensorFlow's, are no finite numbers"
    return f"its {what} differ from TensorFlow's by {difference:.1e} of the largest"
