"""Whether opening a compiled model crashes the process, which no exception reports.

A damaged graph, or a fault of OpenVINO, may end in SIGSEGV or SIGFPE. So whoever opens a model
leaves a mark beside it until that has gone well:

    opening-1f2e3d4c-4711        the pass, by a digest of its name, and the process

The mark of a process that is gone makes the model suspect, no more: somebody may have killed that
process. Then another process tries first, which may die.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gradcam_cli.passes import Pass

_TRIAL = (
    "import sys; graph, what, *sys.path = sys.argv[1:]; "
    f"from {__name__} import _open_and_exit; _open_and_exit(graph, what)"
)


@contextmanager
def marked(graph: Path, what: Pass) -> Iterator[None]:
    """Leave a mark beside `graph` for as long as the block takes, where that can be written."""
    mark = graph.with_name(f"{_mark_of(what)}{os.getpid()}")
    with suppress(OSError):
        mark.touch()
    try:
        yield
    finally:
        with suppress(OSError):
            mark.unlink()


def abandoned_marks(graph: Path, what: Pass) -> list[Path]:
    """The marks beside `graph` of processes that are gone."""
    marks = graph.parent.glob(f"{_mark_of(what)}*")
    return [mark for mark in marks if not _is_running(mark.name.rpartition("-")[2])]


def survives_opening(graph: Path, what: Pass) -> bool:
    """False where a process of its own died of opening `graph` and running `what` once.

    Parameters
    ----------
    graph : Path
        The .xml file, its .bin beside it.
    what : Pass
        What to run.

    An exception is no death: it will come again, and can be caught.
    """
    import subprocess

    pass_as_json = json.dumps([what.kind, what.at, what.rules])
    command = [sys.executable, "-c", _TRIAL, str(graph), pass_as_json, *sys.path]
    null_device = subprocess.DEVNULL
    try:
        trial = subprocess.run(
            command, stdin=null_device, stdout=null_device, stderr=null_device, check=False
        )
    except OSError:  # this Python cannot be started again, so nothing is proven
        return True
    return trial.returncode == 0


def _open_and_exit(graph: str, pass_as_json: str) -> None:
    with suppress(Exception):
        from gradcam_cli.engines.openvino.engine import OpenVINOEngine

        kind, at, rules = json.loads(pass_as_json)
        OpenVINOEngine(Path(graph)).rehearse(Pass(kind, tuple(at), rules))
    os._exit(0)  # whatever may happen to the interpreter at its end does not count


def _mark_of(what: Pass) -> str:
    return f"opening-{hashlib.sha256(str(what).encode()).hexdigest()[:8]}-"


def _is_running(process: str) -> bool:
    """False for this process too: what has its number is a mark of an earlier one."""
    number = int(process) if process.isdecimal() else 0
    if os.name == "nt" or number in (0, os.getpid()):  # Windows has no signal 0
        return False
    try:
        os.kill(number, 0)
    except PermissionError:  # somebody else's
        return True
    except (OSError, OverflowError):
        return False
    return True
