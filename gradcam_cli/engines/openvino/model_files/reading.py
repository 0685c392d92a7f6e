"""A model's file, read by OpenVINO."""

from __future__ import annotations

from typing import Any

from gradcam_cli.engines.openvino.runtime import core
from gradcam_cli.errors import ModelError
from gradcam_cli.models.formats.inspection import inspect_file
from gradcam_cli.models.model_file import ModelFile
from gradcam_cli.text import printable

_NOT_TELLING = ("Exception from", "Check '", "FrontEnd API failed", "Summary")


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
    listed = [line.lstrip("- ") for line in telling if line.startswith("-- ")]
    return printable((listed or telling or lines or ["it gives no reason"])[0])[:200].rstrip(".:")
