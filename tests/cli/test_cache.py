"""`gradcam cache` and `gradcam cache clear`, on files that are really there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from gradcam_cli.storage.files import temporary_path
from tests.conftest import as_nobody

Run = Callable[..., tuple[int, str, str]]
VGG16 = "vgg16_weights_tf_dim_ordering_tf_kernels.h5"


@pytest.fixture
def cache(
    own_home: Path, compiled_lite0: None, compiled_once: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A cache with weights, a compiled model, and what broken work leaves."""
    folder = own_home / "cache"
    (place,) = (compiled_once / "compiled").glob("efficientnet-lite0-????????????????")
    shutil.copytree(place, folder / "compiled" / place.name)
    (folder / "compiled" / "resnet50-0123.4567.tmp").mkdir()
    (folder / "compiled" / "resnet50-0123.4567.tmp" / "model.bin").write_bytes(bytes(500_000))
    (folder / "weights").mkdir()
    (folder / "weights" / VGG16).write_bytes(bytes(2_000_000))
    (folder / "weights" / f"{VGG16}.lock").touch()
    (folder / "weights" / "unknown.h5.part").write_bytes(b"x")
    monkeypatch.setenv("GRADCAM_CACHE", str(folder))
    return folder


def listed(gradcam: Run) -> list[tuple[str, str]]:
    told = json.loads(gradcam("cache", "--json")[1])
    return [(each["kind"], each["name"]) for each in told["entries"]]


def test_what_is_there_is_listed_with_its_size(gradcam: Run, cache: Path) -> None:
    code, out, err = gradcam("cache")
    assert (code, err) == (0, "")
    rows = [line.split() for line in out.splitlines()[2:]]
    assert rows[0] == ["weights", "vgg16", "2.0", "MB"]
    assert rows[1][:2] == ["compiled", "efficientnet-lite0"]
    assert rows[2] == ["leftover", "resnet50", "0.5", "MB"]
    assert rows[3][:2] == ["leftover", "unknown.h5"]
    assert out.splitlines()[-1] == str(cache)
    told = json.loads(gradcam("cache", "--json")[1])
    assert told["schema"] == 1
    assert told["folder"] == str(cache)
    assert told["entries"][0] == {
        "kind": "weights",
        "name": "vgg16",
        "path": str(cache / "weights" / VGG16),
        "bytes": 2_000_000,
    }
    size = sum(path.stat().st_size for path in Path(told["entries"][1]["path"]).iterdir())
    assert told["entries"][1]["bytes"] == size


def test_clear_keeps_the_weights_unless_told(gradcam: Run, cache: Path) -> None:
    code, out, err = gradcam("cache", "clear")
    assert (code, out) == (0, "")
    assert err.endswith("MB freed.\n")
    assert listed(gradcam) == [("weights", "vgg16")]
    assert gradcam("cache", "clear", "--weights") == (0, "", "gradcam: 2.0 MB freed.\n")
    assert listed(gradcam) == []


def test_clear_takes_names(gradcam: Run, cache: Path) -> None:
    assert gradcam("cache", "clear", "VGG-16", "-q") == (0, "", "")
    assert len(listed(gradcam)) == 4
    assert gradcam("cache", "clear", "vgg16", "--weights", "-q") == (0, "", "")
    assert ("weights", "vgg16") not in listed(gradcam)
    assert ("compiled", "efficientnet-lite0") in listed(gradcam)
    assert gradcam("cache", "clear", "vgg61")[0] == 2


def test_clear_takes_what_is_broken_by_its_name(gradcam: Run, cache: Path) -> None:
    (place,) = (cache / "compiled").glob("efficientnet-lite0-????????????????")
    (place / "about.json").write_bytes(b"\xff")
    assert ("leftover", "efficientnet-lite0") in listed(gradcam)
    gradcam("cache", "clear", "efficientnet-lite0")
    assert not place.exists()


def test_what_killed_processes_left_is_listed_and_cleared(gradcam: Run, cache: Path) -> None:
    (place,) = (cache / "compiled").glob("efficientnet-lite0-????????????????")
    left = temporary_path(place)
    shutil.copytree(place, left)
    files = [
        temporary_path(cache / "weights" / VGG16),
        temporary_path(cache / "weights" / f"{VGG16}.part.json"),
        temporary_path(cache / "digests" / "0123.json"),
    ]
    (cache / "digests").mkdir()
    for path in files:
        path.write_bytes(b"half")
    lock = cache / "compiled" / "mine.keras-0123456789abcdef.lock"
    lock.touch()
    found = json.loads(gradcam("cache", "--json")[1])["entries"]
    leftovers = {each["path"]: each["name"] for each in found if each["kind"] == "leftover"}
    assert leftovers[str(left)] == "efficientnet-lite0"
    assert [leftovers[str(path)] for path in files] == ["vgg16", "vgg16", "0123.json"]
    gradcam("cache", "clear", "vgg16")
    assert [path.exists() for path in (left, *files)] == [True, False, False, True]
    assert leftovers[str(lock)] == "mine.keras-0123456789abcdef"
    gradcam("cache", "clear")
    assert listed(gradcam) == [("weights", "vgg16")]
    assert {path.name for path in cache.rglob("*")} == {"compiled", "weights", VGG16}


def test_a_cache_that_cannot_be_read_or_cleared(gradcam: Run, cache: Path) -> None:
    for folder in (cache, cache / "compiled"):
        folder.chmod(0o555)
    cache.parent.chmod(0o755)
    with as_nobody():
        code, _, err = gradcam("cache", "clear", "resnet50")
        assert (code, err.count("\n")) in ((2, 2), (2, 1))
        assert str(cache) in err
    (cache / "compiled").chmod(0)
    with as_nobody():
        code, _, err = gradcam("cache")
    assert code == 2
    assert str(cache) in err
    (cache / "compiled").chmod(0o755)


def test_what_is_cleared_is_made_anew(gradcam: Run, cache: Path, photo: Path) -> None:
    lite = ("--model", "efficientnet-lite0", "--class", "top")
    assert gradcam("explain", photo, *lite)[2] == ""
    gradcam("cache", "clear")
    code, _, err = gradcam("explain", photo, *lite)
    assert code == 0
    assert err.startswith("gradcam: Compiling efficientnet-lite0 ")
    assert gradcam("explain", photo, *lite)[2] == ""


def test_what_another_process_works_on_is_left(gradcam: Run, cache: Path) -> None:
    (place,) = (cache / "compiled").glob("efficientnet-lite0-????????????????")
    with FileLock(f"{place}.lock"):
        code, _, err = gradcam("cache", "clear")
    assert code == 0
    assert "Another process is at work" in err
    assert ("compiled", "efficientnet-lite0") in listed(gradcam)


def test_an_empty_cache(gradcam: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADCAM_CACHE", str(tmp_path / "none"))
    code, out, _ = gradcam("cache")
    assert code == 0
    assert out.splitlines()[-1] == str(tmp_path / "none")
    assert gradcam("cache", "clear") == (0, "", "gradcam: 0.0 MB freed.\n")
    assert not (tmp_path / "none").exists()
