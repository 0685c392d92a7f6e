"""Whether the graph that was made says what the file says, by reading the file once more.

OpenVINO reads it as it stands, without anything that was made of it; and where the runtime of the
file's own format is installed, that reads it too.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.engines.comparison import relative_difference
from gradcam_cli.engines.openvino.model_files.inputs import names_of
from gradcam_cli.engines.openvino.model_files.outputs import ClassScores
from gradcam_cli.engines.openvino.runtime import core
from gradcam_cli.errors import ModelError
from gradcam_cli.heads import probabilities
from gradcam_cli.models.model_file import ModelFile
from gradcam_cli.passes import Engine

Array = NDArray[Any]
_TOLERANCE = 5e-3
"""As a share of the largest value: other kernels sum in another order, some in half precision."""


def check_scores(
    file: ModelFile, original: Any, engine: Engine, scores: ClassScores, batch: NDArray[np.float32]
) -> None:
    """Raise ModelError unless `engine` gives what the file gives, for `batch`.

    Parameters
    ----------
    file : ModelFile
    original : openvino.Model
        As it was read, but for shapes that are static.
    engine : Engine
        What was made of it.
    scores : ClassScores
        Which output it is, and what the file has after the scores.
    batch : (1, H, W, C) float32
    """
    if not _gives_real_numbers(original, scores.output):
        return  # levels of a quantized output are no scores yet
    expected = _after_activation(engine.forward(batch), scores)
    batch = _as_in_file(original, batch)
    readings: list[tuple[str, Callable[[], Array]]] = [
        ("OpenVINO", lambda: _by_openvino(original, scores.output, batch))
    ]
    if file.format == "onnx" and find_spec("onnxruntime") is not None:
        readings.append(("ONNX Runtime", lambda: _by_onnxruntime(file, scores.output, batch)))
    for reader, read in readings:
        difference = relative_difference(expected, read().reshape(1, -1).astype(np.float32))
        if not difference <= _TOLERANCE:
            raise ModelError(
                f"what was made of {file.path} gives other scores than {reader} does, by "
                f"{difference:.1e} of the largest",
                "Save it again, or export it with another opset.",
            )


def _gives_real_numbers(original: Any, output: str) -> bool:
    ports = [port for port in original.outputs if names_of(port) == output]
    return all(port.get_element_type().is_real() for port in ports)


def _after_activation(scores: NDArray[np.float32], found: ClassScores) -> NDArray[np.float32]:
    """What the file gives where the scores are these: (1, classes), or (1, 1) of one unit."""
    values = scores.astype(np.float64)
    if found.activation != "none":
        values = probabilities(scores, found.head)
    if found.activation == "log_softmax":
        values = np.log(values)
    return values[:, -found.units :].astype(np.float32)


def _as_in_file(original: Any, batch: NDArray[np.float32]) -> Array:
    """`batch` in the order of axes, and of the type, that the file's input has."""
    parameter = next(each for each in original.get_parameters() if _is_read(each))
    shape = tuple(parameter.get_shape())
    arranged = batch if shape == batch.shape else batch.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(arranged.astype(parameter.get_element_type().to_dtype()))


def _is_read(parameter: Any) -> bool:
    return bool(parameter.output(0).get_target_inputs())


def _by_openvino(original: Any, output: str, batch: Array) -> Array:
    compiled = core().compile_model(original, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    results = compiled([batch])
    names = [names_of(port) for port in original.outputs]
    array: Array = results[names.index(output)]
    return array


def _by_onnxruntime(file: ModelFile, output: str, batch: Array) -> Array:
    import onnxruntime

    session = onnxruntime.InferenceSession(file.path, providers=["CPUExecutionProvider"])
    (array,) = session.run([output], {session.get_inputs()[0].name: batch})
    return np.asarray(array)
