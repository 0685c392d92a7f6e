"""Seeded random weights that let the signal through, for models whose real ones are a download.

python -m benchmarks.weights FILE
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.models.catalog import find_model
from gradcam_cli.models.framework import tensorflow

PLAIN_RELU = ("vgg16", "vgg19")
"""Models without normalisation: each ReLU halves the energy, and pixels come in unscaled."""

_PIXELS = 70
_SEED = 19
"""One with which VGG16 finds evidence for the class sunglasses in the photo that is measured: where
there is none, no colours are blended, and less would be measured."""


def draw(model: Any, name: str, seed: int = _SEED) -> None:
    """Give every variable of the Keras `model`, called `name` in the catalogue, a random value."""
    random = np.random.default_rng(seed)
    gain = np.sqrt(2) if name in PLAIN_RELU else 1.0
    for layer in model.layers:
        scale = gain / (_PIXELS if layer.name == "block1_conv1" else 1)
        depthwise = type(layer).__name__ == "DepthwiseConv2D"
        for variable in layer.weights:
            if "float" in str(variable.dtype):
                variable.assign(_value(variable, scale, depthwise, random))


def _value(
    variable: Any, gain: float, depthwise: bool, random: np.random.Generator
) -> NDArray[np.float32]:
    shape, name = tuple(variable.shape), variable.name
    if len(shape) > 1:
        one_channel = depthwise or name == "depthwise_kernel"
        fan_in = np.prod(shape[:2] if one_channel else shape[:-1])
        return random.standard_normal(shape, np.float32) * np.float32(gain / np.sqrt(fan_in))
    if "gamma" in name or "variance" in name:
        return random.uniform(0.8, 1.2, shape).astype(np.float32)
    return random.normal(0, 0.05, shape).astype(np.float32)


def write_vgg16(path: Path) -> None:
    """Write drawn weights of VGG16 in Keras's legacy .h5 layout, as the published ones are."""
    tensorflow()
    import h5py
    from keras.src.legacy.saving import legacy_h5_format

    model = find_model("vgg16").build()
    draw(model, "vgg16")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with h5py.File(temporary, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    with temporary.open("rb+") as written:
        os.fsync(written.fileno())  # or the disk is still at it while others are measured
    temporary.replace(path)


if __name__ == "__main__":
    write_vgg16(Path(sys.argv[1]))
