"""Preparing a model's file in a process of its own, whose crash takes nothing along.

The process reads the file, notices what is in it, compiles it into the cache and checks it:
`engines.preparing`. It prints what happens, a line of JSON each.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from signal import Signals
from typing import Any

from gradcam_cli.callbacks import Note
from gradcam_cli.errors import GradcamError, ModelError, UsageError
from gradcam_cli.models.model_file import ModelFile

_COMMAND = (
    "import sys; sys.path[:] = sys.argv[1:]; from gradcam_cli.engines.preparing import main; main()"
)
_ERRORS: Mapping[str, type[GradcamError]] = {"model": ModelError, "usage": UsageError}
_WITHOUT_ONEDNN = {"TF_ENABLE_ONEDNN_OPTS": "0"}


def prepare(
    file: ModelFile, note: Note, layer: str | None = None, passes: Sequence[Any] = ()
) -> None:
    """Have the model in `file` compiled into the cache and checked, as far as that is not done.

    Parameters
    ----------
    file : ModelFile
    note : callable
        Called with one sentence for what takes long.
    layer : str, optional
        Where it is going to be explained; by default where the model is explained best.
    passes : sequence of (kind, at, rules)
        What else than the gradients there is needed; see `passes.Pass`.

    Raises
    ------
    UsageError
        For a layer that the model does not have.
    ModelError
        Where it is no model that can be explained.
    """
    request = json.dumps({"file": file.to_json(), "layer": layer, "passes": list(passes)})
    status = _run(request, note, {})
    if status < 0 and file.needs_keras:  # TensorFlow's oneDNN is known to crash on some models
        status = _run(request, note, _WITHOUT_ONEDNN)
    if status:
        raise _crash(file, status)


def _run(request: str, note: Note, environment: Mapping[str, str]) -> int:
    """The exit code of a process that does what `request` says, or -n where signal n ended it."""
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", _COMMAND, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **environment},
            encoding="utf-8",
        )
    except OSError as error:
        raise ModelError(
            f"Python cannot be started to read the model: {error.strerror or error}",
            "Free some memory, or allow more processes.",
        ) from error
    with process:
        try:
            return _listen(process, request, note)
        except BaseException:
            process.kill()
            raise


def _listen(process: subprocess.Popen[str], request: str, note: Note) -> int:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(request)
        process.stdin.close()
    except BrokenPipeError:  # it died at once
        pass
    for line in process.stdout:
        _answer(json.loads(line), note)
    return process.wait()


def _answer(message: dict[str, str], note: Note) -> None:
    if "note" in message:
        note(message["note"])
    else:
        raise _ERRORS[message["error"]](message["what"], message["remedy"])


def _crash(file: ModelFile, status: int) -> ModelError:
    if -status == getattr(signal, "SIGALRM", 0):
        return ModelError(f"{file.path} takes too long to read", "It may be damaged.")
    if status > 0:
        what = f"it ended with exit code {status}"
    else:
        what = f"signal {Signals(-status).name} ended it"
    if -status == getattr(signal, "SIGKILL", 0):  # by whom a process is ended that takes too much
        what = f"the process that read {file.path} was killed"
        return ModelError(what, "Free some memory if it was short of that, and try again.")
    reader = "TensorFlow" if file.needs_keras else "OpenVINO"
    remedy = "Export the model to ONNX, and pass that." if file.needs_keras else "Save it again."
    return ModelError(f"{reader} crashed when it read {file.path}: {what}", remedy)
