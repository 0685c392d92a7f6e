"""One process at a time, and nothing is left of the lock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gradcam_cli.storage.locks import LockedError, exclusive_lock

COUNT = """
import sys
from pathlib import Path
from gradcam_cli.storage.locks import LockedError, exclusive_lock

counter = Path(sys.argv[1])
done = 0
while done < 50:
    try:
        with exclusive_lock(counter.with_suffix(".lock")):
            counter.write_text(str(int(counter.read_text()) + 1))
            done += 1
    except LockedError:
        pass
"""


def test_it_is_held_once_and_gone_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with exclusive_lock(path):
        assert path.exists()
        with pytest.raises(LockedError), exclusive_lock(path):
            pass
        assert path.exists()
    assert not path.exists()
    with exclusive_lock(path):
        pass


def test_a_lock_that_was_left_is_taken(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    with exclusive_lock(tmp_path / ".lock"):
        pass


def test_processes_that_come_and_go_never_hold_it_together(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    children = [
        subprocess.Popen([sys.executable, "-c", COUNT, str(counter)], cwd=Path(__file__).parents[2])
        for _ in range(4)
    ]
    assert [child.wait(60) for child in children] == [0] * 4
    assert counter.read_text() == "200"
