"""Which engine runs a model: the compiled one where it can, TensorFlow wherever it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

from gradcam_cli.arguments import check_layer
from gradcam_cli.callbacks import Note, no_note
from gradcam_cli.engines.openvino.makers import NotCompiledError
from gradcam_cli.engines.openvino.model_cache import open_compiled
from gradcam_cli.engines.refusals import is_compiled_only
from gradcam_cli.errors import ModelError, UsageError
from gradcam_cli.models.framework import INSTALL, is_installed
from gradcam_cli.models.layers import explainable_layers, find_layer, passes_at
from gradcam_cli.passes import LAYER, LAYER_GRADIENTS, Pass

if TYPE_CHECKING:
    from gradcam_cli.engines import EngineName
    from gradcam_cli.models.model import Model
    from gradcam_cli.passes import Engine, Precision


def open_engine(
    model: Model,
    layer: str | None = None,
    needs: Sequence[Pass] = (LAYER_GRADIENTS,),
    *,
    engine_name: EngineName = "auto",
    precision: Precision = "f32",
    note: Note = no_note,
) -> tuple[Engine, str]:
    """The engine for `model`, and the layer to look at: `layer`, or the default one.

    Parameters
    ----------
    model : Model
        The model, with its weights at hand.
    layer : str, optional
        One of the model's; by default the last convolutional activation.
    needs : sequence of Pass
        The passes that the engine is going to run, with `LAYER` for the layer. Of the compiled
        engine each is checked against TensorFlow when it is first needed. It refuses other
        gradients than these; it serves scores, activations and tails at all layers, which are
        parts of the forward pass that was checked with any of them.
    engine_name : "auto", "openvino" or "tensorflow"
        What is to run it.
    precision : "f32" or "bf16"
        What it computes in; only the compiled engine has bf16, and where the processor has it.
    note : callable
        Called with one sentence for what takes long, and for why it is not the compiled engine.

    Raises
    ------
    UsageError
        For a layer that the model does not have, guided gradients of one without ReLUs, a
        precision that is not to be had, or more than scores of a function.
    ModelError
        Where the weights do not fit, or "openvino" cannot run the model.
    """
    check_layer(layer)
    if model.origin == "memory":
        return _open_in_memory(model, layer, needs, engine_name, precision)
    if precision != "f32":
        check_precision(precision, engine_name)
        engine_name = "openvino"

    @cache
    def network() -> Any:
        return model.network()

    if engine_name == "openvino" or (engine_name == "auto" and find_spec("openvino") is not None):
        try:
            return open_compiled(model, layer, network, note, needs=needs, precision=precision)
        except NotCompiledError as error:
            _check_fallback(model, needs, engine_name, error)
            note(f"{error}. TensorFlow runs it.")
    if not is_installed():
        raise ModelError(
            f"TensorFlow, which is to run {model.name}, is not installed",
            f"{INSTALL}, or leave --engine at auto.",
        )
    return _open_in_tensorflow(model, network(), layer, needs)


def _open_in_memory(
    model: Model,
    layer: str | None,
    needs: Sequence[Pass],
    engine_name: EngineName,
    precision: Precision,
) -> tuple[Engine, str]:
    """That of a Keras model or a function, of which nothing can be kept for another process."""
    if engine_name == "openvino" or precision != "f32":
        raise ModelError(
            f"{model.name} cannot be compiled: it is in memory, and not in a file",
            "Leave engine and precision out; or save it, as .keras, and pass the path.",
        )
    if model.weights.run_in_tensorflow:
        return _open_in_tensorflow(model, model.network(), layer, needs)
    return _open_function(model, layer, needs)


def _open_function(model: Model, layer: str | None, needs: Sequence[Pass]) -> tuple[Engine, str]:
    from gradcam_cli.engines.function import FunctionEngine

    if layer:
        raise UsageError(f"{model.name} is a function, which has no layers", "Leave layer out.")
    engine = FunctionEngine(model)
    for need in needs:
        engine.prepare(need)
    return cast("Engine", engine), ""


def check_precision(precision: Precision, engine_name: EngineName) -> None:
    """Raise a UsageError where nothing computes in `precision`, which is not float32, here."""
    if engine_name == "tensorflow" or find_spec("openvino") is None:
        raise UsageError(
            f"only the engine openvino computes in {precision}",
            "Drop --precision, or leave --engine at auto and install OpenVINO.",
        )
    from gradcam_cli.engines.openvino.processors import computes_in

    if not computes_in(precision):
        raise UsageError(
            f"this processor has no {precision}", "Drop --precision, for f32, which all have."
        )


def _check_fallback(
    model: Model, needs: Sequence[Pass], engine_name: EngineName, error: NotCompiledError
) -> None:
    """Raise a ModelError where TensorFlow cannot, or shall not, run it instead."""
    if not model.weights.run_in_tensorflow or any(map(is_compiled_only, needs)):
        layer = ", or another --layer" if any(LAYER in need.at for need in needs) else ""
        remedy = f"Try --method score-cam, which needs no gradients{layer}."
        raise ModelError(str(error), error.remedy or remedy) from error
    if engine_name == "openvino":
        raise ModelError(
            f"the compiled engine cannot run this: {error}",
            "Leave --engine at auto, or pass --engine tensorflow.",
        ) from error
    if not is_installed():
        what = f"{error}; TensorFlow, which could run it, is not installed"
        raise ModelError(what, error.remedy or f"{INSTALL}.") from error


def _open_in_tensorflow(
    model: Model, network: Any, layer: str | None, needs: Sequence[Pass]
) -> tuple[Engine, str]:
    from gradcam_cli.engines.tensorflow import TensorFlowEngine

    layers = explainable_layers(network)
    name = find_layer(layers, layer, model.name).name
    engine = TensorFlowEngine(network, model_name=model.name, head=model.head)
    for what in passes_at(needs, layers, name):
        engine.prepare(what)
    return engine, name
