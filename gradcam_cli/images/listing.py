"""From what was named to the pictures to read, and the place of each one's outputs.

    files, folders, globs, URLs, lists ─▶ _Found, in order ─▶ each once ─▶ Item(source, stem)

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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple
from urllib.parse import unquote, urlsplit

from gradcam_cli.errors import UsageError
from gradcam_cli.images.fetching import _url_stem
from gradcam_cli.images.output_stems import OutputStems
from gradcam_cli.images.writing import DEFAULT_FOLDER, OVERLAY_SUFFIX
from gradcam_cli.storage.http import is_url, without_credentials
from gradcam_cli.text import printable

_JPEG = (".jpg", ".jpeg", ".jpe", ".jfif")
EXTENSIONS = (*_JPEG, ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")
"""What makes a file in a folder a picture, in upper or lower case."""

_MAGIC = re.compile(r"[*?[]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
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
        What tells it apart: its absolute path without links resolved, or the URL.
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
        """What tells it apart in the manifest: the key without user and password."""
        return without_credentials(self.key) if is_url(self.key) else self.key


@dataclass(frozen=True, slots=True)
class Listing:
    """What sources come to, in order, and how many outputs of earlier runs were left out."""

    items: list[Item]
    skipped_outputs: int


class _Found(NamedTuple):
    """As in Item; `place` is not safe yet, and `key` is the absolute path or the URL."""

    source: str
    key: str
    place: str
    extension: str
    error: str = ""


def single(source: str) -> Item:
    """The item of a picture that is named alone, which may be ``-`` for standard input."""
    return Item(source, "", source)


def is_there(source: str) -> bool:
    """False where `source` is a path that leads to nothing."""
    return source == "-" or is_url(source) or Path(source).exists()


def is_single(sources: Sequence[str]) -> bool:
    """True for one URL, ``-`` or path; False for none, several, a folder or a glob."""
    if len(sources) != 1:
        return False
    source = sources[0]
    return source == "-" or is_url(source) or not (os.path.isdir(source) or _is_glob(source))


def listed(
    sources: Iterable[str],
    *,
    recursive: bool = False,
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
) -> Listing:
    """What `sources` come to: files, folders, globs and URLs, each picture once.

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
    rules, taken = _Rules(include, exclude), _Taken()
    for source in sources:
        for found in _found(source, rules, recursive=recursive):
            taken.add(found)
    return Listing(taken.items, taken.outputs)


def from_file(path: str, *, null: bool, stdin: BinaryIO | None = None) -> list[str]:
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
            f"cannot read the list {name}: {_why(error)}", "Check what --from-file names."
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
    """What is taken of a folder; paths are relative to it."""

    def __init__(self, include: Iterable[str], exclude: Iterable[str]) -> None:
        wanted, unwanted = list(include), list(exclude)
        self.pictures_at_first = not wanted
        self._wanted = _any_of(each for each in wanted if not each.endswith("/"))
        self._wanted_folders = _any_of(each.rstrip("/") for each in wanted if each.endswith("/"))
        self._unwanted = _any_of(each for each in unwanted if not each.endswith("/"))
        self._unwanted_folders = _any_of(each.rstrip("/") for each in unwanted)

    def enters(self, name: str, path: str) -> bool:
        """Whether a folder in a folder is listed too; that of outputs is not, whatever it holds."""
        return name != DEFAULT_FOLDER.name and not _matches(self._unwanted_folders, name, path)

    def includes(self, name: str, path: str) -> bool:
        return _matches(self._wanted_folders, name, path)

    def takes(self, name: str, path: str, *, pictures: bool) -> bool:
        """Whether a file is taken, where `pictures` are without a pattern that matches them."""
        if _matches(self._unwanted, name, path):
            return False
        by_name = pictures and name.lower().endswith(EXTENSIONS)
        return by_name or _matches(self._wanted, name, path)


def _any_of(patterns: Iterable[str]) -> re.Pattern[str] | None:
    together = "|".join(map(fnmatch.translate, patterns))
    return re.compile(together) if together else None


def _matches(pattern: re.Pattern[str] | None, name: str, path: str) -> bool:
    return pattern is not None and bool(pattern.match(name) or pattern.match(path))


def _found(source: str, rules: _Rules, *, recursive: bool) -> Iterator[_Found]:
    if source == "-":
        raise UsageError(
            "standard input, -, is for a single picture, not for one of many",
            "Give it alone, or ./- for a file of that name.",
        )
    if is_url(source):
        yield _Found(source, source, _url_stem(source), _url_extension(source))
        return
    paths = _expanded(source) if _is_glob(source) else [source]
    if not paths:
        yield _named(source, "nothing matches")
    for path in paths:
        error = _missing(path)
        if not error and os.path.isdir(path):
            yield from _in_folder(path, rules, recursive=recursive)
        else:
            yield _named(path, error)


def _named(path: str, error: str) -> _Found:
    absolute = os.path.abspath(path)
    return _Found(path, absolute, *os.path.splitext(os.path.basename(absolute)), error)


def _url_extension(url: str) -> str:
    try:
        return posixpath.splitext(unquote(urlsplit(url).path))[1]
    except ValueError:
        return ""


def _missing(path: str) -> str:
    """Why there is nothing at `path`; empty where there is something."""
    try:
        os.stat(path)
    except (OSError, ValueError) as error:  # ValueError: a null byte
        if not path:
            return "its path is empty"
        return "of URLs only http and https are read" if _SCHEME.match(path) else _why(error)
    return ""


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return "there is no such file"
    if isinstance(error, PermissionError):
        return "permission was denied"
    return printable(getattr(error, "strerror", None) or "there can be none")


def _is_glob(source: str) -> bool:
    """True for a pattern that is not the name of a file as it stands."""
    if not _MAGIC.search(source) or _SCHEME.match(source):
        return False
    return not os.path.lexists(source)


def _expanded(pattern: str) -> list[str]:
    """The paths that match, sorted; a file ``-`` is not to be taken for standard input."""
    try:
        paths = sorted(set(_globbed(pattern.replace(os.sep, "/"))))
    except ValueError:  # a null byte
        return []
    return [os.path.join(".", each) if each == "-" else each for each in paths]


def _globbed(pattern: str) -> Iterator[str]:
    """As glob.glob, but ``**`` enters no links: two that loop would keep it busy for ever."""
    deep = _ANY_DEPTH.search(pattern)
    if not deep:
        yield from glob.glob(pattern)
        return
    head = pattern[: deep.start()]
    tail = pattern[deep.end() :] or ("*" if pattern.endswith("*") else "")
    waiting = glob.glob(head) if head else [""]
    while waiting:
        folder = waiting.pop()
        folders, _, error = _entries(folder or ".")
        if error and os.path.isdir(folder):
            yield folder  # to be told of when it is listed
        yield from _globbed(os.path.join(glob.escape(folder), tail))
        waiting += [os.path.join(folder, each.name) for each in folders]


def _in_folder(root: str, rules: _Rules, *, recursive: bool) -> list[_Found]:
    """The files of a folder that `rules` take, sorted by their path in it."""
    found: list[tuple[str, _Found]] = []
    waiting = [(root, os.path.abspath(root), "", rules.pictures_at_first)]
    while waiting:
        folder, absolute, inside, pictures = waiting.pop()
        folders, files, error = _entries(folder)
        if error:
            stem = inside.rstrip("/") or os.path.basename(absolute)
            found.append((inside, _Found(folder, absolute, stem, "", error)))
        for each in files:
            path = inside + each.name
            if rules.takes(each.name, path, pictures=pictures):
                key = os.path.join(absolute, each.name)
                found.append((path, _Found(each.path, key, *posixpath.splitext(path))))
        for each in folders if recursive else ():
            path = inside + each.name
            if rules.enters(each.name, path):
                also = pictures or rules.includes(each.name, path)
                key = os.path.join(absolute, each.name)
                waiting.append((each.path, key, f"{path}/", also))
    return [each for _, each in sorted(found)]


def _entries(folder: str) -> tuple[list[os.DirEntry[str]], list[os.DirEntry[str]], str]:
    """The folders and files in `folder` that are not hidden, and why not all could be listed."""
    folders: list[os.DirEntry[str]] = []
    files: list[os.DirEntry[str]] = []
    try:
        with os.scandir(folder) as entries:
            for each in entries:
                if each.name.startswith("."):
                    continue
                if each.is_dir(follow_symlinks=False):
                    folders.append(each)
                elif _is_file(each):
                    files.append(each)
    except OSError as error:
        return folders, files, f"this folder cannot be listed: {_why(error)}"
    return folders, files, ""


def _is_file(entry: os.DirEntry[str]) -> bool:
    """True for files, links to files, and links to nothing, which reading them tells of."""
    if not entry.is_symlink():
        return entry.is_file(follow_symlinks=False)
    try:
        return stat.S_ISREG(entry.stat().st_mode)
    except OSError:
        return True


class _Taken:
    """The items so far, no file and no stem twice."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.outputs = 0
        self._keys: set[str] = set()
        self._stems = OutputStems()

    def add(self, found: _Found) -> None:
        """Take what was found, unless it is known or an output of an earlier run."""
        if found.key in self._keys:
            return
        self._keys.add(found.key)
        if (
            not found.error
            and not is_url(found.source)
            and found.key.lower().endswith(OVERLAY_SUFFIX)
        ):
            self.outputs += 1
            return
        stem = self._stems.new(found.place, found.extension, found.key)
        self.items.append(Item(found.source, stem, found.key, found.error))
