"""A page that shows a run over many sources and needs nothing but itself.

    manifest ─▶ survey: counts ─▶ cards and failures, one by one ─▶ FILE.html, FILE-2.html …

What stands on a page is made in `page/`: `view_models` has the words, `thumbnails` the pictures.
"""

from __future__ import annotations

import math
import os
import re
import warnings
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from html import unescape
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from gradcam_cli import __version__
from gradcam_cli.errors import UsageError
from gradcam_cli.images.writing import check_writable, output_file
from gradcam_cli.reports.page.check_view import CheckView, check_view
from gradcam_cli.reports.page.thumbnails import Thumbnail, overlay_thumbnail, source_thumbnail
from gradcam_cli.reports.page.view_models import Explained, Failure, Source, Survey, view_of
from gradcam_cli.results.check_summary import CheckResult, Judgement
from gradcam_cli.results.shortcuts import CheckFindings, find_shortcuts
from gradcam_cli.text import printable

if TYPE_CHECKING:
    from jinja2 import Template

    from gradcam_cli.results.manifest import Manifest, ManifestReader, Record

CARDS = 2_000
"""The most cards, and the most failures, that a page holds."""

_THREADS = min(4, os.cpu_count() or 1)
_HEAD_BYTES = 1_000
_GENERATOR = re.compile('<meta name="generator" content="(gradcam [^"]*)">')

_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True)
class Card:
    """An explained class of a source, with its pictures."""

    number: int
    source: Source
    original: Thumbnail
    explained: Explained
    overlay: Thumbnail


@dataclass
class _MissingPictures:
    """How many cards lack a picture."""

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
    """Write what `manifest` tells as `file` and, beyond `CARDS`, `file`-2 and on.

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
    paths = _page_paths(file, max(1, math.ceil(max(survey.cards, survey.failures) / CARDS)))
    missing = _MissingPictures()
    with closing(_cards(pages, missing)) as cards, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, on pictures that are odd but can be shown
        _write_pages(paths, pages, cards)
    _remove_stale(file, len(paths))
    if missing.originals or missing.overlays:
        note(
            f"of {survey.cards:,} cards {missing.originals:,} lack the source's picture and "
            f"{missing.overlays:,} the overlay; the report says why."
        )
    return paths


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


def _write_pages(paths: list[Path], pages: Pages, cards: Iterator[Card]) -> None:
    survey, failures = pages.survey, _failures(pages)
    template, constants = page_template("page"), {**page_assets(), **_histogram(survey)}
    for number, path in enumerate(paths, 1):
        offset = (number - 1) * CARDS
        page = template.stream(
            **constants,
            survey=survey,
            check=pages.check,
            generator=f"gradcam {__version__}, {_page_name(number, paths[0])}",
            page=number,
            pages=len(paths),
            first=_link(paths[0]),
            previous=_link(paths[number - 2]) if number > 1 else "",
            next=_link(paths[number]) if number < len(paths) else "",
            shown_cards=max(0, min(CARDS, survey.cards - offset)),
            shown_failures=max(0, min(CARDS, survey.failures - offset)),
            cards=islice(cards, CARDS),
            failures=islice(failures, CARDS),
        )
        with output_file(path) as out:
            page.dump(out, encoding="utf-8")


def page_template(name: str) -> Template:
    """The template NAME.html.j2."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(lambda name: _asset(f"{name}.html.j2")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def page_assets() -> dict[str, str]:
    """The style and the script, and the policy that lets nothing else run."""
    style, script = _asset("page.css"), _asset("page.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; "
        f"script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    )
    return {"policy": policy, "style": style, "script": script}


def _asset(name: str) -> str:
    return (files("gradcam_cli.reports") / "page" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


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


def _failures(pages: Pages) -> Iterator[Failure]:
    return (view for view in map(view_of, pages.records()) if isinstance(view, Failure))


def _cards(pages: Pages, missing: _MissingPictures) -> Generator[Card, None, None]:
    sources = (view for view in map(view_of, pages.records()) if isinstance(view, Source))
    number = 0
    for source, original, overlays in _map_ahead(
        partial(_pictures, pages.folder.resolve()), sources
    ):
        for explained, overlay in zip(source.explained, overlays, strict=True):
            number += 1
            missing.originals += not original.uri
            missing.overlays += not overlay.uri
            yield Card(number, source, original, explained, overlay)


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
