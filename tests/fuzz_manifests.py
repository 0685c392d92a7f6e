"""Mutate a manifest again and again: it must be read, gone on with and reported, whatever it is.

Run as a script for many:  python -m tests.fuzz_manifests FOLDER [NUMBER]
FOLDER is the output folder of a run, which is left as it is.
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

from gradcam_cli.errors import GradcamError
from gradcam_cli.reports.html import write_report
from gradcam_cli.reports.summary import Summary, write_csv
from gradcam_cli.results.manifest import FILE, Manifest, Record

INSERTED = [b"[" * 5_000, b"null", b"NaN", b"\\ud800", b"\n", b"1e999", b"-1", b'"', b"{}"]


def mutated(data: bytes, drawn: random.Random) -> bytes:
    """`data` with a few bytes changed, dropped, doubled or put in."""
    changed = bytearray(data)
    for _ in range(drawn.randint(1, 4)):
        at, to = sorted(drawn.randrange(len(changed) + 1) for _ in range(2))
        match drawn.randrange(4):
            case 0:
                changed[at : at + 1] = bytes([drawn.randrange(256)])
            case 1:
                del changed[at:to]
            case 2:
                changed[at:at] = changed[at:to]
            case _:
                changed[at:at] = drawn.choice(INSERTED)
    return bytes(changed)


def check(good: bytes, folder: Path, *, number: int, seed: int) -> tuple[int, int]:
    """Read, go on with and report `number` mutations; how many lines were records, and damaged."""
    drawn, whole, damaged = random.Random(seed), 0, 0
    for _ in range(number):
        (folder / FILE).write_bytes(mutated(good, drawn))
        manifest = Manifest(folder)
        whole, damaged = whole + len(manifest), damaged + manifest.damaged
        tell(manifest, folder)
        new = Record("new.jpg", "/new.jpg", None, "", error="new")
        with manifest.reader() as reader:
            before = {record.key for record in reader.ordered()} | {new.key}
        with manifest.writer() as writer:
            writer.add(new)
        again = Manifest(folder)
        with again.reader() as reader:
            assert {record.key for record in reader.records()} == before
        assert again.damaged == 0
    return whole, damaged


def tell(manifest: Manifest, folder: Path) -> None:
    """Make all that is made of a manifest."""
    summary = Summary()
    with manifest.reader() as reader:
        for record in reader.records():
            summary.add(record)
        write_csv(folder / "rows.csv", reader.ordered())
    try:
        write_report(manifest, folder / "report.html", lambda text: None)
    except GradcamError as error:
        assert "is empty" in error.what


def main() -> None:
    """Check many mutations of the first lines of a real manifest."""
    good = b"".join(Path(sys.argv[1], FILE).read_bytes().splitlines(keepends=True)[:3])
    number = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        whole, damaged = check(good, Path(folder), number=number, seed=1)
    print(f"{number:,} manifests: {whole:,} records, {damaged:,} damaged lines, no failure.")


if __name__ == "__main__":
    main()
