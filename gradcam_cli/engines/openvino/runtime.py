"""OpenVINO, imported lightly and without its telemetry.

Two thirds of `import openvino` are the tools that convert models, which report their use over the
network; running a converted model needs none of them. `converter` loads them where they are
needed, with the stub in the telemetry's place that OpenVINO itself has for where it is missing.
Much of the rest are the operations that graphs are built of, seventeen sets of them; a set is
imported when it is first used, by whomever.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    ops: Any

_TOOLS = "openvino.tools.ovc"
_TELEMETRY = "openvino_telemetry"
_OPSETS = tuple(f"opset{number}" for number in range(1, 40))
"""Those that there are and some to come."""


@contextmanager
def _without(module: str) -> Iterator[None]:
    """As if `module` were not installed, unless it is loaded already."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]


def converter() -> Callable[..., Any]:
    """The function `openvino.convert_model`, which sends nothing."""
    with _without(_TELEMETRY):
        from openvino.tools.ovc import convert_model

        function: Callable[..., Any] = convert_model
    if sys.version_info >= (3, 13):
        _mend_environment_setup()
    return function


def _mend_environment_setup() -> None:
    """Let the converter find TensorFlow's version on Python 3.13.

    There, OpenVINO 2026.4 runs into a NameError: it executes "import tensorflow" and then "del
    tensorflow", and what exec() binds in a function is gone when the next one comes. TensorFlow is
    loaded already by who has a model to convert.
    """
    from openvino.frontend.tensorflow import utils

    utils.get_environment_setup = lambda framework: {
        "python_version": ".".join(map(str, sys.version_info[:3])),
        "tensorflow": sys.modules["tensorflow"].__version__,
        "sys_platform": sys.platform,
    }


@contextmanager
def each_variable_found_once() -> Iterator[None]:
    """Let the converter find each variable of a TensorFlow graph once in the block.

    OpenVINO 2026.4 looks it up a dozen times, each time among all of them, and reads it: the larger
    part of what converting a network of many layers takes.
    """
    from openvino.frontend.tensorflow.node_decoder import TFGraphNodeDecoder

    if not hasattr(TFGraphNodeDecoder.get_variable, "cache_clear"):
        TFGraphNodeDecoder.get_variable = staticmethod(cache(TFGraphNodeDecoder.get_variable))
    try:
        yield
    finally:
        TFGraphNodeDecoder.get_variable.cache_clear()


def _convert_model(*arguments: Any, **options: Any) -> Any:
    return converter()(*arguments, **options)


@contextmanager
def _opsets_when_used() -> Iterator[None]:
    """Let `import openvino` in the block pass over the sets of operations."""
    if "openvino" in sys.modules:
        yield
        return
    stubs = {name: ModuleType(name) for name in (f"openvino.{opset}" for opset in _OPSETS)}
    sys.modules.update(stubs)
    try:
        yield
    finally:
        for name in stubs:
            del sys.modules[name]
    package = sys.modules["openvino"]
    for opset in _OPSETS:
        vars(package).pop(opset, None)
    package.__getattr__ = _imported_opset  # type: ignore[method-assign]


def _imported_opset(name: str) -> ModuleType:
    if name in _OPSETS:
        return import_module(f"openvino.{name}")
    raise AttributeError(f"module 'openvino' has no attribute {name!r}")


with _without(_TOOLS), _opsets_when_used():
    import openvino

if not hasattr(openvino, "convert_model"):  # whoever else uses OpenVINO in this process may need it
    openvino.convert_model = _convert_model


def __getattr__(name: str) -> Any:
    if name == "ops":
        return openvino.opset13
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@cache
def core() -> Any:
    """OpenVINO's one `Core` of this process."""
    return openvino.Core()


__all__ = ["converter", "core", "each_variable_found_once", "openvino", "ops"]
