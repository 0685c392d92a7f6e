"""Metrics of `gradcam evaluate` against those of Quantus and pytorch-grad-cam; writes peers.md.

python -m benchmarks.peers [--rounds N], where quantus, grad-cam, torchvision, onnx and onnxscript
are installed. The network is the same for all: torchvision's MobileNetV2 with seeded random
weights, by PyTorch there and from its ONNX file here. The maps are given, so that metrics alone are
measured.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import quantus
import torch
import torchvision
from numpy.typing import NDArray
from pytorch_grad_cam.metrics.road import ROADCombined
from pytorch_grad_cam.utils.model_targets import ClassifierOutputSoftmaxTarget

from benchmarks import machine
from benchmarks.markdown import table
from benchmarks.measure import Spread
from gradcam_cli.explainer import Explainer
from gradcam_cli.heads import probabilities
from gradcam_cli.images.reading import read_image
from gradcam_cli.metrics.complexity import complexity, sparsity
from gradcam_cli.metrics.faithfulness import Subject, deletion_curve
from gradcam_cli.metrics.road import imputed, road_combined, road_scores
from gradcam_cli.passes import FORWARD

HERE = Path(__file__).parent
SAMPLES = sorted((HERE.parent / "sample_images").glob("*.jpg"))
STEPS = 16
SIDE = 224
MOST = 0.3
"""How much of the others' time it may take."""

Array = NDArray[np.float32]


class Network:
    """One network in both programs, the sample pictures, and a seeded map for each."""

    def __init__(self, folder: Path) -> None:
        torch.manual_seed(0)
        self.torch = torchvision.models.mobilenet_v2(weights=None).eval()
        file = folder / "mobilenet.onnx"
        torch.onnx.export(self.torch, (torch.zeros(1, 3, SIDE, SIDE),), file, dynamo=True)
        explainer = Explainer.load(str(file), engine="openvino").with_passes((FORWARD,))
        self.engine = explainer.engine
        self.inputs = [explainer.input_of(read_image(path).pixels) for path in SAMPLES]
        cells = np.random.default_rng(0).random((len(SAMPLES), 7, 7), np.float32)
        self.maps = cells.repeat(32, axis=1).repeat(32, axis=2)
        self.classes = [int(self.scores(each[np.newaxis]).argmax()) for each in self.inputs]
        self.channels_first = np.stack(self.inputs).transpose(0, 3, 1, 2).copy()

    def scores(self, batch: Array) -> NDArray[np.float64]:
        """The probabilities of all classes."""
        return probabilities(self.engine.forward(batch), "softmax")

    def subject(self, number: int) -> Subject:
        """The picture of this number; what is removed is its least value, as in Quantus."""
        picture, label = self.inputs[number], self.classes[number]
        black = np.full_like(picture, picture.min())
        score = lambda batch: self.scores(batch)[:, label]  # noqa: E731
        return Subject(picture, black, score, self.engine.forward_rows)

    def all_pictures(self, measure: Callable[[int], Any]) -> list[Any]:
        """As a run measures them: a picture on each stream of the engine."""
        with ThreadPoolExecutor(self.engine.parallel) as pool:
            return list(pool.map(measure, range(len(self.inputs))))


def our_deletion(network: Network) -> NDArray[np.float64]:
    """The curves, without their first point, as Quantus has them."""
    curves = network.all_pictures(
        lambda at: deletion_curve(network.subject(at), network.maps[at], STEPS)
    )
    return np.array(curves)[:, 1:]


def quantus_deletion(network: Network) -> NDArray[np.float64]:
    """Pixel Flipping of whole pixels: a map for each channel, three of them in a step."""
    metric = quantus.PixelFlipping(
        features_in_step=SIDE * SIDE // STEPS, perturb_baseline="black", normalise=False, abs=False,
        disable_warnings=True, display_progressbar=False,
    )  # fmt: skip
    curves = metric(
        model=network.torch, x_batch=network.channels_first, y_batch=np.array(network.classes),
        a_batch=network.maps[:, np.newaxis], device="cpu", softmax=True,
    )  # fmt: skip
    return np.array(curves)


def our_road(network: Network) -> list[float]:
    """ROAD, combined."""
    return network.all_pictures(
        lambda at: road_combined(*road_scores(network.subject(at), network.maps[at]))
    )


def their_road(network: Network) -> list[float]:
    """That of pytorch-grad-cam."""
    metric = ROADCombined(percentiles=[20, 40, 60, 80])
    targets = [ClassifierOutputSoftmaxTarget(label) for label in network.classes]
    scores = metric(torch.from_numpy(network.channels_first), network.maps, targets, network.torch)
    return [float(each) for each in scores]


PAIRS: dict[str, tuple[Callable[[Network], Any], Callable[[Network], Any], str]] = {
    "deletion": (our_deletion, quantus_deletion, "Quantus, PixelFlipping"),
    "road": (our_road, their_road, "pytorch-grad-cam, ROADCombined"),
}


def differences(network: Network) -> list[tuple[str, str, float]]:
    """Of values whose definition is the same."""
    calls = {
        "x_batch": network.channels_first, "y_batch": np.array(network.classes),
        "a_batch": network.maps[:, np.newaxis], "device": "cpu", "model": network.torch,
    }  # fmt: skip
    quiet = {"disable_warnings": True, "display_progressbar": False}
    theirs = np.array(quantus.Sparseness(**quiet)(**calls))
    gini = np.abs(theirs - [sparsity(each) for each in network.maps]).max()
    theirs = np.array(quantus.Complexity(**quiet)(**calls)) / np.log(SIDE * SIDE)
    entropy = np.abs(theirs - [complexity(each) for each in network.maps]).max()
    flipped = quantus_deletion(network)
    share = flipped.shape[1] // STEPS
    curves = np.abs(flipped[:, share - 1 :: share] - our_deletion(network)).max()
    return [
        ("sparsity", "Quantus, Sparseness", float(gini)),
        ("complexity", "Quantus, Complexity ÷ log of the pixels", float(entropy)),
        ("deletion curve", "Quantus, PixelFlipping", float(curves)),
        (
            "imputed pixels",
            "Quantus, noisy_linear_imputation; share of the range",
            imputing(network),
        ),
    ]


def imputing(network: Network) -> float:
    """By how much imputed pixels differ, as a share of the range of the picture."""
    from quantus.functions.perturb_func import noisy_linear_imputation

    picture = network.channels_first[0][:, :64, :64]
    missing = np.random.default_rng(0).random((64, 64)) < 0.5
    theirs = noisy_linear_imputation(picture, np.flatnonzero(missing), noise=0.0)
    ours = imputed(picture.transpose(1, 2, 0).copy(), missing)
    found = np.abs(theirs.reshape(3, 64, 64).transpose(1, 2, 0) - ours).max()
    return float(found / np.ptp(picture))


def main() -> None:
    """Measure in turns, and write the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        network = Network(Path(folder))
        seconds: dict[tuple[str, int], list[float]] = {}
        for _ in range(rounds + 1):
            for name, functions in PAIRS.items():
                for side, function in enumerate(functions[:2]):
                    start = time.perf_counter()
                    function(network)
                    seconds.setdefault((name, side), []).append(time.perf_counter() - start)
        rows = []
        for name, (_, _, peer) in PAIRS.items():
            ours, theirs = (Spread.of(seconds[name, side][1:]).median for side in (0, 1))
            verdict = "met" if ours / theirs <= MOST else "**missed**"
            rows.append(
                [name, peer, f"{ours:.2f} s", f"{theirs:.2f} s", f"{ours / theirs:.2f}", verdict]
            )
        found = [[name, peer, f"{value:.1e}"] for name, peer, value in differences(network)]
    page = f"""# Metrics against peers

Made by `python -m benchmarks.peers`: MobileNetV2 with random weights, {len(SAMPLES)} pictures,
{STEPS} steps of deletion. Medians of {rounds} rounds in which all take turns; the bar is {MOST}.

{table(["metric", "peer", "gradcam", "peer", "ratio", ""], rows, left=2)}

The largest differences where definitions are the same:

{table(["value", "peer", "difference"], found, left=2)}

## The machine

{machine.table()}
"""
    (HERE / "peers.md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
