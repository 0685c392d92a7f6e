"""From RGB pixels to a model's input, in NumPy, equal to what Keras's `preprocess_input` does.

Each function takes a batch (N, H, W, C) uint8 or float32 in 0..255, of RGB or, but for those in
`RGB_ONLY`, of grey, and gives a new float32 array of that shape; the caller's is never changed, as
Keras's own `preprocess_input` would.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Batch = NDArray[Any]
Input = NDArray[np.float32]

CAFFE_MEAN_BGR = np.array([103.939, 116.779, 123.68], np.float32)
TORCH_MEAN_RGB = np.array([0.485, 0.456, 0.406], np.float32)
TORCH_STD_RGB = np.array([0.229, 0.224, 0.225], np.float32)


def caffe(batch: Batch) -> Input:
    """BGR with the ImageNet mean subtracted: VGG, ResNet."""
    return batch[..., ::-1].astype(np.float32) - CAFFE_MEAN_BGR


def tf(batch: Batch) -> Input:
    """RGB in -1..1: Inception, Xception, MobileNet, ResNetV2, NASNet."""
    return batch.astype(np.float32) / np.float32(127.5) - np.float32(1)


def torch(batch: Batch) -> Input:
    """RGB in 0..1, normalised by ImageNet's mean and deviation: DenseNet."""
    scaled = batch.astype(np.float32) / np.float32(255)
    return (scaled - TORCH_MEAN_RGB) / TORCH_STD_RGB


def none(batch: Batch) -> Input:
    """RGB in 0..255, for models that rescale inside: EfficientNet, ConvNeXt, MobileNetV3."""
    return batch.astype(np.float32)


def lite(batch: Batch) -> Input:
    """RGB as (x - 127) / 128: EfficientNet-Lite."""
    return (batch.astype(np.float32) - np.float32(127)) / np.float32(128)


PREPROCESSING: dict[str, Callable[[Batch], Input]] = {
    "caffe": caffe,
    "tf": tf,
    "torch": torch,
    "none": none,
    "lite": lite,
}

RGB_ONLY = ("caffe", "torch")
"""Those that treat each of three channels in a way of its own."""
