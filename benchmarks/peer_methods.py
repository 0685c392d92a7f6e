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
from numpy.typing import NDArray

from benchmarks import machine
from benchmarks.commands import ROOT, Place
from benchmarks.markdown import table
from benchmarks.measure import ask
from benchmarks.peer_programs import SCRIPTS

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
FORWARD = "forward"
MET, MISSED = "met", "**missed**"
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
    """Seconds of a picture in each round, of both programs: by the clock, and of the cores.

    Attributes
    ----------
    ours, theirs : (rounds, 2) float
    """

    ours: NDArray[np.float64]
    theirs: NDArray[np.float64]

    def over(self, other: Figures) -> list[float]:
        """Ours ÷ the other's theirs, the medians: by the clock, and of the cores."""
        ratios = np.median(self.ours, 0) / np.median(other.theirs, 0)
        return [float(ratio) for ratio in ratios]


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
    """Each method's figures, and those of the forward pass alone."""
    here = [sys.executable, "-m", "benchmarks.methods_child", network.model, network.inputs, *PEERS]
    there = [python, SCRIPTS / "torch_methods.py", network.name, network.weights, network.inputs]
    found = {}
    with ExitStack() as stack:
        processes = [stack.enter_context(_started(argv, place)) for argv in (here, there)]
        for method, peer in {FORWARD: FORWARD, **PEERS}.items():
            found[method] = in_turns(processes, (method, peer), rounds)
            by_clock, of_cores = found[method].over(found[method])
            tell(f"{network.title}  {method}  {by_clock:.2f} by the clock, {of_cores:.2f} of cores")
    return found


def in_turns(
    processes: Sequence[subprocess.Popen[str]], names: Sequence[str], rounds: int
) -> Figures:
    """What each of `processes` answers to its name of a method, or of the forward pass.

    A method of few passes explains a picture first that does not count. One of many explains one.
    """
    counts = [1] if names[0] in MANY_PASSES else [1, *[len(SAMPLES)] * rounds]
    seconds = [
        [ask(process, f"{name} {count}") for process, name in zip(processes, names, strict=True)]
        for count in counts
    ]
    ours, theirs = np.array(seconds[-rounds:]).swapaxes(0, 1)
    return Figures(ours, theirs)


def _started(argv: Sequence[object], place: Place) -> subprocess.Popen[str]:
    """A process that takes turns, without the bars of progress that pytorch-grad-cam draws."""
    env, pipe = {**place.env(), "TQDM_DISABLE": "1"}, subprocess.PIPE
    return subprocess.Popen(list(map(str, argv)), env=env, stdin=pipe, stdout=pipe, text=True)


def rows(figures: dict[str, Figures]) -> list[list[str]]:
    """The table of a network."""
    forward = figures[FORWARD]
    table_rows = [["a forward pass alone", "", *_figures(forward), "", "", ""]]
    for method, peer in PEERS.items():
        it = figures[method]
        bars = ["", *_verdict(it, MOST_OF_MANY)] if method in MANY_PASSES else _bars(it, forward)
        table_rows.append([f"`{method}`", f"`{peer}`", *_figures(it), *bars])
    return table_rows


def _figures(it: Figures) -> list[str]:
    """Milliseconds of both programs, and ours ÷ theirs, by the clock and of the cores."""
    ours, theirs = (1000 * np.median(each, 0)[0] for each in (it.ours, it.theirs))
    if math.isnan(theirs):
        return [f"{ours:.1f} ms", "fails", "", ""]
    return [f"{ours:.1f} ms", f"{theirs:.1f} ms", *map(_ratio, it.over(it))]


def _bars(it: Figures, forward: Figures) -> list[str]:
    """What our forward pass alone is of their time, the bar, and whether it is met."""
    least = forward.over(it)[0]
    bar, verdict = _verdict(it, MOST)
    by_pass = verdict and verdict != MET and least > MOST
    return [_ratio(least), bar, f"{verdict}, by the pass alone" if by_pass else verdict]


def _verdict(it: Figures, most: float) -> list[str]:
    """The bar and whether it is met; nothing where theirs fails."""
    ratio, _ = it.over(it)
    return [f"{most:.2f}", "" if math.isnan(ratio) else MET if ratio <= most else MISSED]


def _ratio(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}"


def report(found: list[tuple[Network, dict[str, Figures]]]) -> str:
    """The whole of peer_methods.md."""
    parts = ["# Methods against pytorch-grad-cam", _HOW.format(len(SAMPLES)).strip()]
    for network, figures in found:
        parts += [f"## {network.title}", table(HEADER, rows(figures), left=2)]
    return "\n\n".join([*parts, "## The machine", machine.table()]) + "\n"


HEADER = (
    *("method", "pytorch-grad-cam", "gradcam, a picture", "peer, a picture"),
    *("ratio", "of cores", "forward pass", "bar", ""),
)
_HOW = """\
Made by `python -m benchmarks.peer_methods`: seconds from a prepared input to a heatmap of its size,
one picture at a time, for one class at the last layer of maps. Both programs have the same seeded
random weights and have loaded them; they take turns. Medians of rounds over the {0} sample photos;
a method with a pass for each channel explains one photo, once. pytorch-grad-cam is spared the
gradients of parameters, which it computes unless they are frozen, and its bars of progress. Its
ShapleyCAM fails where the second derivatives are 0.

**Ratio** is ours ÷ theirs by the clock, **of cores** the same of the seconds that all cores were
busy for the program, which other programs on the machine disturb less. **Forward pass** is ours
alone ÷ their whole method: no method of one pass can have a smaller ratio, however little it does
beside. Where that is above the bar, the bar is missed by the pass alone. A pass of VGG16 is nearly
all convolutions, the same multiplications in both programs, and little in a convolution is left to
save. Eigen-CAM and KPCA-CAM have no backward pass in either. Score-CAM is a pass for each channel
in both, and cannot be far below the first row; Ablation-CAM runs what follows the layer here, and
the whole network there.
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
    with tempfile.TemporaryDirectory(prefix="gradcam-bench-") as work:
        place = Place(Path(work), (options.cache_dir or Path(work, "cache")).resolve())
        found = [
            (each, measured(each, options.peers_python, place, options.rounds))
            for each in networks(options.peers_python, place)
            if each.name in (options.network or (each.name,))
        ]
    options.output.write_text(report(found), "utf-8")
    print(options.output)


if __name__ == "__main__":
    main()
