"""Compiled models in the cache: made once, checked against TensorFlow, served ever after.

    <cache>/compiled/vgg16-3f2a…/    one for each model and weights
        model.xml, model.bin         the forward pass, as OpenVINO reads it
        3f2a….blob                   gradients of a small model as OpenVINO has compiled them
        about.json                   what made it, the digests of the files, the passes that were
                                     checked; written last

The name is made of the model and the digest of its weights; what made it stands inside, so that
another version of gradcam, Keras or OpenVINO replaces it. A pass is checked when it is first
asked for, and a pass that fails is never served.
"""

from __future__ import annotations

import errno
import hashlib
import platform
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradcam_cli.callbacks import Note
from gradcam_cli.engines.openvino import crashes, exports
from gradcam_cli.engines.openvino.about import GRAPH, WEIGHTS, About, read, write
from gradcam_cli.errors import GradcamError, ModelError
from gradcam_cli.models.layers import explainable_layers, find_layer
from gradcam_cli.passes import INPUT, LAYER_GRADIENTS, Pass
from gradcam_cli.storage import digests
from gradcam_cli.storage.files import (
    final_name,
    remove,
    sha256_of,
    sweep,
    sync,
    whole_folder,
)
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
    """What a compiled model, and the checks of its passes, depend on besides the weights."""
    found = {**versions("tensorflow"), **versions("openvino"), "machine": platform.machine()}
    del found["numpy"]
    return {**found, "code": _code()}


def _code() -> str:
    """A digest of the modules that convert and differentiate, which change between versions too."""
    package = resources.files(__package__)
    names = ("conversion.py", "graphs.py", "compiled.py", "engine.py")
    rules = sorted(package.joinpath("vjp").iterdir(), key=lambda module: module.name)
    digest = hashlib.sha256()
    for module in [*map(package.joinpath, names), *rules]:
        if module.name.endswith(".py"):
            digest.update(module.read_bytes())
    return digest.hexdigest()[:16]


def open_compiled(
    model: Model,
    layer: str | None,
    network: Callable[[], Any],
    note: Note,
    *,
    needs: Sequence[Pass] = (LAYER_GRADIENTS,),
) -> tuple[OpenVINOEngine, str]:
    """The compiled engine for `model`, made and checked if need be, and the layer.

    Parameters
    ----------
    model : Model
        Which one, its weights here.
    layer : str or None
        Where to look; None for the default layer.
    network : callable
        Gives the Keras model; called only where something has to be made or checked.
    note : callable
        Given one sentence for what takes long or was found broken.
    needs : sequence of Pass
        What the engine is going to be asked, with `LAYER` for the layer.

    Raises
    ------
    NotCompiledError
        Where it cannot be made or kept, or one of `needs` is not served.
    UsageError
        For a layer that the model does not have, or guided gradients of one without ReLUs.
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
            return task.opened(layer, needs)
        except RuntimeError:
            if task.is_whole():
                raise
            return task.opened(layer, needs)


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
        self._engine: OpenVINOEngine | None = None

    def opened(self, layer: str | None, needs: Sequence[Pass]) -> tuple[OpenVINOEngine, str]:
        about = self.usable() or self.made()
        name = find_layer(about.layers, layer, self._name).name
        passes = [need.at_layer(name) for need in needs or (LAYER_GRADIENTS,)]
        for place in {place for what in passes for place in what.at} - {INPUT}:
            find_layer(about.layers, place, self._name)
        for what in passes:
            about = self.vetted(what, about)
            if reason := about.checked[str(what)]:
                raise NotCompiledError(f"{self._not_used(what)}: {reason}")
        if not all(str(what) in about.checked for what in passes):  # made anew meanwhile
            return self.opened(name, needs)
        return self.prepared(passes, about), name

    def vetted(self, what: Pass, about: About) -> About:
        """What is there once `what` has been checked, or is known to be fit or unfit."""
        if marks := crashes.abandoned_marks(self._graph, what):
            about = self.cleared_of_suspicion(what, marks)
        return about if str(what) in about.checked else self.checked(what)

    def prepared(self, passes: Sequence[Pass], about: About) -> OpenVINOEngine:
        """The engine, with `passes` compiled."""
        engine = self._engine or self.new_engine(about, passes)
        for what in passes:
            with crashes.marked(self._graph, what):
                engine.prepare(what)
        engine.serve_only(passes)
        return engine

    def _not_used(self, what: Pass) -> str:
        use = f"at {what.at[0]}" if _is_plain(what) else f"for {what}"
        return f"the compiled {self._name} is not used {use}"

    def is_whole(self) -> bool:
        """True where the files, read anew, are those that were made; not so once cleared."""
        about = read(self._place)
        names = (GRAPH, WEIGHTS) if about is None else tuple(about.files)
        digests.forget(*(self._place / name for name in names))
        return self.usable() is not None

    def _network(self) -> Any:
        """The Keras model, whose weights are surely those that the digest is of."""
        network = self._load()
        if self._model.digest() != self._weights:
            raise NotCompiledError(f"the weights of {self._name} changed while they were read")
        return network

    def new_engine(self, about: About, passes: Sequence[Pass] = ()) -> OpenVINOEngine:
        """The engine, which imports of `passes` what has been exported."""
        from gradcam_cli.engines.openvino.engine import OpenVINOEngine

        self._engine = OpenVINOEngine(
            self._graph,
            model_name=self._name,
            head=self._model.head,
            exports=exports.paths(self._place, about, passes),
        )
        return self._engine

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

    def cleared_of_suspicion(self, what: Pass, marks: list[Path]) -> About:
        """What is there, or made anew, after processes that left `marks` died of opening `what`.

        Where that helps nothing, `what` is written down as one that is not served.
        """
        about = self.usable() if self.is_whole() else None
        if about is not None and self._survives(what):
            for mark in marks:
                with suppress(OSError):  # a cache that can only be read
                    mark.unlink()
            return self._without_exports(about)
        with self._alone():
            about = self.usable(note=True)
            if about is not None and not crashes.abandoned_marks(self._graph, what):
                return about  # another process has made it anew meanwhile
            if about is not None:
                self._note(
                    f"OpenVINO crashed when it opened the compiled {self._name} in the cache; "
                    "making it anew."
                )
            about = self._make()
            return about if self._survives(what) else self._kept(about, what, _CRASHES)

    def _without_exports(self, about: About) -> About:
        """The same without what was exported, which may have been what crashed."""
        plain = exports.without_exports(about)
        if plain.files != about.files:
            with suppress(OSError), self._alone():
                write(self._place, plain)
        return plain

    def _survives(self, what: Pass) -> bool:
        return crashes.survives_opening(self._graph, what)

    def _kept(self, about: About, what: Pass, reason: str) -> About:
        """Keep what is wrong with `what`, or that nothing is."""
        about = replace(about, checked={**about.checked, str(what): printable(reason)})
        sweep(self._place)
        write(self._place, about)
        return about

    def checked(self, what: Pass) -> About:
        """Compare `what`, as it is read back, with TensorFlow, and keep the outcome."""
        with self._alone():
            about = self.usable() or self._make()
            if str(what) in about.checked:
                return about
            if not self._fresh:
                self._note(self._checking(what))
            with crashes.marked(self._graph, what):
                exported = exports.with_export(self._place, about, self.new_engine(about), what)
                reason = self._flaw(what, exported)
                if reason and exported is not about:  # perhaps it is only the import
                    exported, reason = about, self._flaw(what, about)
            return self._kept(exported, what, reason)

    def _checking(self, what: Pass) -> str:
        subject, once = (what.at[0], "layer") if _is_plain(what) else (f"the pass “{what}”", "pass")
        return (
            f"Checking {subject} of the compiled {self._name} against TensorFlow, "
            f"once for this {once}."
        )

    def _flaw(self, what: Pass, about: About) -> str:
        from gradcam_cli.engines.openvino.conversion import flaw
        from gradcam_cli.engines.openvino.vjp import NotDifferentiableError
        from gradcam_cli.engines.tensorflow import TensorFlowEngine

        candidate = self.new_engine(about, [what])
        try:
            candidate.prepare(what)
        except NotDifferentiableError as error:
            return str(error)
        reference = TensorFlowEngine(self._network(), model_name=self._name)
        return flaw(candidate, reference, what, self._model.input, self._model.preprocessing)

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
        self._engine = None
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


def _is_plain(what: Pass) -> bool:
    """True for the gradients at one layer, which is what most are opened for."""
    return (
        what.kind == "gradients"
        and what.rules == "standard"
        and len(what.at) == 1
        and INPUT not in what.at
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
