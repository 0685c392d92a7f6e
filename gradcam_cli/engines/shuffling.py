"""Engines whose model has shuffled weights, where an engine can have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcam_cli.errors import ModelError

if TYPE_CHECKING:
    from gradcam_cli.engines.openvino.engine import OpenVINOEngine
    from gradcam_cli.passes import Engine


def kernels_of(engine: Engine) -> list[str]:
    """The names of the operations with kernels, those nearest to the scores first.

    Raises
    ------
    ModelError
        Where `engine` cannot shuffle them, or there is none.
    """
    names = _compiled(engine).kernels
    if not names:
        raise ModelError("the model has no kernels that could be shuffled", "Take another model.")
    return names


def with_shuffled_kernels(engine: Engine, count: int, seed: int = 0) -> Engine:
    """The same with the first `count` of `kernels_of` shuffled; see `openvino.randomization`."""
    return _compiled(engine).with_shuffled_kernels(count, seed)


def _compiled(engine: Engine) -> OpenVINOEngine:
    from gradcam_cli.engines.openvino.engine import OpenVINOEngine

    if not isinstance(engine, OpenVINOEngine):
        raise ModelError(
            f"the weights of a model that the engine {engine.name} runs cannot be shuffled",
            "Pass --engine openvino.",
        )
    return engine
