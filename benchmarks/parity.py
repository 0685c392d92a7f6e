"""How closely gradcam's maps agree with those of other libraries: docs/parity.md.

python -m benchmarks.parity --peers-python PYTHON

PYTHON has torch, torchvision, onnx, grad-cam, torchcam and captum.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.markdown import table
from benchmarks.parity_rows import PACKAGES, ROWS, SCRIPTS, Row
from gradcam_cli import FileOptions, __version__, select_model
from gradcam_cli.answers import question_of
from gradcam_cli.explainer import Explainer
from gradcam_cli.methods import Question, parse_method
from gradcam_cli.methods.principal_components import eigen_cam
from gradcam_cli.targets import Score, Target

Maps = NDArray[np.float32]
Figures = tuple[Row, dict[str, float]]

PEER_SCRIPTS = Path(__file__).with_name("peer_scripts")
PAGE = Path(__file__).with_name("parity_page.md")
OUTPUT = Path(__file__).parent.parent / "docs" / "parity.md"
NETWORKS = ("pooled", "flattened", "transformer")
BAR = 0.999
SIDE = 64
CLASSES = (3, 5, 7)
BASELINES = 4
OF_CHANCE = {"smooth-grad-cam++": 1, "ss-cam": 1, "expected-gradients": 10}
"""How many times `--samples` each takes: by what a sample costs."""


def picture(random: np.random.Generator) -> Maps:
    """Smooth colours with some noise, (64, 64, 3) in -1..1."""
    coarse = random.random((6, 6, 3))
    smooth = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    noisy = 2 * smooth - 1 + 0.05 * random.standard_normal(smooth.shape)
    return noisy.clip(-1, 1).astype(np.float32)


def write_pictures(file: Path) -> tuple[Maps, Maps]:
    """The pictures and the baselines, which are written as PyTorch takes them."""
    random = np.random.default_rng(0)
    drawn = np.stack([picture(random) for _ in range(len(CLASSES) + BASELINES)])
    pictures, baselines = drawn[: len(CLASSES)], drawn[len(CLASSES) :]
    first = {"pictures": pictures, "baselines": baselines}
    moved = {name: np.moveaxis(array, -1, 1) for name, array in first.items()}
    np.savez(file, allow_pickle=False, classes=np.array(CLASSES), **moved)
    return pictures, baselines


def run_peers(python: str, folder: Path, samples: int) -> dict[str, dict[str, Maps]]:
    """Each peer's maps, by network and name; those that are in `folder` are not made anew."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    made = {"parity_networks.py": f"{NETWORKS[-1]}.onnx"}
    made |= {script: f"{peer}.npz" for peer, script in SCRIPTS.items()}
    for script in (script for script, file in made.items() if not (folder / file).exists()):
        print(script, flush=True)
        command = [python, "-W", "ignore", *map(str, (PEER_SCRIPTS / script, folder, samples))]
        done = subprocess.run(command, check=False, capture_output=True, env=environment)
        if done.returncode:
            sys.exit(f"{script}: {done.stderr.decode()}")
    return {peer: dict(np.load(folder / f"{peer}.npz")) for peer in SCRIPTS}


def versions(python: str) -> dict[str, str]:
    """That of each peer."""
    code = (
        f"from importlib.metadata import version as v\nfor n in {[*PACKAGES.values()]}: print(v(n))"
    )
    answer = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return dict(zip(PACKAGES, answer.stdout.split(), strict=True))


def question(file: Path, methods: list[str], pictures: Maps) -> tuple[Explainer, Question]:
    """What each method is asked of the network in `file`, and whom."""
    options = FileOptions(preprocessing="scale=-1..1")
    explainer = Explainer.load(select_model(file, file_options=options), methods=methods)
    return explainer, question_of(explainer, list(pictures), [[Target(i)] for i in CLASSES], 1)


def own_maps(
    file: Path, keys: list[str], samples: int, arrays: tuple[Maps, Maps]
) -> dict[str, Maps]:
    """The raw maps of all `keys`, `Row.ours` of the rows that are of the network in `file`."""
    pictures, baselines = arrays
    methods = sorted({key.partition(",")[0] for key in keys})
    explainer, asked = question(file, methods, pictures)
    found: dict[str, Maps] = {}
    for key in keys:
        name, _, change = key.partition(", ")
        if name in OF_CHANCE:
            name += f":samples={samples * OF_CHANCE[name]}"
        given = list(baselines) if key == "expected-gradients" else []
        score: Score = "probability" if change == "probability" else "logit"
        own = replace(asked, baselines=given, score=score)
        if change in ("", "probability"):
            found[key] = explainer.modifiers.maps(parse_method(name), own).raw
        else:
            found[key] = np.stack([*changed_maps(key, asked)])
    return found


def changed_maps(key: str, asked: Question) -> Iterator[Maps]:
    """The map of each picture by a definition that is a peer's."""
    batch = asked.engine.gradients(np.stack(asked.inputs), asked.targets, [asked.layer])
    pairs = zip(batch.activations[asked.layer], batch.gradients[asked.layer], strict=True)
    for a, g in pairs:
        if key.startswith("grad-cam++"):
            yield a @ (_peer_alpha(key, a, g) * np.maximum(g, 0)).sum(axis=(0, 1))
        else:
            matrix = a * g if key.startswith("eigen-grad-cam") else a
            yield eigen_cam(matrix - matrix.mean(axis=(0, 1)))


def _peer_alpha(key: str, a: Maps, g: Maps) -> Maps:
    """Grad-CAM++'s α without its division, or with what pytorch-grad-cam adds to what divides."""
    if key.endswith("α = G²"):
        return g**2
    alpha: Maps = g**2 / (2 * g**2 + a.sum(axis=(0, 1)) * g**3 + np.float32(1e-6))
    return alpha


def correlation(own: Maps, theirs: Maps, row: Row) -> float:
    """The least over pictures of that of two maps, after what `row` says of signs."""
    return min(_correlation(*pair, row) for pair in zip(own, theirs, strict=True))


def _correlation(own: Maps, theirs: Maps, row: Row) -> float:
    if row.open_sign and np.vdot(own - own.mean(), theirs) < 0:
        theirs = -theirs
    if row.ours == "kpca-cam":
        theirs = np.maximum(theirs, 0)
    return float(np.corrcoef(own.ravel(), theirs.ravel())[0, 1])


def compared(own: dict[str, dict[str, Maps]], theirs: dict[str, dict[str, Maps]]) -> list[Figures]:
    """Each row with its figure on each network that its peer has a map of."""
    found = []
    for row in ROWS:
        maps = {name: theirs[row.peer].get(f"{name}/{row.theirs}") for name in NETWORKS}
        figures = {
            name: correlation(own[name][row.ours], array, row)
            for name, array in maps.items()
            if array is not None
        }
        found.append((row, figures))
    return found


def missed(figures: list[Figures]) -> list[str]:
    """The rows of one definition that are not within the bar."""
    return [
        f"{row.ours}, {row.peer} {row.theirs}"
        for row, own in figures
        if not row.differs and not min(own.values()) > BAR
    ]


def cells(row: Row, figures: dict[str, float], version: str, samples: int) -> list[str]:
    """A line of the table."""
    method, comma, change = row.ours.partition(",")
    values = [f"{figures[name]:.6f}" if name in figures else "" for name in NETWORKS]
    says = row.why.format(samples=samples * OF_CHANCE.get(row.ours, 1))
    return [f"`{method}`{comma}{change}", f"{row.peer} {version}", row.theirs, says, *values]


def written(figures: list[Figures], of_peers: dict[str, str], samples: int) -> str:
    """The whole of parity.md."""
    header = ("method", "peer", "its name", "", "pooled", "flattened", "transformer")
    one, several = (
        [cells(row, own, of_peers[row.peer], samples) for row, own in figures if row.differs == way]
        for way in (False, True)
    )
    below = "; ".join(missed(figures))
    verdict = f"**Below it: {below}.**" if below else "All are."
    return PAGE.read_text("utf-8").format(
        version=__version__,
        bar=BAR,
        verdict=verdict,
        one=table(header, one, left=4),
        several=table(header, several, left=4),
    )


def main() -> int:
    """Compare and write; the exit code, 1 where a row is not within the bar."""
    parser = argparse.ArgumentParser(prog="benchmarks.parity", description=__doc__)
    parser.add_argument("--peers-python", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--samples", type=int, default=100, help="of methods of chance")
    parser.add_argument(
        "--keep", type=Path, help="a folder that keeps peers' maps for the next run"
    )
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the file to write")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gradcam-parity-") as place:
        folder = options.keep or Path(place)
        folder.mkdir(exist_ok=True)
        arrays = write_pictures(folder / "pictures.npz")
        theirs = run_peers(options.peers_python, folder, options.samples)
        own = {}
        for name in NETWORKS:
            rows = [row for row in ROWS if f"{name}/{row.theirs}" in theirs[row.peer]]
            keys = sorted({row.ours for row in rows})
            own[name] = own_maps(folder / f"{name}.onnx", keys, options.samples, arrays)
    figures = compared(own, theirs)
    text = written(figures, versions(options.peers_python), options.samples)
    options.output.write_text(text, "utf-8")
    print(text, *(f"missed: {each}" for each in missed(figures)), sep="\n")
    return 1 if missed(figures) else 0


if __name__ == "__main__":
    sys.exit(main())
