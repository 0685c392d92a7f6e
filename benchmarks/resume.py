"""What a run costs that finds everything done: CPU seconds and memory over 100,000 pictures.

One picture is explained for real; its files and its line in the manifest then stand for all.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SAMPLE = Path(__file__).parent.parent / "sample_images" / "egyptian_cat.jpg"
COMMAND = (
    *(sys.executable, "-m", "gradcam_cli", "explain", "photos", "-o", "out"),
    *("--model", "efficientnet-lite0", "--class", "top"),
)
LINKS = 20_000
"""How many names a file gets; file systems bound that."""


def main() -> None:
    """Print the figures of one resume."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=100_000)
    number = parser.parse_args().pictures
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        prepare(number)
        size = Path("out/gradcam.jsonl").stat().st_size
        process = subprocess.Popen(COMMAND, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert process.stderr is not None
        said = process.stderr.read().decode().strip().splitlines()[-1]
        _, _, usage = os.wait4(process.pid, 0)
    print(f"{number:,} pictures, a manifest of {size / 1e6:.0f} MB: {said}")
    seconds = usage.ru_utime + usage.ru_stime
    print(f"{seconds:.2f} s of CPU, {usage.ru_maxrss / 1024:.0f} MB")


def prepare(number: int) -> None:
    """A folder of `number` pictures, and what a run over them would have left."""
    Path("photos").mkdir()
    name = "picture-{:06}"
    for i in range(number):
        clone(SAMPLE, Path("photos"), f"{name}.jpg", i)
        if i == 0:
            subprocess.run(COMMAND, capture_output=True, check=True)
            record = json.loads(Path("out/gradcam.jsonl").read_text("utf-8"))
    with Path("out/gradcam.jsonl").open("w", encoding="utf-8") as manifest:
        line = json.dumps(record)
        for i in range(number):
            manifest.write(line.replace(name.format(0), name.format(i)) + "\n")
            if i:
                clone(Path("out/picture-000000.gradcam.jpg"), Path("out"), f"{name}.gradcam.jpg", i)


def clone(file: Path, folder: Path, name: str, number: int) -> None:
    """One more name for `file`, or for one of a few copies of it, all with the same times."""
    first = folder / name.format(number - number % LINKS)
    path = folder / name.format(number)
    if path == first:
        path.write_bytes(file.read_bytes())
        found = (folder / name.format(0)).stat()
        os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    else:
        path.hardlink_to(first)


if __name__ == "__main__":
    main()
