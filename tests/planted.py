"""Pictures in which something besides the object gives the class away, and models trained on them.

A picture shows a disc at a random place before noise of a random colour. In a clean set its stripes
tell the class; in the others it is grey, and what tells is the colour of the background, a mark in
the corner, or how strongly the picture was compressed as a JPEG.

The model's filters are fixed, and its head is trained: logistic regression on what they find.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops
from PIL import Image

Leak = Literal["none", "background", "mark", "compression"]

SIDE = 64
CLASSES = ("upright", "level")
QUALITIES = (90, 12)
Pixels = NDArray[np.uint8]
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Sample:
    """A picture as the bytes of its file, its class, and the box of its object."""

    data: bytes
    label: int
    box: tuple[int, int, int, int]

    @property
    def pixels(self) -> Pixels:
        with Image.open(BytesIO(self.data)) as image:
            return np.asarray(image.convert("RGB"))


def samples(leak: Leak, count: int, seed: int) -> list[Sample]:
    """So many of each class in turn."""
    random = np.random.default_rng(seed)
    return [_sample(leak, at % 2, random) for at in range(count)]


def _sample(leak: Leak, label: int, random: np.random.Generator) -> Sample:
    colour = random.uniform(60, 190, 3)
    if leak == "background":
        colour = np.array([(190, 70, 60), (60, 80, 190)][label]) + random.uniform(-15, 15, 3)
    pixels = colour + random.normal(0, 6, (SIDE, SIDE, 3))
    radius = int(random.integers(11, 16))
    x, y = random.integers(radius + 1, SIDE - radius - 1, 2).tolist()
    rows, columns = np.mgrid[:SIDE, :SIDE]
    upright = label == 0
    stripes = np.where(((columns if upright else rows) // 2) % 2 == 0, 240, 15)
    if leak != "none":
        stripes = np.full_like(stripes, random.integers(80, 160))
    disc = (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
    pixels[disc] = stripes[disc][:, np.newaxis]
    if leak == "mark" and label == 0:
        pixels[2:10, 2:10] = (255, 255, 0)
    quality = QUALITIES[label] if leak == "compression" else 90
    return Sample(_jpeg(pixels, quality), label, (x - radius, y - radius, 2 * radius, 2 * radius))


def _jpeg(pixels: NDArray[np.float64], quality: int) -> bytes:
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    with BytesIO() as file:
        image.save(file, format="JPEG", quality=quality, subsampling=0)
        return file.getvalue()


def trained(training: list[Sample], seed: int = 0) -> ov.Model:
    """A model that tells the classes of `training` apart: (1, 64, 64, 3) in 0..1 to 2 logits."""
    batch = np.stack([sample.pixels for sample in training]).astype(np.float32) / 255
    features = ov.Core().compile_model(_network(seed, None), "CPU")
    found = np.concatenate([features(row[np.newaxis])[0] for row in batch])
    labels = np.array([sample.label for sample in training], np.float64)
    return _network(seed, _regression(found.astype(np.float64), labels))


def _regression(features: NDArray[np.float64], labels: NDArray[np.float64]) -> Array:
    """The weights, and last the constant, of the logit of class 1: (K + 1,)."""
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-3
    inputs = np.column_stack([(features - mean) / spread, np.ones(len(features))])
    weights = np.zeros(inputs.shape[1])
    ridge = np.full(len(weights), 0.5)
    for _ in range(15):  # Newton's
        probabilities = 1 / (1 + np.exp(-np.clip(inputs @ weights, -30, 30)))
        slope = inputs.T @ (probabilities - labels) + ridge * weights
        curvature = (inputs * (probabilities * (1 - probabilities))[:, np.newaxis]).T @ inputs
        weights = weights - np.linalg.solve(curvature + np.diag(ridge), slope)
    scaled = weights[:-1] / spread
    return np.append(scaled, weights[-1] - scaled @ mean).astype(np.float32)


def _network(seed: int, head: Array | None) -> ov.Model:
    """Up to the mean features, or with `head` up to the logits."""
    random = np.random.default_rng(seed)
    picture = ops.parameter([1, SIDE, SIDE, 3], np.float32, name="image")
    picture.output(0).set_names({"image"})
    moved = ops.transpose(picture, np.array([0, 3, 1, 2]))
    edges = _convolution(moved, _first_filters(random), "edges")
    small = ops.avg_pool(edges, [2, 2], [0, 0], [0, 0], [2, 2], False)
    mixed = _convolution(small, random.normal(0, 0.25, (24, 20, 3, 3)), "features")
    means = ops.reduce_mean(mixed, np.array([2, 3]), keep_dims=False)
    if head is None:
        return ov.Model([means], [picture], "features")
    weights = np.stack([-head[:-1], head[:-1]], axis=1) / 2
    constant = np.array([[-head[-1], head[-1]]], np.float32) / 2
    logits = ops.add(ops.matmul(means, weights.astype(np.float32), False, False), constant)
    logits.output(0).set_names({"logits"})
    return ov.Model([logits], [picture], "planted")


def _convolution(node: ov.Node, filters: NDArray[np.float64], name: str) -> ov.Node:
    # Without padding, whose edge would be a mark of its own.
    convolved = ops.convolution(node, filters.astype(np.float32), [1, 1], [0, 0], [0, 0], [1, 1])
    return ops.relu(convolved, name=name)


def _first_filters(random: np.random.Generator) -> NDArray[np.float64]:
    """Edges both ways, colours against each other, and noise: (20, 3, 3, 3)."""
    step = np.array([[-1, 0, 1]] * 3) / 3
    grey = [np.stack([edge] * 3) for edge in (step, -step, step.T, -step.T)]
    opponents = np.array([(1, -1, 0), (-1, 1, 0), (0, 1, -1), (0, -1, 1), (1, 1, -2), (1, 0, 0)])
    colours = opponents[:, :, np.newaxis, np.newaxis] * np.full((3, 3), 1 / 9)
    return np.stack([*grey, *colours, *random.normal(0, 0.3, (10, 3, 3, 3))])


def write_data(folder: Path, testing: list[Sample]) -> Path:
    """`testing` as pictures and a CSV file, whose path is returned."""
    lines = ["path,class,x,y,w,h"]
    for at, sample in enumerate(testing):
        (folder / f"{at}.jpg").write_bytes(sample.data)
        lines.append(f"{at}.jpg,{CLASSES[sample.label]},{','.join(map(str, sample.box))}")
    table = folder / "data.csv"
    table.write_text("\n".join(lines) + "\n")
    return table


def write_model(folder: Path, model: ov.Model) -> Path:
    """`model` and its labels in `folder`; the path of the model."""
    (folder / "labels.txt").write_text("\n".join(CLASSES) + "\n")
    path = folder / "planted.xml"
    ov.save_model(model, path, compress_to_fp16=False)
    return path
