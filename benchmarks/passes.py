"""What passes of the compiled engine cost side by side, for the bundled model.

    python -m benchmarks.passes [--rounds N]

Gradients at several layers in one pass beside those at one layer, and forward passes a second, as
methods of many passes run them, for batches of different sizes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.markdown import table
from gradcam_cli.engines.openvino.conversion import convert
from gradcam_cli.engines.openvino.engine import OpenVINOEngine
from gradcam_cli.engines.tensorflow import TensorFlowEngine
from gradcam_cli.models.efficientnet_lite import NAME
from gradcam_cli.models.layers import explainable_layers
from gradcam_cli.models.selection import select_model
from gradcam_cli.passes import INPUT, Engine
from gradcam_cli.targets import Target

LAST = "top_activation"
PLACES = {
    "one layer, the last": (LAST,),
    "one layer, the earliest of the five": ("block5c_add",),
    "five of the last stages": (
        *(LAST, "block7a_project_bn", "block6d_add", "block6a_project_bn", "block5c_add"),
    ),
    "five of the whole network": (
        *(LAST, "block5c_add", "block4a_project_bn", "block2b_add", "stem_conv"),
    ),
    "the input": (INPUT,),
}
BAR = 1.5
"""How many times as long as one layer, the last, five of the last stages may take."""
SIZES = (1, 2, 4, 8, 16)
FORWARDS = 32
"""How many rows a measurement of forward passes runs."""


def best_seconds(
    contenders: Mapping[str, Callable[[], object]], rounds: int
) -> dict[str, tuple[float, float]]:
    """The least wall and processor seconds of each; they take turns, and the first is not timed."""
    best = dict.fromkeys(contenders, (float("inf"), float("inf")))
    for number in range(rounds + 1):
        for name, run in contenders.items():
            wall, processor = time.perf_counter(), time.process_time()
            run()
            taken = time.perf_counter() - wall, time.process_time() - processor
            if number:
                best[name] = min(best[name][0], taken[0]), min(best[name][1], taken[1])
    return best


def gradients(engine: OpenVINOEngine, rounds: int) -> list[list[str]]:
    """A row for each of `PLACES`: milliseconds, and how many times those of the first."""
    image = np.random.default_rng(1).uniform(-1, 1, (1, 224, 224, 3)).astype(np.float32)

    def at(places: tuple[str, ...]) -> Callable[[], object]:
        return lambda: engine.gradients(image, [Target(285)], places)

    best = best_seconds({name: at(places) for name, places in PLACES.items()}, rounds)
    first = next(iter(best.values()))
    return [
        [name, *(f"{each * 1e3:.1f}" for each in taken), *_ratios(taken, first)]
        for name, taken in best.items()
    ]


def _ratios(taken: tuple[float, float], first: tuple[float, float]) -> list[str]:
    return [f"{one / other:.2f}" for one, other in zip(taken, first, strict=True)]


def forwards(engine: Engine, rounds: int) -> list[list[str]]:
    """A row for each of `SIZES`: forward passes a second, and processor milliseconds for each."""
    image = np.random.default_rng(1).uniform(-1, 1, (1, 224, 224, 3)).astype(np.float32)

    def of(size: int) -> Callable[[], object]:
        batch = np.repeat(image, size, 0)
        engine.forward(batch)
        starts = range(0, FORWARDS, size)
        if size == 1 or engine.parallel == 1:
            return lambda: [engine.forward(batch) for _ in starts]
        pool = ThreadPoolExecutor(engine.parallel)
        return lambda: list(pool.map(lambda _: engine.forward(batch), starts))

    return [
        [f"{engine.name}, {size}", f"{FORWARDS / wall:.0f}", f"{processor / FORWARDS * 1e3:.1f}"]
        for size in SIZES
        for wall, processor in best_seconds({"": of(size)}, rounds).values()
    ]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="benchmarks.passes", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="of gradients (default 20)")
    rounds = parser.parse_args().rounds
    network = select_model(NAME).open().network()
    with tempfile.TemporaryDirectory(prefix="gradcam-passes-") as folder:
        graph = Path(folder, "model.xml")
        convert(network, [layer.name for layer in explainable_layers(network)], graph)
        engine = OpenVINOEngine(graph)
        header = ("gradients at", "ms", "ms of processor", "times", "times of processor")
        print(f"{NAME}, one row; the bar for five of the last stages is {BAR} times.\n")
        print(table(header, gradients(engine, rounds)), flush=True)
        few = max(2, rounds // 5)
        rows = [*forwards(engine, few), *forwards(TensorFlowEngine(network), few)]
        print(f"\n{table(('rows in a batch', 'forwards a second', 'ms of processor'), rows)}")


if __name__ == "__main__":
    main()
