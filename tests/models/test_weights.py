"""The cache of weights, where everything goes well: fetched once, adopted, found, announced."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gradcam_cli
from gradcam_cli.errors import ExitCode, ModelError
from gradcam_cli.models import weights
from gradcam_cli.models.weights import WeightsFile, ensure, find, plan
from tests.models.conftest import names, published
from tests.models.weights_server import Answer, WeightsServer, serving

BODY = random.Random(20).randbytes(1_200_003)
FETCH = """
import sys
from pathlib import Path
from gradcam_cli.models.weights import WeightsFile, ensure
def say(text): print(text, flush=True)
file = WeightsFile(sys.argv[1], sys.argv[2], int(sys.argv[3]))
say("ready")
sys.stdin.readline()
path, origin = ensure(file, name="vgg16", note=say)
say(f"{origin} {path}")
"""


@pytest.fixture
def server() -> Iterator[WeightsServer]:
    with serving(BODY) as server:
        yield server


def put(folder: Path, content: bytes) -> Path:
    folder.mkdir(parents=True)
    (folder / "weights.h5").write_bytes(content)
    return folder / "weights.h5"


def test_import_is_light() -> None:
    heavy = ("requests", "filelock", "platformdirs", "numpy", "click", "rich", "tensorflow")
    code = f"import gradcam_cli.models.weights, sys; print(*sys.modules.keys() & {set(heavy)!r})"
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=child_env()
    )
    assert child.stdout.strip() == ""


def test_fetches_into_the_cache(server: WeightsServer, cache: Path) -> None:
    path, origin = ensure(published(server), name="vgg16")
    assert (path, origin) == (cache / "weights.h5", "fetched")
    assert path.read_bytes() == BODY
    assert names(cache) == {"weights.h5"}
    assert server.log[0].headers["accept-encoding"] == "identity"


def test_the_second_time_asks_nobody(server: WeightsServer, cache: Path) -> None:
    ensure(published(server), name="vgg16")
    said: list[str] = []
    assert ensure(published(server), name="vgg16", note=said.append)[1] == "cached"
    assert len(server.log) == 1
    assert said == []


def test_find_looks_only_into_the_cache(server: WeightsServer, cache: Path) -> None:
    assert find(published(server)) is None
    path = put(cache, b"anything")
    assert find(published(server)) == path
    assert server.log == []


def test_sha256(server: WeightsServer) -> None:
    checksum = f"sha256:{hashlib.sha256(BODY).hexdigest()}"
    assert ensure(published(server, checksum), name="vgg16")[1] == "fetched"


def test_the_mode_follows_the_umask(server: WeightsServer) -> None:
    before = os.umask(0o027)
    try:
        path, _ = ensure(published(server), name="vgg16")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


def test_announces_before_the_transfer(server: WeightsServer, cache: Path) -> None:
    events: list[str] = []
    ensure(
        published(server),
        name="vgg16",
        note=events.append,
        progress=lambda done, total: events.append(f"{done} {total}"),
    )
    assert events[0] == f"Fetching the weights of vgg16, 1.2 MB, from 127.0.0.1 into {cache}."
    assert events[1] == f"0 {len(BODY)}"
    assert events[-1] == f"{len(BODY)} {len(BODY)}"
    done = [int(event.split()[0]) for event in events[1:]]
    assert done == sorted(done)


def test_an_unannounced_length_is_said_to_be_about(server: WeightsServer) -> None:
    server.usual = Answer(chunked=True)
    said: list[str] = []
    totals: set[int | None] = set()
    ensure(
        published(server),
        name="vgg16",
        note=said.append,
        progress=lambda done, total: totals.add(total),
    )
    assert ", about 1.2 MB, " in said[0]
    assert totals == {None}


def test_force_fetches_anew(server: WeightsServer, cache: Path) -> None:
    path = put(cache, b"damaged")
    seen: list[bytes] = []
    _, origin = ensure(
        published(server),
        name="vgg16",
        force=True,
        progress=lambda done, total: seen.append(path.read_bytes()),
    )
    assert origin == "fetched"
    assert set(seen) == {b"damaged"}
    assert path.read_bytes() == BODY


def test_force_keeps_the_old_file_where_the_new_cannot_be_had(
    server: WeightsServer, cache: Path
) -> None:
    path = put(cache, b"old")
    server.usual = Answer(status=404)
    with pytest.raises(ModelError, match="404"):
        ensure(published(server), name="vgg16", force=True)
    assert path.read_bytes() == b"old"


def test_offline_uses_what_is_there(server: WeightsServer, cache: Path) -> None:
    path = put(cache, BODY)
    assert ensure(published(server), name="vgg16", offline=True) == (path, "cached")


@pytest.mark.parametrize("force", [False, True])
def test_offline_refuses_with_three_remedies(
    server: WeightsServer, cache: Path, force: bool
) -> None:
    with pytest.raises(ModelError, match="offline") as caught:
        ensure(published(server), name="vgg16", offline=True, force=force)
    assert caught.value.exit_code == ExitCode.MODEL
    assert caught.value.remedy == weights.remedies("vgg16")
    for way in ("gradcam models pull vgg16", "--weights FILE", "--model efficientnet-lite0"):
        assert way in str(caught.value)
    assert server.log == []
    assert not cache.exists()


def test_adopts_keras_own_copy_by_a_link(
    server: WeightsServer, cache: Path, tmp_path: Path
) -> None:
    theirs = put(tmp_path / "keras" / "models", BODY)
    said: list[str] = []
    path, origin = ensure(published(server), name="vgg16", offline=True, note=said.append)
    assert (path, origin) == (cache / "weights.h5", "cached")
    assert path.samefile(theirs)
    assert server.log == []
    assert said == [f"Using Keras's own copy, {theirs}."]
    assert names(cache) == {"weights.h5"}


def test_adopts_across_file_systems_by_a_copy(server: WeightsServer, tmp_path: Path) -> None:
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system to adopt from")
    theirs = shm / f"gradcam-{os.getpid()}.h5"
    theirs.write_bytes(BODY)
    try:
        (tmp_path / "keras" / "models").mkdir(parents=True)
        (tmp_path / "keras" / "models" / "weights.h5").symlink_to(theirs)
        path, origin = ensure(published(server), name="vgg16", offline=True)
    finally:
        theirs.unlink()
    assert origin == "cached"
    assert path.read_bytes() == BODY
    assert not path.is_symlink()


def test_a_different_keras_copy_is_ignored(server: WeightsServer, tmp_path: Path) -> None:
    theirs = put(tmp_path / "keras" / "models", b"something else")
    said: list[str] = []
    path, origin = ensure(published(server), name="vgg16", note=said.append)
    assert origin == "fetched"
    assert theirs.read_bytes() == b"something else"
    assert path.read_bytes() == BODY
    assert "is ignored" in said[0]
    with pytest.raises(ModelError, match="offline"):
        ensure(
            WeightsFile(server.url("weights.h5"), "md5:" + "0" * 32, 1),
            name="vgg16",
            offline=True,
            force=True,
        )


def test_a_different_keras_copy_does_not_help_offline(
    server: WeightsServer, tmp_path: Path
) -> None:
    put(tmp_path / "keras" / "models", b"something else")
    with pytest.raises(ModelError, match="not in the cache, and offline"):
        ensure(published(server), name="vgg16", offline=True)


def test_nothing_is_adopted_without_a_checksum(server: WeightsServer, tmp_path: Path) -> None:
    put(tmp_path / "keras" / "models", BODY)
    assert ensure(published(server, ""), name="vgg16")[1] == "fetched"


def test_force_does_not_adopt(server: WeightsServer, tmp_path: Path) -> None:
    put(tmp_path / "keras" / "models", BODY)
    assert ensure(published(server), name="vgg16", force=True)[1] == "fetched"


def test_without_a_checksum_the_server_may_give_one(server: WeightsServer) -> None:
    server.usual = Answer(google=True)
    said: list[str] = []
    assert ensure(published(server, ""), name="vgg16", note=said.append)[1] == "fetched"
    assert len(said) == 1


@pytest.mark.parametrize(("chunked", "known"), [(False, "only its length"), (True, "nothing")])
def test_says_what_could_not_be_verified(server: WeightsServer, chunked: bool, known: str) -> None:
    server.usual = Answer(chunked=chunked)
    said: list[str] = []
    ensure(published(server, ""), name="vgg16", note=said.append)
    assert said[-1].startswith(f"No checksum is published for the weights of vgg16; {known}")


def test_the_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GRADCAM_CACHE", "~/mine")
    assert weights.cache_folder() == tmp_path / "mine"
    monkeypatch.setenv("GRADCAM_CACHE", "~nobody-of-that-name/mine")
    assert weights.cache_folder().parts[-2:] == ("~nobody-of-that-name", "mine")
    monkeypatch.setenv("GRADCAM_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert "gradcam" in weights.cache_folder().parts
    monkeypatch.delenv("KERAS_HOME")
    assert weights.keras_folder() == tmp_path / ".keras" / "models"


def test_a_read_only_cache_that_holds_the_file_will_do(server: WeightsServer, cache: Path) -> None:
    path = put(cache, BODY)
    (cache / "weights.h5.lock").mkdir()  # to take the lock would fail, for root too
    assert ensure(published(server), name="vgg16") == (path, "cached")


@given(st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_the_plan(cached: bool, adoptable: bool, offline: bool, force: bool) -> None:
    step = plan(cached=cached, adoptable=adoptable, offline=offline, force=force)
    assert (step == "cached") == (cached and not force)
    assert (step == "fetch") <= (not offline)
    assert (step == "refuse") <= offline
    assert (step == "adopt") <= (adoptable and not cached and not force)


def child_env() -> dict[str, str]:
    root = Path(gradcam_cli.__file__).parents[1]
    return {**os.environ, "PYTHONPATH": str(root)}


def child(server: WeightsServer) -> subprocess.Popen[str]:
    """A process that says ready, waits for a line, and fetches."""
    return subprocess.Popen(
        [sys.executable, "-c", FETCH, server.url(), server.checksum, str(len(BODY))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=child_env(),
    )


def test_eight_processes_fetch_once(server: WeightsServer, cache: Path) -> None:
    server.usual = Answer(hold_after=100_000)  # until the other seven are seen to wait
    waiting = threading.Semaphore(0)
    lines: list[list[str]] = [[] for _ in range(8)]
    children = [child(server) for _ in range(8)]

    def listen(process: subprocess.Popen[str], said: list[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line.strip())
            if line.startswith("Waiting for another process"):
                waiting.release()

    for process in children:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    ears = [
        threading.Thread(target=listen, args=pair) for pair in zip(children, lines, strict=True)
    ]
    for ear in ears:
        ear.start()
    for process in children:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    waited = all(waiting.acquire(timeout=15) for _ in range(7))
    server.release.set()
    for ear in ears:
        ear.join()
    codes = [process.wait() for process in children]
    for process in children:
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()
    assert waited
    assert codes == [0] * 8
    assert len(server.log) == 1
    origins = sorted(said[-1] for said in lines)
    path = cache / "weights.h5"
    assert origins == [f"cached {path}"] * 7 + [f"fetched {path}"]
    assert path.read_bytes() == BODY
