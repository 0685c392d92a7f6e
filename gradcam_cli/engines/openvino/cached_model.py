"""The compiled form of a model in the cache: made, checked, mended, opened; see `model_cache`."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gradcam_cli.callbacks import Note
from gradcam_cli.engines.openvino import crashes, exports
from gradcam_cli.engines.openvino.dependencies import made_with
from gradcam_cli.engines.openvino.makers import Maker, NotCompiledError
from gradcam_cli.engines.openvino.processors import machine
from gradcam_cli.models.about import GRAPH, WEIGHTS, About, place_of, read, write
from gradcam_cli.models.framework import is_installed, needed_to_compile
from gradcam_cli.models.layers import find_layer, passes_at
from gradcam_cli.passes import LAYER_GRADIENTS, NO_LAYERS, Pass, Precision
from gradcam_cli.storage import digests
from gradcam_cli.storage.files import final_name, remove, sha256_of, sweep, sync, whole_folder
from gradcam_cli.storage.folders import make_folder
from gradcam_cli.storage.locks import exclusive_lock
from gradcam_cli.targets import Head
from gradcam_cli.text import printable

if TYPE_CHECKING:
    from gradcam_cli.engines.openvino.engine import OpenVINOEngine
    from gradcam_cli.engines.openvino.prepared import Prepared

LOCK = ".lock"

_ROOM = 1.1
"""How much larger than its weights a compiled model may be."""
_MOST_NEIGHBOURS = 8
_CRASHES = "OpenVINO crashes when it opens it"


class CachedModel:
    """The compiled form of a model: its folder in the cache, and the engine that reads it.

    Parameters
    ----------
    name, digest : str
        Of the model, and of its weights.
    maker : Maker
        Makes and checks it.
    note : callable
        See `open_compiled`.
    head : "softmax" or "sigmoid"
        What makes probabilities of its scores.
    argument : str, optional
        What it is called on the command line, where that is the path of a file.
    precision : "f32" or "bf16", of the engine that is opened; it is checked in float32
    """

    def __init__(
        self,
        name: str,
        digest: str,
        maker: Maker,
        note: Note,
        head: Head = "softmax",
        argument: str | None = None,
        precision: Precision = "f32",
    ) -> None:
        self._name = name
        self._argument = argument
        self._maker = maker
        self._note = note
        self._head = head
        self._precision = precision
        self._weights = digest
        self._folder = place_of(name, digest)
        self._graph = self._folder / GRAPH
        self._just_made = False
        self._engine: OpenVINOEngine | None = None

    def open(self, layer: str | None, needs: Sequence[Pass]) -> tuple[OpenVINOEngine, str]:
        """The engine, with `needs` checked and compiled, and the layer."""
        about, name, passes = self.check_all(layer, needs)
        for what in passes:
            if reason := about.checked.get(str(what)):
                raise NotCompiledError(self._refusal(what, reason, about))
        if not all(self._is_settled(what, about) for what in passes):  # made anew meanwhile
            return self.open(name, needs)
        return self.compiled_engine(passes, about), name

    def check_all(self, layer: str | None, needs: Sequence[Pass]) -> tuple[About, str, list[Pass]]:
        """The record with the outcome of the check of all `needs`, the layer, and the passes."""
        about = self.usable_record() or self.make_if_missing()
        name, passes = self._passes(about, layer, needs)
        for what in passes:
            about = self.ensure_checked(what, about)
        return about, name, passes

    def has_checked(self, layer: str | None, needs: Sequence[Pass]) -> bool:
        """True where nothing has to be made or checked for `needs`."""
        about = self.usable_record()
        if about is None:
            return False
        _, passes = self._passes(about, layer, needs)
        return all(
            self._is_settled(what, about) and not crashes.abandoned_marks(self._graph, what)
            for what in passes
        )

    def _is_settled(self, what: Pass, about: About) -> bool:
        return str(what) in about.checked or not self._maker.can_check(what)

    def _passes(
        self, about: About, layer: str | None, needs: Sequence[Pass]
    ) -> tuple[str, list[Pass]]:
        """The layer, and `needs` at it; UsageError for one that there is not."""
        name = find_layer(about.layers, layer, self._name, self._argument).name
        passes = passes_at(needs or (LAYER_GRADIENTS,), about.layers, name)
        for place in {place for what in passes for place in what.at} - NO_LAYERS:
            find_layer(about.layers, place, self._name, self._argument)
        return name, passes

    def ensure_checked(self, what: Pass, about: About) -> About:
        """The record of the folder with the outcome of the check of `what`, made where missing."""
        if marks := crashes.abandoned_marks(self._graph, what):
            about = self.recover_from_crash(what, marks)
        return about if self._is_settled(what, about) else self.check(what)

    def compiled_engine(self, passes: Sequence[Pass], about: About) -> OpenVINOEngine:
        """The engine, with `passes` compiled."""
        engine = self._engine
        if engine is None or engine.precision != self._precision:
            engine = self.new_engine(about, passes, self._precision)
        for what in passes:
            with crashes.marked(self._graph, what):
                engine.prepare(what)
        engine.serve_only(passes)
        return engine

    def _refusal(self, what: Pass, reason: str, about: About) -> str:
        use = f"at {what.at[0]}" if _is_layer_gradient(what) else f"for {what}"
        text = f"the compiled {self._name} is not used {use}: {reason}"
        if (closest := self._closest_sound_layer(what, about)) is None:
            return text
        return f"{text}; of the layers near it, {closest} can be used"

    def find_sound_layer(self, what: Pass, about: About) -> About:
        """The record once a layer near that of `what`, which failed, is known to pass."""
        for layer in _by_distance(what, about)[:_MOST_NEIGHBOURS]:
            about = self.ensure_checked(LAYER_GRADIENTS.at_layer(layer), about)
            if self._closest_sound_layer(what, about) is not None:
                break
        return about

    @staticmethod
    def _closest_sound_layer(what: Pass, about: About) -> str | None:
        """The layer closest to that of `what` whose gradients passed the check."""
        for layer in _by_distance(what, about):
            if about.checked.get(str(LAYER_GRADIENTS.at_layer(layer)), "unknown") == "":
                return layer
        return None

    def is_undamaged(self) -> bool:
        """True where the files, read again, are those that were made; False once removed."""
        about = read(self._folder)
        names = (GRAPH, WEIGHTS) if about is None else tuple(about.files)
        digests.forget(*(self._folder / name for name in names))
        return self.usable_record() is not None

    def new_engine(
        self, about: About, passes: Sequence[Pass] = (), precision: Precision = "f32"
    ) -> OpenVINOEngine:
        """The engine, which imports of `passes` what has been exported."""
        from gradcam_cli.engines.openvino.engine import OpenVINOEngine

        self._engine = OpenVINOEngine(
            self._graph,
            model_name=self._name,
            head=self._head,
            precision=precision,
            reference=self._reference(about),
            prepared=self._prepared(about, passes, precision),
        )
        return self._engine

    def _prepared(self, about: About, passes: Sequence[Pass], precision: Precision) -> Prepared:
        from gradcam_cli.engines.openvino.prepared import Prepared

        return Prepared(
            exports.paths(self._folder, about, passes) if precision == "f32" else {},
            {what: rows for what in passes if (rows := about.rows.get(_rows_key(what, precision)))},
            partial(self._keep_rows, precision),
        )

    def _keep_rows(self, precision: Precision, what: Pass, rows: int) -> int:
        """Write down how many rows are chosen, unless some were; 0 where that cannot be kept."""
        with suppress(OSError), self._locked():
            if (about := self.usable_record()) is not None:
                chosen = {_rows_key(what, precision): rows} | about.rows
                write(self._folder, replace(about, rows=chosen))
                return chosen[_rows_key(what, precision)]
        return 0

    def _reference(self, about: About) -> str:
        """What passes are compared with."""
        return self._maker.reference if about.findings is None else about.findings.reference

    def usable_record(self, *, note: bool = False) -> About | None:
        """The record, where the files are whole and made by the versions that run; else None.

        With `note`, a note says why it is None.
        """
        if not self._folder.is_dir():
            return None
        about = read(self._folder)
        reason = _describe_damage(self._folder, about)
        if about is not None and not reason:
            expected = made_with(tensorflow=self._maker.uses_tensorflow)
            if (about.model, about.weights) == (self._name, self._weights) and all(
                about.made_with.get(what) == version for what, version in expected.items()
            ):
                return about
            reason = "was made by other versions"
        if note:
            self._note(f"The compiled {self._name} in the cache {reason}; making it anew.")
        return None

    def make_if_missing(self) -> About:
        """The record, of a model that is compiled now unless another process has just done that."""
        with self._locked():
            return self.usable_record(note=True) or self._make()

    def recover_from_crash(self, what: Pass, marks: list[Path]) -> About:
        """The record, after processes that left `marks` died while they opened `what`.

        Damaged or crashing files are made anew. If `what` still crashes, the record says so, and
        `what` is not served.
        """
        about = self.usable_record() if self.is_undamaged() else None
        if about is not None and self._survives(what):
            for mark in marks:
                with suppress(OSError):  # a cache that can only be read
                    mark.unlink()
            return self._without_exports(about)
        with self._locked():
            about = self.usable_record(note=True)
            if about is not None and not crashes.abandoned_marks(self._graph, what):
                return about  # another process has made it anew meanwhile
            if about is not None:
                self._note(
                    f"OpenVINO crashed when it opened the compiled {self._name} in the cache; "
                    "making it anew."
                )
            about = self._make()
            return about if self._survives(what) else self._record_check(about, what, _CRASHES)

    def _without_exports(self, about: About) -> About:
        """The same without what was exported, which may have been what crashed."""
        plain = exports.without_exports(about)
        if plain.files != about.files:
            with suppress(OSError), self._locked():
                write(self._folder, plain)
        return plain

    def _survives(self, what: Pass) -> bool:
        return crashes.survives_opening(self._graph, what)

    def _record_check(self, about: About, what: Pass, reason: str) -> About:
        """Write down why `what` is not served, or with an empty `reason` that it is."""
        about = replace(about, checked={**about.checked, str(what): printable(reason)})
        sweep(self._folder)
        write(self._folder, about)
        return about

    def check(self, what: Pass) -> About:
        """Compare `what`, as it is read back, with TensorFlow, and keep the outcome."""
        with self._locked():
            about = self.usable_record() or self._make()
            if str(what) in about.checked:
                return about
            with crashes.marked(self._graph, what):
                engine = self.new_engine(about)
                engine.check(what)
                if not self._just_made:
                    self._note(self._checking_note(what, about))
                exported = exports.with_export(self._folder, about, engine, what)
                reason = self._difference_from_reference(what, exported)
                if reason and exported is not about:  # perhaps it is only the import
                    exported, reason = about, self._difference_from_reference(what, about)
            return self._record_check(exported, what, reason)

    def _checking_note(self, what: Pass, about: About) -> str:
        subject, subject_kind = (
            (what.at[0], "layer") if _is_layer_gradient(what) else (f"the pass “{what}”", "pass")
        )
        return (
            f"Checking {subject} of the compiled {self._name} against {self._reference(about)}, "
            f"once for this {subject_kind}."
        )

    def _difference_from_reference(self, what: Pass, about: About) -> str:
        from gradcam_cli.engines.openvino.vjp import NotDifferentiableError

        candidate = self.new_engine(about, [what])
        try:
            candidate.prepare(what)
        except NotDifferentiableError as error:
            return str(error)
        return self._maker.difference(candidate, what, about.findings)

    def _make(self) -> About:
        from concurrent.futures import ThreadPoolExecutor

        from gradcam_cli.engines.openvino.conversion import check_readable

        if self._maker.uses_tensorflow and not is_installed():
            raise needed_to_compile(self._name)
        self._check_room()
        self._maker.load()
        self._note(
            f"Compiling {self._name} and checking it against {self._maker.reference}, "
            "once for these weights."
        )
        self._remove_leftovers()
        with whole_folder(self._folder) as fresh:
            made = self._maker.make(fresh / GRAPH)
            check_readable(fresh / GRAPH)
            with ThreadPoolExecutor(1) as pool:  # a disk and a core, which need not wait in turn
                syncing = pool.submit(sync, [fresh / GRAPH, fresh / WEIGHTS])
                files = {name: sha256_of(fresh / name) for name in (GRAPH, WEIGHTS)}
            syncing.result()
            tools = made_with(tensorflow=self._maker.uses_tensorflow)
            about = About(
                self._name, self._weights, tools, files, made.layers, findings=made.findings
            )
            write(fresh, about)
        for name, digest in files.items():
            digests.remember(self._folder / name, digest)
        self._just_made = True
        self._engine = None
        return about

    def _remove_leftovers(self) -> None:
        for path in self._folder.parent.iterdir():
            if path.name != self._folder.name and final_name(path.name) == self._folder.name:
                with suppress(OSError):
                    remove(path)

    def _check_room(self) -> None:
        needed = int(self._maker.size * _ROOM)
        if (free := shutil.disk_usage(self._folder.parent).free) < needed:
            raise NotCompiledError(
                f"compiling {self._name} needs {needed / 1e6:.0f} MB in {self._folder.parent}, "
                f"where {free / 1e6:.0f} MB are free"
            )

    def _locked(self) -> AbstractContextManager[None]:
        """Hold the model's lock, which the system frees when its holder dies."""
        make_folder(self._folder.parent)
        return exclusive_lock(
            self._folder.with_name(f"{self._folder.name}{LOCK}"),
            when_held=lambda: self._note(
                f"Waiting for another process that is compiling {self._name}."
            ),
        )


def _rows_key(what: Pass, precision: Precision) -> str:
    return f"{what} in {precision}, by {machine()}"


def _by_distance(what: Pass, about: About) -> list[str]:
    """The other layers, the closest to that of `what` first; none where it is of no layer."""
    names = [layer.name for layer in about.layers]
    if not _is_layer_gradient(what) or what.at[0] not in names:
        return []
    index = names.index(what.at[0])
    return sorted(
        (name for name in names if name != what.at[0]),
        key=lambda name: abs(names.index(name) - index),
    )


def _is_layer_gradient(what: Pass) -> bool:
    """True for plain gradients at a single layer, the usual need."""
    return NO_LAYERS.isdisjoint(what.at) and what in map(LAYER_GRADIENTS.at_layer, what.at)


def _describe_damage(place: Path, about: About | None) -> str:
    if about is None:
        return "has no record that can be read"
    try:
        for name, digest in about.files.items():
            if digests.sha256(place / name) != digest:
                return f"is damaged ({name})"
    except OSError as error:
        return f"is damaged ({error.strerror or error})"
    return ""
