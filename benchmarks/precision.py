"""What bf16 does to heatmaps and scores, family by family; writes precision.md.

python -m benchmarks.precision [MODEL]..., on a processor that has bf16.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import machine
from benchmarks.commands import ROOT
from benchmarks.families import MODELS, heatmap_of, network_of
from benchmarks.markdown import table
from gradcam_cli.engines.openvino.conversion import convert
from gradcam_cli.engines.openvino.engine import OpenVINOEngine
from gradcam_cli.engines.openvino.processors import computes_in
from gradcam_cli.heads import probabilities
from gradcam_cli.images.overlay import model_input
from gradcam_cli.images.reading import read_image
from gradcam_cli.models.catalog import find_model
from gradcam_cli.models.layers import explainable_layers
from gradcam_cli.models.preprocessing import parse_preprocessing
from gradcam_cli.passes import PRECISIONS, Precision
from gradcam_cli.targets import Target

Array = NDArray[np.float32]

OUTPUT = Path(__file__).with_name("precision.md")
SAMPLES = sorted((ROOT / "sample_images").glob("*.jpg"))
BATCH = 4
SECONDS = 1.0

HEADER = (
    *("model", "layer", "heatmap, correlation", "at the least", "heatmap, largest difference"),
    *("top 1 the same", "probability, largest difference", "time ÷ f32, batches of 4"),
)


@dataclass(frozen=True)
class Explained:
    """What comes of a picture: its heatmap and the probabilities of all classes."""

    heatmap: Array
    shares: NDArray[np.float64]


class Subject:
    """A network that computes in either precision, and the sample photos as it takes them."""

    def __init__(self, name: str, folder: Path) -> None:
        source = find_model(name)
        network = network_of(source)
        layers = explainable_layers(network)
        convert(network, [layer.name for layer in layers], folder / "model.xml")
        self.layer = next(layer.name for layer in layers if layer.default)
        self.engines = {
            precision: OpenVINOEngine(folder / "model.xml", precision=precision)
            for precision in PRECISIONS
        }
        prepare = parse_preprocessing(source.info.preprocessing)
        self.inputs = [
            prepare(model_input(read_image(path).pixels, source.info.input)[np.newaxis])
            for path in SAMPLES
        ]

    def explained(self, precision: Precision, target: Target, batch: Array) -> Explained:
        """A picture explained."""
        results = self.engines[precision].gradients(batch, [target], [self.layer])
        shares = probabilities(results.scores, "softmax")[0]
        return Explained(heatmap_of(results, self.layer), shares)

    def seconds(self) -> dict[Precision, float]:
        """Seconds of a batch in each, at the best; they take turns."""
        batch = np.concatenate([self.inputs[0]] * BATCH)
        asked = (batch, [Target(0)] * BATCH, [self.layer])
        runs = {
            precision: partial(engine.gradients, *asked)
            for precision, engine in self.engines.items()
        }
        best = dict.fromkeys(PRECISIONS, float("inf"))
        for run in runs.values():
            run()
        end = time.perf_counter() + SECONDS
        while time.perf_counter() < end:
            for precision, run in runs.items():
                start = time.perf_counter()
                run()
                best[precision] = min(best[precision], time.perf_counter() - start)
        return best


def row_of(name: str, subject: Subject) -> list[str]:
    """The row of a model."""
    correlations, differences, moved, same = [], [], [], 0
    for batch in subject.inputs:
        scores = subject.engines["f32"].forward(batch)[0]
        target = Target(int(scores.argmax()))
        exact, rough = (subject.explained(each, target, batch) for each in PRECISIONS)
        if exact.heatmap.any():
            both = np.corrcoef(exact.heatmap.ravel(), rough.heatmap.ravel())
            correlations.append(float(both[0, 1]))
            differences.append(float(np.abs(exact.heatmap - rough.heatmap).max()))
        moved.append(float(np.abs(exact.shares - rough.shares).max()))
        same += int(exact.shares.argmax() == rough.shares.argmax())
    seconds = subject.seconds()
    return [
        *(name, f"`{subject.layer}`"),
        *_heat(correlations, differences),
        f"{same} of {len(subject.inputs)}",
        f"{max(moved):.3f}",
        f"{seconds['bf16'] / seconds['f32']:.2f}",
    ]


def _heat(correlations: list[float], differences: list[float]) -> list[str]:
    if not correlations:
        return ["no heat", "", ""]
    figures = np.median(correlations), min(correlations)
    return [*(f"{each:.4f}" for each in figures), f"{max(differences):.2f}"]


def report(rows: list[list[str]]) -> str:
    """The whole of precision.md."""
    parts = ["# bf16 beside f32", _HOW, table(HEADER, rows, left=2), "## The machine"]
    return "\n\n".join([*parts, machine.table()]) + "\n"


_HOW = """\
Made by `python -m benchmarks.precision`: Grad-CAM at the default layer for the predicted class, on
the sample photos, with `--precision bf16` beside f32. EfficientNet-Lite0 has its own weights, the
others seeded random ones, whose classes are closer together than those of a trained network.
Heatmaps are in 0..1. Where no photo has heat for its class, there is nothing to compare."""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="benchmarks.precision", description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", default=MODELS)
    options = parser.parse_args()
    if not computes_in("bf16"):
        print("This processor has no bf16; precision.md stays as it is.", file=sys.stderr)
        return
    rows = []
    for name in options.models:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(row_of(name, Subject(name, Path(folder))))
        print(*rows[-1], sep="  ", file=sys.stderr, flush=True)
    OUTPUT.write_text(report(rows), "utf-8")


if __name__ == "__main__":
    main()
