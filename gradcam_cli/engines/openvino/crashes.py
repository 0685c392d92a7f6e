"""Whether opening a compiled model takes the process down, which no exception tells.

A damaged graph, or a fault of OpenVINO, may end in SIGSEGV or SIGFPE. So whoever opens a model
leaves a mark beside it until that has gone well:

    opening-1f2e3d4c-4711        the layer, by a digest of its name, and the process

The mark of a process that is gone makes the model suspect, no more: somebody may have killed that
process. Then another process tries first, which may die.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_TRIAL = (
    "import sys; graph, layer, *shape = sys.argv[1:6]; sys.path = sys.argv[6:]; "
    f"from {__name__} import _open_and_exit; _open_and_exit(graph, layer, map(int, shape))"
)


@contextmanager
def marked(graph: Path, layer: str) -> Iterator[None]:
    """Leave a mark beside `graph` for as long as the block takes, where that can be written."""
    mark = graph.with_name(f"{_mark_of(layer)}{os.getpid()}")
    with suppress(OSError):
        mark.touch()
    try:
        yield
    finally:
        with suppress(OSError):
            mark.unlink()


def abandoned_marks(graph: Path, layer: str) -> list[Path]:
    """The marks beside `graph` of processes that are gone."""
    marks = graph.parent.glob(f"{_mark_of(layer)}*")
    return [mark for mark in marks if not _is_running(mark.name.rpartition("-")[2])]


def survives_opening(graph: Path, layer: str, shape: tuple[int, int, int]) -> bool:
    """False where a process of its own died of opening `graph` and running it once.

    Parameters
    ----------
    graph : Path
        The .xml file, its .bin beside it.
    layer : str
        Where to look.
    shape : (int, int, int)
        The height, width and channels of the input.

    An exception is no death: it will come again, and can be caught.
    """
    import subprocess

    command = [sys.executable, "-c", _TRIAL, str(graph), layer, *map(str, shape), *sys.path]
    nowhere = subprocess.DEVNULL
    try:
        trial = subprocess.run(command, stdin=nowhere, stdout=nowhere, stderr=nowhere, check=False)
    except OSError:  # this Python cannot be started again, so nothing is proven
        return True
    return trial.returncode == 0


def _open_and_exit(graph: str, layer: str, shape: Iterable[int]) -> None:
    with suppress(Exception):
        import numpy as np

        from gradcam_cli.engines.openvino.engine import OpenVINOEngine
        from gradcam_cli.targets import Target

        black = np.zeros((1, *shape), np.float32)
        OpenVINOEngine(Path(graph), layer).gradients(black, [Target(0)], [layer])
    os._exit(0)  # whatever may happen to the interpreter at its end does not count


def _mark_of(layer: str) -> str:
    return f"opening-{hashlib.sha256(layer.encode()).hexdigest()[:8]}-"


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
