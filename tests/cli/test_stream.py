"""`--stream`: one process that answers a shell's loop, picture by picture."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcam_cli.images.streamed import streamed_sources
from tests.conftest import SAMPLES

Run = Callable[..., tuple[int, str, str]]
LITE = ("--model", "efficientnet-lite0", "--class", "top")


class Chunks(BytesIO):
    """A pipe: whatever is written to it comes in pieces of these sizes."""

    def __init__(self, data: bytes, sizes: Iterator[int]) -> None:
        super().__init__(data)
        self._sizes = sizes

    def read1(self, size: int | None = -1) -> bytes:
        return super().read1(next(self._sizes))


def endless(sizes: list[int]) -> Iterator[int]:
    while True:
        yield from sizes


@given(st.lists(st.binary().filter(lambda name: b"\0" not in name)), st.lists(st.integers(1, 9)))
def test_however_names_arrive_they_are_whole(names: list[bytes], sizes: list[int]) -> None:
    stream = Chunks(b"".join(name + b"\0" for name in names), endless([*sizes, 1]))
    got = [os.fsencode(source) for source in streamed_sources(null=True, stdin=stream)]
    assert got == [name for name in names if name.strip()]


def test_blank_lines_and_carriage_returns_are_no_part_of_a_name() -> None:
    lines = BytesIO(b"one.jpg\r\n\n  \ntwo three.jpg\nlast")
    assert list(streamed_sources(null=False, stdin=lines)) == ["one.jpg", "two three.jpg", "last"]


@pytest.fixture
def command(compiled_lite0: None) -> Iterator[subprocess.Popen[str]]:
    """A process that waits for paths."""
    argv = (sys.executable, "-m", "gradcam_cli", "explain", "--stream", *LITE, "-o", "out/")
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        yield process
        process.kill()


def asked(process: subprocess.Popen[str], path: str) -> str:
    """What is answered to a path before anything else is written."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{path}\n")
    process.stdin.flush()
    return process.stdout.readline()


def rest_of(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.read()


def test_each_picture_is_answered_before_the_next_is_read(
    command: subprocess.Popen[str], own_home: Path
) -> None:
    shutil.copy(SAMPLES / "egyptian_cat.jpg", own_home / "a cat.jpg")
    assert asked(command, "a cat.jpg") == "out/a cat.gradcam.jpg\n"
    assert Path("out/a cat.gradcam.jpg").stat().st_size > 10_000
    assert asked(command, "missing.jpg") == "\n"
    assert asked(command, str(SAMPLES / "espresso.jpg")) == "out/espresso.gradcam.jpg\n"
    assert command.poll() is None
    assert command.stdin is not None
    command.stdin.close()
    assert command.wait(timeout=30) == 3
    assert rest_of(command.stdout) == ""
    assert rest_of(command.stderr) == (
        "gradcam: could not read missing.jpg: there is no such file. Check the path.\n"
    )


def test_in_json_a_failure_is_a_line_too(compiled_lite0: None) -> None:
    argv = (sys.executable, "-m", "gradcam_cli", "explain", "--stream", "--json", *LITE)
    names = f"{SAMPLES / 'egyptian_cat.jpg'}\0missing.jpg\0"
    done = subprocess.run(
        [*argv, "-0", "-o", "out/"], input=names, capture_output=True, text=True, check=False
    )
    cat, missing = map(json.loads, done.stdout.splitlines())
    assert cat["predictions"][0]["name"] == "Egyptian_cat"
    assert missing == {
        "schema": 1,
        "source": "missing.jpg",
        "error": "could not read missing.jpg: there is no such file. Check the path.",
    }
    assert done.returncode == 3


def test_what_is_separated_by_nul_is_answered_so(compiled_lite0: None) -> None:
    argv = (sys.executable, "-m", "gradcam_cli", "explain", "--stream", "-0", "-q", *LITE)
    names = f"{SAMPLES / 'egyptian_cat.jpg'}\0missing.jpg\0".encode()
    done = subprocess.run([*argv, "-o", "out/"], input=names, capture_output=True, check=False)
    assert done.stdout == b"out/egyptian_cat.gradcam.jpg\0\0"
    assert done.returncode == 3


@pytest.mark.parametrize(
    "options",
    [
        ("photo.jpg",),
        ("--from-file", "-"),
        ("--recursive",),
        ("--report", "page.html"),
        ("--open",),
    ],
    ids=" ".join,
)
def test_what_needs_all_sources_is_refused(gradcam: Run, options: tuple[str, ...]) -> None:
    code, out, err = gradcam("explain", "--stream", *LITE, *options)
    assert (code, out) == (2, "")
    assert "--stream" in err
    assert err.count("\n") == 1
