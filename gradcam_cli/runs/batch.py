"""Many sources in one process: what is done already, what each comes to, and the manifest.

items ─▶ not done yet ─▶ pipeline: read │ explain in groups │ blend, write ─▶ record ─▶ manifest
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from gradcam_cli import __version__
from gradcam_cli.errors import GradcamError, ImageError, UsageError
from gradcam_cli.images.overlay import in_the_calling_thread, overlay
from gradcam_cli.images.reading import Picture, read_image
from gradcam_cli.images.writing import (
    OVERLAY_SUFFIX,
    Destination,
    check_size,
    check_writable,
    encoded_heatmap,
    encoded_image,
    make_folder,
    write_output,
)
from gradcam_cli.results.as_json import explanation_object
from gradcam_cli.results.manifest import ManifestReader, ManifestWriter, Record, Stamp
from gradcam_cli.results.notes import notes_on
from gradcam_cli.results.result import Result
from gradcam_cli.runs.pipeline import Done, Pipeline, Stages
from gradcam_cli.storage.files import is_disk_failure, sha256_of, sync, write_errors
from gradcam_cli.storage.http import is_url, without_credentials

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gradcam_cli.explainer import Explainer
    from gradcam_cli.images.listing import Item
    from gradcam_cli.models.model import Model
    from gradcam_cli.results.explanation import EngineName, Explanation
    from gradcam_cli.targets import Score

NOT_IN_THE_DIGEST = ("folder", "max_pixels", "offline")
"""The settings that change no result: whether there is one, or where it is."""


GROUP, GROUP_SECONDS = 32, 0.2
"""How many outcomes are recorded together, and for how long they are gathered, at most."""


@dataclass(frozen=True)
class Settings:
    """What the outputs depend on besides the sources and the model.

    All but `NOT_IN_THE_DIGEST` is in the digest, so that whatever is added here redoes what was
    done without it.

    Attributes
    ----------
    folder : Path
        Where overlays go.
    heatmaps : Path or None
        Where heatmaps go, if they are wanted.
    targets : tuple of int
        The classes to explain.
    method, layer, score, engine, top, alpha, colormap, max_pixels, offline
        As `gradcam explain` has them.
    """

    folder: Path
    heatmaps: Path | None
    targets: tuple[int, ...]
    method: str
    layer: str | None
    score: Score
    engine: EngineName
    top: int
    alpha: float
    colormap: str
    max_pixels: int
    offline: bool

    def digest(self, model: Model) -> str:
        """A short digest of all that makes an output what it is."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in NOT_IN_THE_DIGEST:
            del values[name]
        if self.heatmaps is not None:
            values["heatmaps"] = os.fsdecode(self.heatmaps.absolute())
        made_by = {"gradcam": __version__, "model": model.name, "weights": model.digest()}
        text = json.dumps({**values, **made_by}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Outcome:
    """What became of a source.

    Attributes
    ----------
    record : Record
        The line for the manifest.
    files : tuple of Path
        The outputs, which are whole but may not outlive a loss of power yet.
    heatmaps : tuple of (h, w) float32, 0..1
        One for each explained class.
    """

    record: Record
    files: tuple[Path, ...] = ()
    heatmaps: tuple[NDArray[np.float32], ...] = ()


@dataclass(frozen=True)
class _Output:
    """A file that was written."""

    path: Path
    size: int
    sha256: str


@dataclass(frozen=True)
class _Loaded:
    item: Item
    stamp: Stamp | None
    picture: Picture
    input: NDArray[np.float32]


class Batch:
    """The outcomes of `items`, as they are done; iterate once.

    Parameters
    ----------
    items : iterable of Item
        What to explain.
    explainer, settings
        How, and which outputs to write.
    digest : str
        That of the settings, as the manifest has it.
    fallback : str
        Why it is not the first choice of `auto`; empty where it is.
    """

    def __init__(
        self,
        items: Iterable[Item],
        explainer: Explainer,
        settings: Settings,
        *,
        digest: str,
        fallback: str,
    ) -> None:
        self._explainer = explainer
        self._settings = settings
        self._digest = digest
        self._fallback = fallback
        stages = Stages(self._read, self._weight, self._explain, self._finish)
        rows = explainer.engine.rows
        group = rows // math.gcd(rows, len(settings.targets))  # fills whole batches
        self._pipeline: Pipeline[Item, _Loaded, Outcome] = Pipeline(
            items, stages, group=group, inferring=explainer.engine.parallel
        )

    def close(self) -> None:
        """Take no further item; what is in flight is still finished."""
        self._pipeline.close()

    def __iter__(self) -> Iterator[Outcome]:
        with in_the_calling_thread():
            yield from self._pipeline

    def _read(self, item: Item) -> _Loaded | Done[Outcome]:
        stamp = stamp_of(item)
        settings = self._settings
        try:
            if item.error:
                raise ImageError(f"could not read {source_of(item)}: {item.error}")
            picture = read_image(
                item.source, max_pixels=settings.max_pixels, offline=settings.offline
            )
            check_size(Path(f"x{OVERLAY_SUFFIX}"), picture.pixels)
        except GradcamError as error:
            return Done(Outcome(self._record(item, stamp, error=str(error))))
        return _Loaded(item, stamp, picture, self._explainer.input_of(picture.pixels))

    def _record(self, item: Item, stamp: Stamp | None, **became: Any) -> Record:
        path = "" if is_url(item.source) else item.key
        return Record(source_of(item), path, stamp, self._digest, **became)

    @staticmethod
    def _weight(loaded: _Loaded) -> int:
        return loaded.picture.pixels.nbytes

    def _explain(self, group: list[_Loaded]) -> list[Explanation]:
        inputs, settings = [each.input for each in group], self._settings
        return self._explainer.explain_inputs(
            inputs, settings.targets, top=settings.top, rows=self._explainer.engine.rows
        )

    def _finish(self, loaded: _Loaded, explanation: Explanation) -> Outcome:
        try:
            overlays, heatmaps = self._written(loaded, explanation)
        except UsageError as error:
            if is_disk_failure(error):
                raise
            return Outcome(self._record(loaded.item, loaded.stamp, error=str(error)))
        outputs = (*overlays, *heatmaps)
        record = self._record(
            loaded.item,
            loaded.stamp,
            overlays=tuple(_relative(each.path, self._settings.folder) for each in overlays),
            heatmaps=tuple(os.fsdecode(each.path.absolute()) for each in heatmaps),
            sizes=tuple(each.size for each in outputs),
            sha256=tuple(each.sha256 for each in outputs),
            result=self._result(loaded.picture, explanation, overlays, heatmaps),
        )
        files = tuple(each.path for each in outputs)
        return Outcome(record, files, tuple(target.heatmap for target in explanation.targets))

    def _written(
        self, loaded: _Loaded, explanation: Explanation
    ) -> tuple[list[_Output], list[_Output]]:
        settings, picture = self._settings, loaded.picture
        overlays: list[_Output] = []
        heatmaps: list[_Output] = []
        for target in explanation.targets:
            number = target.prediction.label.index if len(settings.targets) > 1 else None
            path = _free(settings.folder, loaded.item.place, OVERLAY_SUFFIX, number, picture)
            blended = overlay(
                picture.pixels, target.heatmap, alpha=settings.alpha, colormap=settings.colormap
            )
            overlays.append(_write(path, encoded_image(blended, path.suffix)))
            if settings.heatmaps is not None:
                path = _free(settings.heatmaps, loaded.item.place, ".npy", number, picture)
                heatmaps.append(_write(path, encoded_heatmap(target.heatmap)))
        return overlays, heatmaps

    def _result(
        self,
        picture: Picture,
        explanation: Explanation,
        overlays: list[_Output],
        heatmaps: list[_Output],
    ) -> Result:
        height, width = picture.pixels.shape[:2]
        maps = [each.path for each in heatmaps] if heatmaps else [None for _ in overlays]
        fields = explanation_object(
            explanation,
            source=picture.name,
            size=(width, height),
            outputs=zip((each.path for each in overlays), maps, strict=True),
            fallback=self._fallback,
            notes=(*picture.notes, *notes_on(explanation)),
        )
        return Result.from_dict(fields)


def in_groups(outcomes: Iterable[Outcome]) -> Iterator[list[Outcome]]:
    """Those that are done within a moment, together: to sync them one by one takes longer.

    A failure, which has no files, ends its group, so that it is known at once.
    """
    group: list[Outcome] = []
    start = time.monotonic()
    try:
        for outcome in outcomes:
            group.append(outcome)
            late = time.monotonic() - start >= GROUP_SECONDS
            if late or len(group) >= GROUP or not outcome.files:
                yield group
                group, start = [], time.monotonic()
    except Exception:
        yield group
        raise
    yield group


def add_records(group: list[Outcome], writer: ManifestWriter, folder: Path) -> None:
    """Add lines for what was done, once its files would outlive a loss of power."""
    with write_errors(folder):
        sync(path for outcome in group for path in outcome.files)
    for outcome in group:
        writer.add(outcome.record)


def _write(path: Path, data: bytes) -> _Output:
    write_output(path, data, synced=False)
    return _Output(path, len(data), hashlib.sha256(data).hexdigest())


def _free(root: Path, place: str, suffix: str, number: int | None, picture: Picture) -> Path:
    """Where the output of `place` goes below `root`; UsageError where it must not be written."""
    parts = PurePosixPath(place)
    destination = Destination(root.joinpath(*parts.parts[:-1]), "", parts.name, suffix)
    _check_inside(root, destination.folder)
    make_folder(destination)
    path = destination.path(number)
    check_writable(path, sources=() if picture.path is None else (picture.path,))
    return path


def _check_inside(root: Path, folder: Path) -> None:
    """Refuse a folder that a symbolic link takes out of `root`."""
    if not Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(root)):
        raise UsageError(
            f"cannot write to {folder}: a symbolic link there leads out of {root}",
            "Remove the link, or choose another folder with -o.",
        )


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def source_of(item: Item) -> str:
    """The source of `item` as it may be kept: a URL without its user and password."""
    return without_credentials(item.source) if is_url(item.source) else item.source


def key_of(item: Item) -> str:
    """What tells the source of `item` apart in the manifest."""
    return without_credentials(item.key) if is_url(item.key) else item.key


def stamp_of(item: Item) -> Stamp | None:
    """The size and time of the file of `item`; None where there is none."""
    if is_url(item.source):
        return None
    try:
        stat = os.stat(item.source)  # noqa: PTH116 - of Path, it takes 100,000 files longer
    except (OSError, ValueError):
        return None
    return stat.st_size, stat.st_mtime_ns


def to_do(
    items: Iterable[Item], done: ManifestReader, digest: str, folder: Path, *, verify: bool = False
) -> list[Item]:
    """The items that are not done yet, or whose source, settings or outputs have changed.

    Parameters
    ----------
    verify : bool
        Compare the content of outputs, not only their size.
    """
    return [item for item in items if not _is_done(item, done, digest, folder, verify=verify)]


def _is_done(item: Item, done: ManifestReader, digest: str, folder: Path, *, verify: bool) -> bool:
    state = done.state(key_of(item))
    if state is None or not state.overlays or state.settings != digest:
        return False
    if state.stamp != stamp_of(item):
        return False
    outputs = [*(f"{folder}/{overlay}" for overlay in state.overlays), *state.heatmaps]
    if not all(map(_has_size, outputs, state.sizes)):
        return False
    return not verify or all(map(_has_content, outputs, state.sha256))


def _has_size(path: str, size: int) -> bool:
    try:
        return os.stat(path).st_size == size  # noqa: PTH116
    except (OSError, ValueError):
        return False


def _has_content(path: str, sha256: str) -> bool:
    try:
        return sha256_of(Path(path)) == sha256
    except OSError:
        return False
