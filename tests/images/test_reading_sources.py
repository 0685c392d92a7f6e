"""Where a picture comes from: files, pipes and standard input; URLs apart."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import threading
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcam_cli.images import fetching, reading
from gradcam_cli.images.reading import read_image
from tests.conftest import as_nobody
from tests.images.conftest import read, refused, saved, why_not

SEED = np.random.default_rng(7)
RGB = SEED.integers(0, 256, (6, 5, 3), dtype=np.uint8)


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "holiday.photo.jpg"
    path.write_bytes(saved(RGB, "PNG"))
    picture = read_image(str(path))
    np.testing.assert_array_equal(picture.pixels, RGB)
    assert (picture.name, picture.stem, picture.path) == (str(path), "holiday.photo", path)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("with space.png", "with space.png"),
        ("line\nbreak\x1b[31m.png", r"line\nbreak\x1b[31m.png"),
        ("snöwman ☃.png", "snöwman ☃.png"),
        ("right\u202eleft.png", r"right\u202eleft.png"),
        ("bytes\udcff.png", r"bytes\udcff.png"),
        ("-dash.png", "-dash.png"),
        ("http:foo", "http:foo"),
        ("C:foo", "C:foo"),
        ("data:foo", "data:foo"),
        ("percent%20.png", "percent%20.png"),
        ("no-extension", "no-extension"),
    ],
)
def test_odd_file_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, shown: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(saved(RGB, "PNG"))
    picture = read_image(name)
    assert picture.name == shown
    assert picture.stem == name.removesuffix(".png")
    Path(name).write_bytes(b"nonsense")
    assert refused(name).what.startswith(f"could not read {shown}: it is not an image")
    Path(name).unlink()
    if not name.startswith("data:"):
        assert refused(name).what == f"could not read {shown}: there is no such file"


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = read(saved(RGB, "PNG"))
    assert (picture.name, picture.stem, picture.path) == ("standard input", "stdin", None)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(saved(RGB, "BMP"))))
    np.testing.assert_array_equal(read_image("-").pixels, RGB)
    monkeypatch.setattr(sys, "stdin", None)
    assert "closed" in refused("-").what
    closed = io.BytesIO()
    closed.close()
    assert "closed" in refused("-", stdin=closed).what


def test_what_is_no_file(tmp_path: Path) -> None:
    assert "it is a folder" in refused(str(tmp_path)).what
    assert "there is no such file" in refused(str(tmp_path / "missing.png")).what
    assert "path is empty" in refused("").what
    assert "not a possible path" in refused("nul\0byte").what
    assert "could not read" in refused("x" * 5000).what
    (tmp_path / "loop").symlink_to("loop")
    assert "could not read" in refused(str(tmp_path / "loop")).what


def test_no_permission() -> None:
    with tempfile.TemporaryDirectory() as folder:  # which nobody may enter, unlike tmp_path
        Path(folder).chmod(0o755)
        path = Path(folder) / "private.png"
        path.write_bytes(saved(RGB, "PNG"))
        path.chmod(0)
        with as_nobody():
            assert "permission was denied" in refused(str(path)).what


@pytest.mark.parametrize(
    "source", ["ftp://h/x.png", "file:///x.png", "s3://b/x", "data:image/png,x"]
)
def test_other_schemes(source: str) -> None:
    assert "only http and https are read" in refused(source).what
    assert "secret" not in str(refused("ftp://user:secret@h/x?token=secret"))


def test_a_pipe_and_endless_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "not an image" in refused("/dev/zero").what
    assert "it is empty" in refused(os.devnull).what
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    whole = saved(RGB, "PNG")
    writer = threading.Thread(target=pipe.write_bytes, args=(whole,))
    writer.start()
    np.testing.assert_array_equal(read_image(str(pipe)).pixels, RGB)
    writer.join()
    monkeypatch.setattr(fetching, "MAX_FILE_BYTES", len(whole) - 1)
    assert "it is larger than" in why_not(whole)
    with Path("/dev/zero").open("rb") as zeros:
        endless = io.BufferedReader(_After(whole, zeros))
        assert "it is larger than" in refused("-", stdin=endless).what


class _After(io.RawIOBase):
    """`head`, then what `rest` gives."""

    def __init__(self, head: bytes, rest: Any) -> None:
        self.head, self.rest = head, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = len(buffer)
        data, self.head = self.head[:size], self.head[size:]
        data = data or self.rest.read(size)
        buffer[: len(data)] = data
        return len(data)


def test_importing_loads_nothing_heavy() -> None:
    heavy = "{'numpy', 'PIL', 'cv2', 'requests', 'urllib3', 'click', 'rich', 'keras', 'tensorflow'}"
    code = f"import sys, gradcam_cli.images.reading; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(reading.__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_a_file_is_read_while_another_thread_imports_pillow(
    photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gradcam_cli.images.decoding import is_opened

    monkeypatch.setitem(sys.modules, "PIL.Image", types.ModuleType("PIL.Image"))
    assert not is_opened(str(photo))
