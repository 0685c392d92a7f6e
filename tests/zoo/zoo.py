"""The small models of this folder, and what is known of them: see README.md.

zoo.path("cnn_nchw")             the file, or folder, of a model
zoo.reference("cnn_nchw")        what its framework computed for a batch, gradients too
zoo.NAMES["cnn_nchw"].input      what is to be found out about it
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).parent
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Facts:
    """What is to be found out about a model.

    Attributes
    ----------
    file : str
        Its file or folder, relative to this folder.
    says : str
        What is special about it.
    head : str
        What it ends in: logits, softmax, log_softmax or sigmoid.
    refusal : str
        A word on why it cannot be explained; empty where it can. Where it cannot, the facts below
        are empty.
    input : tuple of int
        (height, width, channels) of the reference's batch.
    layout : str
        How the model takes it: NCHW or NHWC.
    classes : int
        How many scores it gives.
    layers : tuple of LayerFacts
        Those with a reference, the one to explain at first; empty where there is none.
    labels : tuple of str
        The names of the classes in the file.
    preprocessing : str
        What the file says of it, as `parse_preprocessing` takes it; empty where it says nothing.
    tolerance : float
        How far its logits may be from the reference's.
    precise : bool
        False where the file rounds its weights, so that nothing is quite the reference's.
    in_bytes : bool
        True where all that it computes is rounded to 8 bits: it has no gradients.
    """

    file: str
    says: str
    head: str = "logits"
    refusal: str = ""
    input: tuple[int, ...] = ()
    layout: str = ""
    classes: int = 0
    layers: tuple[LayerFacts, ...] = ()
    labels: tuple[str, ...] = ()
    preprocessing: str = ""
    tolerance: float = 1e-4
    precise: bool = True
    in_bytes: bool = False

    @property
    def default_layer(self) -> str:
        """Friendly name in OpenVINO of the layer to explain."""
        return self.layers[0].name


@dataclass(frozen=True)
class LayerFacts:
    """A layer that has a reference.

    Attributes
    ----------
    name, tensor : str
        Friendly name of the operation in OpenVINO, and name of its output. Of TFLite and
        SavedModel OpenVINO loses both: `name` is by type and number, `tensor` empty.
    layout : str
        NCHW, NHWC, or NTC for tokens on a square grid.
    class_tokens : int
        How many tokens come before those of patches.
    """

    name: str
    tensor: str
    layout: str
    class_tokens: int


@dataclass(frozen=True)
class LayerReference:
    """What the framework has at a layer; `facts.layout` says how it lies.

    Attributes
    ----------
    activations, gradients : float32
        As the network has them; gradients of the logit of `Reference.class_index`, summed over
        the batch.
    cam : (N, h, w) float32
        Grad-CAM's raw signed map.
    """

    facts: LayerFacts
    activations: Array
    gradients: Array
    cam: Array

    def maps(self) -> tuple[Array, Array]:
        """Activations and gradients as (N, h, w, C), without tokens that are no patch."""
        activations, gradients = (self._maps(each) for each in (self.activations, self.gradients))
        return activations, gradients

    def _maps(self, array: Array) -> Array:
        if self.facts.layout == "NCHW":
            return array.transpose(0, 2, 3, 1)
        if self.facts.layout == "NHWC":
            return array
        return array[:, self.facts.class_tokens :].reshape(*self.cam.shape, array.shape[-1])


@dataclass(frozen=True)
class Reference:
    """What the framework that made a model computed with it.

    Attributes
    ----------
    batch : float32
        As the model takes it, in its layout.
    logits : (N, classes) float32
        Scores before the head.
    outputs : tuple of float32
        What the model itself gives, after its head.
    class_index : int
        The class whose logit was differentiated: the first image's highest.
    layers : dict of str to LayerReference
        By name, the one to explain at first.
    input_gradients : (N, H, W, C) float32 or None
        The gradients by the batch; None of large ones.
    """

    batch: Array
    layout: str
    logits: Array
    outputs: tuple[Array, ...]
    class_index: int
    layers: dict[str, LayerReference]
    input_gradients: Array | None = None

    @property
    def pixels(self) -> Array:
        """The batch as (N, H, W, C)."""
        return _channels_last(self.batch, self.layout)


def _channels_last(array: Array, layout: str) -> Array:
    return array if layout == "NHWC" else array.transpose(0, 2, 3, 1)


@cache
def _table() -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = json.loads((HERE / "zoo.json").read_text("utf-8"))
    return table


def _facts(row: dict[str, Any]) -> Facts:
    known = {key: value for key, value in row.items() if key in Facts.__dataclass_fields__}
    known["input"] = tuple(row.get("input", ()))
    known["labels"] = tuple(row.get("labels", ()))
    known["layers"] = tuple(LayerFacts(**layer) for layer in row.get("layers", ()))
    return Facts(**known)


NAMES: dict[str, Facts] = {name: _facts(row) for name, row in _table().items()}
EXPLAINABLE = tuple(name for name, facts in NAMES.items() if not facts.refusal)
REFUSED = tuple(name for name, facts in NAMES.items() if facts.refusal)


def path(name: str) -> Path:
    """Where the model `name` is; a file's own name, such as "cnn_nchw.onnx", does as well."""
    return HERE / (NAMES[name].file if name in NAMES else name)


@cache
def reference(name: str) -> Reference:
    """What the framework that made the model `name` computed; its arrays cannot be changed."""
    facts, row = NAMES[name], _table()[name]
    with np.load(HERE / "references" / f"{row.get('reference', name)}.npz") as file:
        arrays = dict(file)
    for array in arrays.values():
        array.flags.writeable = False
    layers = {
        layer.name: LayerReference(
            layer, *(arrays[f"{kind}_{n}"] for kind in ("activations", "gradients", "cam"))
        )
        for n, layer in enumerate(facts.layers)
    }
    outputs = tuple(arrays[f"output_{n}"] for n in range(row["outputs"]))
    batch, logits = arrays["batch"], arrays["logits"]
    by_input = arrays.get("input_gradients")
    if by_input is not None:
        by_input = _channels_last(by_input, facts.layout)
    return Reference(batch, facts.layout, logits, outputs, row["class_index"], layers, by_input)
