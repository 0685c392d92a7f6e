"""Methods against those of pytorch-grad-cam, on the same networks; writes peer_methods.md.

    python -m benchmarks.peer_methods --peers-python PYTHON [--rounds N] [--cache-dir FOLDER]

PYTHON has pytorch-grad-cam, torchvision and h5py. Each program is one process that has loaded its
network, and they take turns. With --cache-dir the weights of VGG16 are kept for the next run.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import machine
from benchmarks.commands import ROOT, Place
from benchmarks.markdown import table
from benchmarks.measure import Spread
from benchmarks.peer_programs import SCRIPTS
from benchmarks.steady import ask

HERE = Path(__file__).parent
SAMPLES = sorted((ROOT / "sample_images").glob("*.jpg"))
FAMILY = {
    "grad-cam": "GradCAM",
    "grad-cam++": "GradCAMPlusPlus",
    "hirescam": "HiResCAM",
    "grad-cam-elementwise": "GradCAMElementWise",
    "xgrad-cam": "XGradCAM",
    "layer-cam": "LayerCAM",
    "eigen-cam": "EigenCAM",
    "eigen-grad-cam": "EigenGradCAM",
    "kpca-cam": "KPCA_CAM",
    "shapley-cam": "ShapleyCAM",
    "refine-cam": "RefineCAM",
    "finer-cam": "FinerCAM",
}
MANY_PASSES = {"score-cam": "ScoreCAM", "ablation-cam": "AblationCAM"}
PEERS = FAMILY | MANY_PASSES
MOST, MOST_OF_MANY = 0.3, 0.35
"""How much of pytorch-grad-cam's time a method may take."""


@dataclass(frozen=True)
class Network:
    """A network in both programs.

    Attributes
    ----------
    name, title : str
        As torch_methods.py has it, and for people.
    model, weights : str
        What gradcam opens, and the file that PyTorch reads.
    inputs : Path
        The sample pictures as the network takes them.
    """

    name: str
    title: str
    model: str
    weights: Path
    inputs: Path


@dataclass(frozen=True)
class Figures:
    """Seconds of a picture in each round, of both programs."""

    ours: list[float]
    theirs: list[float]

    @property
    def ratio(self) -> float:
        """Ours ÷ theirs, the medians."""
        return Spread.of(self.ours).median / Spread.of(self.theirs).median


def networks(python: str, place: Place) -> list[Network]:
    """Both, with their files written."""
    tell("Writing weights.")
    if not place.weights.exists():
        _run(place, sys.executable, "-m", "benchmarks.weights", place.weights)
    pth, npz, vgg, mobile = (
        place.work / name for name in ("vgg16.pth", "mobilenet.npz", "vgg16.npy", "mobilenet.npy")
    )
    _run(place, python, SCRIPTS / "torch_weights.py", place.weights, pth)
    _run(place, sys.executable, "-m", "benchmarks.onnx_model", place.onnx)
    _write_kernels(place.onnx, npz)
    _write_inputs("caffe", vgg)
    _write_inputs("torch", mobile)
    return [
        Network("mobilenet", "MobileNetV2", str(place.onnx), npz, mobile),
        Network("vgg16", "VGG16", "vgg16", pth, vgg),
    ]


def _run(place: Place, *argv: object) -> None:
    subprocess.run([str(each) for each in argv], check=True, env=place.env())


def _write_kernels(source: Path, target: Path) -> None:
    """The kernels of an ONNX file, in the order of its operations."""
    import onnx

    weights = map(onnx.numpy_helper.to_array, onnx.load(source).graph.initializer)
    np.savez(target, *(each for each in weights if each.ndim > 1))


def _write_inputs(preprocessing: str, target: Path) -> None:
    from gradcam_cli.images.overlay import model_input
    from gradcam_cli.images.reading import read_image
    from gradcam_cli.models.preprocessing import parse_preprocessing

    pixels = [model_input(read_image(path).pixels, (224, 224, 3)) for path in SAMPLES]
    np.save(target, parse_preprocessing(preprocessing)(np.stack(pixels)))


def measured(network: Network, python: str, place: Place, rounds: int) -> dict[str, Figures]:
    """Each method's figures; the first of several rounds is not kept."""
    here = [sys.executable, "-m", "benchmarks.methods_child", network.model, network.inputs, *PEERS]
    there = [python, SCRIPTS / "torch_methods.py", network.name, network.weights, network.inputs]
    found = {}
    with ExitStack() as stack:
        processes = [stack.enter_context(_started(argv, place)) for argv in (here, there)]
        for method, peer in PEERS.items():
            turns, pictures = (1, 1) if method in MANY_PASSES else (rounds, len(SAMPLES))
            lines = [f"{name} {pictures}" for name in (method, peer)]
            ours, theirs = in_turns(processes, lines, turns)
            found[method] = Figures(ours, theirs)
            tell(f"{network.title}  {method}  {found[method].ratio:.2f}")
    return found


def in_turns(
    processes: Sequence[subprocess.Popen[str]], lines: Sequence[str], turns: int
) -> list[list[float]]:
    """What each of `processes` answers to its line; the first of several turns is not kept."""
    seconds = [
        [ask(process, line) for process, line in zip(processes, lines, strict=True)]
        for _ in range(turns + (turns > 1))
    ]
    return [list(each) for each in zip(*seconds[-turns:], strict=True)]


def _started(argv: Sequence[object], place: Place) -> subprocess.Popen[str]:
    """A process that takes turns, without the bars of progress that pytorch-grad-cam draws."""
    env, pipe = {**place.env(), "TQDM_DISABLE": "1"}, subprocess.PIPE
    return subprocess.Popen(list(map(str, argv)), env=env, stdin=pipe, stdout=pipe, text=True)


def rows(network: Network, figures: dict[str, Figures]) -> list[list[str]]:
    """The table of a network."""
    return [
        [
            *(f"`{method}`", f"`{PEERS[method]}`"),
            *_figures(it, MOST_OF_MANY if method in MANY_PASSES else MOST),
        ]
        for method, it in figures.items()
    ]


def _figures(it: Figures, most: float) -> list[str]:
    ours, theirs = (1000 * Spread.of(each).median for each in (it.ours, it.theirs))
    if math.isnan(theirs):
        return [f"{ours:.1f} ms", "fails", "", f"{most:.2f}", ""]
    verdict = "met" if it.ratio <= most else "**missed**"
    return [f"{ours:.1f} ms", f"{theirs:.1f} ms", f"{it.ratio:.2f}", f"{most:.2f}", verdict]


def report(found: list[tuple[Network, dict[str, Figures]]], about: dict[str, str]) -> str:
    """The whole of peer_methods.md."""
    parts = ["# Methods against pytorch-grad-cam", _HOW.format(len(SAMPLES)).strip()]
    for network, figures in found:
        parts += [f"## {network.title}", table(HEADER, rows(network, figures), left=2)]
    lines = [[what, value] for what, value in about.items()]
    return "\n\n".join([*parts, "## The machine", table(("", ""), lines, left=2)]) + "\n"


HEADER = (
    *("method", "pytorch-grad-cam", "gradcam, a picture", "peer, a picture"),
    *("ratio", "bar", ""),
)
_HOW = """\
Made by `python -m benchmarks.peer_methods`: seconds from a prepared input to a heatmap of its size,
one picture at a time, for one class at the last layer of maps. Both programs have the same seeded
random weights and have loaded them; they take turns. Medians of rounds over the {0} sample photos;
a method with a pass for each channel explains one photo, once. pytorch-grad-cam is spared the
gradients of parameters, which it computes unless they are frozen, and its bars of progress. Its
ShapleyCAM fails where the second derivatives are 0. Finer-CAM takes a second forward pass here, to
find the classes that it compares with before the gradient is computed.
"""


def tell(text: str) -> None:
    """Say on stderr how far it is."""
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="benchmarks.peer_methods", description=__doc__)
    parser.add_argument("--peers-python", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--network", action="append", choices=("mobilenet", "vgg16"))
    parser.add_argument("--cache-dir", type=Path)
    parser.add_argument("--output", type=Path, default=HERE / "peer_methods.md")
    options = parser.parse_args()
    about = machine.described()
    with tempfile.TemporaryDirectory(prefix="gradcam-bench-") as work:
        place = Place(Path(work), (options.cache_dir or Path(work, "cache")).resolve())
        found = [
            (each, measured(each, options.peers_python, place, options.rounds))
            for each in networks(options.peers_python, place)
            if each.name in (options.network or (each.name,))
        ]
    options.output.write_text(report(found, about), "utf-8")
    print(options.output)


if __name__ == "__main__":
    main()
