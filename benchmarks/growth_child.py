"""What a process holds in memory as it explains on and on; prints it as JSON.

python -m benchmarks.growth_child MODEL METHOD
"""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path

import numpy as np

from gradcam_cli.explainer import Explainer

WARM, COUNT = 200, 1000
"""How many explanations come first, and how many then."""
_SIDES = (48, 64)


def resident() -> float:
    """Megabytes of this process that are in memory, once Python has let go of what it can."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096 / 2**20


def explain(explainer: Explainer, count: int, random: np.random.Generator) -> None:
    """Explain so many pictures, each once."""
    for _ in range(count):
        pixels = random.integers(0, 256, (*_SIDES, 3), dtype=np.uint8)
        explainer.explain(pixels, "top").overlay()


def main(model: str, method: str) -> None:
    """Print megabytes after the first explanations, and after the others."""
    explainer = Explainer.load(model, methods=method, offline=True)
    random = np.random.default_rng(0)
    explain(explainer, WARM, random)
    before = resident()
    explain(explainer, COUNT, random)
    print(json.dumps([before, resident()]))


if __name__ == "__main__":
    main(*sys.argv[1:])
