"""A page that shows a run over many sources and needs nothing but itself.

    manifest ─▶ survey: counts ─▶ cards and failures, one by one ─▶ FILE.html, FILE-2.html …

What stands on a page is made in `page/`: `view_models` has the words, `thumbnails` the pictures.
"""

from __future__ import annotations

import math
import os
import re
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from html import unescape
from itertools import chain, islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from gradcam_cli import __version__
from gradcam_cli.errors import UsageError
from gradcam_cli.images.writing import check_writable, output_file
from gradcam_cli.reports.page.assets import page_assets, page_template
from gradcam_cli.reports.page.check_view import CheckView, check_view
from gradcam_cli.reports.page.figures import figure_text
from gradcam_cli.reports.page.thumbnails import Thumbnail, overlay_thumbnail, source_thumbnail
from gradcam_cli.reports.page.view_models import Failure, Source, Survey, view_of
from gradcam_cli.results.check_summary import CheckResult, Judgement
from gradcam_cli.results.shortcuts import CheckFindings, find_shortcuts
from gradcam_cli.text import printable

if TYPE_CHECKING:
    from gradcam_cli.results.manifest import Manifest, ManifestReader, Record

OVERLAYS = 10_000
"""The most overlays, and the most failures, that a page holds, but for those of a single source."""

_AT_ONCE = 200
"""The cards whose pictures are there without a script too: browsers decode each `data:` address as
soon as they meet it, whatever `loading` says."""

_THREADS = min(4, os.cpu_count() or 1)
_HEAD_BYTES = 1_000
_GENERATOR = re.compile('<meta name="generator" content="(gradcam [^"]*)">')

_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True)
class Card:
    """A source with its pictures: one, and an overlay for each class and method."""

    number: int
    source: Source
    original: Thumbnail
    overlays: list[Thumbnail]

    def is_apart(self, overlay: Thumbnail) -> bool:
        """True of an overlay that does not lie on the picture, as figures are larger than it."""
        both = bool(self.original.uri and overlay.uri)
        return both and overlay.full_size != self.original.full_size


@dataclass
class _MissingPictures:
    """How many pictures are missing."""

    originals: int = 0
    overlays: int = 0


@dataclass(frozen=True)
class Pages:
    """What the pages show.

    Attributes
    ----------
    folder : Path
        That of the manifest.
    reader : ManifestReader
    survey : Survey
    check : CheckView or None
        Of a check, its tables.
    """

    folder: Path
    reader: ManifestReader
    survey: Survey
    check: CheckView | None = None

    def records(self) -> Iterator[Record]:
        """In the order of the cards: by name, or by suspicion."""
        if self.check is None:
            return self.reader.ordered()
        return self.reader.records(self.check.keys)


def check_report(file: Path, *, sources: Iterable[Path] = (), to_come: Path | None = None) -> None:
    """Refuse a place where no report can be written, as `check_writable` does."""
    if file.suffix.lower() != ".html":
        raise UsageError(
            f"the report {str(file)!r} does not end in .html", "Name it like report.html."
        )
    check_writable(file, sources=sources, to_come=to_come)


def write_report(
    manifest: Manifest,
    file: Path,
    note: Callable[[str], None],
    check: CheckView | None = None,
) -> list[Path]:
    """Write what `manifest` tells as `file` and, beyond `OVERLAYS`, `file`-2 and on.

    Parameters
    ----------
    manifest : Manifest
        That of the output folder of a run over many sources.
    file : Path
        Ends in .html. Further pages of an earlier report of this name are replaced or removed.
    note : callable
        Called with how many pictures could not be shown, if any.
    check : CheckView, optional
        What a check has measured, whose pictures alone are shown; where it is not given, it is made
        of what the manifest says, without gates.

    Returns
    -------
    list of Path
        The pages. Each appears whole or not at all.

    Raises
    ------
    UsageError
        Where the manifest is empty, or the report cannot be written.
    """
    check_report(file)
    with manifest.reader() as reader:
        survey = _take_survey(manifest, reader, file, check)
        if check is None and survey.is_check:
            result = CheckResult.of(reader.ordered())
            check = check_view(
                CheckFindings(result, Judgement(), find_shortcuts(result)), manifest.folder
            )
        return _write_all_pages(Pages(manifest.folder, reader, survey, check), file, note)


def _write_all_pages(pages: Pages, file: Path, note: Callable[[str], None]) -> list[Path]:
    survey = pages.survey
    sizes = page_sizes(survey.overlays, OVERLAYS)
    paths = _page_paths(file, max(1, len(sizes), math.ceil(survey.failures / OVERLAYS)))
    missing = _MissingPictures()
    with closing(_cards(pages, missing)) as cards, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, on pictures that are odd but can be shown
        _write_pages(paths, pages, cards, sizes)
    _remove_stale(file, len(paths))
    if missing.originals or missing.overlays:
        note(
            f"of {survey.sources:,} sources {missing.originals:,} lack their picture, and of "
            f"{sum(survey.overlays):,} overlays {missing.overlays:,}; the report says why."
        )
    return paths


def page_sizes(overlays: Iterable[int], most: int) -> list[int]:
    """How many sources each page has, so that none has more than `most` overlays, but one source.

    Parameters
    ----------
    overlays : iterable of int
        How many overlays each source has.
    most : int
    """
    sizes: list[int] = []
    room = 0
    for count in overlays:
        if not sizes or count > room:
            sizes.append(0)
            room = most
        sizes[-1] += 1
        room -= count
    return sizes


def _take_survey(
    manifest: Manifest, reader: ManifestReader, file: Path, check: CheckView | None
) -> Survey:
    """What the manifest holds, once it is sure that `file` is none of the sources."""
    survey = Survey()
    replaces = file.exists()
    for record in reader.ordered(None if check is None else check.keys):
        if replaces and _is_same(record.path, file):
            raise UsageError(
                f"cannot write {file}: it is a source image", "Choose another name with -o."
            )
        survey.add(view_of(record))
    if not len(manifest):
        raise UsageError(
            f"the manifest in {manifest.folder} is empty", "Run `gradcam explain` first."
        )
    return survey


def _is_same(path: str, file: Path) -> bool:
    with suppress(OSError, ValueError, TypeError):
        return bool(path) and file.samefile(path)
    return False


def _write_pages(paths: list[Path], pages: Pages, cards: Iterator[Card], sizes: list[int]) -> None:
    survey, failures = pages.survey, _failures(pages)
    template, constants = page_template("page"), {**page_assets(), **_histogram(survey)}
    link_to = partial(_link_to, folder=paths[0].parent.resolve())
    for number, (path, size) in enumerate(zip(paths, chain(sizes, repeat(0)), strict=False), 1):
        page = template.stream(
            **constants,
            survey=survey,
            overlays=sum(survey.overlays),
            at_once=_AT_ONCE,
            check=pages.check,
            generator=f"gradcam {__version__}, {_page_name(number, paths[0])}",
            page=number,
            pages=len(paths),
            first=_link(paths[0]),
            previous=_link(paths[number - 2]) if number > 1 else "",
            next=_link(paths[number]) if number < len(paths) else "",
            link_to=link_to,
            figure_text=figure_text,
            shown_cards=size,
            shown_failures=max(0, min(OVERLAYS, survey.failures - (number - 1) * OVERLAYS)),
            cards=islice(cards, size),
            failures=islice(failures, OVERLAYS),
        )
        with output_file(path) as out:
            page.dump(out, encoding="utf-8")


def _histogram(survey: Survey) -> dict[str, Any]:
    most = max(1, *survey.bins)
    width = 100 // len(survey.bins)
    bars = [
        {
            "at": start,
            "label": f"{start * width} to {(start + 1) * width} %",
            "count": count,
            "height": math.ceil(100 * count / most),
        }
        for start, count in enumerate(survey.bins)
    ]
    text = ", ".join(f"{bar['label']}: {bar['count']:,}" for bar in bars if bar["count"])
    return {"histogram": bars, "histogram_text": text}


def _page_paths(file: Path, pages: int) -> list[Path]:
    """Where each page goes; UsageError where something else is there."""
    paths = [file, *(file.with_name(f"{file.stem}-{n}{file.suffix}") for n in range(2, pages + 1))]
    for number, path in enumerate(paths[1:], 2):
        check_writable(path)
        if path.exists() and not _is_page(path, number, file):
            raise UsageError(
                f"cannot write {path}: it is no page of this report", "Choose another name with -o."
            )
    return paths


def _page_name(number: int, file: Path) -> str:
    return f"page {number} of {printable(file.name)}"


def _is_page(path: Path, number: int, file: Path) -> bool:
    """True where `path` was written as that page of a report called like `file`."""
    with suppress(OSError), path.open("rb") as page_file:
        match = _GENERATOR.search(page_file.read(_HEAD_BYTES).decode(errors="replace"))
        return bool(match and unescape(match[1]).endswith(f", {_page_name(number, file)}"))
    return False


def _remove_stale(file: Path, pages: int) -> None:
    """Remove what an earlier, longer report has left."""
    pattern = re.compile(f"{re.escape(file.stem)}-([0-9]+){re.escape(file.suffix)}")
    for path in sorted(file.parent.iterdir()):
        match = pattern.fullmatch(path.name)
        if match and int(match[1]) > pages and _is_page(path, int(match[1]), file):
            with suppress(OSError):
                path.unlink()


def _link(path: Path) -> str:
    """The address of a page in the same folder; with ./, for a name may look like a scheme."""
    return f"./{quote(os.fsencode(path.name))}"


def _link_to(path: Path | None, folder: Path) -> str:
    """The address of a picture from a page in `folder`; empty from one drive to another."""
    if path is None:
        return ""
    try:
        relative = Path(os.path.relpath(path.parent.resolve() / path.name, folder))
    except (OSError, ValueError):
        return ""
    return f"./{quote(os.fsencode(relative.as_posix()))}"


def _failures(pages: Pages) -> Iterator[Failure]:
    return (view for view in map(view_of, pages.records()) if isinstance(view, Failure))


def _cards(pages: Pages, missing: _MissingPictures) -> Generator[Card, None, None]:
    sources = (view for view in map(view_of, pages.records()) if isinstance(view, Source))
    pictures = _map_ahead(partial(_pictures, pages.folder.resolve()), sources)
    for number, (source, original, overlays) in enumerate(pictures, 1):
        missing.originals += not original.uri
        missing.overlays += sum(not overlay.uri for overlay in overlays)
        yield Card(number, source, original, overlays)


def _pictures(root: Path, source: Source) -> tuple[Source, Thumbnail, list[Thumbnail]]:
    overlays = [overlay_thumbnail(root, explained.overlay) for explained in source.explained]
    return source, source_thumbnail(source), overlays


def _map_ahead(function: Callable[[_In], _Out], items: Iterable[_In]) -> Iterator[_Out]:
    """The results of `function` in the order of `items`, with a few worked on ahead."""
    with ThreadPoolExecutor(_THREADS) as pool:
        waiting: deque[Future[_Out]] = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > 2 * _THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
