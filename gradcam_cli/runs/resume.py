"""What is done already: the same source, the same settings, and outputs that are still whole."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradcam_cli import __version__
from gradcam_cli.results.manifest import ManifestReader, Record
from gradcam_cli.runs.settings import Outputs, Settings
from gradcam_cli.runs.stages import Outcome, stamp_of
from gradcam_cli.storage.files import sha256_of
from gradcam_cli.storage.http import is_url

if TYPE_CHECKING:
    from gradcam_cli.images.listing import Item
    from gradcam_cli.models.model import Model

NOT_IN_THE_DIGEST = ("max_pixels", "offline", "default_class", "passes", "overlays")
"""What changes no result: whether there is one, where it is, and what is said of it."""


def digest_of(settings: Settings, outputs: Outputs, model: Model) -> str:
    """A short digest of all that makes an output what it is.

    All but `NOT_IN_THE_DIGEST` is in it, so that whatever is added to `settings` or `outputs`
    redoes what was done without it.
    """
    values: dict[str, Any] = {**asdict(settings), **asdict(outputs)}
    for name in NOT_IN_THE_DIGEST:
        del values[name]
    if outputs.heatmaps is not None:
        values["heatmaps"] = os.fsdecode(outputs.heatmaps.folder.absolute())
    producer = {
        "gradcam": __version__,
        "model": model.name,
        "weights": model.digest(),
        "preprocessing": model.preprocessing,
        "head": model.head,
        "labels": [(label.wnid, label.name) for label in model.labels],
    }
    text = json.dumps({**values, **producer}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def record_of(outcome: Outcome, digest: str, folder: Path) -> Record:
    """The line of the manifest in `folder` about `outcome`."""
    item = outcome.item
    path = "" if is_url(item.source) else item.key
    digest += item.digest
    if outcome.error is not None:
        return Record(item.name, path, outcome.stamp, digest, error=str(outcome.error))
    return Record(
        item.name,
        path,
        outcome.stamp,
        digest,
        overlays=tuple(file.path.relative_to(folder).as_posix() for file in outcome.overlays),
        heatmaps=tuple(os.fsdecode(file.path.absolute()) for file in outcome.heatmaps),
        sizes=tuple(file.size for file in outcome.files),
        sha256=tuple(file.sha256 for file in outcome.files),
        result=outcome.explanation,
        measures=outcome.measures,
        evaluations=outcome.evaluations,
    )


def unfinished_items(
    items: Iterable[Item],
    reader: ManifestReader,
    digest: str,
    folder: Path,
    *,
    verify: bool = False,
) -> list[Item]:
    """The items that are not done yet, or whose source, settings or outputs have changed.

    Parameters
    ----------
    verify : bool
        Compare the content of outputs, not only their size.
    """
    return [item for item in items if not _is_done(item, reader, digest, folder, verify=verify)]


def _is_done(
    item: Item, reader: ManifestReader, digest: str, folder: Path, *, verify: bool
) -> bool:
    state = reader.state(item.recorded_key)
    if state is None or not state.overlays or state.settings != digest + item.digest:
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
