"""Which engine runs a model: the compiled one where it can, TensorFlow wherever it cannot."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from gradcam_cli.callbacks import Note, no_note
from gradcam_cli.engines.openvino.model_cache import NotCompiledError, open_compiled
from gradcam_cli.errors import ModelError
from gradcam_cli.models.layers import explainable_layers, find_layer
from gradcam_cli.models.model import Model

if TYPE_CHECKING:
    from gradcam_cli.engines import EngineName
    from gradcam_cli.passes import Engine


def open_engine(
    model: Model, layer: str | None = None, *, wanted: EngineName = "auto", note: Note = no_note
) -> tuple[Engine, str]:
    """The engine for `model`, and the layer to look at: `layer`, or the default one.

    Raises
    ------
    UsageError
        For a layer that the model does not have.
    ModelError
        Where the weights do not fit, or the compiled engine was asked for and cannot serve.
    """

    @cache
    def network() -> Any:
        return model.network()

    if wanted == "openvino" or (wanted == "auto" and find_spec("openvino") is not None):
        try:
            compiled = open_compiled(model, layer, network, note)
            return compiled, compiled.layer
        except NotCompiledError as error:
            if wanted == "openvino":
                raise ModelError(
                    f"the compiled engine cannot run this: {error}",
                    "Leave --engine at auto, or pass --engine tensorflow.",
                ) from error
            note(f"{error}. TensorFlow runs it.")
    from gradcam_cli.engines.tensorflow import TensorFlowEngine

    found = find_layer(explainable_layers(network()), layer, model.name)
    return TensorFlowEngine(network()), found.name
