"""From the sources that a user names to the pictures to read, and the stems of their outputs.

    files, folders, globs, URLs, lists ─▶ _Candidate, in order ─▶ each once ─▶ Item(source, stem)

Only folders and lists are read. Paths stay text: as they were given, and quick for 100,000 files.
"""
# ruff: noqa: PTH100, PTH112, PTH116, PTH118, PTH119, PTH122, PTH207

from __future__ import annotations

import fnmatch
import glob
import os
import posixpath
import re
import stat
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple
from urllib.parse import unquote, urlsplit

from gradcam_cli.errors import UsageError
from gradcam_cli.images.fetching import url_stem
from gradcam_cli.images.output_stems import OutputStems
from gradcam_cli.images.source_kinds import has_scheme, is_glob
from gradcam_cli.images.writing import DEFAULT_FOLDER, OVERLAY_SUFFIX
from gradcam_cli.storage.http import is_url, without_credentials
from gradcam_cli.text import printable

_JPEG = (".jpg", ".jpeg", ".jpe", ".jfif")
EXTENSIONS = (*_JPEG, ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")
"""What makes a file in a folder a picture, in upper or lower case."""

_ANY_DEPTH = re.compile(r"(?<![^/])\*\*(?:/+\*\*)*(?:/+|$)")


@dataclass(frozen=True, slots=True)
class Item:
    """A picture to read.

    Attributes
    ----------
    source : str
        Its path or URL, as `read_image` takes it.
    output_stem : str
        The name of its outputs without a suffix, relative to their folder, with ``/`` between
        parts: ``birds/crow`` for ``birds/crow.gradcam.jpg``. No other item of a listing has it.
        Empty for what the picture itself suggests.
    key : str
        What identifies it: its absolute path without links resolved, or the URL.
    error : str
        Why there is nothing to read, as the end of "could not read …: {error}"; mostly empty.
    """

    source: str
    output_stem: str
    key: str
    error: str = ""

    @property
    def name(self) -> str:
        """The source as it may be kept: a URL without its user and password."""
        return without_credentials(self.source) if is_url(self.source) else self.source

    @property
    def recorded_key(self) -> str:
        """What identifies it in the manifest: the key without user and password."""
        return without_credentials(self.key) if is_url(self.key) else self.key

    @property
    def digest(self) -> str:
        """Of all that its outputs depend on besides its content and the settings of the run."""
        return ""


@dataclass(frozen=True, slots=True)
class Listing:
    """The items of some sources, in order, and how many outputs of earlier runs were left out."""

    items: list[Item]
    skipped_outputs: int


class _Candidate(NamedTuple):
    """What may become an Item: `stem` is not safe yet, `key` is the absolute path or the URL."""

    source: str
    key: str
    stem: str
    extension: str
    error: str = ""


def single_item(source: str) -> Item:
    """The item of a single picture, which may be ``-`` for standard input."""
    return Item(source, "", source)


def list_items(
    sources: Iterable[str],
    *,
    recursive: bool = False,
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
) -> Listing:
    """The pictures that `sources`, files, folders, globs and URLs, stand for, each once.

    Parameters
    ----------
    recursive : bool
        Take what is in the folders of folders too, but of one called gradcam-out, where outputs go.
        Links to folders are not followed.
    include, exclude : iterable of str
        Patterns for what is in folders, matched in their case against the name and the path from
        the folder. One that ends in ``/`` is about folders: the pictures in them, at any depth,
        are included, or all of them is left out.

    Raises
    ------
    UsageError
        Where ``-`` is one of them.
    """
    rules, unique = _Rules(include, exclude), _UniqueItems()
    for source in sources:
        for candidate in _candidates(source, rules, recursive=recursive):
            unique.add(candidate)
    return Listing(unique.items, unique.skipped_outputs)


def read_source_list(path: str, *, null: bool, stdin: BinaryIO | None = None) -> list[str]:
    """The sources that a list names, one a line or with NUL between; ``-`` is standard input.

    Blank lines and a byte order mark at the start are no part of it; between NULs only what is
    empty is none. Names may be any bytes.

    Raises
    ------
    UsageError
        Where the list cannot be read.
    """
    name = "on standard input" if path == "-" else printable(path)
    try:
        data = _bytes_of(path, stdin)
    except (OSError, ValueError) as error:  # ValueError: a null byte, or standard input is closed
        raise UsageError(
            f"cannot read the list {name}: {_reason(error)}", "Check what --from-file names."
        ) from error
    if b"\0" in data and not null:
        raise UsageError(
            f"cannot read the list {name}: NUL is in it, and no name has one",
            "Pass -0 where NUL stands between the names, else save it as UTF-8.",
        )
    if null:
        names = [name for name in data.split(b"\0") if name]
    else:
        lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        names = [line.removesuffix(b"\r") for line in lines if line.strip()]
    # os.fsdecode, but for Windows, where that refuses what is not UTF-8.
    return [name.decode(sys.getfilesystemencoding(), "surrogateescape") for name in names]


def _bytes_of(path: str, stdin: BinaryIO | None) -> bytes:
    if path != "-":
        return Path(path).read_bytes()
    if stdin is None and sys.stdin is None:
        raise ValueError
    return (stdin or sys.stdin.buffer).read()


class _Rules:
    """Which files and folders of a folder are taken; paths are relative to it."""

    def __init__(self, include: Iterable[str], exclude: Iterable[str]) -> None:
        included, excluded = list(include), list(exclude)
        self.pictures_by_default = not included
        self._included_files = _any_of(pattern for pattern in included if not pattern.endswith("/"))
        self._included_folders = _any_of(
            pattern.rstrip("/") for pattern in included if pattern.endswith("/")
        )
        self._excluded = _any_of(pattern for pattern in excluded if not pattern.endswith("/"))
        self._excluded_folders = _any_of(pattern.rstrip("/") for pattern in excluded)

    def enters(self, name: str, path: str) -> bool:
        """Whether a folder in a folder is listed too; that of outputs is not, whatever it holds."""
        return name != DEFAULT_FOLDER.name and not _matches(self._excluded_folders, name, path)

    def includes(self, name: str, path: str) -> bool:
        return _matches(self._included_folders, name, path)

    def takes(self, name: str, path: str, *, pictures: bool) -> bool:
        """Whether a file is taken, where `pictures` are without a pattern that matches them."""
        if _matches(self._excluded, name, path):
            return False
        is_picture = pictures and name.lower().endswith(EXTENSIONS)
        return is_picture or _matches(self._included_files, name, path)


def _any_of(patterns: Iterable[str]) -> re.Pattern[str] | None:
    alternatives = "|".join(map(fnmatch.translate, patterns))
    return re.compile(alternatives) if alternatives else None


def _matches(pattern: re.Pattern[str] | None, name: str, path: str) -> bool:
    return pattern is not None and bool(pattern.match(name) or pattern.match(path))


def _candidates(source: str, rules: _Rules, *, recursive: bool) -> Iterator[_Candidate]:
    if source == "-":
        raise UsageError(
            "standard input, -, is for a single picture, not for one of many",
            "Give it alone, or ./- for a file of that name.",
        )
    if is_url(source):
        yield _Candidate(source, source, url_stem(source), _url_extension(source))
        return
    paths = _matching_paths(source) if is_glob(source) else [source]
    if not paths:
        yield _path_candidate(source, "nothing matches")
    for path in paths:
        error = _missing_reason(path)
        if not error and os.path.isdir(path):
            yield from _folder_candidates(path, rules, recursive=recursive)
        else:
            yield _path_candidate(path, error)


def _path_candidate(path: str, error: str) -> _Candidate:
    absolute = os.path.abspath(path)
    return _Candidate(path, absolute, *os.path.splitext(os.path.basename(absolute)), error)


def _url_extension(url: str) -> str:
    try:
        return posixpath.splitext(unquote(urlsplit(url).path))[1]
    except ValueError:
        return ""


def _missing_reason(path: str) -> str:
    """Why there is nothing at `path`; empty where there is something."""
    try:
        os.stat(path)
    except (OSError, ValueError) as error:  # ValueError: a null byte
        if not path:
            return "its path is empty"
        return "of URLs only http and https are read" if has_scheme(path) else _reason(error)
    return ""


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return "there is no such file"
    if isinstance(error, PermissionError):
        return "permission was denied"
    return printable(getattr(error, "strerror", None) or "there can be none")


def _matching_paths(pattern: str) -> list[str]:
    """The paths that match, sorted; a file ``-`` is not to be taken for standard input."""
    try:
        paths = sorted(set(_glob_without_links(pattern.replace(os.sep, "/"))))
    except ValueError:  # a null byte
        return []
    return [os.path.join(".", path) if path == "-" else path for path in paths]


def _glob_without_links(pattern: str) -> Iterator[str]:
    """As glob.glob, but ``**`` enters no links: two that loop would keep it busy for ever."""
    any_depth = _ANY_DEPTH.search(pattern)
    if not any_depth:
        yield from glob.glob(pattern)
        return
    head = pattern[: any_depth.start()]
    tail = pattern[any_depth.end() :] or ("*" if pattern.endswith("*") else "")
    pending = glob.glob(head) if head else [""]
    while pending:
        folder = pending.pop()
        folders, _, error = _folder_entries(folder or ".")
        if error and os.path.isdir(folder):
            yield folder  # its error is reported when it is listed
        yield from _glob_without_links(os.path.join(glob.escape(folder), tail))
        pending += [os.path.join(folder, subfolder.name) for subfolder in folders]


def _folder_candidates(root: str, rules: _Rules, *, recursive: bool) -> list[_Candidate]:
    """The files of a folder that `rules` take, sorted by their path in it."""
    candidates: list[tuple[str, _Candidate]] = []
    pending = [(root, os.path.abspath(root), "", rules.pictures_by_default)]
    while pending:
        folder, absolute, prefix, pictures = pending.pop()
        subfolders, files, error = _folder_entries(folder)
        if error:
            stem = prefix.rstrip("/") or os.path.basename(absolute)
            candidates.append((prefix, _Candidate(folder, absolute, stem, "", error)))
        for file in files:
            path = prefix + file.name
            if rules.takes(file.name, path, pictures=pictures):
                key = os.path.join(absolute, file.name)
                candidate = _Candidate(file.path, key, *posixpath.splitext(path))
                candidates.append((path, candidate))
        for subfolder in subfolders if recursive else ():
            path = prefix + subfolder.name
            if rules.enters(subfolder.name, path):
                key = os.path.join(absolute, subfolder.name)
                pictures_below = pictures or rules.includes(subfolder.name, path)
                pending.append((subfolder.path, key, f"{path}/", pictures_below))
    return [candidate for _, candidate in sorted(candidates)]


def _folder_entries(folder: str) -> tuple[list[os.DirEntry[str]], list[os.DirEntry[str]], str]:
    """The folders and files in `folder` that are not hidden, and why not all could be listed."""
    folders: list[os.DirEntry[str]] = []
    files: list[os.DirEntry[str]] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry)
                elif _is_file(entry):
                    files.append(entry)
    except OSError as error:
        return folders, files, f"this folder cannot be listed: {_reason(error)}"
    return folders, files, ""


def _is_file(entry: os.DirEntry[str]) -> bool:
    """True for files, links to files, and links to nothing, which fail when they are read."""
    if not entry.is_symlink():
        return entry.is_file(follow_symlinks=False)
    try:
        return stat.S_ISREG(entry.stat().st_mode)
    except OSError:
        return True


class _UniqueItems:
    """Items of which no two have the same file or the same stem."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.skipped_outputs = 0
        self._keys: set[str] = set()
        self._stems = OutputStems()

    def add(self, candidate: _Candidate) -> None:
        """Add the item of `candidate`, unless it is known or an output of an earlier run."""
        if candidate.key in self._keys:
            return
        self._keys.add(candidate.key)
        if (
            not candidate.error
            and not is_url(candidate.source)
            and candidate.key.lower().endswith(OVERLAY_SUFFIX)
        ):
            self.skipped_outputs += 1
            return
        stem = self._stems.new(candidate.stem, candidate.extension, candidate.key)
        self.items.append(Item(candidate.source, stem, candidate.key, candidate.error))
