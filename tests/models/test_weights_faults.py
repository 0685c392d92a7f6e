"""The cache of weights, where something goes wrong: the network, the server, the disk, a kill."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
import requests
from filelock import FileLock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gradcam_cli
from gradcam_cli.errors import ExitCode, ModelError
from gradcam_cli.models import weights
from gradcam_cli.models.weights import WeightsFile, ensure
from gradcam_cli.storage import http, resumable
from tests.arbitrary import json_values, replaced
from tests.conftest import as_nobody
from tests.disks import full_at
from tests.models.conftest import names, published
from tests.models.weights_server import Answer, WeightsServer, deaf_address, serving

BODY = random.Random(21).randbytes(1_000_001)
OTHER = random.Random(22).randbytes(1_000_001)
HALF = 500_000
FACTS = resumable.Facts('"one"', 20, "md5:" + "0" * 32)

KILLED = """
import sys
from gradcam_cli.models.weights import WeightsFile, ensure
file = WeightsFile(sys.argv[1], sys.argv[2], int(sys.argv[3]))
ensure(file, name="vgg16", progress=lambda done, total: print(done, flush=True))
"""


@pytest.fixture
def server() -> Iterator[WeightsServer]:
    with serving(BODY) as server:
        yield server


def ranges(server: WeightsServer) -> list[str | None]:
    return [entry.range for entry in server.log]


def interrupt_at(count: int) -> Callable[[int, int | None], None]:
    def progress(done: int, total: int | None) -> None:
        if done >= count:
            raise KeyboardInterrupt

    return progress


def fetch_half(server: WeightsServer, checksum: str | None = None) -> int:
    """Leave about half of the file, as Ctrl-C does; the bytes that are there."""
    with pytest.raises(KeyboardInterrupt):
        ensure(published(server, checksum), name="vgg16", progress=interrupt_at(HALF))
    folder = Path(os.environ["GRADCAM_CACHE"]) / "weights"
    assert not (folder / "weights.h5").exists()
    server.log.clear()
    return (folder / "weights.h5.part").stat().st_size


def fails(server: WeightsServer, checksum: str | None = None) -> ModelError:
    with pytest.raises(ModelError) as caught:
        ensure(published(server, checksum), name="vgg16")
    assert caught.value.exit_code == ExitCode.MODEL
    return caught.value


# A connection that breaks


def test_a_broken_connection_is_resumed(server: WeightsServer, cache: Path) -> None:
    server.answers.extend([Answer(break_after=300_000), Answer(break_after=200_000)])
    said: list[str] = []
    path, origin = ensure(published(server), name="vgg16", note=said.append)
    assert origin == "fetched"
    assert path.read_bytes() == BODY
    assert ranges(server) == [None, "bytes=300000-", "bytes=500000-"]
    assert [entry.headers.get("if-range") for entry in server.log] == [None, '"one"', '"one"']
    assert sum(entry.sent for entry in server.log) == len(BODY)
    assert "The connection broke off; trying again." in said
    resuming = "Resuming the weights of vgg16 at 0.3 MB of 1.0 MB, from 127.0.0.1 into "
    assert f"{resuming}{cache}." in said
    assert names(cache) == {"weights.h5"}


def test_a_connection_that_always_breaks_is_given_up(server: WeightsServer, cache: Path) -> None:
    server.usual = Answer(break_after=100_000)
    error = fails(server)
    assert len(server.log) == resumable.ATTEMPTS
    assert "the connection broke off; 0.5 MB are kept for the next try" in error.what
    assert names(cache) == {"weights.h5.part", "weights.h5.part.json"}
    server.usual = Answer()
    path, _ = ensure(published(server), name="vgg16")
    assert path.read_bytes() == BODY
    assert sum(entry.sent for entry in server.log) == len(BODY)


def test_no_further_attempt_after_one_that_brought_nothing(server: WeightsServer) -> None:
    server.usual = Answer(break_after=0)
    fails(server)
    assert len(server.log) == 1


def test_a_short_body_is_a_broken_one(server: WeightsServer, cache: Path) -> None:
    server.usual = Answer(body=BODY[:1000], announce=len(BODY), ignore_range=True)
    assert "the connection broke off" in fails(server, "").what
    assert len(server.log) == 2  # the second brought no more than the first
    assert "weights.h5" not in names(cache)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    breaks=st.lists(st.integers(1, len(BODY) // 5), max_size=4),
    etag=st.sampled_from(['"one"', 'W/"weak"', ""]),
    chunked=st.booleans(),
)
def test_wherever_it_breaks(breaks: list[int], etag: str, chunked: bool) -> None:
    with tempfile.TemporaryDirectory() as folder, serving(BODY) as server:
        os.environ["GRADCAM_CACHE"] = folder  # set back by the fixture
        server.usual = Answer(etag=etag, chunked=chunked)
        server.answers.extend(
            Answer(etag=etag, chunked=chunked, break_after=stop) for stop in breaks
        )
        path, _ = ensure(published(server), name="vgg16")
        assert path.read_bytes() == BODY
        assert sum(entry.sent for entry in server.log) == len(BODY)


# A server that will not resume, or not rightly


def test_a_server_without_ranges_starts_over(server: WeightsServer) -> None:
    fetch_half(server)
    server.usual = Answer(ignore_range=True)
    path, _ = ensure(published(server), name="vgg16")
    assert path.read_bytes() == BODY
    assert len(server.log) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        Answer(range_shift=7),
        Answer(range_total=len(BODY) + 1),
        Answer(status=416),
        Answer(status=204),
        Answer(etag='"two"', ignore_if_range=True),
    ],
    ids=["content-range", "total", "416", "204", "etag"],
)
@pytest.mark.parametrize("checksum", [None, ""], ids=["checksum", "none"])
def test_an_answer_that_does_not_fit_starts_over(
    server: WeightsServer, wrong: Answer, checksum: str | None
) -> None:
    half = fetch_half(server, checksum)
    server.answers.append(wrong)
    path, _ = ensure(published(server, checksum), name="vgg16")
    assert path.read_bytes() == BODY
    assert ranges(server) == [f"bytes={half}-", None]


def test_a_changed_etag_starts_over(server: WeightsServer) -> None:
    server.body = OTHER
    server.usual = Answer(etag='"old"')
    fetch_half(server, "")
    server.body = BODY
    server.usual = Answer(etag='"new"')
    path, _ = ensure(published(server, ""), name="vgg16")
    assert server.log[0].headers["if-range"] == '"old"'
    assert [entry.status for entry in server.log] == [200]
    assert path.read_bytes() == BODY


def test_without_validator_a_checksum_lets_it_resume(server: WeightsServer) -> None:
    server.usual = Answer(etag="")
    half = fetch_half(server)
    path, _ = ensure(published(server), name="vgg16")
    assert path.read_bytes() == BODY
    assert ranges(server) == [f"bytes={half}-"]
    assert "if-range" not in server.log[0].headers


def test_without_validator_and_checksum_it_starts_over(server: WeightsServer) -> None:
    server.usual = Answer(etag='W/"weak"')
    fetch_half(server, "")
    path, _ = ensure(published(server, ""), name="vgg16")
    assert path.read_bytes() == BODY
    assert ranges(server) == [None]


def test_last_modified_is_a_validator(server: WeightsServer) -> None:
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    server.usual = Answer(etag="", headers=(("Last-Modified", date),), ignore_if_range=True)
    half = fetch_half(server, "")
    ensure(published(server, ""), name="vgg16")
    assert ranges(server) == [f"bytes={half}-"]
    assert server.log[0].headers["if-range"] == date


@pytest.mark.parametrize("sidecar", ["", "[]", "{", '{"validator": 3}', '{"other": 1}'])
def test_a_damaged_sidecar_is_no_validator(
    server: WeightsServer, cache: Path, sidecar: str
) -> None:
    fetch_half(server, "")
    (cache / "weights.h5.part.json").write_text(sidecar, encoding="utf-8")
    path, _ = ensure(published(server, ""), name="vgg16")
    assert path.read_bytes() == BODY
    assert ranges(server) == [None]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    content=st.binary()
    | (json_values() | replaced(asdict(FACTS))).map(lambda value: json.dumps(value).encode())
)
def test_a_sidecar_of_any_content_does_no_harm(own_home: Path, content: bytes) -> None:
    """What it holds goes into the headers of a request and chooses a digest."""
    sidecar = own_home / "weights.h5.part.json"
    sidecar.write_bytes(content)
    kept = resumable.read_facts(sidecar)
    headers = resumable.request_headers(10, kept, "")
    prepared = requests.Request("GET", "http://127.0.0.1/", headers=headers).prepare()
    assert set(prepared.headers) in (set(), {"Range", "If-Range"})
    answer = {"Content-Range": "bytes 10-19/20"}
    begins = resumable.first_byte_of(
        206, answer, size=10, kept=kept, facts=resumable.facts_of(answer)
    )
    assert begins in (10, None)
    if kept.checksum:
        assert not resumable.matches(sidecar, kept.checksum)


def test_a_sidecar_too_deep_to_read_or_a_folder_is_no_validator(
    server: WeightsServer, cache: Path
) -> None:
    fetch_half(server, "")
    sidecar = cache / "weights.h5.part.json"
    sidecar.write_text("[" * 100_000, encoding="utf-8")
    path, _ = ensure(published(server, ""), name="vgg16")
    assert path.read_bytes() == BODY
    assert ranges(server) == [None]


@pytest.mark.parametrize("checksum", [None, ""], ids=["published", "the server's"])
def test_a_part_that_is_whole_already_is_verified(
    server: WeightsServer, cache: Path, checksum: str | None
) -> None:
    server.usual = Answer(google=True)
    fetch_half(server, checksum)
    (cache / "weights.h5.part").write_bytes(BODY)
    path, origin = ensure(published(server, checksum), name="vgg16")
    assert origin == "fetched"
    assert path.read_bytes() == BODY
    assert [entry.status for entry in server.log] == [416]


def test_a_part_that_is_too_long_is_given_up(server: WeightsServer, cache: Path) -> None:
    fetch_half(server)
    (cache / "weights.h5.part").write_bytes(BODY + b"more")
    path, _ = ensure(published(server), name="vgg16")
    assert path.read_bytes() == BODY
    assert [entry.status for entry in server.log] == [416, 200]


def test_a_capped_range_is_asked_on(server: WeightsServer) -> None:
    half = fetch_half(server)
    server.usual = Answer(cap=200_000)
    path, _ = ensure(published(server), name="vgg16")
    assert path.read_bytes() == BODY
    starts = range(half, len(BODY), 200_000)
    assert ranges(server) == [f"bytes={start}-" for start in starts]


def test_a_compressed_answer_is_refused(server: WeightsServer) -> None:
    headers = (("Content-Encoding", "gzip"),)
    server.usual = Answer(body=gzip.compress(BODY, 1), headers=headers)
    with pytest.raises(ModelError, match="compresses it"):
        ensure(published(server), name="vgg16")


def test_the_length_of_a_chunked_body_is_not_believed() -> None:
    headers = {"Content-Length": "12", "Transfer-Encoding": "chunked"}
    assert resumable.facts_of(headers).total is None
    assert resumable.facts_of({"Content-Length": "12"}).total == 12


# Wrong bytes


@pytest.mark.parametrize("google", [False, True], ids=["published", "the server's"])
def test_wrong_bytes_leave_nothing(server: WeightsServer, cache: Path, google: bool) -> None:
    real = server.checksum
    wrong = tuple({"x-goog-hash": "md5=AAAAAAAAAAAAAAAAAAAAAA=="}.items())
    server.usual = Answer(body=OTHER, headers=wrong if google else ())
    error = fails(server, "" if google else real)
    assert "does not have the published checksum" in error.what
    assert "kept" not in error.what
    assert len(server.log) == 1
    assert names(cache) == set()


@pytest.mark.parametrize("checksum", [None, ""], ids=["published", "the server's"])
def test_a_poisoned_part_is_fetched_once_more(
    server: WeightsServer, cache: Path, checksum: str | None
) -> None:
    server.usual = Answer(google=True)
    half = fetch_half(server, checksum)
    (cache / "weights.h5.part").write_bytes(bytes(half))
    said: list[str] = []
    path, _ = ensure(published(server, checksum), name="vgg16", note=said.append)
    assert path.read_bytes() == BODY
    assert ranges(server) == [f"bytes={half}-", None]
    assert any("from the start" in text for text in said)


def test_once_more_is_once(server: WeightsServer, cache: Path) -> None:
    half = fetch_half(server)
    checksum = server.checksum
    server.body = OTHER
    fails(server, checksum)
    assert ranges(server) == [f"bytes={half}-", None]
    assert names(cache) == set()


def test_a_login_page_is_no_weights_file(server: WeightsServer, cache: Path) -> None:
    server.usual = Answer(body=b"<html>Please log in</html>")
    assert "where about 1.0 MB were expected" in fails(server, "").what
    assert names(cache) == set()


# Too much


def test_more_than_announced_is_cut_off(server: WeightsServer, cache: Path) -> None:
    half = fetch_half(server)
    server.usual = Answer(body=BODY + bytes(400_000), range_total=len(BODY))
    assert "more than it announced" in fails(server).what
    assert ranges(server) == [f"bytes={half}-"]
    assert names(cache) == set()


def test_without_an_announcement_there_is_a_limit(
    server: WeightsServer, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resumable, "UNANNOUNCED_BYTES", 1000)
    server.usual = Answer(chunked=True, body=BODY * 3)
    seen: list[int] = []
    with pytest.raises(ModelError, match="more than it announced"):
        ensure(published(server), name="vgg16", progress=lambda done, total: seen.append(done))
    assert max(seen) <= 2 * len(BODY) + 1000
    assert names(cache) == set()


def test_what_cannot_fit_is_not_begun(server: WeightsServer, cache: Path) -> None:
    server.usual = Answer(announce=10**17)
    error = fails(server)
    assert "100000000000.0 MB are needed" in error.what
    assert str(cache) in error.what
    assert "GRADCAM_CACHE" in error.remedy
    assert not (cache / "weights.h5").exists()


# A server that refuses or is not there


@pytest.mark.parametrize("status", [403, 404])
def test_a_refusal_is_not_retried(server: WeightsServer, cache: Path, status: int) -> None:
    server.usual = Answer(status=status)
    error = fails(server)
    assert f"the server answered {status}" in error.what
    assert "gradcam models pull vgg16" in error.remedy
    assert len(server.log) == 1
    assert names(cache) == set()


def test_an_overloaded_server_is_asked_again(server: WeightsServer) -> None:
    server.answers.extend([Answer(status=503), Answer(status=429)])
    assert ensure(published(server), name="vgg16")[1] == "fetched"
    assert len(server.log) == 3


def test_an_overloaded_server_is_not_asked_for_ever(server: WeightsServer) -> None:
    server.usual = Answer(status=503)
    assert "503" in fails(server).what
    assert len(server.log) == resumable.ATTEMPTS


def test_a_connection_that_hangs_is_given_up(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "CONNECT_SECONDS", 0.3)
    began = time.monotonic()
    with (
        deaf_address() as address,
        pytest.raises(ModelError, match=r"no (answer in time|connection could be made)"),
    ):
        ensure(WeightsFile(f"http://{address}/weights.h5", "", 1), name="vgg16")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("limit", ["ANSWER_SECONDS", "READ_SECONDS"])
def test_an_answer_that_never_comes_is_given_up(
    server: WeightsServer, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(http, limit, 0.3)
    server.usual = Answer(silent=True)
    assert "no answer in time" in fails(server).what
    assert len(server.log) == 1


def test_a_body_that_stops_is_resumed(
    server: WeightsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "READ_SECONDS", 0.3)
    server.answers.append(Answer(hold_after=HALF))
    began = time.monotonic()
    path, _ = ensure(published(server), name="vgg16")
    assert time.monotonic() - began < 5
    assert path.read_bytes() == BODY
    assert ranges(server) == [None, f"bytes={HALF}-"]


def test_nobody_there(server: WeightsServer) -> None:
    with pytest.raises(ModelError, match="no connection could be made"):
        ensure(WeightsFile("http://127.0.0.1:1/weights.h5", "", 1), name="vgg16")


@pytest.mark.parametrize("status", [404, 503, None])
def test_no_credential_is_ever_said(server: WeightsServer, status: int | None) -> None:
    server.usual = Answer(status=status, break_after=1000)
    url = server.url(user="someone:hunter2", query="?token=hunter3")
    said: list[str] = []
    with pytest.raises(ModelError) as caught:
        ensure(WeightsFile(url, "", len(BODY)), name="vgg16", note=said.append)
    everything = f"{caught.value} {caught.value.__cause__} {said}"
    for secret in ("someone", "hunter", "token"):
        assert secret not in everything
    assert "authorization" in server.log[0].headers
    assert "token" in server.log[0].path


def test_no_proxy_is_ever_said(server: WeightsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("http_proxy", "http://someone:hunter2@127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    error = fails(server)
    assert "proxy" in error.what
    assert "hunter2" not in f"{error} {error.__cause__}"


# A disk that is full, a folder that cannot be written


def storage_fails(server: WeightsServer, folder: Path) -> ModelError:
    error = fails(server)
    assert str(folder) in error.what
    assert "GRADCAM_CACHE" in error.remedy
    return error


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk(server: WeightsServer, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "weights.h5.part").symlink_to("/dev/full")
    assert "No space left" in storage_fails(server, cache).what
    assert not (cache / "weights.h5").exists()


@pytest.mark.parametrize("how", ["disk", "limit"])
def test_a_disk_that_fills_up_half_way(
    server: WeightsServer, own_home: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The file does not say how long it is, so that nobody can tell beforehand."""
    server.usual = Answer(chunked=True)
    disk = own_home / "disk"
    monkeypatch.setenv("GRADCAM_CACHE", str(disk))
    file = WeightsFile(server.url(), server.checksum, 1000)
    with full_at(disk, how, HALF):
        for _ in range(2):
            with pytest.raises(ModelError, match=r"No space|too large|are free") as caught:
                ensure(file, name="vgg16")
            assert str(disk / "weights") in caught.value.what
            assert "\n" not in str(caught.value)
            assert names(disk / "weights") <= {"weights.h5.part", "weights.h5.part.json"}
        shutil.copytree(disk, own_home / "larger")
    monkeypatch.setenv("GRADCAM_CACHE", str(own_home / "larger"))
    path, _ = ensure(file, name="vgg16")
    assert path.read_bytes() == BODY
    assert server.log[-1].status == 206


def test_a_copy_of_keras_that_does_not_fit_is_not_there(
    server: WeightsServer, own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no disk can be mounted, it is a link, which always fits."""
    theirs = tmp_path / "keras" / "models" / "weights.h5"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(BODY)
    disk = own_home / "disk"
    monkeypatch.setenv("GRADCAM_CACHE", str(disk))
    with full_at(disk, "disk", HALF):
        if disk.is_mount():
            assert "No space left" in storage_fails(server, disk / "weights").what
            assert names(disk / "weights") == set()
        else:
            assert ensure(published(server), name="vgg16")[0].samefile(theirs)
    assert server.log == []


def test_what_is_adopted_already_is_adopted_again(
    server: WeightsServer, cache: Path, tmp_path: Path
) -> None:
    """A link to the same file, which renaming leaves beside it, is gone afterwards."""
    theirs = tmp_path / "keras" / "models" / "weights.h5"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(BODY)
    ensure(published(server), name="vgg16")
    weights._link(theirs, cache / "weights.h5")
    assert names(cache) == {"weights.h5"}


@pytest.mark.parametrize("place", ["cache", "cache/weights"])
def test_a_cache_that_is_a_file(
    server: WeightsServer, own_home: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv("GRADCAM_CACHE", str(own_home / "cache"))
    (own_home / place).parent.mkdir(exist_ok=True)
    (own_home / place).write_text("a file")
    storage_fails(server, own_home / "cache" / "weights")
    assert server.log == []


def test_a_target_that_is_a_folder(server: WeightsServer, cache: Path) -> None:
    (cache / "weights.h5").mkdir(parents=True)
    storage_fails(server, cache)


def test_a_cache_on_a_file_system_that_takes_no_folders(
    server: WeightsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADCAM_CACHE", "/proc/gradcam")
    storage_fails(server, Path("/proc/gradcam/weights"))


def test_a_read_only_cache(server: WeightsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "weights"
        cache.mkdir()
        monkeypatch.setenv("GRADCAM_CACHE", folder)
        for path in (cache, Path(folder)):
            path.chmod(0o555)
        with as_nobody():
            assert "Permission denied" in storage_fails(server, cache).what
        assert server.log == []
        cache.chmod(0o755)
        (cache / "weights.h5").write_bytes(BODY)
        cache.chmod(0o555)
        with as_nobody():
            assert ensure(published(server), name="vgg16")[1] == "cached"
        cache.chmod(0o755)
        Path(folder).chmod(0o755)


# Ctrl-C and kill -9


def test_ctrl_c_keeps_the_part_and_frees_the_lock(server: WeightsServer, cache: Path) -> None:
    half = fetch_half(server)
    assert half >= HALF
    with FileLock(cache / "weights.h5.lock").acquire(timeout=0):
        pass
    ensure(published(server), name="vgg16")
    assert ranges(server) == [f"bytes={half}-"]
    assert server.log[0].sent == len(BODY) - half


def test_kill_9_loses_nothing(server: WeightsServer, cache: Path) -> None:
    server.answers.append(Answer(hold_after=HALF))
    root = Path(gradcam_cli.__file__).parents[1]
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, server.url(), server.checksum, str(len(BODY))],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert child.stdout is not None
    with child.stdout:
        for line in child.stdout:
            if int(line) == HALF:
                child.send_signal(signal.SIGKILL)
                break
        assert child.wait() == -signal.SIGKILL
    server.release.set()
    assert names(cache) == {"weights.h5.lock", "weights.h5.part", "weights.h5.part.json"}
    kept = (cache / "weights.h5.part").stat().st_size
    assert kept > HALF - http.CHUNK_BYTES
    path, origin = ensure(published(server), name="vgg16")
    assert origin == "fetched"
    assert path.read_bytes() == BODY
    assert ranges(server) == [None, f"bytes={kept}-"]
    assert server.log[1].status == 206
    assert server.log[1].sent == len(BODY) - kept
    assert names(cache) == {"weights.h5"}
