"""What the scripts of this folder write beside a model: arrays, and which of its values they are.

A layer is known by the value of the file that equals its activations; which one that is, OpenVINO
is asked for: it computes all of them. Where it loses their names, as of TFLite and SavedModel, they
are those that `gradcam layers` gives.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import openvino
from numpy.typing import NDArray

HERE = Path(__file__).parent
TABLE = HERE / "zoo.json"
Array = NDArray[np.float32]
Pair = tuple[Array, Array]
Values = dict[tuple[str, str], Array]
LARGEST_BATCH = 20_000


class Computed(NamedTuple):
    """What a framework computed.

    Attributes
    ----------
    outputs : list of float32
        Of the model.
    logits : (N, classes) float32
    index : int
        The class whose logit is differentiated, summed over the batch.
    layers : list of (activations, gradients)
    input_gradients : float32
        The gradients by the batch, as it lies.
    """

    outputs: list[Array]
    logits: Array
    index: int
    layers: list[Pair]
    input_gradients: Array


def all_values(path: Path, batch: Array) -> Values:
    """What each operation of the model at `path` computes, by friendly name and tensor name."""
    core = openvino.Core()
    model = core.read_model(path)
    model.reshape({model.inputs[0]: list(batch.shape)})
    keys, outputs = [], []
    for node in model.get_ordered_ops():
        if node.get_type_name() in ("Parameter", "Constant", "Result"):
            continue
        for output in node.outputs():
            if output.get_names() and output.get_element_type().is_real():
                keys.append((node.get_friendly_name(), sorted(output.get_names())[0]))
                outputs.append(output)
    model.add_outputs(outputs)
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    results = compiled([batch.astype(np.dtype(model.inputs[0].element_type.to_dtype()))])
    by_name = {name: value for port, value in results.items() for name in port.get_names()}
    return {key: by_name[key[1]].astype(np.float32) for key in keys if key[1] in by_name}


def named_value(values: Values, wanted: Array, slack: float) -> Any:
    """(friendly name, tensor name) of the first value that equals `wanted`."""
    for key, value in values.items():
        if value.shape == wanted.shape and np.abs(value - wanted).max() <= slack * np.ptp(wanted):
            return key
    raise SystemExit(f"no value of the file equals the layer's {wanted.shape}")


def as_maps(array: Array, layout: str, class_tokens: int) -> Array:
    """Activations or gradients as (N, h, w, C); tokens of no patch are left out."""
    if layout == "NCHW":
        return array.transpose(0, 2, 3, 1)
    if layout == "NHWC":
        return array
    patches = array[:, class_tokens:]
    side = round(patches.shape[1] ** 0.5)
    return patches.reshape(len(array), side, side, -1)


def grad_cam(pair: Pair, layout: str, class_tokens: int) -> Array:
    """Grad-CAM's raw signed map, (N, h, w): channels weighted by the mean of their gradients."""
    activations, gradients = (as_maps(array, layout, class_tokens) for array in pair)
    weights = gradients.mean((1, 2), keepdims=True)
    return (weights * activations).sum(-1).astype(np.float32)


def write_reference(
    name: str, values: Values, batch: Array, results: Computed, lies: tuple[str, int],
    slack: float,
) -> dict[str, Any]:  # fmt: skip
    """Write `references/NAME.npz`; return what `zoo.json` says of outputs, class and layers."""
    outputs, logits, index, layers, by_input = results
    arrays = {"batch": batch, "logits": logits}
    if batch.size < LARGEST_BATCH:
        arrays["input_gradients"] = by_input
    arrays |= {f"output_{number}": output for number, output in enumerate(outputs)}
    rows = []
    for number, pair in enumerate(layers):
        friendly, tensor = named_value(values, pair[0], max(slack, 1e-5))
        arrays[f"activations_{number}"], arrays[f"gradients_{number}"] = pair
        arrays[f"cam_{number}"] = grad_cam(pair, *lies)
        rows.append(
            {"name": friendly, "tensor": tensor, "layout": lies[0], "class_tokens": lies[1]}
        )
    check(name, logits, arrays["cam_0"], index)
    np.savez_compressed(HERE / "references" / f"{name}.npz", **arrays)
    return {"class_index": index, "layers": rows, "tolerance": slack, "outputs": len(outputs)}


def check(name: str, logits: Array, cam: Array, index: int) -> None:
    """A reference that says nothing is worth nothing."""
    ordered = np.sort(logits, axis=1)
    if logits.shape[1] > 1 and (ordered[:, -1] - ordered[:, -2]).min() < 0.1:
        raise SystemExit(f"{name}: scores of the first classes hardly differ: {ordered}")
    if cam.max() <= 0 or np.ptp(cam) < 0.1 * np.abs(cam).max():
        raise SystemExit(f"{name}: a map with nothing to see, {cam.min()}..{cam.max()}")
    if cam.max() < 0.1 * np.abs(cam).max():
        raise SystemExit(f"{name}: hardly anything speaks for the class {index}")


def read_table() -> dict[str, Any]:
    """The rows of `zoo.json` by model; none where it is not there."""
    rows: dict[str, Any] = json.loads(TABLE.read_text("utf-8")) if TABLE.exists() else {}
    return rows


def write_table(rows: dict[str, Any]) -> None:
    """Write them all."""
    TABLE.write_text(json.dumps(rows, indent=1, sort_keys=True) + "\n", "utf-8")


def facts_of(shape: tuple[int, ...], layout: str, logits: Array) -> dict[str, Any]:
    """Input and classes, as `zoo.json` has them."""
    height, width, channels = shape[1:] if layout == "NHWC" else (*shape[2:], shape[1])
    return {
        "input": [height, width, channels], "layout": layout, "classes": logits.shape[1],
    }  # fmt: skip
