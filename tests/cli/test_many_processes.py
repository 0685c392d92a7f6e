"""A run over many sources as a process: killed, interrupted, on a terminal, and its memory."""

from __future__ import annotations

import json
import os
import pty
import random
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from gradcam_cli.results.manifest import FILE
from tests.conftest import SAMPLES, records
from tests.kill_runs import photos

ROOT = SAMPLES.parent
LITE = ("--model", "efficientnet-lite0", "--class", "top", "-o", "out")
KILLS = 20

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("compiled_lite0")]


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "gradcam_cli", "explain", *map(str, arguments), *LITE]


def whole(folder: Path) -> bool:
    """True where every overlay that is there, or listed, can be read to its end."""
    listed = {name for record in records(folder) for name in record.overlays}
    there = {path.name for path in folder.glob("*.gradcam.jpg")}
    for name in listed | there:
        with Image.open(folder / name) as image:
            image.load()
    return listed <= there


def test_killed_at_any_moment_it_goes_on(own_home: Path) -> None:
    folder, moments = photos(60), random.Random(11)
    shutil.copytree(folder, "reference-photos")
    done_at: list[int] = []
    for _ in range(KILLS):
        # It is killed once it has told of so many more results, in the middle of others.
        wanted = moments.randrange(1, 6)
        with subprocess.Popen(
            [*command(folder), "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            for _ in range(wanted):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
        assert whole(Path("out"))
        done_at.append(sum(1 for record in records(Path("out")) if record.result))
    assert done_at == sorted(done_at)  # nothing that was done is lost
    done = subprocess.run(command(folder), capture_output=True, text=True, check=True)
    assert f"{60 - done_at[-1]} explained, {done_at[-1]} done before" in done.stderr
    assert sorted(path.name for path in Path("out").glob("*.gradcam.jpg")) == [
        f"{number:04}.gradcam.jpg" for number in range(60)
    ]
    lines = Path("out", FILE).read_text("utf-8").splitlines()
    assert sorted(json.loads(line)["source"] for line in lines) == [
        f"photos/{number:04}.jpg" for number in range(60)
    ]
    once = [*command("reference-photos")[:-1], "once"]
    subprocess.run(once, capture_output=True, check=True)
    for path in Path("once").glob("*.gradcam.jpg"):
        assert path.read_bytes() == Path("out", path.name).read_bytes()


@pytest.mark.parametrize(
    ("number", "code", "how"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_interrupted_it_finishes_what_is_in_flight(
    own_home: Path, number: signal.Signals, code: int, how: str
) -> None:
    folder = photos(300)
    with subprocess.Popen(
        [*command(folder), "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.readline()
        process.send_signal(number)
        told = 1 + len(process.stdout.readlines())
        said = process.stderr.read()
        assert process.wait(60) == code
    assert "Traceback" not in said
    assert f"{how}: {told} of 300 are done" in said
    assert told < 300
    assert whole(Path("out"))
    assert len(records(Path("out"))) == told == len(list(Path("out").glob("*.gradcam.jpg")))


def test_one_picture_ends_by_sigterm_in_a_line(own_home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/slow.jpg"
        with subprocess.Popen(
            [*command(url), "-o", "out/"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            connection, _ = server.accept()
            with connection:  # which answers nothing
                process.terminate()
                said = process.stderr.read()
            assert process.wait(60) == 143
    assert said == "gradcam: terminated.\n"
    assert list(own_home.iterdir()) == []


def test_a_bar_on_a_terminal_even_while_tiffs_are_read(own_home: Path) -> None:
    folder = photos(40)
    for path in folder.iterdir():
        with Image.open(path) as image:
            image.save(path.with_suffix(".tif"))
        path.unlink()
    (folder / "bad.tif").write_bytes(b"II*\0" + bytes(200))
    reader, terminal = pty.openpty()
    process = subprocess.Popen(
        command(folder), stdout=subprocess.PIPE, stderr=terminal,
        env={**os.environ, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    os.close(terminal)
    shown = b""
    while chunk := read(reader):
        shown += chunk
    process.communicate(timeout=60)
    os.close(reader)
    assert process.returncode == 3
    assert "/41" in shown.decode()
    assert "1 failed" in shown.decode()
    assert "bad.tif" in shown.decode()


def read(descriptor: int) -> bytes:
    """What comes next; nothing once the other end of the terminal is closed."""
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:
        return b""


def peak_memory(folder: Path, out: str) -> int:
    """The most memory, in kilobytes, that a run over `folder` held."""
    arguments = [*command(folder)[:-1], out]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss


def test_memory_does_not_grow_with_the_number_of_images(own_home: Path) -> None:
    folder = photos(150)
    many = Path("many")
    many.mkdir()
    for number in range(1500):
        (many / f"{number:05}.jpg").hardlink_to(folder / f"{number % 150:04}.jpg")
    assert peak_memory(many, "out-many") < 1.05 * peak_memory(folder, "out")
