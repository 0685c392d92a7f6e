"""The process that prepares a model's file: see `models.preparation`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from gradcam_cli.engines.openvino.makers import NotCompiledError
from gradcam_cli.errors import GradcamError, UsageError


def main() -> None:
    """Do what the request on standard input says, and print what happens."""
    out = sys.stdout
    sys.stdout = sys.stderr  # whatever a library prints is no answer
    request = json.load(sys.stdin)
    try:
        _prepare(request, out)
    except (GradcamError, NotCompiledError) as error:
        kind = "usage" if isinstance(error, UsageError) else "model"
        what, remedy = (
            (error.what, error.remedy) if isinstance(error, GradcamError) else (str(error), "")
        )
        _print(out, error=kind, what=what, remedy=remedy)
    except KeyboardInterrupt:
        pass


def _prepare(request: dict[str, Any], out: TextIO) -> None:
    from gradcam_cli.engines.openvino.model_cache import prepare_file
    from gradcam_cli.models.model_file import ModelFile
    from gradcam_cli.passes import LAYER_GRADIENTS, Pass

    needs: Sequence[Pass] = [
        Pass(kind, tuple(at), rules) for kind, at, rules in request["passes"]
    ] or [LAYER_GRADIENTS]
    prepare_file(
        ModelFile.from_json(request["file"]),
        request["layer"],
        needs,
        lambda text: _print(out, note=text),
    )


def _print(out: TextIO, **message: str) -> None:
    print(json.dumps(message), file=out, flush=True)
