"""VGG16 and VGG19: their layers, and their weights as Keras keeps them, without TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import h5py

SIDE, CLASSES = 224, 1000

_CONVOLUTIONS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
"""How many convolutions each block has; a pooling follows them."""
_FILTERS = (64, 128, 256, 512, 512)
_HEAD = {"fc1": 4096, "fc2": 4096, "predictions": CLASSES}
MODELS = tuple(_CONVOLUTIONS)


class Step(NamedTuple):
    """A layer, which reads what the one before it gives.

    Attributes
    ----------
    kind : "Conv2D", "MaxPooling2D" or "Dense"
        A convolution is 3 × 3 with a bias and a ReLU; a pooling 2 × 2; what is dense has a bias
        and, but for the last, a ReLU.
    name : str
        As Keras calls it.
    inputs, outputs : int
        How many channels, or units, it reads and gives.
    side : int
        Height and width of its maps; 0 of what is dense.
    """

    kind: str
    name: str
    inputs: int
    outputs: int
    side: int = 0

    @property
    def kernel_shape(self) -> tuple[int, ...]:
        """That of its kernel in Keras."""
        size = (3, 3) if self.kind == "Conv2D" else ()
        return (*size, self.inputs, self.outputs)


def steps(model: str) -> list[Step]:
    """The layers of `model`, one of `MODELS`, from the input to the scores."""
    found, channels, side = [], 3, SIDE
    for block, (number, filters) in enumerate(zip(_CONVOLUTIONS[model], _FILTERS, strict=True), 1):
        for i in range(1, number + 1):
            found.append(Step("Conv2D", f"block{block}_conv{i}", channels, filters, side))
            channels = filters
        side //= 2
        found.append(Step("MaxPooling2D", f"block{block}_pool", channels, channels, side))
    units = side * side * channels
    for name, outputs in _HEAD.items():
        found.append(Step("Dense", name, units, outputs))
        units = outputs
    return found


def layer_names(model: str) -> tuple[str, ...]:
    """The layers of `model` that can be explained, from the input on."""
    return tuple(step.name for step in steps(model) if step.side)


@contextmanager
def opened_weights(path: Path, model: str) -> Iterator[dict[str, tuple[h5py.Dataset, Any]]]:
    """The kernel and the bias of each layer of `model` by its name, in the file `path`.

    It is an .h5 or .weights.h5 file, of weights or a whole model. As Keras has it, what counts is
    the order of the layers, not their names.

    Raises
    ------
    OSError, KeyError, ValueError, AttributeError
        Where it is no such file, or its weights are not those of `model`.
    """
    import h5py

    weighted = [step for step in steps(model) if step.kind != "MaxPooling2D"]
    with h5py.File(path) as file:
        weights = dict(zip([step.name for step in weighted], _pairs(file), strict=True))
        for step in weighted:
            kernel, bias = weights[step.name]
            shapes = tuple(kernel.shape), tuple(bias.shape)
            if shapes != (step.kernel_shape, (step.outputs,)):
                raise ValueError(f"{step.name} has weights of {shapes}")
        yield weights


def _pairs(file: h5py.File) -> list[tuple[h5py.Dataset, h5py.Dataset]]:
    """The weights of each layer that has any, in the order of the layers."""
    if "layers" in file:  # Keras 3 names the layers of each kind by their number
        groups = [file["layers"][name]["vars"] for name in _numbered(file["layers"])]
        weights = [[group[key] for key in sorted(group)] for group in groups]
    else:
        root = file if "layer_names" in file.attrs else file["model_weights"]
        groups = [root[_text(name)] for name in root.attrs["layer_names"]]
        weights = [[group[_text(name)] for name in group.attrs["weight_names"]] for group in groups]
    return [(kernel, bias) for kernel, bias in filter(None, weights)]


def _numbered(groups: Any) -> list[str]:
    """conv2d, conv2d_1 …, dense, dense_1 …"""
    names = [name for name in groups if name.startswith(("conv2d", "dense"))]
    return sorted(names, key=_kind_and_number)


def _kind_and_number(name: str) -> tuple[str, int]:
    kind, _, number = name.partition("_")
    return kind, int(number or 0)


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name
