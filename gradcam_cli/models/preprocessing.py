"""From RGB pixels to a model's input, in NumPy: what a model was trained on, written as a text.

    SPEC   a family: caffe, tf, torch, none, lite; or steps, each at most once: STEP,STEP…
    STEP   channels=rgb|bgr|gray   scale=LOW..HIGH   mean=A/B/C   std=A/B/C

The steps are applied in that order, whatever the order they are written in. The families equal
Keras's `preprocess_input`, and that of EfficientNet-Lite.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.arguments import describe
from gradcam_cli.errors import UsageError
from gradcam_cli.suggestions import closest, did_you_mean

Batch = NDArray[Any]
Input = NDArray[np.float32]
Channels = Literal["rgb", "bgr", "gray"]

_LUMA = np.array([0.299, 0.587, 0.114])
_LARGEST, _SMALLEST = 1e6, 1e-6  # what single precision surely has room for
_EXAMPLE = "Write steps as in channels=bgr,scale=0..1,mean=0.4/0.5/0.6,std=0.2/0.2/0.2."
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?", re.IGNORECASE)


@dataclass(frozen=True)
class Preprocessing:
    """How a model's input is made of pixels; `parse_preprocessing` makes one of a text.

    Attributes
    ----------
    family : str
        The word that stands for the steps; empty where they were written out.
    channels : "rgb", "bgr" or "gray"
        The order of the channels; "gray" puts the luma, 0.299 R + 0.587 G + 0.114 B, in each.
    scale : (low, high), optional
        What 0 and 255 become, and all between them linearly.
    mean : tuple of 0, 1 or 3 float
        Subtracted after that; one for all channels, or one for each in their new order.
    std : tuple of 0, 1 or 3 float
        What is divided by in the end, likewise.

    Examples
    --------
    >>> preprocessing = parse_preprocessing("mean=0.5, std=0.25, scale=0..1")
    >>> preprocessing.text
    'scale=0..1,mean=0.5,std=0.25'
    >>> preprocessing(np.full((1, 1, 1, 3), 255, np.uint8))
    array([[[[2., 2., 2.]]]], dtype=float32)
    """

    family: str = ""
    channels: Channels = "rgb"
    scale: tuple[float, float] | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @property
    def text(self) -> str:
        """The family, or the steps in the order in which they are applied."""
        steps = (
            ("channels", self.channels if self.channels != "rgb" else ""),
            ("scale", "..".join(map(_written, self.scale or ()))),
            ("mean", "/".join(map(_written, self.mean))),
            ("std", "/".join(map(_written, self.std))),
        )
        written = ",".join(f"{step}={value}" for step, value in steps if value)
        return self.family or written or "none"

    @property
    def takes_grey(self) -> bool:
        """True where it takes one channel as well as three: it treats all alike."""
        return self.channels != "bgr" and len(self.mean) <= 1 and len(self.std) <= 1

    def __call__(self, batch: Batch) -> Input:
        """The input of a model for `batch`.

        Parameters
        ----------
        batch : (N, H, W, C) uint8 or float32, 0..255
            RGB or, where it `takes_grey`, grey in one channel. Left as it is, which Keras's own
            `preprocess_input` does not do.

        Returns
        -------
        (N, H, W, C) float32
            A new array.
        """
        prepared = self._arranged(batch).astype(np.float32, order="C")
        if self.scale is not None:
            low, high = self.scale
            prepared /= np.float32(255 / (high - low))
            prepared += np.float32(low)
        if self.mean:
            prepared -= np.array(self.mean, np.float32)
        if self.std:
            prepared /= np.array(self.std, np.float32)
        return prepared

    def _arranged(self, batch: Batch) -> Batch:
        if self.channels == "bgr":
            return batch[..., ::-1]
        if self.channels == "gray" and batch.shape[-1] == 3:
            # In double precision, so that the luma of a grey is that grey.
            return np.repeat((batch * _LUMA).sum(axis=-1, keepdims=True), 3, axis=-1)
        return batch


PREPROCESSING: dict[str, Preprocessing] = {
    # VGG, ResNet: BGR with ImageNet's mean subtracted.
    "caffe": Preprocessing("caffe", channels="bgr", mean=(103.939, 116.779, 123.68)),
    # Inception, Xception, MobileNet, ResNetV2, NASNet: RGB in -1..1.
    "tf": Preprocessing("tf", scale=(-1.0, 1.0)),
    # DenseNet: RGB in 0..1, normalised by ImageNet's mean and deviation.
    "torch": Preprocessing(
        "torch", scale=(0.0, 1.0), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
    ),
    # EfficientNet, ConvNeXt, MobileNetV3, which rescale inside: RGB in 0..255.
    "none": Preprocessing("none"),
    # EfficientNet-Lite: (x - 127) / 128.
    "lite": Preprocessing("lite", mean=(127.0,), std=(128.0,)),
}
"""The families."""


@cache
def parse_preprocessing(text: str) -> Preprocessing:
    """What `text`, a SPEC as above, means; case and spaces do not matter.

    Raises
    ------
    UsageError
        With what was expected, or the closest word, where it is none.

    Examples
    --------
    >>> parse_preprocessing("torch").mean
    (0.485, 0.456, 0.406)
    """
    plain = re.sub(r"\s+", "", text).casefold()
    if plain in PREPROCESSING:
        return PREPROCESSING[plain]
    if "=" not in plain:
        raise _unknown("a preprocessing", text, PREPROCESSING)
    values: dict[str, Any] = {}
    for part in plain.split(","):
        step, equals, value = part.partition("=")
        if step not in _STEPS or not equals:
            raise _unknown("a step of a preprocessing", part, _STEPS)
        if step in values:
            raise UsageError(
                f"expected {step} once in a preprocessing, got it twice in {describe(text)}",
                "Leave one of them out.",
            )
        values[step] = _STEPS[step](step, value)
    preprocessing = Preprocessing(**values)
    return PREPROCESSING.get(preprocessing.text, preprocessing)  # "channels=rgb" is "none"


def _channels(step: str, value: str) -> str:
    known = get_args(Channels)
    value = {"grey": "gray"}.get(value, value)
    if value in known:
        return value
    raise UsageError(
        f"expected {', '.join(known[:-1])} or {known[-1]} for {step}, got {describe(value)}",
        did_you_mean(closest(value, known)) or "Write it as in channels=bgr.",
    )


def _scale(step: str, value: str) -> tuple[float, float]:
    remedy = "Write it as in scale=-1..1, or leave it out for 0..255."
    numbers = _numbers(step, value.split("..", 1), remedy)
    if len(numbers) == 2 and numbers[1] - numbers[0] >= _SMALLEST:
        return numbers[0], numbers[1]
    raise UsageError(
        f"expected LOW..HIGH, LOW below HIGH, for {step}, got {describe(value)}", remedy
    )


def _mean(step: str, value: str) -> tuple[float, ...]:
    remedy = f"Write it as in {step}=0.4/0.5/0.6, or {step}=0.5 for all channels."
    numbers = _numbers(step, value.split("/"), remedy)
    if len(numbers) in (1, 3):
        return numbers
    raise UsageError(f"expected 1 number or 3 for {step}, got {describe(value)}", remedy)


def _std(step: str, value: str) -> tuple[float, ...]:
    numbers = _mean(step, value)
    if min(numbers) >= _SMALLEST:
        return numbers
    raise UsageError(
        f"expected numbers above 0 for {step}, got {describe(value)}",
        "Pass 1 for a channel that is not divided.",
    )


_STEPS: dict[str, Callable[[str, str], Any]] = {
    "channels": _channels,
    "scale": _scale,
    "mean": _mean,
    "std": _std,
}
"""What reads the value of each step; in the order in which they are applied."""


def _numbers(step: str, values: list[str], remedy: str) -> tuple[float, ...]:
    for value in values:
        if not _NUMBER.fullmatch(value) or abs(float(value)) > _LARGEST:
            raise UsageError(
                f"expected numbers within {_LARGEST:,.0f} of 0 for {step}, got {describe(value)}",
                remedy,
            )
    return tuple(float(value) + 0.0 for value in values)  # -0.0 becomes 0.0


def _unknown(kind: str, text: str, known: Iterable[str]) -> UsageError:
    known = list(known)
    suggestions = closest(text, known) if text else ()
    return UsageError(
        f"expected {kind} ({', '.join(known)}), got {describe(text)}",
        f"{did_you_mean(suggestions)} {_EXAMPLE}".strip(),
    )


def _written(number: float) -> str:
    return repr(number).removesuffix(".0")


def guess_for(format: str, layout: str, channels: int) -> tuple[str, str]:
    """The most usual preprocessing of models in files of `format`, and why."""
    if channels == 1:
        return "scale=0..1", "as most models of grey pictures take it"
    if format in ("keras", "h5"):
        return "scale=0..1", "as most models that are built in Keras take it"
    if layout == "NCHW":
        return "torch", "as most models from PyTorch take it"
    return "tf", "as most models from TensorFlow take it"
