"""Compiled models in the cache: made once, checked against TensorFlow, served ever after.

    <cache>/compiled/vgg16-3f2a…/    one for each model and weights
        model.xml, model.bin         the forward pass, as OpenVINO reads it
        about.json                   what made it, the digests of the files, the layers it was
                                     checked at; written last

The name is made of the model and the digest of its weights; what made it stands inside, so that
another version of gradcam, Keras or OpenVINO replaces it. A layer is checked when it is first
asked for, and a layer that fails is never served.
"""

from __future__ import annotations

import errno
import hashlib
import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradcam_cli.callbacks import Note
from gradcam_cli.engines.openvino import crashes
from gradcam_cli.engines.openvino.about import GRAPH, WEIGHTS, About, read, write
from gradcam_cli.errors import GradcamError, ModelError
from gradcam_cli.models.layers import explainable_layers, find_layer
from gradcam_cli.storage import digests
from gradcam_cli.storage.files import final_name, remove, sha256_of, sweep, sync, whole_folder
from gradcam_cli.storage.folders import cache_folder, make_folder
from gradcam_cli.storage.locks import exclusive_lock
from gradcam_cli.text import printable
from gradcam_cli.versions import versions

if TYPE_CHECKING:
    from gradcam_cli.engines.openvino.engine import OpenVINOEngine
    from gradcam_cli.models.model import Model

LOCK = ".lock"

_ROOM = 1.1
"""How much larger than its weights a compiled model may be."""
_CRASHES = "OpenVINO crashes when it opens it"


class NotCompiledError(Exception):
    """The compiled engine cannot serve this; the text says why, without a final full stop."""


def folder() -> Path:
    """Where compiled models are kept."""
    return cache_folder() / "compiled"


def made_with() -> dict[str, str]:
    """What a compiled model, and the checks of its layers, depend on besides the weights."""
    found = {**versions("tensorflow"), **versions("openvino"), "machine": platform.machine()}
    del found["numpy"]
    return {**found, "code": _code()}


def _code() -> str:
    """A digest of the modules that convert and differentiate, which change between versions too."""
    digest = hashlib.sha256()
    for name in ("conversion.py", "vjp.py", "engine.py"):
        digest.update(resources.files(__package__).joinpath(name).read_bytes())
    return digest.hexdigest()[:16]


def open_compiled(
    model: Model, layer: str | None, network: Callable[[], Any], note: Note
) -> OpenVINOEngine:
    """The compiled engine for `layer` of `model`, made and checked if need be.

    Parameters
    ----------
    model : Model
        Which model.
    layer : str or None
        Where to look; None for the default layer.
    network : callable
        Gives the Keras model; called only where something has to be made or checked.
    note : callable
        Given one sentence for what takes long or was found broken.

    Raises
    ------
    NotCompiledError
        Where it cannot be made or kept, or this layer is not served.
    UsageError
        For a layer that the model does not have.
    ModelError
        Where the weights cannot be read.
    """
    if find_spec("openvino") is None:
        raise NotCompiledError("OpenVINO is not installed")
    try:
        folder()
    except ModelError as error:
        raise NotCompiledError(error.what) from error
    task = _Task(model, network, note)
    with _failures_told():
        try:
            return task.opened(layer)
        except RuntimeError:
            if task.is_whole():
                raise
            return task.opened(layer)


@contextmanager
def _failures_told() -> Iterator[None]:
    """Anything that OpenVINO or the disk may come up with means that it cannot be compiled."""
    try:
        yield
    except (GradcamError, NotCompiledError):
        raise
    except OSError as error:
        place = error.filename or folder()
        raise NotCompiledError(
            f"compiled models cannot be kept in {place}: {error.strerror or error}"
        ) from error
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise NotCompiledError(f"OpenVINO could not run it ({lines[-1].strip()})") from error


class _Task:
    """One call of `open_compiled`."""

    def __init__(self, model: Model, network: Callable[[], Any], note: Note) -> None:
        self._model = model
        self._name = model.name
        self._load = network
        self._note = note
        self._weights = model.digest()
        self._place = folder() / f"{self._name}-{self._weights[:16]}"
        self._graph = self._place / GRAPH
        self._fresh = False
        self._engines: dict[str, OpenVINOEngine] = {}

    def opened(self, layer: str | None) -> OpenVINOEngine:
        about = self.usable() or self.made()
        found = find_layer(about.layers, layer, self._name).name
        if marks := crashes.abandoned_marks(self._graph, found):
            about = self.cleared_of_suspicion(found, marks)
        if found not in about.checked:
            about = self.checked(found)
        if about.checked[found]:
            raise NotCompiledError(
                f"the compiled {self._name} is not used at {found}: {about.checked[found]}"
            )
        with crashes.marked(self._graph, found):
            return self.engine(found)

    def is_whole(self) -> bool:
        """True where the files, read anew, are those that were made; not so once cleared."""
        digests.forget(*(self._place / name for name in (GRAPH, WEIGHTS)))
        return self.usable() is not None

    def _network(self) -> Any:
        """The Keras model, whose weights are surely those that the digest is of."""
        network = self._load()
        if self._model.digest() != self._weights:
            raise NotCompiledError(f"the weights of {self._name} changed while they were read")
        return network

    def engine(self, layer: str) -> OpenVINOEngine:
        if layer not in self._engines:
            from gradcam_cli.engines.openvino.engine import OpenVINOEngine

            self._engines[layer] = OpenVINOEngine(self._graph, layer)
        return self._engines[layer]

    def usable(self, *, note: bool = False) -> About | None:
        """What is there, where it is whole and made by what runs now; else None, told if `note`."""
        if not self._place.is_dir():
            return None
        about = read(self._place)
        reason = _damage(self._place, about)
        if about is not None and not reason:
            mine = (self._name, self._weights, made_with())
            if (about.model, about.weights, about.made_with) == mine:
                return about
            reason = "was made by other versions"
        if note:
            self._note(f"The compiled {self._name} in the cache {reason}; making it anew.")
        return None

    def made(self) -> About:
        """Make it, unless another process has done that meanwhile."""
        with self._alone():
            return self.usable(note=True) or self._make()

    def cleared_of_suspicion(self, layer: str, marks: list[Path]) -> About:
        """What is there, or made anew, after processes that left `marks` died of opening `layer`.

        Where that helps nothing, `layer` is written down as one that is not served.
        """
        about = self.usable() if self.is_whole() else None
        if about is not None and self._survives(layer):
            for mark in marks:
                with suppress(OSError):  # a cache that can only be read
                    mark.unlink()
            return about
        with self._alone():
            about = self.usable(note=True)
            if about is not None and not crashes.abandoned_marks(self._graph, layer):
                return about  # another process has made it anew meanwhile
            if about is not None:
                self._note(
                    f"OpenVINO crashed when it opened the compiled {self._name} in the cache; "
                    "making it anew."
                )
            about = self._make()
            return about if self._survives(layer) else self._kept(about, layer, _CRASHES)

    def _survives(self, layer: str) -> bool:
        return crashes.survives_opening(self._graph, layer, self._model.input)

    def _kept(self, about: About, layer: str, reason: str) -> About:
        """Keep what is wrong with `layer`, or that nothing is."""
        about = replace(about, checked={**about.checked, layer: printable(reason)})
        sweep(self._place)
        write(self._place, about)
        return about

    def checked(self, layer: str) -> About:
        """Compare `layer`, as it is read back, with TensorFlow, and keep the outcome."""
        with self._alone():
            about = self.usable() or self._make()
            if layer in about.checked:
                return about
            if not self._fresh:
                self._note(
                    f"Checking {layer} of the compiled {self._name} against TensorFlow, "
                    "once for this layer."
                )
            with crashes.marked(self._graph, layer):
                reason = self._flaw(layer)
            return self._kept(about, layer, reason)

    def _flaw(self, layer: str) -> str:
        from gradcam_cli.engines.openvino.conversion import flaw
        from gradcam_cli.engines.openvino.vjp import NotDifferentiableError
        from gradcam_cli.engines.tensorflow import TensorFlowEngine

        try:
            candidate = self.engine(layer)
        except NotDifferentiableError as error:
            return str(error)
        reference = TensorFlowEngine(self._network())
        return flaw(candidate, reference, layer, self._model.input, self._model.preprocessing)

    def _make(self) -> About:
        from gradcam_cli.engines.openvino.conversion import convert

        self._check_room()
        network = self._network()
        self._note(
            f"Compiling {self._name} and checking it against TensorFlow, once for these weights."
        )
        self._remove_leftovers()
        with whole_folder(self._place) as fresh:
            layers = explainable_layers(network)
            convert(network, [layer.name for layer in layers], fresh / GRAPH)
            _check_written(fresh / GRAPH)
            sync([fresh / GRAPH, fresh / WEIGHTS])
            files = {name: sha256_of(fresh / name) for name in (GRAPH, WEIGHTS)}
            about = About(self._name, self._weights, made_with(), files, layers)
            write(fresh, about)
        for name, digest in files.items():
            digests.remember(self._place / name, digest)
        self._fresh = True
        self._engines.clear()
        return about

    def _remove_leftovers(self) -> None:
        for path in folder().iterdir():
            if path.name != self._place.name and final_name(path.name) == self._place.name:
                with suppress(OSError):
                    remove(path)

    def _check_room(self) -> None:
        needed = int(4 * self._model.parameters * _ROOM)
        if (free := shutil.disk_usage(folder()).free) < needed:
            raise NotCompiledError(
                f"compiling {self._name} needs {needed / 1e6:.0f} MB in {folder()}, "
                f"where {free / 1e6:.0f} MB are free"
            )

    def _alone(self) -> AbstractContextManager[None]:
        """Hold the model's lock, which the system frees when its holder dies."""
        make_folder(folder())
        return exclusive_lock(
            self._place.with_name(f"{self._place.name}{LOCK}"),
            when_held=lambda: self._note(
                f"Waiting for another process that is compiling {self._name}."
            ),
        )


def _damage(place: Path, about: About | None) -> str:
    if about is None:
        return "has no record that can be read"
    try:
        for name, digest in about.files.items():
            if digests.sha256(place / name) != digest:
                return f"is damaged ({name})"
    except OSError as error:
        return f"is damaged ({error.strerror or error})"
    return ""


def _check_written(graph: Path) -> None:
    """Raise an OSError where `graph` cannot be read back, whatever its writer noticed."""
    from gradcam_cli.engines.openvino.runtime import openvino

    try:
        openvino.Core().read_model(graph)
    except RuntimeError as error:
        raise OSError(
            errno.ENOSPC, "what was written is not whole; the disk may be full"
        ) from error
