"""Which methods which model can have, and why not the others; writes docs/coverage.md.

    python -m benchmarks.coverage [--folder FOLDER] [MODEL]...

Each model has a process of its own. What came of it is kept in FOLDER, with times and memory: a run
that was interrupted goes on. Where models are named, those are done anew, and no others.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import families, machine
from benchmarks.commands import ROOT
from benchmarks.coverage_child import CHOICES
from benchmarks.markdown import table

CATALOGUE = tuple(name for name in families.MODELS if name != "vgg19")
"""The bundled model, and the smallest of each family of keras.applications."""
FILES = tuple(
    f"tests/zoo/{name}.onnx"
    for name in (
        *("resnet_like", "convnext_new", "efficientnet_like"),
        *("vit_torch", "vit_like", "deit_like", "swin_new"),
    )
)
MODELS = (*CATALOGUE, *FILES)
OUTPUT = ROOT / "docs" / "coverage.md"
FOLDER = ROOT / "build" / "coverage"
NO_EVIDENCE = "No evidence: it has no value above 0 for this picture and class."
_TOLD = 2000

Record = dict[str, Any]


def run(name: str, kept: Path) -> None:
    """Have a process write to `kept` what comes of a model, or write how that ended."""
    print(name, file=sys.stderr, flush=True)
    weights = kept.with_suffix(".weights.h5")
    log = kept.with_suffix(".log")
    command = [sys.executable, "-m", "benchmarks.coverage_child", name, str(weights), str(kept)]
    with log.open("w", encoding="utf-8") as told:
        code = subprocess.run(
            command,
            check=False,
            cwd=ROOT,
            env={**os.environ, "GRADCAM_CACHE": str(kept.parent / "cache")},
            stdout=told,
            stderr=subprocess.STDOUT,
        ).returncode
    weights.unlink(missing_ok=True)
    if code:
        print(log.read_text("utf-8")[-_TOLD:], file=sys.stderr, flush=True)
        kept.write_text(json.dumps({"crash": f"the process ended with {code}"}), "utf-8")


class Reasons:
    """Numbers reasons, each once; the model's name stands as MODEL in them."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def number(self, reason: str) -> str:
        """The number of a reason."""
        if reason not in self.texts:
            self.texts.append(reason)
        return str(self.texts.index(reason) + 1)

    def cell(self, name: str, record: Record, method: str) -> str:
        """A tick, a number, or that it is wrong."""
        if "crash" in record:
            return self.number(f"**Wrong**: {record['crash']}.")
        found = record["methods"].get(method)
        if found is None:
            return self.number("Not run: the method is newer than the outcome of this model.")
        if "reason" in found:
            return self.number(found["reason"].replace(Path(name).name, "MODEL"))
        if found["flaw"]:
            return self.number(f"**Wrong**: {found['flaw']}.")
        if found["evidence"] == "none":
            return self.number(NO_EVIDENCE)
        return "✓"


def methods_table(records: Mapping[str, Record], names: Sequence[str], reasons: Reasons) -> str:
    """A row for each method, a column for each model."""
    rows = [
        [f"`{choice.text}`", *(reasons.cell(name, records[name], choice.text) for name in names)]
        for choice in CHOICES
    ]
    return table(["", *(Path(name).stem for name in names)], rows)


def models_table(records: Mapping[str, Record]) -> str:
    """A row for each model whose process did not end early."""
    rows = [
        [
            *(f"`{name}`", _sides(record["input"])),
            *(f"`{record['layer']}`", _sides(record["shape"]), record["engine"]),
        ]
        for name, record in records.items()
        if "crash" not in record
    ]
    return table(("model", "input", "layer", "its maps", "engine"), rows, left=5)


def _sides(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))


def page(records: Mapping[str, Record]) -> str:
    """The whole of coverage.md."""
    reasons = Reasons()
    tables = [
        methods_table(records, [name for name in records if name in names], reasons)
        for names in (CATALOGUE, FILES)
    ]
    numbered = [f"{number}. {text}" for number, text in enumerate(reasons.texts, 1)]
    versions = ", ".join(
        f"{name} {machine.installed(package)}"
        for name, package in list(machine.PACKAGES.items())[:4]
    )
    missing = [f"`{name}`" for name in MODELS if name not in records]
    about = [models_table(records), *([f"Not run: {', '.join(missing)}."] if missing else [])]
    return _PAGE.format(*tables, "\n".join(numbered), "\n\n".join(about), versions)


_PAGE = """\
# Which model can have which method

Made by `python -m benchmarks.coverage`, which runs every method on a photo, at the default layer,
for the class that the model predicts. A tick is a map that is finite, as large as it has to be, not
the same value everywhere, within 0..1 once scaled, and, where it takes less than ten seconds, the
same in a second run. A number is a reason below, in the words of `gradcam compare --methods all`.

Models of Keras have random weights, drawn from a seed, and all but VGG16 get smaller pictures than
usual, so that methods of one pass a channel end. The bundled model has weights of its own.

{0}

These are small networks in ONNX files. `gradcam methods --model FILE` tells the same of yours.

{1}

## Reasons

{2}

## Models

{3}

{4}.
"""


def main() -> int:
    """Run what is not done, and write; 1 where something is wrong."""
    parser = argparse.ArgumentParser(prog="benchmarks.coverage", description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="those to run, anew")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where outcomes are kept")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the page")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    kept = {name: options.folder.resolve() / f"{Path(name).stem}.json" for name in MODELS}
    for name in options.models or [name for name in MODELS if not kept[name].exists()]:
        run(name, kept[name])
    records = {
        name: json.loads(path.read_text("utf-8")) for name, path in kept.items() if path.exists()
    }
    text = page(records)
    options.output.write_text(text, "utf-8")
    return int("**Wrong**" in text)


if __name__ == "__main__":
    sys.exit(main())
