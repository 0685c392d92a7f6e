"""OpenVINO, imported lightly and without its telemetry.

Two thirds of `import openvino` are the tools that convert models, which report their use over the
network; running a converted model needs none of them. `converter` loads them where they are
needed, with the stub in the telemetry's place that OpenVINO itself has for where it is missing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_TOOLS = "openvino.tools.ovc"
_TELEMETRY = "openvino_telemetry"


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


def _convert_model(*arguments: Any, **options: Any) -> Any:
    return converter()(*arguments, **options)


with _without(_TOOLS):
    import openvino
    from openvino import opset13 as ops

if not hasattr(openvino, "convert_model"):  # whoever else uses OpenVINO in this process may need it
    openvino.convert_model = _convert_model


@cache
def core() -> Any:
    """OpenVINO's one `Core` of this process."""
    return openvino.Core()


__all__ = ["converter", "core", "openvino", "ops"]
