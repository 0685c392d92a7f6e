"""A model's file, read by OpenVINO."""

from __future__ import annotations

import re
from typing import Any

from gradcam_cli.engines.openvino.runtime import core
from gradcam_cli.errors import ModelError
from gradcam_cli.models.formats.inspection import inspect_file
from gradcam_cli.models.model_file import ModelFile
from gradcam_cli.text import printable

_WITH_MESSAGE = re.compile("(.+) with a message:?")
_NOT_TELLING = ("Exception from", "Check '", "FrontEnd API failed", "Summary", "Loading input")


def read_graph(file: ModelFile) -> tuple[Any, dict[str, str]]:
    """The `openvino.Model` in `file`, and what the file says of it besides.

    Raises
    ------
    ModelError
        Where OpenVINO cannot read it.
    """
    header = inspect_file(file.path, trust=file.trust)
    try:
        model = core().read_model(file.path)
    except RuntimeError as error:
        raise ModelError(
            f"{file.path} cannot be read: {reason_of(error)}",
            "Save it again, export it with another opset, or without operations of your own.",
        ) from error
    return model, header.metadata


def reason_of(error: RuntimeError) -> str:
    """What OpenVINO complains of, in a line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(_NOT_TELLING)]
    listed = [number for number, line in enumerate(telling) if line.startswith("-- ")]
    reason = (telling or lines or ["it gives no reason"])[0]
    if listed:
        reason = telling[listed[0]].lstrip("- ")
        if operation := _WITH_MESSAGE.fullmatch(reason):  # the innermost check says it last
            message = telling[listed[0] + 1 : listed[1] if len(listed) > 1 else None]
            reason = ": ".join((operation[1], *message[-1:]))
    return printable(reason)[:200].rstrip(".:")
