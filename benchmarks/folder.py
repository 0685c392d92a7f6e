"""A folder explained, against the sum of its parts and a shell loop; writes folder.md.

python -m benchmarks.folder [--rounds N]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

from benchmarks import machine, weights
from benchmarks.commands import ROOT, Place
from benchmarks.markdown import table
from benchmarks.measure import Spread

HERE = Path(__file__).parent
IMAGES = {"efficientnet-lite0": 960, "vgg16": 96}
BATCHES = (8, 16, 32)
LEAST_RATIO = 0.85
LOOP = 3
"""How many pictures the shell loop explains, one process each."""


@dataclass
class Figures:
    """Seconds per image of each part and of the whole, by batch size, one for each round."""

    parts: dict[str, dict[int, list[float]]] = field(default_factory=dict)

    def add(self, part: str, seconds: float, size: int = 1) -> None:
        """Keep a figure."""
        self.parts.setdefault(part, {}).setdefault(size, []).append(seconds)

    def median(self, part: str) -> float:
        """The median of a part, at its best batch size."""
        return min(Spread.of(figures).median for figures in self.parts[part].values())

    @property
    def sum(self) -> float:
        """Decode, the faster forward pass and encode, one after the other."""
        forward = min(self.median("forward, OpenVINO"), self.median("forward, TensorFlow"))
        return self.median("decode") + forward + self.median("encode")


def photos(folder: Path, number: int, size: tuple[int, int] = (640, 480)) -> list[Path]:
    """Different crops of the sample photos, of `size` as JPEG."""
    random = np.random.default_rng(0)
    samples = [Image.open(path) for path in sorted((ROOT / "sample_images").glob("*.jpg"))]
    folder.mkdir()
    paths = [folder / f"{i:04}.jpg" for i in range(number)]
    for i, path in enumerate(paths):
        sample = samples[i % len(samples)]
        left, top = random.integers(0, np.array(sample.size) // 4)
        box = (left, top, left + sample.width * 3 // 4, top + sample.height * 3 // 4)
        sample.crop(box).resize(size).save(path, quality=90)
    return paths


def per_image(work: Callable[[], Any], images: int) -> float:
    """Seconds that `work` takes, for each of `images`."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) / images


class Subject:
    """One model, ready to be measured over a folder of photos."""

    def __init__(self, model: str, work: Path) -> None:
        from gradcam_cli.explainer import Explainer
        from gradcam_cli.images.reading import read_image

        self.model = model
        self.out = work / f"out-{model}"
        self.explainer = Explainer.load(model, engine="openvino", offline=True)
        self.paths = photos(work / f"photos-{model}", IMAGES[model])
        self.pool = ThreadPoolExecutor(os.cpu_count())
        self.pixels = read_image(str(self.paths[0])).pixels
        self.read = read_image
        shape = (max(BATCHES), *self.explainer.model.input)
        noise = np.random.default_rng(1).uniform(-1, 1, shape)
        self.noise = noise.astype(np.float32)
        rows = self.explainer.engine.rows
        self.explainer.explain_inputs([self.noise[0]], [-1], rows=rows)  # compiles
        self.forwards = {
            "forward, OpenVINO": self._openvino_forward(),
            "forward, TensorFlow": self._tensorflow_forward(),
        }

    def _openvino_forward(self) -> dict[int, Callable[[], Any]]:
        from gradcam_cli.engines.openvino.graphs import LOGITS
        from gradcam_cli.engines.openvino.runtime import openvino
        from gradcam_cli.models import about

        (graph,) = about.compiled_folder().glob(f"{self.model}-*/{about.GRAPH}")
        core = openvino.Core()
        found: dict[int, Callable[[], Any]] = {}
        for size in BATCHES:
            model = core.read_model(graph)
            outputs = {each.get_friendly_name(): each for each in model.get_results()}
            logits = openvino.Model([outputs[LOGITS]], model.get_parameters(), "forward")
            logits.reshape([size, *self.noise.shape[1:]])
            settings = {"INFERENCE_PRECISION_HINT": "f32"}
            request = core.compile_model(logits, "CPU", settings).create_infer_request()
            found[size] = partial(request.infer, [self.noise[:size]])
        return found

    def _tensorflow_forward(self) -> dict[int, Callable[[], Any]]:
        from gradcam_cli.models.framework import tensorflow

        tf, _ = tensorflow()
        network = self.explainer.model.network()
        run = tf.function(lambda batch: network(batch, training=False))
        batches = {size: tf.constant(self.noise[:size]) for size in BATCHES}
        return {size: partial(lambda batch: run(batch).numpy(), batches[size]) for size in BATCHES}

    def round(self, figures: Figures) -> None:
        """Measure each part and the whole once."""
        from gradcam_cli.images.writing import encoded_image, write_output

        number = len(self.paths)
        figures.add("decode", per_image(lambda: self._all(self.read, map(str, self.paths)), number))
        for name, sizes in self.forwards.items():
            for size, run in sizes.items():
                figures.add(name, _forward(run, size, number), size)
        self.out.mkdir(exist_ok=True)
        written = [self.out / f"encoded{i}.jpg" for i in range(number)]

        def encode(path: Path) -> None:
            write_output(path, encoded_image(self.pixels, path.suffix), synced=False)

        figures.add("encode", per_image(lambda: self._all(encode, written), number))
        figures.add("folder", per_image(self._folder, number))

    def _all(self, work: Callable[..., Any], arguments: Any) -> None:
        for _ in self.pool.map(work, arguments):
            pass

    def _folder(self) -> None:
        """What `gradcam explain FOLDER --force` does once its model is loaded."""
        from gradcam_cli.images.listing import Item
        from gradcam_cli.images.writing import OVERLAY_SUFFIX, Destination
        from gradcam_cli.runs.recording import RunOptions, recording
        from gradcam_cli.runs.settings import Outputs, Settings
        from gradcam_cli.runs.stages import Stages
        from gradcam_cli.targets import TOP, Target

        settings = Settings((Target(TOP),), engine="openvino", offline=True)
        opener: Any = SimpleNamespace(explainer=self.explainer, model=self.explainer.model)
        stages = Stages(opener, settings, Outputs(Destination(self.out, OVERLAY_SUFFIX)))
        items = [Item(str(path), path.stem, str(path.absolute())) for path in self.paths]
        with recording(items, stages, RunOptions(force=True)) as run:
            assert not any(outcome.error for outcome in run.outcomes())

    def shell_loop(self, env: dict[str, str]) -> float:
        """Seconds per image of one process for each of a few pictures."""
        options = ("--model", self.model, "--class", "top", "-o", f"{self.out}/", "-q")

        def loop() -> None:
            for path in self.paths[:LOOP]:
                argv = (sys.executable, "-m", "gradcam_cli", "explain", str(path), *options)
                subprocess.run(argv, env=env, check=True, stdout=subprocess.DEVNULL)

        return per_image(loop, LOOP)


def _forward(run: Callable[[], Any], size: int, number: int) -> float:
    runs = max(2, number // size // 4)
    return per_image(lambda: [run() for _ in range(runs)], runs * size)


def measured(rounds: int, place: Place) -> dict[str, tuple[Figures, float]]:
    """The figures of each model, the first round thrown away, and its shell loop's."""
    found = {}
    for model in IMAGES:
        print(model, file=sys.stderr, flush=True)
        subject = Subject(model, place.work)
        subject.round(Figures())
        figures = Figures()
        for _ in range(rounds):
            subject.round(figures)
        found[model] = (figures, subject.shell_loop(place.env()))
    return found


def report(found: dict[str, tuple[Figures, float]]) -> str:
    """The whole of folder.md."""
    header = ("ms per image", *found)
    names = list(next(iter(found.values()))[0].parts)
    rows = [
        [name, *(f"{1000 * figures.median(name):.1f}" for figures, _ in found.values())]
        for name in names
    ]
    rows += [
        ["sum of the parts", *(f"{1000 * figures.sum:.1f}" for figures, _ in found.values())],
        [
            f"**folder ÷ sum, as throughput** (at least {LEAST_RATIO})",
            *(f"**{figures.sum / figures.median('folder'):.2f}**" for figures, _ in found.values()),
        ],
        ["shell loop, a process each", *(f"{1000 * loop:.0f}" for _, loop in found.values())],
        [
            "shell loop ÷ folder",
            *(f"{loop / figures.median('folder'):.1f}" for figures, loop in found.values()),
        ],
    ]
    return "\n\n".join(["# A folder", _HOW, table(header, rows), "## The machine", machine.table()])


_HOW = """\
Made by `make bench`: photos of 640 × 480 explained for their top class in one process, against
what its parts take alone, each on all cores: reading and decoding, the raw forward pass (the faster
of two, each at its best batch size), and encoding and writing the overlays. The folder does all of
that, and resizes, differentiates, blends and keeps its manifest. Medians of rounds in which all
take turns."""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="benchmarks.folder", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cache-dir", type=Path, help="where weights and compiled models are kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gradcam-bench-") as work:
        cache = (options.cache_dir or Path(work, "cache")).resolve()
        place = Place(Path(work), cache)
        os.environ.update(place.env())
        if not place.weights.exists():
            weights.write_vgg16(place.weights)
        text = report(measured(options.rounds, place))
    (HERE / "folder.md").write_text(f"{text}\n", "utf-8")
    print(text)


if __name__ == "__main__":
    main()
