"""TensorFlow and Keras, imported once, late and quietly."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import Any

from gradcam_cli.errors import ModelError
from gradcam_cli.process import stderr_into

INSTALL = "Install it: `pip install tensorflow`"
"""What is to be done where it is missing; others may go on from there."""


def is_installed() -> bool:
    """True where TensorFlow and Keras are there; neither is imported for that."""
    return find_spec("tensorflow") is not None and find_spec("keras") is not None


def needed_to_compile(name: str) -> ModelError:
    """The error for the model `name`, which only TensorFlow can compile, where it is missing."""
    return ModelError(
        f"{name} needs TensorFlow once, to be compiled, and TensorFlow is not installed",
        f"{INSTALL}; or compile it where it is, and pass what `gradcam export` writes there.",
    )


@cache
def tensorflow() -> tuple[Any, Any]:
    """The modules (tensorflow, keras), with Keras on TensorFlow and channels last.

    Raises
    ------
    ModelError
        Where TensorFlow cannot be imported, or Keras already runs on another backend.
    """
    verbose = os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    try:
        with _stderr_if_failed(verbose=verbose):
            import keras
            import tensorflow as tf
    except ImportError as error:
        if not is_installed():
            raise ModelError("TensorFlow is not installed", f"{INSTALL}.") from error
        raise ModelError(
            f"TensorFlow could not be imported: {error}",
            "Install it again: `pip install --force-reinstall tensorflow`.",
        ) from error
    if keras.backend.backend() != "tensorflow":
        raise ModelError(
            f"Keras already runs on {keras.backend.backend()} in this process",
            "Set KERAS_BACKEND=tensorflow before anything imports Keras.",
        )
    keras.config.set_image_data_format("channels_last")
    return tf, keras


def fresh_keras() -> Any:
    """The module keras, ready to build: it numbers nameless layers from where it last stopped.

    Raises
    ------
    ModelError
        As `tensorflow`.
    """
    _, keras = tensorflow()
    keras.utils.clear_session()
    return keras


@contextmanager
def _stderr_if_failed(*, verbose: bool) -> Iterator[None]:
    """Keep TensorFlow quiet while it starts, and show what it said only if that fails.

    Its C++ side logs a dozen lines before any log level is read.
    """
    if verbose:
        yield
        return
    import tempfile

    with tempfile.TemporaryFile() as buffer:
        try:
            with stderr_into(buffer):
                yield
        except BaseException:
            buffer.seek(0)
            if sys.stderr is not None:
                sys.stderr.write(buffer.read().decode(errors="replace"))
            raise
