"""Compare the compiled engine with TensorFlow on every family of models, and write families.md.

python -m benchmarks.families [MODEL]...
"""

from __future__ import annotations

import argparse
import gc
import math
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import machine
from benchmarks.markdown import line, table
from benchmarks.weights import draw
from gradcam_cli.engines.comparison import relative_difference
from gradcam_cli.engines.openvino.conversion import convert, difference_from_reference
from gradcam_cli.engines.openvino.engine import OpenVINOEngine
from gradcam_cli.engines.tensorflow import TensorFlowEngine
from gradcam_cli.methods import grad_cam, normalize
from gradcam_cli.models.catalog import find_model
from gradcam_cli.models.layers import LayerInfo, explainable_layers
from gradcam_cli.models.model import ModelInfo
from gradcam_cli.models.preprocessing import PREPROCESSING
from gradcam_cli.models.selection import select_model
from gradcam_cli.models.sources.contract import KerasSource
from gradcam_cli.passes import Gradients, Pass
from gradcam_cli.targets import TOP, Target

MODELS = (
    *("vgg16", "vgg19", "efficientnet-lite0", "convnexttiny", "densenet121", "efficientnetb0"),
    *("efficientnetv2b0", "inceptionresnetv2", "inceptionv3", "mobilenet", "mobilenetv2"),
    *("mobilenetv3small", "nasnetmobile", "resnet50", "resnet50v2", "xception"),
)
"""The smallest of each family, and the other VGG."""

EVERY_BLOCK = {
    "vgg16": ("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv3"),
    "vgg19": ("block1_conv2", "block2_conv2", "block3_conv4", "block4_conv4", "block5_conv4"),
    "resnet50": (
        *("conv1_relu", "conv2_block3_out", "conv3_block4_out", "conv4_block6_out"),
        "conv5_block3_out",
    ),
}
VGG_POOLS = tuple(f"block{number}_pool" for number in range(1, 6))

HEADER = (
    *("model", "layer", "served", "logits", "activations", "gradients", "heatmap"),
    *("heatmap, TensorFlow itself", "convert", "files"),
)
PICTURES = (3, 4, 5)
"""Seeds."""
BATCH = 8
CLASSES = 10
"""How many of the most probable classes are tried for one with heat."""
OUTPUT = Path(__file__).with_name("families.md")


@dataclass(frozen=True)
class Apart:
    """How far apart the engines are at one layer, and whether the compiled one serves it.

    Attributes
    ----------
    logits, activations, gradients : float
        The largest difference as a share of the largest value.
    heatmap : float
        The largest difference of the Grad-CAM heatmap, which is in 0..1; NaN where both are empty.
    itself : float
        That between TensorFlow with the picture alone and TensorFlow with it in a batch.
    reason : str
        Why it is left to TensorFlow; empty where it is served.
    """

    logits: float = math.nan
    activations: float = math.nan
    gradients: float = math.nan
    heatmap: float = math.nan
    itself: float = math.nan
    reason: str = ""

    def cells(self) -> list[str]:
        """The cells of a table, from "served" on."""
        served = f"no: {self.reason}" if self.reason else "yes"
        if math.isnan(self.logits):
            return [served, *[""] * 5]
        figures = (self.logits, self.activations, self.gradients, self.heatmap, self.itself)
        return [served, *("empty" if math.isnan(each) else f"{each:.1e}" for each in figures)]


def network_of(source: KerasSource) -> Any:
    """The Keras model of `source` with its bundled weights, or else with random ones."""
    gc.collect()
    if source.state() == "bundled":
        return select_model(source.info.name).open().network()
    network = source.build()
    draw(network, source.info.name)
    return network


def layers_of(name: str, layers: list[LayerInfo]) -> list[str]:
    """The default layer, the one half-way down, and every block's where that is asked for."""
    wanted = {layers[len(layers) // 2].name, *EVERY_BLOCK.get(name, ())}
    if name.startswith("vgg"):
        wanted.update(VGG_POOLS)
    return [layer.name for layer in layers if layer.default or layer.name in wanted]


def heatmap_of(results: Gradients, layer: str) -> NDArray[np.float32]:
    """The Grad-CAM heatmap of the first row of `results`."""
    heatmap, _ = normalize(grad_cam(results.activations[layer][0], results.gradients[layer][0]))
    return heatmap


def heatmap_difference(candidate: Gradients, reference: Gradients, layer: str) -> float:
    """The largest difference between the two heatmaps; NaN where neither has any heat."""
    one, other = heatmap_of(candidate, layer), heatmap_of(reference, layer)
    return float(np.abs(one - other).max()) if one.any() or other.any() else math.nan


def target_with_heat(engine: TensorFlowEngine, batch: NDArray[np.float32], layer: str) -> Target:
    """The most probable class that the layer has any heat for, among the first few."""
    ranked = np.argsort(-engine.forward(batch)[0])[:CLASSES]
    for index in ranked.tolist():
        if heatmap_of(engine.gradients(batch, [Target(index)], [layer]), layer).any():
            return Target(index)
    return Target(TOP)


def compared(info: ModelInfo, network: Any, graph: Path, layer: str) -> Apart:
    """The worst of both engines on a few pictures, and what the check at first use says."""
    reference = TensorFlowEngine(network)
    try:
        candidate = OpenVINOEngine(graph)
        parts = [on_a_picture(info, candidate, reference, layer, seed) for seed in PICTURES]
    except Exception as error:  # whatever OpenVINO comes up with is the finding
        return Apart(reason=" ".join(str(error).split())[:80] or type(error).__name__)
    what = Pass("gradients", (layer,))
    reason = difference_from_reference(candidate, reference, what, info.input, info.preprocessing)
    figures = (float(np.fmax.reduce(each)) for each in zip(*parts, strict=True))
    logits, activations, gradients, heatmap, itself = figures
    return Apart(logits, activations, gradients, heatmap, itself, reason)


def on_a_picture(
    info: ModelInfo, candidate: OpenVINOEngine, reference: TensorFlowEngine, layer: str, seed: int
) -> tuple[float, ...]:
    """How far apart the two are on noise for one class: the figures of `Apart`, in its order."""
    noise = np.random.default_rng(seed).integers(0, 256, (1, *info.input), np.uint8)
    batch = PREPROCESSING[info.preprocessing](noise)
    targets = [target_with_heat(reference, batch, layer)]
    expected, got = (each.gradients(batch, targets, [layer]) for each in (reference, candidate))
    several = reference.gradients(np.repeat(batch, BATCH, 0), targets * BATCH, [layer])
    return (
        relative_difference(got.scores, expected.scores),
        relative_difference(got.activations[layer], expected.activations[layer]),
        relative_difference(got.gradients[layer], expected.gradients[layer]),
        heatmap_difference(got, expected, layer),
        heatmap_difference(several, expected, layer),
    )


def rows_of(name: str) -> Iterator[list[str]]:
    """The rows of one model; the first has the figures of the conversion."""
    source = find_model(name)
    network = network_of(source)
    layers = explainable_layers(network)
    with tempfile.TemporaryDirectory(prefix="gradcam-families-") as folder:
        graph = Path(folder, "model.xml")
        start = time.perf_counter()
        convert(network, [layer.name for layer in layers], graph)
        seconds = time.perf_counter() - start
        size = sum(file.stat().st_size for file in Path(folder).iterdir())
        conversion = [f"{seconds:.1f} s", f"{size / 1e6:.1f} MB"]
        for layer in layers_of(name, layers):
            apart = compared(source.info, network, graph, layer)
            yield [source.info.name, f"`{layer}`", *apart.cells(), *conversion]
            conversion = ["", ""]


def written(rows: list[list[str]]) -> str:
    """The whole of families.md."""
    versions = ", ".join(
        f"{name} {machine.installed(package)}" for name, package in machine.PACKAGES.items()
    )
    return f"""\
# The compiled engine beside TensorFlow

Made by `make bench`. The smallest model of each family, with seeded random weights
(EfficientNet-Lite0 with its own), on three pictures of noise, for the most probable class that has
any heat: how far apart the two engines are at the default layer and at earlier ones, at the worst.
Logits, activations and gradients: the largest difference as a share of the largest value. Heatmap:
the largest difference, where 1 is the most heat. Served: whether the layer passes the check at its
first use, which asks for 1e-4 in all three on one of three pictures. Converting is done once per
model.

At a kink rounding decides: where a ReLU's input is 0 but for rounding, or the two largest values
under a max-pool are equal but for rounding, two programs may take different slopes, and every layer
from there to the input gets a somewhat different gradient. TensorFlow itself does, between a
picture alone and the same picture in a batch of {BATCH}: the column beside the heatmap's.

{table(HEADER, rows, left=3)}

{versions}.
"""


def main() -> None:
    """Compare, printing each row as it comes, and write the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.families", description=__doc__)
    parser.add_argument("models", nargs="*", default=MODELS, metavar="MODEL")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the file to write")
    options = parser.parse_args()
    rows: list[list[str]] = []
    print(table(HEADER, [], left=3), flush=True)
    for name in options.models:
        for row in rows_of(name):
            print(line(row), flush=True)
            rows.append(row)
    options.output.write_text(written(rows), "utf-8")


if __name__ == "__main__":
    main()
