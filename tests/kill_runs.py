"""Kill a run over many pictures again and again, and see that it loses nothing.

    python -m tests.kill_runs [KILLS] [PICTURES]

Each run is ended by SIGKILL, SIGTERM or SIGINT at a random moment, once Python itself has started.
After each all that is there must be whole, and what was done must stay done; at the end, all must
be there, equal to what a run that nobody ended writes, and nothing else.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from gradcam_cli.results.manifest import FILE, Manifest

ROOT = Path(__file__).parent.parent
SIGNALS = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}


def photos(count: int) -> Path:
    """A folder of `count` different pictures."""
    folder = Path("photos")
    folder.mkdir()
    drawn = random.Random(7)
    samples = [Image.open(path) for path in sorted((ROOT / "sample_images").glob("*.jpg"))]
    for number in range(count):
        sample = samples[number % len(samples)]
        left, top = drawn.randrange(60), drawn.randrange(60)
        sample.crop((left, top, left + 180, top + 160)).save(folder / f"{number:04}.jpg")
    return folder


def command(out: str) -> list[str]:
    """The run that is killed."""
    options = ["--model", "efficientnet-lite0", "--class", "top", "-q", "-o", out]
    return [sys.executable, "-m", "gradcam_cli", "explain", "photos", *options]


def check(out: Path) -> set[str]:
    """See that all in `out` is whole, and answer with what is done."""
    manifest = Manifest(out)
    assert not manifest.damaged
    with manifest.reader() as reader:
        for record in reader.records():
            (name,), (size,) = record.overlays, record.sizes
            assert (out / name).stat().st_size == size, name
        done = {record.source for record in reader.records()}
    for path in out.glob("*.gradcam.jpg"):
        with Image.open(path) as image:
            image.load()
    return done


def kill_once(drawn: random.Random, start: float, spread: float) -> signal.Signals:
    """Start the run and end it some time later; the signal that ended it."""
    number = drawn.choice(list(SIGNALS))
    with subprocess.Popen(
        command("out"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        time.sleep(start + drawn.random() * spread)
        process.send_signal(number)
        said = process.stderr.read().decode()
        code = process.wait()
    # Before it listens, and in CPython's exec(), a signal ends it itself; a shell shows the same.
    assert code in (0, SIGNALS[number], -number), (number, code, said)
    assert "Traceback" not in said, said
    return number


def main() -> None:
    """Kill, check, finish, compare."""
    kills, count = (*map(int, sys.argv[1:3]), *(200, 3_000)[len(sys.argv) - 1 :])
    os.environ["PYTHONPATH"] = str(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        photos(count)
        began = time.monotonic()
        subprocess.run(command("once"), stdout=subprocess.DEVNULL, check=True)
        whole = time.monotonic() - began
        drawn, done, ended = random.Random(11), set[str](), dict.fromkeys(SIGNALS, 0)
        for _ in range(kills):
            ended[kill_once(drawn, 0.25, 0.6 + 2 * whole / kills)] += 1
            now = check(Path("out")) if Path("out").exists() else set()
            assert done <= now, done - now
            done = now
        before = len(done)
        subprocess.run(command("out"), stdout=subprocess.DEVNULL, check=True)
        assert len(check(Path("out"))) == count
        names = sorted(path.name for path in Path("out").iterdir())
        assert names == sorted([*(f"{n:04}.gradcam.jpg" for n in range(count)), FILE]), names
        for path in Path("once").glob("*.gradcam.jpg"):
            assert path.read_bytes() == Path("out", path.name).read_bytes(), path
    told = ", ".join(f"{number} {signal.name}" for signal, number in ended.items())
    print(f"{kills} kills ({told}): {before:,} of {count:,} were done before the last run, all is.")


if __name__ == "__main__":
    main()
