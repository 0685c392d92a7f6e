"""Many sources in one process: what is done already, what each comes to, and the manifest.

items ─▶ not done yet ─▶ pipeline: read │ explain in groups │ blend, write ─▶ record ─▶ manifest
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from gradcam_cli import __version__
from gradcam_cli.downloads import is_url
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
from gradcam_cli.manifest import Record, Stamp, records
from gradcam_cli.pipeline import Done, Pipeline, Stages
from gradcam_cli.reports.as_json import explanation_object

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gradcam_cli.explainer import Explainer
    from gradcam_cli.listing import Item
    from gradcam_cli.models.loading import Choice
    from gradcam_cli.records import Explanation

_HOPELESS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG}
"""What no further source would fare better with."""


@dataclass(frozen=True)
class Settings:
    """What the outputs depend on besides the sources and the model.

    Attributes
    ----------
    folder : Path
        Where overlays go.
    heatmaps : Path or None
        Where heatmaps go, if they are wanted.
    targets : tuple of int
        The classes to explain.
    top, alpha, colormap, max_pixels, offline
        As `gradcam explain` has them.
    """

    folder: Path
    heatmaps: Path | None
    targets: tuple[int, ...]
    top: int
    alpha: float
    colormap: str
    max_pixels: int
    offline: bool

    def digest(self, choice: Choice, **run: str | None) -> str:
        """A short digest of all that makes an output what it is; `run` is engine, layer, score."""
        told = {
            "gradcam": __version__,
            "model": choice.spec.name,
            "weights": choice.digest(),
            "targets": self.targets,
            "top": self.top,
            "alpha": self.alpha,
            "colormap": self.colormap,
            "heatmaps": None if self.heatmaps is None else os.fsdecode(self.heatmaps.absolute()),
            **run,
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Outcome:
    """What became of a source: the line for the manifest, and the heatmaps, one a class."""

    record: Record
    heatmaps: tuple[NDArray[np.float32], ...] = ()


@dataclass(frozen=True)
class _Loaded:
    item: Item
    record: Record
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
        record = Record(item.source, key_path(item), stamp_of(item), self._digest)
        settings = self._settings
        try:
            if item.error:
                raise ImageError(f"could not read {item.source}: {item.error}")
            picture = read_image(
                item.source, max_pixels=settings.max_pixels, offline=settings.offline
            )
            check_size(Path(f"x{OVERLAY_SUFFIX}"), picture.pixels)
        except GradcamError as error:
            return Done(Outcome(replace(record, error=str(error))))
        return _Loaded(item, record, picture, self._explainer.input_of(picture.pixels))

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
            outputs = self._written(loaded, explanation)
        except UsageError as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno in _HOPELESS:
                raise
            return Outcome(replace(loaded.record, error=str(error)))
        arrays = [each for _, each in outputs if each]
        files = [*(each for each, _ in outputs), *arrays]
        record = replace(
            loaded.record,
            sizes=tuple(each.stat().st_size for each in files),
            overlays=tuple(_relative(each, self._settings.folder) for each, _ in outputs),
            heatmaps=tuple(os.fsdecode(each.absolute()) for each in arrays),
            result=self._result(loaded.picture, explanation, outputs),
        )
        return Outcome(record, tuple(target.heatmap for target in explanation.targets))

    def _written(self, loaded: _Loaded, explanation: Explanation) -> list[tuple[Path, Path | None]]:
        settings, place = self._settings, loaded.item.place
        pictures = _destination(settings.folder, place, OVERLAY_SUFFIX)
        arrays = settings.heatmaps and _destination(settings.heatmaps, place, ".npy")
        outputs: list[tuple[Path, Path | None]] = []
        for target in explanation.targets:
            number = target.prediction.label.index if len(settings.targets) > 1 else None
            path = _free(pictures, number, loaded.picture)
            blended = overlay(
                loaded.picture.pixels,
                target.heatmap,
                alpha=settings.alpha,
                colormap=settings.colormap,
            )
            write_output(path, encoded_image(blended, path.suffix), synced=False)
            array = _free(arrays, number, loaded.picture) if arrays else None
            if array is not None:
                write_output(array, encoded_heatmap(target.heatmap), synced=False)
            outputs.append((path, array))
        return outputs

    def _result(
        self,
        picture: Picture,
        explanation: Explanation,
        outputs: list[tuple[Path, Path | None]],
    ) -> dict[str, Any]:
        height, width = picture.pixels.shape[:2]
        return explanation_object(
            explanation,
            source=picture.name,
            size=(width, height),
            outputs=outputs,
            fallback=self._fallback,
            notes=picture.notes,
        )


def _destination(folder: Path, place: str, suffix: str) -> Destination:
    parts = PurePosixPath(place)
    return Destination(folder.joinpath(*parts.parts[:-1]), "", parts.name, suffix)


def _free(place: Destination, number: int | None, picture: Picture) -> Path:
    make_folder(place)
    path = place.path(number)
    check_writable(path, sources=() if picture.path is None else (picture.path,))
    return path


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def key_path(item: Item) -> str:
    """The absolute path of what is read; empty for a URL."""
    return "" if is_url(item.source) else os.path.abspath(item.source)  # noqa: PTH100 - without links resolved


def stamp_of(item: Item) -> Stamp | None:
    """The size and time of the file of `item`; None where there is none."""
    if is_url(item.source):
        return None
    try:
        found = Path(item.source).stat()
    except (OSError, ValueError):
        return None
    return found.st_size, found.st_mtime_ns


def done_before(folder: Path) -> dict[str, Record]:
    """What the manifest in `folder` tells of each source, without the results."""
    return {record.key: replace(record, result=None) for record in records(folder)}


def outputs_of(folder: Path, done: Iterable[Record]) -> set[str]:
    """The absolute paths of the overlays of `done`."""
    root = folder.absolute()
    return {os.path.normpath(root / each) for one in done for each in one.overlays}


def to_do(items: Iterable[Item], done: dict[str, Record], digest: str, folder: Path) -> list[Item]:
    """The items that are not done yet, or whose source, settings or outputs have changed."""
    return [item for item in items if not _is_done(item, done, digest, folder)]


def _is_done(item: Item, done: dict[str, Record], digest: str, folder: Path) -> bool:
    record = done.get(key_path(item) or item.source)
    if record is None or record.error or record.settings != digest:
        return False
    if record.stamp != stamp_of(item):
        return False
    outputs = (*(folder / each for each in record.overlays), *map(Path, record.heatmaps))
    return record.sizes == tuple(map(_size, outputs))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def of_these(folder: Path, items: Iterable[Item]) -> Iterator[Record]:
    """The records in `folder` that are about `items`."""
    keys = {key_path(item) or item.source for item in items}
    return (record for record in records(folder) if record.key in keys)
