"""The command line as a process: few and chosen, for each pays for starting Python."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import SAMPLES
from tests.models.weights_server import Answer, serving

ROOT = SAMPLES.parent
CAT = SAMPLES / "egyptian_cat.jpg"
HEAVY = (
    *("tensorflow", "keras", "openvino", "cv2", "skimage", "PIL", "numpy", "requests", "rich"),
    "matplotlib",
)
RUN_WITH_SERVED_VGG16 = """
import dataclasses, sys
from gradcam_cli import cli
from gradcam_cli.models import catalog
from gradcam_cli.models.weights import WeightsFile
url, checksum, size = sys.argv[1:4]
file = WeightsFile(url, checksum, int(size))
catalog.models()["vgg16"] = dataclasses.replace(catalog.find_model("vgg16"), file=file)
sys.exit(cli.run(sys.argv[4:]))
"""


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "gradcam_cli", *map(str, arguments)]


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    options = {"capture_output": True, "text": True, "encoding": "utf-8", "timeout": 120} | options
    return subprocess.run(command(*arguments), check=False, **options)


@pytest.mark.slow
@pytest.mark.usefixtures("compiled_lite0")
def test_a_picture_from_cold() -> None:
    done = run("explain", CAT, "--offline", "--class", "top", env={**os.environ, "NO_COLOR": "1"})
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "egyptian_cat.gradcam.jpg"
    assert done.stderr.count("\n") == 1  # the fallback, and not a word of TensorFlow's
    assert "\x1b" not in done.stdout + done.stderr
    assert Path("egyptian_cat.gradcam.jpg").is_file()


@pytest.mark.slow
@pytest.mark.usefixtures("compiled_lite0")
def test_a_picture_from_standard_input() -> None:
    with CAT.open("rb") as file:
        done = run(
            "explain", "-", "--model", "efficientnet-lite0", "--class", "top", "--json", stdin=file
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["predictions"][0]["index"] == 285
    assert Path("stdin.gradcam.jpg").is_file()


@pytest.mark.slow
def test_vgg16_is_fetched_from_a_server_then_cached(vgg16_weights: Path) -> None:
    body = vgg16_weights.read_bytes()
    with serving(body) as server:
        told = []
        for _ in range(2):
            done = subprocess.run(
                [sys.executable, "-c", RUN_WITH_SERVED_VGG16, server.url("vgg16.h5"),
                 server.checksum, str(len(body)), "explain", CAT, "--class", "top", "--json"],
                capture_output=True, text=True, check=False, timeout=120,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            told.append((json.loads(done.stdout), done.stderr))
        assert len(server.log) == 1
    (first, said), (second, silence) = told
    assert (first["model"], first["weights"], second["weights"]) == ("vgg16", "fetched", "cached")
    assert first["layer"] == "block5_conv3"
    assert first["explanations"][0]["heatmap_size"] == [14, 14]
    assert first["explanations"] == second["explanations"]
    assert "MB" in said
    assert silence == ""


def test_a_failed_fetch_of_a_named_model_leaves_4() -> None:
    with serving(b"x" * 1000) as server:
        server.usual = Answer(status=404)
        done = subprocess.run(
            [sys.executable, "-c", RUN_WITH_SERVED_VGG16, server.url("vgg16.h5"),
             server.checksum, "1000", "explain", CAT, "--model", "vgg16"],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
    assert (done.returncode, done.stdout) == (4, "")
    assert "404" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_bar_is_drawn_on_a_terminal_and_only_while_something_comes() -> None:
    body = bytes(3_000_000)
    with serving(body) as server:
        shown = []
        for _ in range(2):
            reader, terminal = pty.openpty()
            served = (server.url("vgg16.h5"), server.checksum, str(len(body)))
            done = subprocess.run(
                [sys.executable, "-c", RUN_WITH_SERVED_VGG16, *served, "models", "pull", "vgg16"],
                stdout=subprocess.PIPE, stderr=terminal, check=True, timeout=60,
                env={**os.environ, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"},
            )  # fmt: skip
            os.write(terminal, b"end")
            shown.append(os.read(reader, 1 << 16).decode())
            os.close(reader)
            os.close(terminal)
            assert done.stdout.endswith(b"vgg16.h5\n")
    assert "3.0/3.0 MB" in shown[0]
    assert shown[1] == "end"


PROBE = (
    "import sys; from gradcam_cli import cli; code = cli.run(sys.argv[1:]);"
    f"print(*[name for name in {HEAVY} if name in sys.modules], file=sys.stderr); sys.exit(code)"
)


def loaded(*arguments: object, **environment: str) -> tuple[int, set[str]]:
    """The exit code of a command, and which of `HEAVY` it loaded."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *map(str, arguments)],
        capture_output=True, text=True, check=False, env={**os.environ, **environment},
    )  # fmt: skip
    return done.returncode, set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize(
    ("arguments", "code", "modules"),
    [
        (["--help"], 0, set()),
        ([], 2, set()),
        (["completion", "zsh"], 0, set()),
        (["explain", "x.jpg", "-m", "vgg16", "-l", "top_conv"], 2, set()),
        (["--version"], 0, set()),
        (["explain", "--help"], 0, set()),
        (["cache", "clear", "--help"], 0, set()),
        (["explain", "x.jpg", "--nope"], 2, set()),
        (["explain"], 2, set()),
        (["nonsense"], 2, set()),
        (["classes", "cat", "--json"], 0, set()),
        (["classes", "cat"], 0, {"rich"}),
        (["models", "--json"], 0, set()),
        (["cache", "--json"], 0, set()),
        (["layers", "--model", "nope"], 2, set()),
        (["explain", "missing.jpg"], 3, {"numpy", "requests"}),
    ],
)
def test_each_command_loads_only_what_it_needs(
    arguments: list[str], code: int, modules: set[str]
) -> None:
    got, found = loaded(*arguments)
    assert got == code
    assert found <= modules


def test_completion_loads_nothing_heavy() -> None:
    completing = {
        "_GRADCAM_COMPLETE": "bash_complete",
        "COMP_WORDS": "gradcam ex",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        capture_output=True, text=True, check=False, env={**os.environ, **completing},
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("plain,explain\nplain,export\n", "\n")


@pytest.mark.usefixtures("compiled_lite0")
def test_explaining_with_a_compiled_model_loads_no_tensorflow() -> None:
    lite = ("explain", CAT, "--model", "efficientnet-lite0")
    assert loaded(*lite) == (0, {"openvino", "cv2", "PIL", "numpy", "rich"})
    assert "rich" not in loaded(*lite, "--json")[1]
    assert "skimage" not in loaded(*lite, "--style", "figure", "--scale", "shared")[1]


def test_where_openvino_is_missing_tensorflow_runs(own_home: Path) -> None:
    missing = "import sys; sys.modules['openvino'] = None; from gradcam_cli import cli; cli.main()"
    lite = [sys.executable, "-c", missing, "explain", CAT, "--class", "top"]
    lite += ["--model", "efficientnet-lite0"]
    done = subprocess.run([*lite, "--json"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["engine"] == "tensorflow"
    asked = {**os.environ, "GRADCAM_ENGINE": "openvino"}
    done = subprocess.run(lite, capture_output=True, text=True, check=False, env=asked)
    assert (done.returncode, done.stdout) == (4, "")
    assert "OpenVINO is not installed" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_processes_that_start_together_compile_once(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADCAM_CACHE", str(own_home / "cache"))
    started = [
        subprocess.Popen(
            command("explain", CAT, "--model", "efficientnet-lite0", "-o", f"{i}.jpg"),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for i in range(3)
    ]  # fmt: skip
    said = [process.communicate(timeout=120)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0]
    assert sum("Compiling" in each for each in said) == 1
    assert len({Path(f"{i}.jpg").read_bytes() for i in range(3)}) == 1


@pytest.mark.slow
def test_interrupted_while_it_compiles(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADCAM_CACHE", str(own_home / "cache"))
    lite = command("explain", CAT, "--model", "efficientnet-lite0")
    with subprocess.Popen(lite, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr.readline().startswith("gradcam: Compiling")
        process.send_signal(signal.SIGINT)
        assert process.stderr.read().strip() == "gradcam: interrupted."
        assert process.wait(60) == 130
    assert list((own_home / "cache" / "compiled").iterdir()) == []


@pytest.mark.slow
def test_killed_while_it_compiles_then_run_again(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADCAM_CACHE", str(own_home / "cache"))
    lite = ("explain", CAT, "--model", "efficientnet-lite0")
    with subprocess.Popen(command(*lite), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr.readline().startswith("gradcam: Compiling")
        process.kill()
    assert not Path("egyptian_cat.gradcam.jpg").exists()
    done = run(*lite, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["engine"] == "openvino"
    (place,) = [path for path in (own_home / "cache" / "compiled").iterdir() if path.is_dir()]
    assert place.suffix == ""


def test_importing_the_package_loads_nothing_heavy() -> None:
    probe = f"import sys, gradcam_cli; print([n for n in {HEAVY} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, check=True, text=True)
    assert done.stdout == "[]\n"


def test_a_reader_that_leaves_early() -> None:
    with subprocess.Popen(
        command("classes"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_standard_output_on_a_full_disk() -> None:
    with Path("/dev/full").open("wb") as full:
        done = run("classes", stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "No space left" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("closed", [1, 2])
def test_a_closed_stream_keeps_nothing_from_being_written(closed: int) -> None:
    shell = f'exec "$@" {closed}>&-'
    arguments = command("explain", CAT, "--offline", "-o", "x.jpg")
    done = subprocess.run(
        ["sh", "-c", shell, "sh", *arguments], capture_output=True, check=False, timeout=120
    )
    assert done.returncode == 0
    assert b"Traceback" not in done.stdout + done.stderr
    assert Path("x.jpg").is_file()


def test_interrupted_while_it_reads() -> None:
    with subprocess.Popen(
        command("explain", "-", "--model", "efficientnet-lite0"),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        # It waits for its input once it has read more than a pipe holds.
        process.stdin.write(b"\x89PNG\r\n\x1a\n" + bytes(1 << 20))
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        process.stdin.close()  # a signal just before the read is seen when that ends
        said = process.stderr.read().decode()
        assert process.wait(60) == 130
    assert "interrupted" in said
    assert "Traceback" not in said


def test_a_terminal_that_knows_only_ascii() -> None:
    done = run("classes", "crane", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert done.stdout.isascii()
    done = run("layers", "--model", "nope", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 2
