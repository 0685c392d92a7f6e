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

import hashlib
import json
import os
import platform
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradcam_cli.errors import GradcamError, ModelError
from gradcam_cli.models import digests
from gradcam_cli.models.layers import LayerInfo, explainable_layers, find_layer
from gradcam_cli.models.weights import Note, cache_folder
from gradcam_cli.versions import versions

if TYPE_CHECKING:
    from gradcam_cli.engines.openvino import OpenVINOEngine
    from gradcam_cli.models.loading import Choice

GRAPH, WEIGHTS, ABOUT = "model.xml", "model.bin", "about.json"
TEMPORARY = ".tmp"
LOCK = ".lock"

_SCHEMA = 1
_POLL_SECONDS = 0.1
_ROOM = 1.1
"""How much larger than its weights a compiled model may be."""


class NotCompiledError(Exception):
    """The compiled engine cannot serve this; the text says why, without a final full stop."""


@dataclass(frozen=True)
class About:
    """What is known of a compiled model.

    Attributes
    ----------
    model : str
        Its name in the catalogue.
    weights : str
        The SHA-256 of the weights it was made from.
    made_with : dict
        See `made_with`.
    files : dict
        The SHA-256 of each file beside this one.
    layers : list of LayerInfo
        The layers it has an output for.
    checked : dict
        For each layer that was asked for so far what is wrong with it; empty where nothing is.
    """

    model: str
    weights: str
    made_with: dict[str, str]
    files: dict[str, str]
    layers: list[LayerInfo]
    checked: dict[str, str] = field(default_factory=dict)


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
    for name in ("conversion.py", "differentiation.py", "openvino.py"):
        digest.update(resources.files(__package__).joinpath(name).read_bytes())
    return digest.hexdigest()[:16]


def open_compiled(
    choice: Choice, layer: str | None, network: Callable[[], Any], note: Note
) -> OpenVINOEngine:
    """The compiled engine for `layer` of the model of `choice`, made and checked if need be.

    Parameters
    ----------
    choice : Choice
        Which model and weights.
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
    task = _Task(choice, network, note)
    with _failures_told():
        try:
            return task.opened(layer)
        except RuntimeError:
            if task.is_there():
                raise
            return task.opened(layer)  # another process has just cleared the cache


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

    def __init__(self, choice: Choice, network: Callable[[], Any], note: Note) -> None:
        self._spec = choice.spec
        self._choice = choice
        self._load = network
        self._note = note
        self._weights = choice.digest()
        self._place = folder() / f"{self._spec.name}-{self._weights[:16]}"
        self._fresh = False
        self._engines: dict[str, OpenVINOEngine] = {}

    def opened(self, layer: str | None) -> OpenVINOEngine:
        about = self.usable() or self.made()
        found = find_layer(about.layers, layer, self._spec.name).name
        if found not in about.checked:
            about = self.checked(found)
        if about.checked[found]:
            raise NotCompiledError(
                f"the compiled {self._spec.name} is not used at {found}: {about.checked[found]}"
            )
        return self.engine(found)

    def is_there(self) -> bool:
        return (self._place / GRAPH).exists()

    def _network(self) -> Any:
        """The Keras model, whose weights are surely those that the digest is of."""
        network = self._load()
        if self._choice.digest() != self._weights:
            raise NotCompiledError(f"the weights of {self._spec.name} changed while they were read")
        return network

    def engine(self, layer: str) -> OpenVINOEngine:
        if layer not in self._engines:
            from gradcam_cli.engines.openvino import OpenVINOEngine

            self._engines[layer] = OpenVINOEngine(self._place / GRAPH, layer)
        return self._engines[layer]

    def usable(self, *, note: bool = False) -> About | None:
        """What is there, where it is whole and made by what runs now; else None, told if `note`."""
        if not self._place.is_dir():
            return None
        about = read(self._place)
        reason = _damage(self._place, about)
        if about is not None and not reason:
            mine = (self._spec.name, self._weights, made_with())
            if (about.model, about.weights, about.made_with) == mine:
                return about
            reason = "was made by other versions"
        if note:
            self._note(f"The compiled {self._spec.name} in the cache {reason}; making it anew.")
        return None

    def made(self) -> About:
        """Make it, unless another process has done that meanwhile."""
        with self._alone():
            return self.usable(note=True) or self._make()

    def checked(self, layer: str) -> About:
        """Compare `layer`, as it is read back, with TensorFlow, and keep the outcome."""
        with self._alone():
            about = self.usable() or self._make()
            if layer in about.checked:
                return about
            if not self._fresh:
                self._note(
                    f"Checking {layer} of the compiled {self._spec.name} against TensorFlow, "
                    "once for this layer."
                )
            about = replace(about, checked={**about.checked, layer: self._flaw(layer)})
            _write(self._place, about)
            return about

    def _flaw(self, layer: str) -> str:
        from gradcam_cli.engines.conversion import flaw
        from gradcam_cli.engines.differentiation import NotDifferentiableError
        from gradcam_cli.engines.tensorflow import TensorFlowEngine

        try:
            candidate = self.engine(layer)
        except NotDifferentiableError as error:
            return str(error)
        reference = TensorFlowEngine(self._network(), layer)
        return flaw(candidate, reference, self._spec.side, self._spec.preprocessing)

    def _make(self) -> About:
        from gradcam_cli.engines.conversion import convert

        self._check_room()
        network = self._network()
        self._note(
            f"Compiling {self._spec.name} and checking it against TensorFlow, "
            "once for these weights."
        )
        for left in folder().glob(f"{self._place.name}.*{TEMPORARY}"):
            shutil.rmtree(left, ignore_errors=True)
        fresh = self._place.with_name(f"{self._place.name}.{secrets.token_hex(4)}{TEMPORARY}")
        try:
            fresh.mkdir()
            layers = explainable_layers(network)
            convert(network, [layer.name for layer in layers], fresh / GRAPH)
            files = {name: _settled(fresh / name) for name in (GRAPH, WEIGHTS)}
            about = About(self._spec.name, self._weights, made_with(), files, layers)
            _write(fresh, about)
            remove(self._place)
            fresh.replace(self._place)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        for name, digest in files.items():
            digests.remember(self._place / name, digest)
        self._fresh = True
        return about

    def _check_room(self) -> None:
        needed = int(4 * self._spec.parameters * _ROOM)
        if (free := shutil.disk_usage(folder()).free) < needed:
            raise NotCompiledError(
                f"compiling {self._spec.name} needs {needed / 1e6:.0f} MB in {folder()}, "
                f"where {free / 1e6:.0f} MB are free"
            )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the model's lock, which the system frees when its holder dies."""
        from filelock import FileLock, Timeout

        folder().mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._place.with_name(f"{self._place.name}{LOCK}"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            self._note(f"Waiting for another process that is compiling {self._spec.name}.")
            lock.acquire(poll_interval=_POLL_SECONDS)
        try:
            yield
        finally:
            lock.release()


def read(place: Path) -> About | None:
    """What about.json in `place` says; None where it cannot be understood."""
    try:
        found = json.loads((place / ABOUT).read_text("utf-8"))
        if found.pop("schema") != _SCHEMA:
            return None
        layers = [LayerInfo(**{**each, "shape": tuple(each["shape"])}) for each in found["layers"]]
        about = About(**{**found, "layers": layers})
        sound = (
            isinstance(about.model, str)
            and set(about.files) == {GRAPH, WEIGHTS}
            and sum(layer.default for layer in layers) == 1
            and all(isinstance(each, str) for each in dict.values(about.checked))
        )
        return about if sound else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def remove(place: Path) -> None:
    """Remove a compiled model; what was begun to be removed is never taken for one."""
    if place.is_symlink() or place.is_file():
        place.unlink()
        return
    doomed = place.with_name(f"{place.name}.{secrets.token_hex(4)}{TEMPORARY}")
    try:
        place.replace(doomed)
    except FileNotFoundError:
        return
    shutil.rmtree(doomed)


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


def _settled(path: Path) -> str:
    """The digest of a file that was just written, once it is on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    return digests.sha256(path)


def _write(place: Path, about: About) -> None:
    path = place / ABOUT
    temporary = path.with_name(f"{ABOUT}.{secrets.token_hex(4)}{TEMPORARY}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            json.dump({"schema": _SCHEMA, **asdict(about)}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
