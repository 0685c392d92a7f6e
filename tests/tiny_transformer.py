"""A vision transformer of two blocks, small enough to be written out in NumPy beside its graph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

HEIGHT, WIDTH, CHANNELS, HEADS, BLOCKS, CLASSES = 2, 3, 4, 2, 2, 3
TOKENS = 1 + HEIGHT * WIDTH
_KERNELS = {"q": (4, 4), "k": (4, 4), "v": (4, 4), "o": (4, 4), "in": (4, 6), "out": (6, 4)}


def weights(seed: int = 0) -> dict[str, NDArray[np.float32]]:
    random = np.random.default_rng(seed)
    shapes = {f"{name}{block}": _KERNELS[name] for block in range(BLOCKS) for name in _KERNELS}
    shapes |= {"patches": (3, CHANNELS), "class": (1, 1, CHANNELS), "head": (CHANNELS, CLASSES)}
    return {
        name: (0.5 * random.standard_normal(shape)).astype(np.float32)
        for name, shape in shapes.items()
    }


def run(
    image: NDArray[Any], changes: Sequence[Array] | None = None, last: int = BLOCKS - 1
) -> tuple[Array, list[Array]]:
    """The scores, (classes,), and the attention of each block, (heads, tokens, tokens).

    Parameters
    ----------
    image : (HEIGHT, WIDTH, 3)
    changes : sequence of (heads, tokens, tokens), optional
        Added to the attention of each block.
    last : int
        The block whose tokens the head gets.
    """
    w = {name: array.astype(np.float64) for name, array in weights().items()}
    tokens = np.concatenate([w["class"][0], image.reshape(-1, 3) @ w["patches"]])
    attention = []
    for block in range(last + 1):
        q, k, v = (
            (tokens @ w[f"{name}{block}"]).reshape(TOKENS, HEADS, -1).transpose(1, 0, 2)
            for name in "qkv"
        )
        exponentials = np.exp(q @ k.transpose(0, 2, 1) / np.sqrt(2))
        matrix = exponentials / exponentials.sum(axis=-1, keepdims=True)
        attention.append(matrix)
        if changes is not None:
            matrix = matrix + changes[block]
        mixed = (matrix @ v).transpose(1, 0, 2).reshape(TOKENS, CHANNELS)
        tokens = tokens + mixed @ w[f"o{block}"]
        tokens = tokens + np.tanh(tokens @ w[f"in{block}"]) @ w[f"out{block}"]
    return tokens[0] @ w["head"], attention


def save(path: Path, *, fused: bool = False) -> Path:
    """The same as an OpenVINO file; with attention `fused`, as one operation."""
    import openvino
    from openvino import opset13 as ops

    w = weights()

    def integers(*values: int) -> Any:
        return ops.constant(np.array(values, np.int64))

    def split(x: Any) -> Any:
        heads = ops.reshape(x, integers(0, TOKENS, HEADS, CHANNELS // HEADS), special_zero=True)
        return ops.transpose(heads, integers(0, 2, 1, 3))

    def dense(x: Any, name: str) -> Any:
        return ops.matmul(x, ops.constant(w[name]), False, False)

    image = ops.parameter([1, 3, HEIGHT, WIDTH], np.float32, "image")
    kernel = ops.constant(w["patches"].T.reshape(CHANNELS, 3, 1, 1).copy())
    patches = ops.convolution(image, kernel, [1, 1], [0, 0], [0, 0], [1, 1])
    flat = ops.reshape(patches, integers(0, CHANNELS, HEIGHT * WIDTH), special_zero=True)
    tokens = ops.concat([ops.constant(w["class"]), ops.transpose(flat, integers(0, 2, 1))], 1)
    for block in range(BLOCKS):
        q, k, v = (split(dense(tokens, f"{name}{block}")) for name in "qkv")
        if fused:
            mixed = ops.scaled_dot_product_attention(q, k, v)
        else:
            scale = ops.constant(np.float32(1 / np.sqrt(2)))
            matrix = ops.softmax(ops.multiply(ops.matmul(q, k, False, True), scale), 3)
            mixed = ops.matmul(matrix, v, False, False)
        mixed = ops.transpose(mixed, integers(0, 2, 1, 3))
        joined = ops.reshape(mixed, integers(0, TOKENS, CHANNELS), special_zero=True)
        tokens = ops.add(tokens, dense(joined, f"o{block}"))
        inner = ops.tanh(dense(tokens, f"in{block}"))
        tokens = ops.add(tokens, dense(inner, f"out{block}"))
        tokens.output(0).get_tensor().set_names({f"block_{block}"})
    of_class = ops.gather(tokens, ops.constant(np.int64(0)), ops.constant(np.int64(1)))
    scores = dense(of_class, "head")
    scores.output(0).get_tensor().set_names({"scores"})
    model = openvino.Model([ops.result(scores)], [image], "tiny")
    openvino.save_model(model, path, compress_to_fp16=False)
    return path
