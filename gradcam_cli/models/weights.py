"""Weights files: which, where from, and the user's cache of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from gradcam_cli.callbacks import Note, Progress, no_note, no_progress
from gradcam_cli.errors import ModelError
from gradcam_cli.storage.files import sync_folder, temporary_path, whole_file
from gradcam_cli.storage.folders import cache_folder, expand_user, make_folder
from gradcam_cli.storage.locks import exclusive_lock

if TYPE_CHECKING:
    from gradcam_cli.storage.resumable import Transfer

Step = Literal["cached", "adopt", "fetch", "refuse"]

UNFINISHED = (".part", ".part.json")
"""How the names of files end that are no weights yet."""


@dataclass(frozen=True)
class WeightsFile:
    """A weights file as its publisher names it.

    Attributes
    ----------
    url : str
        Where it is published.
    checksum : str
        ``"md5:…"`` or ``"sha256:…"``; empty where the publisher gives none.
    about_bytes : int
        Its approximate size, 4 bytes for each parameter.
    """

    url: str
    checksum: str
    about_bytes: int

    @property
    def filename(self) -> str:
        """Its name in the cache: the last part of the URL."""
        return urlsplit(self.url).path.rsplit("/", 1)[-1]


def folder() -> Path:
    """Where weights are kept."""
    return cache_folder() / "weights"


def keras_folder() -> Path:
    """The folder Keras itself keeps weights in."""
    return expand_user(os.environ.get("KERAS_HOME") or "~/.keras") / "models"


def remedies(name: str) -> str:
    """What to do where the weights of the model `name` cannot be had."""
    return (
        f"Fetch them where there is a network with `gradcam models pull {name}`, "
        "pass a file with `--weights FILE`, "
        "or use the bundled model with `--model efficientnet-lite0`."
    )


def find(file: WeightsFile) -> Path | None:
    """The path of `file` in the cache, neither fetched nor verified; None where it is not there."""
    path = folder() / file.filename
    return path if _is_file(path) else None


def ensure(
    file: WeightsFile,
    *,
    name: str,
    offline: bool = False,
    force: bool = False,
    progress: Progress = no_progress,
    note: Note = no_note,
) -> tuple[Path, Literal["cached", "fetched"]]:
    """The path of `file` in the cache, where it is put if need be, and where it came from.

    Parameters
    ----------
    file : WeightsFile
        Which file.
    name : str
        The model's name, for messages.
    offline : bool
        Never use the network.
    force : bool
        Fetch anew; a cached file stays until the new one is verified.
    progress : callable
        Called with the bytes so far and their number at the end, None where unknown.
    note : callable
        Called with one sentence for each thing worth saying to whoever waits.

    Raises
    ------
    ModelError
        Where it is neither there nor to be had.
    """
    task = _Task(file, name, offline, force, progress, note)
    step = task.next_step()
    if step == "cached":
        return task.target, "cached"
    if step == "refuse":
        raise task.refusal()
    with task.storage_errors():
        make_folder(task.target.parent)
        with exclusive_lock(task.lock, when_held=task.note_waiting):
            return task.carry_out()


def plan(*, cached: bool, adoptable: bool, offline: bool, force: bool) -> Step:
    """What to do for a file.

    Parameters
    ----------
    cached : bool
        It is in the cache.
    adoptable : bool
        Keras's folder has a file of its name, and a checksum can show whether it is the same.
    offline, force : bool
        As in `ensure`.
    """
    if not force and cached:
        return "cached"
    if not force and adoptable:
        return "adopt"
    return "refuse" if offline else "fetch"


@dataclass(frozen=True)
class _Task:
    """One call of `ensure`."""

    file: WeightsFile
    name: str
    offline: bool
    force: bool
    progress: Progress
    note: Note

    @property
    def target(self) -> Path:
        return folder() / self.file.filename

    @property
    def lock(self) -> Path:
        return self.target.with_name(f"{self.target.name}.lock")

    @property
    def keras_copy(self) -> Path:
        return keras_folder() / self.file.filename

    def note_waiting(self) -> None:
        self.note(f"Waiting for another process that is fetching the weights of {self.name}.")

    def next_step(self, *, adoptable: bool = True) -> Step:
        adoptable = adoptable and bool(self.file.checksum) and _is_file(self.keras_copy)
        cached = _is_file(self.target)
        return plan(cached=cached, adoptable=adoptable, offline=self.offline, force=self.force)

    def carry_out(self) -> tuple[Path, Literal["cached", "fetched"]]:
        """Act under the lock, where another process may have done the work meanwhile."""
        step = self.next_step()
        if step == "adopt" and not self.adopt():
            step = self.next_step(adoptable=False)
        if step == "refuse":
            raise self.refusal()
        if step == "fetch":
            self.fetch()
        return self.target, "fetched" if step == "fetch" else "cached"

    def adopt(self) -> bool:
        """Take Keras's own copy; False, with a note, where it is not the published file."""
        if not _is_published(self.keras_copy, self.file.checksum):
            self.note(
                f"Keras's own copy, {self.keras_copy}, is not the published file and is ignored."
            )
            return False
        self.note(f"Using Keras's own copy, {self.keras_copy}.")
        try:
            _link(self.keras_copy.resolve(), self.target)
        except OSError:  # another file system, or one without links
            with self.keras_copy.open("rb") as source, whole_file(self.target) as copy:
                shutil.copyfileobj(source, copy)
        return True

    def transfer(self) -> Transfer:
        """The download of the file, to a name of its own beside the target."""
        from gradcam_cli.storage.resumable import Transfer

        return Transfer(
            label=f"the weights of {self.name}",
            url=self.file.url,
            checksum=self.file.checksum,
            about_bytes=self.file.about_bytes,
            part=self.target.with_name(f"{self.target.name}.part"),
            progress=self.progress,
            note=self.note,
        )

    def fetch(self) -> None:
        from gradcam_cli.storage import resumable
        from gradcam_cli.storage.http import DownloadError

        transfer = self.transfer()
        try:
            resumable.fetch(transfer)
        except DownloadError as error:
            size = transfer.size
            kept = f"; {resumable.megabytes(size)} are kept for the next try" if size else ""
            host = resumable.host(self.file.url)
            what = f"{self._failure} fetched from {host}: {error.reason}{kept}"
            raise ModelError(what, remedies(self.name)) from error
        transfer.part.replace(self.target)
        sync_folder(self.target.parent)
        resumable.discard(transfer)

    @property
    def _failure(self) -> str:
        return f"the weights of {self.name} could not be"

    def refusal(self) -> ModelError:
        what = f"the weights of {self.name} are not in the cache, and offline they are not fetched"
        if self.force:
            what = f"the weights of {self.name} are not fetched anew while offline"
        return ModelError(what, remedies(self.name))

    @contextmanager
    def storage_errors(self) -> Iterator[None]:
        """Turn an OSError of the cache's folder into a ModelError that names it."""
        try:
            yield
        except OSError as error:
            reason = error.strerror or type(error).__name__
            folder = self.target.parent
            raise ModelError(
                f"{self._failure} kept in {folder}: {reason}",
                "Set GRADCAM_CACHE to a folder that can be written and has room, "
                "or pass a file with `--weights FILE`.",
            ) from error


def _link(source: Path, target: Path) -> None:
    """Have `target` be the same file as `source`, replacing what was there."""
    link = temporary_path(target)
    try:
        link.hardlink_to(source)
        link.replace(target)
    finally:
        with suppress(OSError):
            link.unlink(missing_ok=True)  # where both are one file already, it is still there


def _is_published(path: Path, checksum: str) -> bool:
    from gradcam_cli.storage.resumable import matches

    try:
        return matches(path, checksum)
    except OSError:
        return False


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # no permission to look
        return False
