"""What people see: on pseudo-terminals of several widths, and in any encoding."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gradcam_cli import cli
from gradcam_cli.cache import Entry
from gradcam_cli.models.catalog import find_model
from gradcam_cli.models.labels import imagenet_labels
from gradcam_cli.models.layers import LayerInfo
from gradcam_cli.reports.lines import print_note, print_path
from gradcam_cli.reports.progress import progress
from gradcam_cli.reports.terminal import (
    print_cache,
    print_classes,
    print_layers,
    print_predictions,
)
from gradcam_cli.results.explanation import ClassLabel
from tests.conftest import SAMPLES
from tests.reports.pseudo_terminal import run_on_terminal, streams_on_terminal
from tests.results.samples import explained, explanation, predicted

CAT = SAMPLES / "egyptian_cat.jpg"
WIDTHS = [40, 60, 80, 120]
LITE = ("--model", "efficientnet-lite0")
WITHOUT_UTF8 = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture(autouse=True)
def usual_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "COLORTERM", "PYTHONIOENCODING"):
        monkeypatch.delenv(name, raising=False)


def shown(columns: int, *arguments: object, code: int = 0) -> list[str]:
    """The lines of a command on a terminal of this process."""
    with streams_on_terminal(columns) as screen:
        assert cli.run([str(argument) for argument in arguments]) == code
    return screen.lines


def numbers(lines: list[str]) -> set[str]:
    return set(re.findall(r"\d+(?:[.,]\d+)*", "\n".join(lines)))


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.usefixtures("compiled_lite0")
def test_the_top_classes_keep_marks_and_numbers(columns: int) -> None:
    lines = shown(columns, "explain", CAT, *LITE, "--class", "top", "--class", "837")
    assert max(map(len, lines[:-2])) <= columns
    assert lines[0].split()[:2] == ["#", "class"]
    rows = [line.split() for line in lines[2:8]]
    assert [row[:3] for row in (rows[0], rows[5])] == [[">", "1", "285"], [">", "419", "837"]]
    assert [row[:2] for row in rows[1:5]] == [
        ["2", "282"],
        ["3", "281"],
        ["4", "287"],
        ["5", "728"],
    ]
    assert all("0.7897" in line for line in lines[2:3])
    assert "2e-05" in lines[7]
    assert ("n02124075" in lines[2]) == (columns >= 60)
    assert ("█" in lines[2]) == (columns >= 80)
    assert lines[-1] == "egyptian_cat.837.gradcam.jpg"


@settings(max_examples=40, deadline=None)
@given(
    st.integers(40, 130),
    st.sampled_from([label for label in imagenet_labels() if len(label.name) > 20]),
    st.floats(0, 1),
    st.integers(1, 1000),
)
def test_a_row_of_any_class_keeps_its_numbers(
    columns: int, label: ClassLabel, probability: float, rank: int
) -> None:
    prediction = {**msgspec.to_builtins(label), "probability": probability, "rank": rank}
    with streams_on_terminal(columns) as screen:
        print_predictions(explanation(explained(prediction), predictions=[prediction]))
    header, _, row = screen.lines
    assert max(len(header), len(row)) <= columns
    assert row.split()[:3] == [">", str(rank), str(label.index)]
    text = f"{probability:.4f}" if probability >= 0.00005 else f"{probability:.0e}"
    assert text in row.split()
    name = next(word for word in row.split()[3:] if word != label.wnid)
    assert label.name.startswith(name.rstrip("…"))
    assert len(name) >= min(12, len(label.name))


def test_a_class_of_several_methods_has_one_row() -> None:
    rare = predicted("sunglasses", 837, 0.0, 419)
    both = [explained(rare), explained(rare, method="hirescam")]
    with streams_on_terminal(80) as screen:
        print_predictions(explanation(*both))
    assert [line.split()[:2] for line in screen.lines[2:]][-1] == [">", "419"]
    assert sum("419" in line for line in screen.lines) == 1


@cache
def layers_of(name: str) -> list[LayerInfo]:
    return find_model(name).layers()


TABLES: dict[str, Callable[[], object]] = {
    "models": lambda: cli.run(["models"]),
    "layers": lambda: print_layers(layers_of("efficientnet-lite0"), "efficientnet-lite0"),
    "cranes": lambda: cli.run(["classes", "crane"]),
    "terriers": lambda: cli.run(["classes", "terrier"]),
    "cache": lambda: print_cache(
        [Entry("compiled", "efficientnet-lite0", Path(), 19_000_000, Path())]
    ),
}


@pytest.mark.parametrize("columns", [*WIDTHS, 20, 10, 1, 0])
@pytest.mark.parametrize("table", TABLES)
def test_tables_fit_and_keep_their_numbers(
    columns: int, table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    TABLES[table]()
    wide = capsys.readouterr().out.splitlines()
    with streams_on_terminal(columns) as screen:
        TABLES[table]()
    if columns:
        assert max(map(len, screen.lines)) <= columns
    if columns == 0 or columns >= 40:
        assert numbers(wide) <= numbers(screen.lines)
    if columns in (0, 80, 120):
        assert screen.lines == wide


@pytest.mark.parametrize("columns", [*WIDTHS, 20, 0])
@pytest.mark.usefixtures("compiled_lite0")
def test_a_run_over_a_folder(columns: int) -> None:
    Path("broken.jpg").write_text("no picture", "utf-8")
    sources = (CAT, SAMPLES / "tripod.jpg", "broken.jpg")
    lines = shown(columns, "explain", *sources, *LITE, "--class", "top", "-o", "o", code=3)
    assert {"285", "872", "0.7897", "0.9716"} <= numbers(lines)
    assert lines[-1].startswith("gradcam: 2 explained, 1 failed")


@pytest.mark.parametrize("columns", [*WIDTHS, 20, 10, 0])
def test_a_bar_says_how_many_are_done_and_how_many_failed(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # rich looks at the terminal of this process, and a terminal's 0 stands for not known.
    monkeypatch.setenv("COLUMNS", str(columns))
    with streams_on_terminal(80) as screen, progress(100_000, 0, print_note) as tell:
        tell(12_345, 678)
    drawn = "".join(screen.lines)
    if columns >= 40 or columns == 0:
        assert "12,345/100,000" in drawn
        assert "678 failed" in drawn
    assert ("━" in drawn) == (columns in (0, 60, 80, 120))


def test_notes_and_paths_go_above_a_bar() -> None:
    with streams_on_terminal(80) as screen, progress(5, 0, print_note) as tell:
        tell(1, 0)
        print_note("a note " + "that goes on and on " * 6)
        print_path("a/path\x1b.jpg")
    for line in (r"gradcam: a note (that goes on and on ){6}", r"a/path\\x1b\.jpg"):
        assert re.search(rf"\x1b\[2K{line}\n", screen.text)


def test_a_dumb_terminal_gets_lines_in_place_of_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr("gradcam_cli.reports.progress.LINE_SECONDS", 0)
    with streams_on_terminal(40) as screen, progress(5, 0, print_note) as tell:
        tell(1, 0)
    assert screen.text.startswith("gradcam: 1 of 5 done, 0 failed")
    assert "\x1b" not in screen.text


@pytest.mark.parametrize(
    ("set_to", "columns"), [("40", 40), ("20", 20), ("0", 60), ("-5", 60), ("many", 60), ("²", 60)]
)
def test_columns_goes_before_the_terminal(
    set_to: str, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", set_to)
    with streams_on_terminal(60) as screen:
        print_classes([ClassLabel(1, "n00000001", "a_long_name_" * 10)])
    assert columns - 2 <= max(map(len, screen.lines)) <= columns
    assert shown(60, "explain", "--help")
    with streams_on_terminal(60) as screen, progress(5, 0, print_note) as tell:
        tell(1, 0)
    assert "1/5" in screen.text


@pytest.mark.usefixtures("compiled_lite0")
@pytest.mark.parametrize(
    ("environment", "blocks"),
    [
        ({}, True),
        ({"COLORTERM": "truecolor"}, True),
        ({"NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "dumb", "COLORTERM": "truecolor"}, False),
    ],
    ids=str,
)
@pytest.mark.parametrize("columns", [80, 30])
def test_a_picture_without_colours_is_plain_text(
    environment: dict[str, str], blocks: bool, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    lines = shown(columns, "explain", CAT, *LITE, "--class", "top", "--show")
    picture = lines[
        : lines.index(next(line for line in lines if "#   class" in line or "# cl" in line))
    ]
    assert any("▀" in line for line in picture) == blocks
    assert any("@" in line for line in picture) != blocks
    assert len({len(line) for line in picture}) == 1
    assert len(picture[0]) == min(columns, 80 if blocks else 48)


@pytest.mark.usefixtures("compiled_lite0")
def test_pictures_of_a_run_stand_above_its_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    lines = shown(60, "explain", CAT, CAT.with_name("tripod.jpg"), *LITE, "--class", "top",
                  "--show", "-o", "o")  # fmt: skip
    assert sum(line == "▀" * 60 for line in lines) >= 20


@pytest.mark.slow
@pytest.mark.usefixtures("compiled_lite0")
def test_a_process_on_a_terminal_without_colours() -> None:
    code, screen = run_on_terminal(
        40, "explain", CAT, *LITE, "--class", "top", "--show", NO_COLOR="1"
    )
    assert code == 0
    assert "▀" not in screen.text
    assert "%%%@@" in screen.text
    (row,) = [line for line in screen.lines if line.startswith(">")]
    assert row.split() == [">", "1", "285", "Egyptian_cat", "0.7897"]


@pytest.mark.slow
def test_help_in_a_process_on_a_narrow_terminal() -> None:
    code, screen = run_on_terminal(40, "explain", "--help")
    assert code == 0
    assert screen.lines[0] == "Usage: gradcam explain [OPTIONS] SOURCE..."


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [("models",), ("explain", CAT, "--max-pixels", "10")])
def test_a_process_without_utf8(arguments: tuple[object, ...]) -> None:
    code, screen = run_on_terminal(80, *arguments, **WITHOUT_UTF8)
    assert code == (0 if arguments == ("models",) else 3)
    assert screen.text.isascii()
    assert re.search(r"224 x 224|451x300", screen.text)


@pytest.mark.slow
def test_a_process_without_utf8_in_a_pipe() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gradcam_cli", "models"],
        capture_output=True, check=True, timeout=60,
        env={**os.environ, **WITHOUT_UTF8, "PYTHONPATH": str(SAMPLES.parent)},
    )  # fmt: skip
    assert (done.stdout.isascii(), done.stderr) == (True, b"")
    assert b"224 x 224" in done.stdout


def said(arguments: list[str], encoding: str, code: int) -> tuple[str, str]:
    """Stdout and stderr of a command where both have nothing but `encoding` and refuse the rest."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", streams[0])
        patch.setattr(sys, "stderr", streams[1])
        assert cli.run(arguments) == code
    for stream in streams:
        stream.flush()
    out, err = (stream.buffer.getvalue().decode(encoding) for stream in streams)
    return out, err


@pytest.mark.usefixtures("compiled_lite0")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["models"], 0),
        (["layers", *LITE], 0),
        (["layers", "--model", "模型é"], 2),
        (["classes", "crane"], 0),
        (["classes", "猫é"], 2),
        (["cache"], 0),
        (["explain", str(CAT), *LITE, "--show"], 0),
        (["explain", str(CAT), *LITE, "--json", "-o", "猫é.jpg"], 0),
        (["explain", str(CAT), *LITE, "--max-pixels", "10"], 3),
        (["explain", str(CAT), "猫é\udcff.jpg", *LITE, "-o", "o"], 3),
        (["explain", "猫é.jpg", "--debug"], 3),
        (["explain", "--help"], 0),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_every_encoding_gets_all_of_a_command(
    encoding: str, arguments: list[str], code: int
) -> None:
    out, err = said(arguments, encoding, code)
    assert "bug in gradcam" not in err
    assert "Unicode" not in err
    if arguments == ["models"]:
        assert ("224 x 224" if encoding == "ascii" else "224 × 224") in out
    if "--max-pixels" in arguments:
        assert ("451x300" if encoding == "ascii" else "451×300") in err
    if arguments[-1] == "猫é":
        assert ("猫" in err) == (encoding == "utf-8")
        assert ("\\u732b" in err) == (encoding != "utf-8")


@pytest.mark.usefixtures("compiled_lite0")
def test_a_path_is_as_it_is_in_a_pipe_and_escaped_on_a_terminal(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    name = "a\x1b[31m\u202eé\udcff.jpg"
    explained = ("explain", str(CAT), *LITE, "-o", name, "-q")
    assert cli.run(list(explained)) == 0
    assert capfdbinary.readouterr().out == os.fsencode(name) + b"\n"
    with streams_on_terminal(80) as screen:
        assert cli.run(list(explained)) == 0
    assert screen.text == "a\\x1b[31m\\u202eé\\udcff.jpg\n"


def test_what_people_read_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    bad = "\x1b]0;owned\x07\u202e\n"
    print_classes([ClassLabel(0, bad, bad)])
    print_layers([], bad)
    print_note(bad)
    cli.run(["explain", f"{bad}.jpg", "--debug"])
    cli.run(["explain", "x.jpg", f"--{bad}"])
    said = capsys.readouterr()
    for text in said:
        assert "\\x1b]0;owned\\x07\\u202e\\n" in text
        assert not set(text) & set("\x1b\x07\u202e")


def test_the_name_of_a_picture_that_cannot_be_read_is_escaped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("bad\x1b[31m.jpg").write_text("no picture", "utf-8")
    Image.new("RGB", (8, 8)).save("good.jpg")
    assert cli.run(["explain", "bad\x1b[31m.jpg", "good.jpg", *LITE, "-o", "o"]) == 3
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    assert "bad\\x1b[31m.jpg" in said.err
