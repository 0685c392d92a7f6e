"""Arguments from Python code, checked: what was expected, what came, what to do.

A sound argument costs a look at its type and shape. NumPy is imported where it is needed, so that
the command line's help stays light.
"""

from __future__ import annotations

import math
import operator
import os
import reprlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradcam_cli.errors import UsageError
from gradcam_cli.text import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ROUNDING = 1e-6
"""How far a heatmap may be outside 0..1: what resizing it may have added."""


def describe(value: object) -> str:
    """`value` in a few words: an array by shape, type and range; small things as written."""
    import numpy as np

    if isinstance(value, np.ndarray):
        return f"{value.shape} {value.dtype}{_range_of(value)}"
    if isinstance(value, int) and value.bit_length() > 64:
        return "an int of more than 64 bits"  # of more than some thousands, repr() is refused
    if value is None or isinstance(value, (int, float, str, bytes, np.generic)):
        return printable(reprlib.repr(value))
    return f"a {type(value).__name__}"


def _range_of(array: NDArray[Any]) -> str:
    if array.dtype.kind not in "biuf" or not array.size:
        return ""
    low, high = float(array.min()), float(array.max())
    return f" in {low:g}..{high:g}" if not math.isnan(low) else " with NaN"


def check_image(image: object) -> None:
    """Raise UsageError unless `image` is (H, W, 3) uint8 with pixels; these are not looked at."""
    import numpy as np

    if not isinstance(image, np.ndarray):
        remedy = "Pass read_image(image).pixels, or numpy.asarray(image, 'uint8')."
    elif not image.size:
        remedy = "Pass one that has pixels."
    elif image.shape[2:] == (3,) and image.dtype == np.uint8:
        return
    else:
        code = _as_bytes(image, _as_rgb("image", image.shape))
        remedy = f"Pass {code}." if code else "Bring it to that shape, type and range."
    what = f"expected an image of (H, W, 3) uint8 RGB, 0..255, got {describe(image)}"
    raise UsageError(what, remedy)


def _as_rgb(name: str, shape: tuple[int, ...]) -> str:
    """Python that makes (H, W, 3) of the array `name`; empty where that takes a guess."""
    if len(shape) == 4:
        return _as_rgb(f"{name}[0]", shape[1:])
    if len(shape) == 2:
        return f"numpy.stack([{name}] * 3, axis=-1)"
    if len(shape) != 3:
        return ""
    by_last = {3: name, 4: f"{name}[..., :3]", 1: f"{name}.repeat(3, axis=-1)"}
    by_first = {
        3: f"{name}.transpose(1, 2, 0)",
        4: f"{name}[:3].transpose(1, 2, 0)",
        1: f"numpy.stack([{name}[0]] * 3, axis=-1)",
    }
    return by_last.get(shape[2]) or by_first.get(shape[0], "")


def _as_bytes(array: NDArray[Any], code: str) -> str:
    """`code`, which gives `array`, so that it gives uint8 in 0..255; empty where it takes a guess.

    Rounded, so that pixels that were divided by 255 come back as they were.
    """
    kind = array.dtype.kind
    if not code or array.dtype == "uint8" or kind not in "biuf":
        return code if array.dtype == "uint8" else ""
    low, high = float(array.min()), float(array.max())
    floats = kind == "f"
    conversions = (
        (kind == "b", "{}.astype('uint8') * 255"),
        (floats and low >= 0 and high <= 1, "({} * 255).round().astype('uint8')"),
        (floats and low >= -1 and high <= 1, "(({} + 1) * 127.5).round().astype('uint8')"),
        (floats and low >= 0 and high <= 255, "{}.round().astype('uint8')"),
        (not floats and low >= 0 and high <= 255, "{}.astype('uint8')"),
        (not floats and low >= 0 and high <= 65535, "({} / 257).round().astype('uint8')"),
    )
    return next((conversion.format(code) for applies, conversion in conversions if applies), "")


def checked_heatmap(heatmap: object, low: int = 0) -> NDArray[np.float32]:
    """`heatmap` as an array that OpenCV takes, float32 or float64 as it came.

    Raises
    ------
    UsageError
        Unless it is (h, w), of floats in `low`..1, none of them NaN, and not empty.
    """
    import numpy as np

    if isinstance(heatmap, np.ndarray) and heatmap.dtype.kind == "f" and heatmap.ndim == 2:
        least = low - _ROUNDING
        valid = heatmap.size and heatmap.min() >= least and heatmap.max() <= 1 + _ROUNDING
        if valid:
            native = np.float64 if heatmap.dtype.itemsize == 8 else np.float32
            return heatmap.astype(native, copy=False)
    raise UsageError(
        f"expected a heatmap of (h, w) float32 in {low}..1, got {describe(heatmap)}",
        _heatmap_remedy(heatmap),
    )


def _heatmap_remedy(heatmap: object) -> str:
    import numpy as np

    if not isinstance(heatmap, np.ndarray):
        return "Pass numpy.asarray(heatmap, 'float32'), or the `heatmap` of a target."
    if heatmap.ndim != 2 or not heatmap.size:
        return "Pass the heatmap of one class, with rows and columns only."
    if heatmap.dtype.kind not in "biuf":
        return "Pass heatmap.astype('float32')."
    low, high = float(heatmap.min()), float(heatmap.max())
    conversions = (
        (math.isnan(low), "numpy.nan_to_num(heatmap), if its NaN mean no heat"),
        (low < 0 or math.isinf(high), "numpy.clip(heatmap, 0, 1).astype('float32')"),
        (heatmap.dtype == "uint8" and high > 1, "(heatmap / 255).astype('float32')"),
        (high > 1, "(heatmap / heatmap.max()).astype('float32')"),
        (True, "heatmap.astype('float32')"),
    )
    return next(f"Pass {conversion}." for applies, conversion in conversions if applies)


def check_maps(activations: object, gradients: object) -> None:
    """Raise UsageError unless both are (h, w, C), floats, of one shape, and not empty."""
    import numpy as np

    pair = (activations, gradients)
    maps = [value for value in pair if isinstance(value, np.ndarray) and value.dtype.kind == "f"]
    if len(maps) == 2 and maps[0].shape == maps[1].shape and maps[0].ndim == 3 and maps[0].size:
        return
    got = " and ".join(describe(value) for value in pair)
    raise UsageError(
        f"expected activations and gradients of one shape, (h, w, C) float32, got {got}",
        "Pass those of one image: of a batch, activations[0] and gradients[0].",
    )


def check_activations(array: object) -> None:
    """Raise UsageError unless `array` is (h, w, C), floats, and not empty."""
    import numpy as np

    if isinstance(array, np.ndarray) and array.dtype.kind == "f" and array.ndim == 3 and array.size:
        return
    raise UsageError(
        f"expected activations or gradients of (h, w, C) float32, got {describe(array)}",
        "Pass those of one image.",
    )


def check_attention(tokens: int, *arrays: object) -> None:
    """Raise UsageError unless all are (blocks, heads, T, T), floats, of one shape, T ≥ `tokens`."""
    import numpy as np

    sound = [array for array in arrays if isinstance(array, np.ndarray) and array.dtype.kind == "f"]
    if len(sound) == len(arrays) and len({array.shape for array in sound}) == 1:
        shape = sound[0].shape
        if len(shape) == 4 and sound[0].size and shape[2] == shape[3] >= tokens:
            return
    raise UsageError(
        f"expected attention of (blocks, heads, tokens, tokens) float32 with at least {tokens} "
        f"tokens, got {' and '.join(map(describe, arrays))}",
        "Pass that of one image: of a batch, activations[ATTENTION][0].",
    )


def check_raw_heatmap(raw: object) -> None:
    """Raise UsageError unless `raw` is (h, w), floats, and not empty; any number will do."""
    import numpy as np

    if isinstance(raw, np.ndarray) and raw.dtype.kind == "f" and raw.ndim == 2 and raw.size:
        return
    raise UsageError(
        f"expected a raw heatmap of (h, w) float32, got {describe(raw)}",
        "Pass what a method gives for one image.",
    )


def check_inputs(inputs: object, shape: tuple[int, ...]) -> None:
    """Raise UsageError unless `inputs` has at least one array, each of `shape` and float32."""
    import numpy as np

    expected = f"expected inputs of {shape} float32, at least one"
    if not isinstance(inputs, (Sequence, np.ndarray)) or not len(inputs):
        got = "none" if isinstance(inputs, Sequence) else describe(inputs)
        raise UsageError(f"{expected}, got {got}", "Pass [explainer.input_of(image)].")
    for item in inputs:
        if not isinstance(item, np.ndarray) or item.shape != shape or item.dtype != np.float32:
            remedy = "Pass a list of what explainer.input_of(image) gives."
            raise UsageError(f"{expected}, got {describe(item)}", remedy)


def check_layer(layer: object) -> None:
    """Raise UsageError unless `layer` is a name, or None."""
    if layer is not None and not isinstance(layer, str):
        raise UsageError(
            f"expected the name of a layer, got {describe(layer)}",
            "Pass one of `gradcam layers`.",
        )


def checked_integer(name: str, value: object, low: int, high: int | None = None) -> int:
    """`value` as an int, where it is a whole number (NumPy's are) from `low` to `high`."""
    bounds = f"from {low} to {high}" if high is not None else f"of at least {low}"
    number = as_index(value)
    if number is None or number < low or (high is not None and number > high):
        raise UsageError(
            f"expected {name} to be a whole number {bounds}, got {describe(value)}",
            f"Pass an int {bounds}.",
        )
    return number


def as_index(value: object) -> int | None:
    """`value` as an int where it is a whole number, of NumPy's types too, and no truth value."""
    if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def checked_path(path: object) -> Path:
    """`path` as a Path; UsageError where it is none."""
    if isinstance(path, (str, os.PathLike)) and isinstance(text := os.fspath(path), str):
        return Path(text)
    raise UsageError(f"expected a path, got {describe(path)}", "Pass a string or a pathlib.Path.")


def check_boolean(name: str, value: object) -> None:
    """Raise UsageError unless `value` is True or False."""
    if not isinstance(value, bool):
        raise UsageError(
            f"expected {name} to be True or False, got {describe(value)}", "Pass one of them."
        )


def check_share(name: str, value: object) -> None:
    """Raise UsageError unless `value` is a number in 0..1."""
    if not 0 <= _number(value) <= 1:
        raise UsageError(
            f"expected {name} to be a number in 0..1, got {describe(value)}",
            "Pass a float in 0..1, such as 0.5.",
        )


def check_percentile(name: str, value: object) -> None:
    """Raise UsageError unless `value` is a number above 0 and at most 100."""
    if not 0 < _number(value) <= 100:
        raise UsageError(
            f"expected {name} to be a number above 0 and at most 100, got {describe(value)}",
            "Pass a number such as 99.",
        )


def _number(value: object) -> float:
    """`value`, or NaN where it is no number."""
    import numpy as np

    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        return math.nan
    return float(value)


def check_word(kind: str, value: object, known: Sequence[str]) -> None:
    """Raise UsageError unless `value` is one of the words `known`."""
    if isinstance(value, str) and value in known:
        return
    raise UsageError(
        f"expected the name of {kind}, got {describe(value)}",
        f"Pass one of: {', '.join(known)}.",
    )
