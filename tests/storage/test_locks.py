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


HOLD = """
import sys
from pathlib import Path
from gradcam_cli.storage.locks import exclusive_lock

with exclusive_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("killed", [False, True])
def test_who_waits_is_told_once_and_gets_it(tmp_path: Path, killed: bool) -> None:
    path = tmp_path / ".lock"
    command = [sys.executable, "-c", HOLD, str(path)]
    pipe, root = subprocess.PIPE, Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdin=pipe, stdout=pipe) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        told = []

        def end() -> None:
            told.append("held")
            holder.kill() if killed else holder.stdin.close()

        with exclusive_lock(path, when_held=end):
            assert told == ["held"]
            assert holder.wait() != 0 if killed else holder.wait() == 0
            with pytest.raises(LockedError), exclusive_lock(path):
                pass
    assert not path.exists()


def test_nobody_is_told_of_a_free_lock(tmp_path: Path) -> None:
    with exclusive_lock(tmp_path / ".lock", when_held=lambda: pytest.fail("it is free")):
        pass
