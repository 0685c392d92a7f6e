"""What a model's file says of it beside its graph: names of classes, and preprocessing."""

from __future__ import annotations

from collections.abc import Mapping

from gradcam_cli.errors import UsageError
from gradcam_cli.models.labels import Labels
from gradcam_cli.models.labels_file import labels_of_text
from gradcam_cli.models.preprocessing import parse_preprocessing

_NAMES = ("labels", "names", "classes", "class_names", "id2label", "label2id")
_OF_ULTRALYTICS = {"stride", "task", "imgsz"}


def labels_in(metadata: Mapping[str, str], classes: int) -> Labels | None:
    """The names of `classes` classes; None where there are none, or another number of them.

    Known are ``names`` as Ultralytics writes it to ONNX, ``labels`` as OpenVINO's model API and
    TFLite's metadata have it, and what others call much the same.
    """
    by_name = {key.rpartition("/")[2].casefold(): text for key, text in metadata.items()}
    for name in _NAMES:
        if name in by_name and (labels := labels_of_text(by_name[name], classes)) is not None:
            return labels
    return None


def preprocessing_in(metadata: Mapping[str, str]) -> tuple[str, str]:
    """The preprocessing, and who says so; both empty where nobody does.

    OpenVINO's model API has ``mean_values``, ``scale_values`` and ``reverse_input_channels``, all
    of pixels in 0..255; models of Ultralytics take RGB in 0..1.
    """
    keys = {key.rpartition("/")[2] for key in metadata}
    if "mean_values" in keys or "scale_values" in keys:
        return _of_model_info(metadata), "as the file's model_info has it"
    if keys >= _OF_ULTRALYTICS:
        return "scale=0..1", "as Ultralytics trains it"
    return "", ""


def preprocessing_of_type(element: str) -> tuple[str, str]:
    """The preprocessing that the type of the input leaves, and why; empty of real numbers."""
    if element == "u8":
        return "none", "the model takes bytes"
    if element == "i8":
        return "scale=-128..127", "the model takes signed bytes"
    return "", ""


def _of_model_info(metadata: Mapping[str, str]) -> str:
    values = {key.rpartition("/")[2]: text for key, text in metadata.items()}
    steps = {
        "channels": "bgr" if values.get("reverse_input_channels", "").lower() == "true" else "",
        "mean": "/".join(values.get("mean_values", "").replace(",", " ").split()),
        "std": "/".join(values.get("scale_values", "").replace(",", " ").split()),
    }
    spec = ",".join(f"{step}={value}" for step, value in steps.items() if value) or "none"
    try:
        return parse_preprocessing(spec).text or "none"
    except UsageError:
        return ""
