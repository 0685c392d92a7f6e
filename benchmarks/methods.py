"""What methods cost beside the raw passes that they are made of, on the bundled model.

python -m benchmarks.methods [--engine openvino] [--rounds 3]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import machine
from benchmarks.markdown import table
from benchmarks.measure import Spread
from gradcam_cli.engines import EngineName
from gradcam_cli.explainer import Explainer
from gradcam_cli.images.reading import read_image
from gradcam_cli.methods import METHODS, Question
from gradcam_cli.methods.batching import in_batches
from gradcam_cli.methods.choice import parse_methods
from gradcam_cli.passes import Engine
from gradcam_cli.targets import Target

HERE = Path(__file__).parent
SAMPLE = HERE.parent / "sample_images" / "egyptian_cat.jpg"
MODEL = "efficientnet-lite0"
CAT = 285
CHANNELS = 1280
CHEAP = {
    "ss-cam": "ss-cam:samples=1",
    "is-cam": "is-cam:steps=2",
    "occlusion": "occlusion:stride=0.1",
    "rise": "rise:masks=500",
}
"""With fewer passes than by default, of the methods that take the most."""
MEASURED = {
    choice.text: choice
    for choice in parse_methods([CHEAP.get(name, name) for name in METHODS])
    if choice.method.looks_at != "attention"
}
"""The methods that the bundled model can have."""
BATCHES = (1, 2, 4, 8, 16)
TRIAL = 96
"""How many passes tell which batch size is best."""
MOST = 1.15
"""How many times its raw passes Score-CAM may take."""
_LEAST_SECONDS = 0.5


def question(engine: EngineName) -> Question:
    """What speaks for the cat in the sample, at the default layer."""
    explainer = Explainer.load(MODEL, methods=tuple(MEASURED), engine=engine, offline=True)
    pictures = (read_image(SAMPLE).pixels, np.zeros((1, 1, 3), np.uint8))
    image, black = map(explainer.input_of, pictures)
    return Question(explainer.engine, [image], [Target(CAT)], explainer.layer, "logit", black)


def raw_passes(
    engine: Engine, image: NDArray[np.float32], passes: int, rows: int
) -> Callable[[], None]:
    """So many forward passes and nothing else, side by side where the engine gains by it."""
    batch = np.repeat(image[np.newaxis], rows, axis=0)
    return lambda: list(  # type: ignore[return-value]
        in_batches(lambda _: engine.forward(batch), passes, rows, engine.parallel)
    )


def seconds(call: Callable[[], object], least: float = 0.0) -> float:
    """The mean of as many calls as fit into `least` seconds, one at least."""
    start, calls, elapsed = time.perf_counter(), 0, 0.0
    while not calls or elapsed < least:
        call()
        calls += 1
        elapsed = time.perf_counter() - start
    return elapsed / calls


def best_rows(asked: Question) -> int:
    """The batch size at which forward passes take least, after once that does not count."""

    def figure(rows: int) -> float:
        call = raw_passes(asked.engine, asked.inputs[0], TRIAL, rows)
        call()
        return min(seconds(call) for _ in range(2))

    return min(BATCHES, key=figure)


def measured(asked: Question, rounds: int, rows: int) -> dict[str, list[float]]:
    """Seconds of the raw passes and of each method, in turns."""
    calls: dict[str, Callable[[], object]] = {
        "raw": raw_passes(asked.engine, asked.inputs[0], 1 + CHANNELS, rows),
        **{name: partial(choice.maps, asked) for name, choice in MEASURED.items()},
    }
    for name, call in calls.items():
        if name not in ("raw", "score-cam"):  # compiled and warm; the first two are long enough
            call()
    figures: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", flush=True)
        for name, call in calls.items():
            figures[name].append(seconds(call, 0 if name == "raw" else _LEAST_SECONDS))
    return figures


def report(asked: Question, figures: dict[str, list[float]], rows: int) -> str:
    """The whole of methods.md."""
    medians = {name: Spread.of(several).median for name, several in figures.items()}
    ratio = medians["score-cam"] / medians["raw"]
    rows_of_methods = [
        [
            *(f"`{name}`", MEASURED[name].method.cost, f"{1000 * medians[name]:.1f} ms"),
            f"{medians[name] / medians['grad-cam']:.2f}",
        ]
        for name in MEASURED
    ]
    return "\n\n".join(
        [
            "# Methods",
            _HOW.format(asked, MODEL, len(figures["raw"]), 1 + CHANNELS, rows),
            table(
                ("", "measured", "bar", ""),
                [
                    [
                        *(f"Score-CAM ÷ {1 + CHANNELS:,} raw passes", f"{ratio:.2f}"),
                        *(f"{MOST:.2f}", "met" if ratio <= MOST else "**missed**"),
                    ]
                ],
            ),
            f"The raw passes take {medians['raw']:.2f} s.",
            table(("method", "cost", "time", "÷ Grad-CAM"), rows_of_methods, left=2),
            "## The machine",
            machine.table(),
        ]
    )


_HOW = """\
Made by `python -m benchmarks.methods`: one picture and one class, {1} at `{0.layer}`, engine
{0.engine.name}. Medians of {2} rounds in which all take turns. Score-CAM is held against {3:,} raw
forward passes at the best batch size, {4}, with {0.engine.parallel} batches side by side. Options
stand where a method takes more passes by default."""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="benchmarks.methods", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engine", default="auto", choices=("auto", "openvino", "tensorflow"))
    parser.add_argument("--output", type=Path, default=HERE / "methods.md")
    options = parser.parse_args()
    asked = question(options.engine)
    rows = best_rows(asked)
    text = report(asked, measured(asked, options.rounds, rows), rows)
    options.output.write_text(f"{text}\n", "utf-8")
    print(text)


if __name__ == "__main__":
    main()
