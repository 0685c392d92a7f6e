"""From a model's file to the graph that the engine runs, and what was noticed on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.engines.openvino.attention import Attention
from gradcam_cli.engines.openvino.engine import OpenVINOEngine
from gradcam_cli.engines.openvino.finite_differences import noise
from gradcam_cli.engines.openvino.graphs import LOGITS, output_name
from gradcam_cli.engines.openvino.makers import Made
from gradcam_cli.engines.openvino.model_files.inputs import PictureInput, normalize_input
from gradcam_cli.engines.openvino.model_files.layers import (
    GraphLayer,
    default_candidates,
    graph_layers,
)
from gradcam_cli.engines.openvino.model_files.metadata import (
    labels_in,
    preprocessing_in,
    preprocessing_of_type,
)
from gradcam_cli.engines.openvino.model_files.outputs import ClassScores, class_scores
from gradcam_cli.engines.openvino.model_files.reading import read_graph
from gradcam_cli.engines.openvino.model_files.rescaling import preprocessing_inside
from gradcam_cli.engines.openvino.model_files.second_reading import check_scores
from gradcam_cli.engines.openvino.model_files.self_attention import self_attention, write_out
from gradcam_cli.engines.openvino.runtime import openvino, ops
from gradcam_cli.engines.openvino.saving import save
from gradcam_cli.engines.openvino.vjp import NotDifferentiableError, missing_rules
from gradcam_cli.errors import GradcamError, ModelError
from gradcam_cli.models.findings import Findings
from gradcam_cli.models.layers import LayerInfo
from gradcam_cli.models.model_file import ModelFile
from gradcam_cli.models.preprocessing import guess_for
from gradcam_cli.targets import TOP, Target

_MOST_TRIED = 12
_NO_OPERATIONS = ("Parameter", "Constant", "Result")


def write_graph(file: ModelFile, graph: Path) -> Made:
    """Write the forward pass of the model in `file` to `graph`, an .xml file.

    Parameters
    ----------
    file : ModelFile
        Of a format that OpenVINO reads.
    graph : Path
        Where to; the weights go to the .bin of the same name.

    Raises
    ------
    ModelError
        Where it is no classifier of pictures, or cannot be read.
    OSError
        Where `graph` cannot be written.
    """
    model, metadata = read_graph(file)
    return prepare_graph(file, model, metadata, graph)


def prepare_graph(file: ModelFile, model: Any, metadata: dict[str, str], graph: Path) -> Made:
    """The same of what was read: `model`, an `openvino.Model`, and what the file says besides."""
    found_input, original = normalize_input(model, file.options.input_size)
    write_out(model)
    scores = class_scores(model, file.options.output_name)
    image = model.get_parameters()[0]
    forward = openvino.Model([scores.port], [image], file.name)
    operations = forward.get_ordered_ops()
    layers = graph_layers(operations, image, scores.port, file.options.tokens)
    if not layers:
        raise ModelError(
            "no layer of the model has maps, so there is nothing to explain at",
            "Pass a convolutional network or a vision transformer.",
        )
    findings = _findings(file, metadata, operations, image, found_input, scores)
    attention = self_attention(operations, image, layers)
    _save(layers, attention, scores, image, file.name, graph)
    engine = OpenVINOEngine(graph, model_name=file.name, head=scores.head)
    batch = noise(findings.input, findings.preprocessing)
    check_scores(file, original, engine, scores, batch)
    default, reason = _default_layer(
        engine, default_candidates(layers, scores.port, findings.classes), batch
    )
    listed = [
        LayerInfo(
            layer.name,
            layer.kind,
            layer.shape,
            default=layer is default,
            reason=reason if layer is default else "",
        )
        for layer in layers
    ]
    return Made(listed, findings)


def _findings(
    file: ModelFile,
    metadata: dict[str, str],
    operations: Sequence[Any],
    image: Any,
    found: PictureInput,
    scores: ClassScores,
) -> Findings:
    classes = scores.port.get_shape()[1]
    preprocessing, reason = preprocessing_in(metadata)
    if not preprocessing:
        preprocessing, reason = preprocessing_of_type(found.element)
    if not preprocessing:
        preprocessing, reason = preprocessing_inside(image)
    guessed = not preprocessing
    if guessed:
        preprocessing, reason = guess_for(file.format, found.layout, found.shape.channels)
    labels = labels_in(metadata, classes) or ()
    return Findings(
        format=file.format,
        height=found.shape.height,
        width=found.shape.width,
        channels=found.shape.channels,
        layout=found.layout,
        any_size=found.any_size,
        output=scores.output,
        classes=classes,
        head=scores.head,
        activation=scores.activation,
        preprocessing=preprocessing,
        preprocessing_reason=reason,
        preprocessing_guessed=guessed,
        names=tuple(label.name for label in labels),
        wnids=tuple(label.wnid for label in labels),
        **counted(operations, image, scores.port),
    )


def counted(operations: Sequence[Any], image: Any, scores: Any) -> dict[str, Any]:
    """What `Findings` has of the operations of a graph: parameters, types, those without rule."""
    types = Counter(node.get_type_name() for node in operations)
    weights = [node for node in operations if node.get_type_name() == "Constant"]
    return {
        "parameters": sum(int(np.prod(node.get_output_shape(0))) for node in weights),
        "operations": {kind: types[kind] for kind in sorted(types.keys() - set(_NO_OPERATIONS))},
        "without_rule": missing_rules(operations, scores, [image.output(0)]),
    }


def _save(
    layers: Sequence[GraphLayer],
    attention: Attention | None,
    scores: ClassScores,
    image: Any,
    name: str,
    graph: Path,
) -> None:
    """Write the graph with outputs for each layer, its maps channels last, attention and scores."""
    outputs = {output_name(layer.name): layer.view() for layer in layers}
    if attention is not None:
        outputs |= attention.outputs()
    outputs[LOGITS] = scores.port
    results = []
    for friendly_name, port in outputs.items():
        result = ops.result(port)
        result.set_friendly_name(friendly_name)
        results.append(result)
    forward = openvino.Model(results, [image], name)
    if attention is not None:
        attention.describe_in(forward)
    save(forward, graph)


def _default_layer(
    engine: OpenVINOEngine,
    candidates: Iterable[tuple[GraphLayer, str]],
    batch: NDArray[np.float32],
) -> tuple[GraphLayer, str]:
    """The first of `candidates` at which the scores have a gradient; else the first of all."""
    tried = list(islice(candidates, _MOST_TRIED))
    for layer, reason in tried:
        try:
            gradients = engine.gradients(batch, [Target(TOP)], [layer.name]).gradients
        except (NotDifferentiableError, GradcamError):
            continue
        if gradients[layer.name].any():
            return layer, reason
    return tried[0]
