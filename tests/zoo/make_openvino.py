"""Make the files of OpenVINO's own in this folder, of ONNX files that are here.

Run by hand, where OpenVINO is:

    python tests/zoo/make_openvino.py

It writes `NAME.xml` and `NAME.bin`, and rows of `zoo.json` that refer to the references of the
ONNX files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openvino
from references import read_table, write_table

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Spec:
    """An ONNX file, and how it is saved.

    Attributes
    ----------
    source : str
        Its name in the zoo.
    says : str
        What is special about it.
    half : bool
        With weights in float16.
    model_info : dict
        What OpenVINO's model API would write into it.
    facts : dict
        What that tells us.
    """

    source: str
    says: str
    half: bool = False
    model_info: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


SPECS = {
    "ir_float": Spec("efficientnet_like", "OpenVINO's own form, weights in float32"),
    "ir_half": Spec("efficientnet_like", "OpenVINO's own form, weights in float16", half=True),
    "ir_info": Spec(
        "softmax",
        "OpenVINO's own form, with labels and preprocessing",
        model_info={
            "model_type": "Classification",
            "labels": "cat dog big_calf fox tree_frog",
            "mean_values": "123.675 116.28 103.53",
            "scale_values": "58.395 57.12 57.375",
            "reverse_input_channels": "True",
        },
        facts={
            "labels": ["cat", "dog", "big_calf", "fox", "tree_frog"],
            "preprocessing": "channels=bgr,mean=123.675/116.28/103.53,std=58.395/57.12/57.375",
        },
    ),
}


def make(name: str, spec: Spec, source: dict[str, Any]) -> dict[str, Any]:
    """Save one; return its row of `zoo.json`, made of that of the ONNX file."""
    path = HERE / f"{name}.xml"
    model = openvino.Core().read_model(HERE / source["file"])
    for key, value in spec.model_info.items():
        model.set_rt_info(value, ["model_info", key])
    openvino.save_model(model, path, compress_to_fp16=spec.half)
    row = source | {"reference": spec.source, "file": path.name, "made_by": "make_openvino.py"}
    row |= {"says": spec.says, **spec.facts}
    if spec.half:
        row |= {"precise": False, "tolerance": 2e-2}
    return {key: value for key, value in row.items() if key not in ("exporter", "opset")}


def main() -> None:
    rows = read_table()
    for name, spec in SPECS.items():
        rows[name] = make(name, spec, rows[spec.source])
    write_table(rows)


if __name__ == "__main__":
    main()
