"""Models that take the process down: a graph that really does, processes that really die."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gradcam_cli.engines.openvino import conversion, exports
from gradcam_cli.engines.openvino.crashes import abandoned_marks, marked, survives_opening
from gradcam_cli.engines.openvino.makers import NotCompiledError
from gradcam_cli.engines.openvino.model_cache import open_compiled
from gradcam_cli.models import about
from gradcam_cli.models.model import Model
from gradcam_cli.passes import FORWARD, LAYER_GRADIENTS, Pass
from gradcam_cli.storage import digests
from gradcam_cli.storage.files import sha256_of
from tests.conftest import as_nobody
from tests.engines.conftest import model_of
from tests.engines.openvino.test_model_cache import (
    Opened,
    agrees,
    checked,
    network,
    never,
    place_of,
)

REPOSITORY = Path(__file__).parents[3]
AT_LAST, AT_MIDDLE = (Pass("gradients", (layer,)) for layer in ("last", "middle"))
OPEN = """
import sys
from pathlib import Path
from gradcam_cli.engines.openvino.model_cache import open_compiled
from tests.engines.conftest import model_of

open_compiled(model_of(Path(sys.argv[1])), None, None, print)
"""
HOLD = """
import sys
from pathlib import Path
from gradcam_cli.engines.openvino.crashes import marked
from gradcam_cli.passes import Pass

with marked(Path(sys.argv[1]), Pass("gradients", (sys.argv[2],))):
    print("marked", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def nothing_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was exported is opened without its graph, which is what crashes here."""
    monkeypatch.setattr(exports, "MOST_PACKED_BYTES", -1)


def make_fatal(place: Path) -> None:
    """A bias of no length, at which OpenVINO divides by zero; all digests are made to fit."""
    graph = place / about.GRAPH
    fatal, count = re.subn('shape="1, 5, 1, 1"', 'shape="0, 5, 1, 1"', graph.read_text("utf-8"))
    assert count
    graph.write_text(fatal, "utf-8")
    known = about.read(place)
    if known is not None:
        known.files[about.GRAPH] = sha256_of(graph)
        about.write(place, known)


def open_in_a_process(model: Model) -> int:
    command = [sys.executable, "-c", OPEN, str(model.weights.path)]
    return subprocess.run(command, cwd=REPOSITORY, check=False).returncode


@contextmanager
def opening(graph: Path, layer: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is at opening `layer` of `graph` until it is killed."""
    command = [sys.executable, "-c", HOLD, str(graph), layer]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"marked\n"
        try:
            yield process
        finally:
            process.kill()


def kill_while_opening(graph: Path, layer: str) -> None:
    with opening(graph, layer) as process:
        process.kill()
        assert process.wait() == -signal.SIGKILL


def test_a_graph_that_crashes_openvino_is_made_anew_and_said(cache: Path, model: Model) -> None:
    Opened(model)
    place = place_of(cache)
    assert survives_opening(place / about.GRAPH, AT_LAST)
    make_fatal(place)
    assert not survives_opening(place / about.GRAPH, AT_LAST)
    assert open_in_a_process(model) == -signal.SIGFPE
    remade = Opened(model)
    assert remade.said[0] == (
        "OpenVINO crashed when it opened the compiled small in the cache; making it anew."
    )
    assert [text.split()[0] for text in remade.said] == ["OpenVINO", "Compiling"]
    agrees(remade.engine, network())
    assert Opened(model, net=never).said == []
    assert len(list(place.iterdir())) == 3


def test_what_is_made_anew_is_checked_for_all_needs(cache: Path, model: Model) -> None:
    """A pass that was found good belonged to the files that a later one's mark condemns."""
    needs = (FORWARD, LAYER_GRADIENTS)
    Opened(model, needs=needs)
    make_fatal(place_of(cache))
    kill_while_opening(place_of(cache) / about.GRAPH, "last")
    agrees(Opened(model, needs=needs).engine, network())
    assert checked(cache) == {"forward": "", "gradients at last": ""}


def test_one_that_crashes_again_is_not_opened_again(
    cache: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    Opened(model)
    convert = conversion.convert

    def convert_to_what_crashes(network: object, layers: list[str], graph: Path) -> None:
        convert(network, layers, graph)
        make_fatal(graph.parent)

    make_fatal(place_of(cache))
    kill_while_opening(place_of(cache) / about.GRAPH, "last")
    monkeypatch.setattr(conversion, "convert", convert_to_what_crashes)
    said: list[str] = []
    for net in (network, never, never):
        with pytest.raises(NotCompiledError, match="not used at last: OpenVINO crashes"):
            open_compiled(model, None, net, said.append)
    assert [text.split()[0] for text in said] == ["OpenVINO", "Compiling"]


def test_damage_that_crashes_is_told_as_damage(cache: Path, model: Model) -> None:
    """Its size and times are those of the whole file, so that at first nobody sees it."""
    Opened(model)
    graph = place_of(cache) / about.GRAPH
    before, record = digests.sha256(graph), (place_of(cache) / about.ABOUT).read_bytes()
    make_fatal(graph.parent)
    (graph.parent / about.ABOUT).write_bytes(record)
    digests.remember(graph, before)
    assert open_in_a_process(model) == -signal.SIGFPE
    assert "is damaged (model.xml)" in Opened(model).said[0]
    assert Opened(model, net=never).said == []


def test_a_process_that_was_killed_is_no_crash(cache: Path, model: Model) -> None:
    Opened(model)
    graph = place_of(cache) / about.GRAPH
    kill_while_opening(graph, "last")
    assert len(abandoned_marks(graph, AT_LAST)) == 1
    assert Opened(model, net=never).said == []
    assert abandoned_marks(graph, AT_LAST) == []


def test_a_cache_that_can_only_be_read_serves_in_spite_of_a_mark(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert model.weights.path is not None
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        weights = Path(folder) / "weights.h5"
        weights.write_bytes(model.weights.path.read_bytes())
        cache = Path(folder) / "cache"
        cache.mkdir()
        monkeypatch.setenv("GRADCAM_CACHE", str(cache))
        theirs = model_of(weights)
        Opened(theirs)
        kill_while_opening(place_of(cache) / about.GRAPH, "last")
        with as_nobody():
            assert Opened(theirs, net=never).said == []


def test_a_mark_is_of_one_pass_and_of_a_process_that_is_gone(own_home: Path) -> None:
    graph = own_home / "model.xml"
    with marked(graph, AT_LAST), opening(graph, "middle"):
        assert len(list(own_home.iterdir())) == 2
        assert abandoned_marks(graph, AT_MIDDLE) == []
    assert len(list(own_home.iterdir())) == 1
    assert len(abandoned_marks(graph, AT_MIDDLE)) == 1
    assert abandoned_marks(graph, AT_LAST) == []


@pytest.mark.parametrize("process", ["", "x", "9" * 30, "0", "\udcff"])
def test_a_mark_of_no_process_is_abandoned(own_home: Path, process: str) -> None:
    graph = own_home / "model.xml"
    with marked(graph, AT_LAST):
        (mark,) = own_home.iterdir()
        strange = mark.with_name(f"{mark.name.rpartition('-')[0]}-{process}")
        strange.touch()
    assert abandoned_marks(graph, AT_LAST) == [strange]


@pytest.mark.parametrize("end", [KeyboardInterrupt, ValueError])
def test_what_ends_otherwise_leaves_no_mark(own_home: Path, end: type[BaseException]) -> None:
    def fail(raised: Callable[[], BaseException]) -> None:
        with marked(own_home / "model.xml", AT_LAST):
            raise raised()

    with pytest.raises(end):
        fail(end)
    assert list(own_home.iterdir()) == []


@pytest.mark.parametrize(
    "what",
    [
        Pass("forward"),
        Pass("capture", ("last",)),
        Pass("tail", ("middle",)),
        Pass("gradients", ("last", "middle"), "guided"),
    ],
    ids=str,
)
def test_a_trial_runs_the_pass_itself(cache: Path, model: Model, what: Pass) -> None:
    """Only the backward pass reads the shape that is wrong, so only it dies."""
    Opened(model)
    graph = place_of(cache) / about.GRAPH
    assert survives_opening(graph, what)
    make_fatal(graph.parent)
    assert survives_opening(graph, what) == (what.kind != "gradients")


def test_an_exception_is_no_crash(own_home: Path) -> None:
    assert survives_opening(own_home / "nowhere.xml", AT_LAST)
