"""From a Keras model to the file that the compiled engine runs, and the check of its results."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.engines.comparison import TOLERANCE, agreement, tail_derivatives
from gradcam_cli.engines.openvino.graphs import LOGITS, output_name
from gradcam_cli.engines.openvino.runtime import (
    converter,
    core,
    each_variable_found_once,
    openvino,
    ops,
)
from gradcam_cli.engines.openvino.saving import save
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.models.keras_network import KerasNetwork
from gradcam_cli.models.model import InputShape
from gradcam_cli.models.preprocessing import parse_preprocessing
from gradcam_cli.passes import BIASES, Captured, Engine, Pass, Rules
from gradcam_cli.process import uninterrupted
from gradcam_cli.targets import TOP, Target

_MOST_ATTEMPTS = 3


def converted(network: Any, layers: Sequence[str] = ()) -> Any:
    """The forward pass of `network`, a KerasNetwork, as an `openvino.Model`.

    Its outputs are those of `layers`, by their paths, and then the scores.
    """
    tf, _ = tensorflow()

    @tf.function(input_signature=[network.signature], autograph=False)  # type: ignore[untyped-decorator]
    def forward(image: Any) -> dict[str, Any]:
        scores, maps = network.run(image, layers)
        return {f"output{i}": output for i, output in enumerate([*maps, scores])}

    # The converter makes a failure of its own of Ctrl-C.
    with uninterrupted(), each_variable_found_once():
        return converter()(forward.get_concrete_function())


def convert(network: Any, layers: list[str], graph: Path) -> None:
    """Write the forward pass of `network` to `graph`, an .xml file, with its weights beside it.

    Parameters
    ----------
    network : KerasNetwork or keras.Model
    layers : list of str
        The operations of `network` that get an output of their own, by their paths.
    graph : Path
        Where to; the weights go to the .bin of the same name.

    Raises
    ------
    OSError
        Where it cannot be written.
    """
    network = KerasNetwork.of(network)
    model = converted(network, layers)
    results = _named_results(model, [*map(output_name, layers), LOGITS])
    forward = openvino.Model(results, model.get_parameters(), network.name)
    _cancel_transposes(forward)
    save(forward, graph)


def _named_results(model: Any, names: list[str]) -> list[Any]:
    """New results of `model`, one for each of its outputs, with the friendly names `names`.

    An output that is the picture itself, as that of a layer that flips pictures while it is
    trained, has lost its name to the input.
    """
    (image,) = (parameter.output(0) for parameter in model.get_parameters())
    sources = {
        name: output.get_node().input_value(0)
        for output in model.outputs
        for name in output.get_names()
    }
    results = [ops.result(sources.get(f"output{i}", image)) for i in range(len(names))]
    for result, name in zip(results, names, strict=True):
        result.set_friendly_name(name)
    return results


def check_readable(graph: Path) -> None:
    """Raise an OSError where `graph` cannot be read back, even if writing it raised nothing."""
    try:
        core().read_model(graph)
    except RuntimeError as error:
        raise OSError(
            errno.ENOSPC, "what was written is not whole; the disk may be full"
        ) from error


def _cancel_transposes(model: Any) -> None:
    """Let the readers of a Transpose that undoes another read the input of that other.

    Every layer's output is turned to channels last, as Keras has it, and back for the next layer.
    """
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Transpose":
            continue
        source = node.input_value(0).get_node()
        if source.get_type_name() != "Transpose":
            continue
        first, second = (transpose.input_value(1).get_node().data for transpose in (source, node))
        if np.array_equal(first[second], np.arange(len(first))):
            for reader in node.output(0).get_target_inputs():
                reader.replace_source_output(source.input_value(0))


def difference_from_reference(
    candidate: Engine, reference: Engine, what: Pass, shape: InputShape, preprocessing: str
) -> str:
    """How `candidate` differs from `reference` on a picture of noise; empty where they agree.

    At a kink, as a ReLU has it at 0, rounding alone decides between two slopes, and one unit in
    millions then differs. So up to three pictures are tried, and one that agrees is enough: a
    graph that is wrong is wrong for all.
    """
    random = np.random.default_rng(0)
    kind, difference = "", 0.0
    for _ in range(_MOST_ATTEMPTS):
        noise = random.integers(0, 256, (1, *shape), np.uint8)
        batch = parse_preprocessing(preprocessing)(noise)
        kind, difference = agreement(*_answers((candidate, reference), what, batch))
        if difference <= TOLERANCE:
            return ""
    if not np.isfinite(difference):
        return f"its {kind}, or TensorFlow's, are no finite numbers"
    return f"its {kind} differ from TensorFlow's by {difference:.1e} of the largest"


def _answers(
    engines: tuple[Engine, Engine], what: Pass, batch: NDArray[np.float32]
) -> list[Captured]:
    """What each of `engines` gives for `what`; the second is the reference."""
    if what.kind == "gradients":
        # Of what TensorFlow does not have, gradients that take the same way through the graph.
        rules: Rules = "guided" if what.rules == "guided" else "standard"
        at = [place for place in what.at if place != BIASES]
        return [engine.gradients(batch, [Target(TOP)], at, rules=rules) for engine in engines]
    if what.kind == "capture":
        return [engine.capture(batch, what.at) for engine in engines]
    if what.kind == "forward":
        return [Captured({}, engine.forward(batch)) for engine in engines]
    (layer,) = what.at
    activations = engines[1].capture(batch, [layer]).activations[layer]
    activations = activations * np.random.default_rng(0).random(activations.shape, np.float32)
    if what.kind == "tail":
        return [Captured({}, engine.tail(activations, layer, batch)) for engine in engines]
    return [tail_derivatives(engine, what, activations, batch, Target(TOP)) for engine in engines]
