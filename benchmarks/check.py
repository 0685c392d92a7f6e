"""What `gradcam check` costs beside `gradcam explain` over the same pictures; writes check.md.

python -m benchmarks.check [--pictures 20000] [--rounds 2]
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import machine
from benchmarks.markdown import table
from benchmarks.measure import Command, Sample, Spread, run

HERE = Path(__file__).parent
SAMPLES = HERE.parent / "sample_images"
MODEL = ("--model", "efficientnet-lite0", "--offline", "-q")
LEAST = 0.8
"""How much of `explain`'s rate `check` has to have, without the counterfactual."""
FEWER = 10
"""Memory over so many times as many pictures is to be the same."""

OBJECTS = {
    "egyptian_cat": (0.0, 0.0, 0.88, 0.98),
    "espresso": (0.26, 0.05, 0.52, 0.72),
    "tripod": (0.45, 0.37, 0.34, 0.62),
    "space_shuttle": (0.05, 0.02, 0.9, 0.95),
}
"""Left, top, width and height, as shares of the picture."""


def pictures(folder: Path, number: int) -> list[str]:
    """So many different pictures, and a line of the data set for each."""
    random = np.random.default_rng(0)
    samples = {name: Image.open(SAMPLES / f"{name}.jpg").convert("RGB") for name in OBJECTS}
    lines = []
    for at in range(number):
        name = list(OBJECTS)[at % len(OBJECTS)]
        scale, quality = random.uniform(0.6, 0.9), int(random.integers(70, 92))
        width, height = (round(side * scale) for side in samples[name].size)
        file = folder / f"{at:06}.jpg"
        samples[name].resize((width, height)).save(file, quality=quality)
        left, top, wide, high = OBJECTS[name]
        box = (left * width, top * height, wide * width, high * height)
        lines.append(f"{file.name},{name},{','.join(f'{value:.1f}' for value in box)}")
    return lines


def command(name: str, *arguments: str) -> Command:
    """A run from nothing."""
    return Command(name, name, (sys.executable, "-m", "gradcam_cli", *arguments, *MODEL))


def measured(number: int, rounds: int) -> dict[str, list[Sample]]:
    """Runs over `number` pictures, in turns."""
    kept: dict[str, list[Sample]] = {}
    lines = pictures(Path("photos"), number)
    for name, some in (("all", lines), ("few", lines[::FEWER])):
        text = "\n".join(("path,class,x,y,w,h", *some))
        Path("photos", f"{name}.csv").write_text(f"{text}\n")
    commands = {
        "explain": ("explain", "photos", "--class", "top", "-o", "out/"),
        "check": ("check", "photos/all.csv", "--no-object-drop", "-o", "out/"),
        "few": ("check", "photos/few.csv", "--no-object-drop", "-o", "out/"),
        "check with object drop": ("check", "photos/few.csv", "-o", "out/"),
    }
    for number_of_round in range(rounds):
        for name, arguments in commands.items():
            print(f"round {number_of_round + 1}: {name}", file=sys.stderr)
            shutil.rmtree("out", ignore_errors=True)
            kept.setdefault(name, []).append(run(command(name, *arguments), dict(os.environ)))
    return kept


def page(number: int, rounds: int, kept: dict[str, list[Sample]]) -> str:
    """The figures, as Markdown."""
    counts = {"explain": number, "check": number}
    rows = []
    for name, samples in kept.items():
        count = counts.get(name, -(-number // FEWER))
        rate = count / Spread.of([each.seconds for each in samples]).median
        peak = Spread.of([each.peak for each in samples]).median / 1e6
        label = "check, without object drop" if name in ("check", "few") else name
        rows.append([label, f"{count:,}", f"{rate:.1f}", f"{peak:.0f} MB"])
    ratio = Spread.of(
        [one.seconds / two.seconds for one, two in zip(kept["explain"], kept["check"], strict=True)]
    ).median
    verdict = "met" if ratio >= LEAST else "**missed**"
    turns = "One round" if rounds == 1 else f"Medians of {rounds} rounds"
    return f"""# Checks

Made by `python -m benchmarks.check`: pictures of some 300 × 300, the bundled model. {turns}
in which all take turns.

| | measured | bar | |
|---|---:|---:|---|
| rate of `check` without object drop ÷ `explain`'s, at least | {ratio:.2f} | {LEAST} | {verdict} |

{table(["command", "pictures", "a second", "peak memory"], rows)}

## The machine

{machine.table()}
"""


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("photos").mkdir()
        text = page(given.pictures, given.rounds, measured(given.pictures, given.rounds))
    (HERE / "check.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
