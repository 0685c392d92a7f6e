"""Whether a process grows with the explanations it makes, by each method; writes growth.md.

    python -m benchmarks.growth [METHOD]...

Each method has a process of its own. Small networks are explained, of which a thousand explanations
take seconds: what would be kept of each explanation is kept there, too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks import machine
from benchmarks.commands import ROOT
from benchmarks.coverage_child import CHOICES
from benchmarks.growth_child import COUNT, WARM
from benchmarks.markdown import table

OUTPUT = Path(__file__).with_name("growth.md")
NETWORKS = tuple(ROOT / "tests" / "zoo" / f"{name}.onnx" for name in ("resnet_like", "vit_like"))
"""What methods run on, the first that can have them."""
MOST = 0.05


@dataclass(frozen=True)
class Growth:
    """Megabytes of a process: before, and after so many more explanations.

    Attributes
    ----------
    network : str
    before, after : float
    """

    network: str
    before: float
    after: float

    @property
    def share(self) -> float:
        """By how much it grew."""
        return self.after / self.before - 1

    def row(self, method: str) -> list[str]:
        """As a row of the table."""
        verdict = "met" if self.share < MOST else "**missed**"
        figures = (f"{self.before:.1f} MB", f"{self.after:.1f} MB", f"{self.share:+.1%}")
        return [f"`{method}`", self.network, *figures, verdict]


def measured(method: str) -> Growth:
    """What a process of its own finds.

    Raises
    ------
    SystemExit
        Where no network can have the method, with what the last said.
    """
    print(method, file=sys.stderr, flush=True)
    for network in NETWORKS:
        command = [sys.executable, "-m", "benchmarks.growth_child", str(network), method]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return Growth(network.stem, *json.loads(done.stdout))
    raise SystemExit(done.stderr)


def page(found: dict[str, Growth]) -> str:
    """The whole of growth.md."""
    header = ["method", "network", f"after {WARM:,}", f"after {COUNT:,} more", "growth", ""]
    rows = [growth.row(method) for method, growth in found.items()]
    return _PAGE.format(
        count=COUNT,
        warm=WARM,
        most=MOST,
        table=table(header, rows, left=2),
        machine=machine.table(),
    )


_PAGE = """\
# Memory over many explanations

Made by `python -m benchmarks.growth`: what a process holds in memory (resident) after {warm:,}
explanations and after {count:,} more, each of a picture of its own for its predicted class. At most
{most:.0%} more is the bar. The networks are small, so that nothing hides behind their weights.

{table}

## The machine

{machine}
"""


def main() -> int:
    """Measure and write; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(prog="benchmarks.growth", description=__doc__)
    parser.add_argument("methods", nargs="*", metavar="METHOD", help="those to measure; no page")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the page")
    options = parser.parse_args()
    methods = options.methods or [choice.text for choice in CHOICES]
    found = {method: measured(method) for method in methods}
    if options.methods:
        print(page(found))
    else:
        options.output.write_text(page(found), "utf-8")
    return int(any(growth.share >= MOST for growth in found.values()))


if __name__ == "__main__":
    sys.exit(main())
