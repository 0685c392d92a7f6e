"""One file over HTTP: resumed where that is safe, bounded in size, verified before it counts."""

from __future__ import annotations

import base64
import binascii
import errno
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gradcam_cli.storage import http
from gradcam_cli.storage.files import check_length, file_digest, write_bytes
from gradcam_cli.storage.http import DownloadError

if TYPE_CHECKING:
    import requests

ATTEMPTS = 5
PAUSE_SECONDS = 1.0
UNANNOUNCED_BYTES = 64 << 20

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)")
_VALIDATOR = re.compile(r"([\x21-\x7e][\x20-\x7e]*)?")  # what a header of a request may hold
_CHECKSUM = re.compile(r"(md5:[0-9a-f]{32})?")
_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]*"')


@dataclass(frozen=True)
class Transfer:
    """What to bring, and where it grows.

    Attributes
    ----------
    label : str
        How notes call it, e.g. "the weights of vgg16".
    url, checksum, about_bytes
        As in `WeightsFile`.
    part : Path
        The file that grows; what it holds already is continued where that is safe.
    progress : callable
        Called with the bytes that are there, and with their number at the end or None.
    note : callable
        Given one plain sentence for whoever waits.
    """

    label: str
    url: str
    checksum: str
    about_bytes: int
    part: Path
    progress: Callable[[int, int | None], None]
    note: Callable[[str], None]

    @property
    def sidecar(self) -> Path:
        """Where the facts about the file that `part` begins are kept."""
        return self.part.with_name(f"{self.part.name}.json")

    @property
    def size(self) -> int:
        """How many bytes are there."""
        try:
            return self.part.stat().st_size
        except FileNotFoundError:
            return 0


@dataclass(frozen=True)
class Facts:
    """What an answer tells about the whole file.

    Attributes
    ----------
    validator : str
        A strong ETag, else Last-Modified, else empty.
    total : int or None
        Its length.
    checksum : str
        ``"md5:…"`` where the server gives it, else empty.
    """

    validator: str = ""
    total: int | None = None
    checksum: str = ""


def host(url: str) -> str:
    """The name of the machine `url` points to, without port or credentials."""
    try:
        return urlsplit(url).hostname or "its publisher"
    except ValueError:
        return "its publisher"


def megabytes(count: int) -> str:
    """`count` bytes as they are announced."""
    return f"{count / 1e6:.1f} MB"


def matches(path: Path, checksum: str) -> bool:
    """True where the file's content has `checksum`, written ``"md5:…"`` or ``"sha256:…"``."""
    kind, _, expected = checksum.partition(":")
    return file_digest(path, kind) == expected.lower()


def discard(transfer: Transfer) -> None:
    """Forget what came so far; the part goes first, for it is useless without its facts."""
    transfer.part.unlink(missing_ok=True)
    transfer.sidecar.unlink(missing_ok=True)


def fetch(transfer: Transfer) -> None:
    """Leave the whole file, verified and on disk, at `transfer.part`.

    Raises
    ------
    DownloadError
        Where it could not be had; what came is kept only where it can be continued.
    OSError
        Where it could not be written.
    """
    for last in (False, True):
        facts, resumed = _bring(transfer)
        flaw = _flaw(transfer, facts)
        if not flaw:
            return
        discard(transfer)
        if last or not resumed:
            raise DownloadError(flaw)
        transfer.note("The resumed file is not the published one; fetching it from the start.")


def request_headers(size: int, kept: Facts, checksum: str) -> dict[str, str]:
    """What to ask for, where `size` bytes are there and `kept` is known about them.

    Without a validator or a checksum nothing would tell two halves of different files apart.
    """
    headers: dict[str, str] = {}
    if size and (kept.validator or checksum):
        headers["Range"] = f"bytes={size}-"
        if kept.validator:
            headers["If-Range"] = kept.validator
    return headers


def facts_of(headers: Mapping[str, str]) -> Facts:
    """What the headers of an answer, 200 or 206, tell about the whole file."""
    lower = {name.lower(): value for name, value in headers.items()}
    etag = lower.get("etag", "")
    validator = etag if _STRONG_ETAG.fullmatch(etag) else lower.get("last-modified", "")
    return Facts(validator, _total(lower), _google_md5(lower.get("x-goog-hash", "")))


def begins_at(
    status: int, headers: Mapping[str, str], *, size: int, kept: Facts, facts: Facts
) -> int | None:
    """The offset of an answer's first byte; None where it does not fit what was asked."""
    if status == 200:
        return 0
    lower = {name.lower(): value for name, value in headers.items()}
    found = _CONTENT_RANGE.fullmatch(lower.get("content-range", "").strip())
    if status != 206 or not size or not found or int(found[1]) != size:
        return None
    if kept.validator and facts.validator not in ("", kept.validator):
        return None
    return None if kept.total is not None and facts.total not in (None, kept.total) else size


def completed(facts: Facts, kept: Facts) -> Facts:
    """`facts` of a 206, with what only the 200 before it told."""
    total = kept.total if facts.total is None else facts.total
    return replace(facts, total=total, checksum=facts.checksum or kept.checksum)


def worth_another(error: DownloadError, *, moved: bool) -> bool:
    """True where a further attempt may bring more.

    No network is found out once: only an attempt that brought something, or a server that is
    there and asks for patience, deserves another.
    """
    return error.transient and (moved or error.status is not None)


def _bring(transfer: Transfer) -> tuple[Facts, bool]:
    """The facts of the file that is now whole, and whether a part of it came earlier."""
    attempt = 1
    while True:
        before = transfer.size
        try:
            return _attempt(transfer)
        except DownloadError as error:
            moved = transfer.size != before
            if attempt == ATTEMPTS or not worth_another(error, moved=moved):
                raise
            transfer.note(f"{error.reason[:1].upper()}{error.reason[1:]}; trying again.")
        time.sleep(PAUSE_SECONDS * attempt)
        attempt += 1


def _attempt(transfer: Transfer) -> tuple[Facts, bool]:
    size, kept = transfer.size, read_facts(transfer.sidecar)
    try:
        with http.open_url(
            transfer.url,
            headers=request_headers(size, kept, transfer.checksum),
        ) as response:
            facts = facts_of(response.headers)
            offset = begins_at(
                response.status_code, response.headers, size=size, kept=kept, facts=facts
            )
            if offset is None:
                discard(transfer)
                raise DownloadError("its answer does not fit what was asked", transient=True)
            if offset:
                facts = completed(facts, kept)
            _receive(transfer, response, facts, offset)
            return facts, offset > 0
    except DownloadError as error:
        if error.status != 416:
            raise
    return _whole_already(transfer, kept), True


def _whole_already(transfer: Transfer, kept: Facts) -> Facts:
    """The facts of a part to which the server has nothing to add, where a checksum can judge it."""
    checksum = transfer.checksum or kept.checksum
    if transfer.size and checksum:
        return kept  # `fetch` verifies it
    discard(transfer)
    raise DownloadError("it would not continue the transfer", transient=True)


def _receive(transfer: Transfer, response: requests.Response, facts: Facts, offset: int) -> None:
    """Append the body to the part, which holds `offset` bytes of the same file."""
    expected = transfer.about_bytes if facts.total is None else facts.total
    limit = 2 * expected + UNANNOUNCED_BYTES if facts.total is None else expected
    _announce(transfer, facts, offset)
    done = offset
    with transfer.part.open("ab" if offset else "wb") as out:
        _check_room(transfer.part.parent, expected - offset)
        if not offset:  # only now, when the old part is gone, may the facts change
            write_bytes(transfer.sidecar, json.dumps(asdict(facts)).encode())
        transfer.progress(done, facts.total)
        for piece in http.chunks(response):
            done += len(piece)
            if done > limit:
                break
            out.write(piece)
            transfer.progress(done, facts.total)
        out.flush()
        check_length(out)
        os.fsync(out.fileno())
    if done > limit:
        discard(transfer)
        raise DownloadError("it sends more than it announced")
    if facts.total is not None and done < facts.total:
        raise DownloadError("the connection broke off", transient=True)


def _announce(transfer: Transfer, facts: Facts, offset: int) -> None:
    about = f"about {megabytes(transfer.about_bytes)}"
    size = about if facts.total is None else megabytes(facts.total)
    verb, at = ("Resuming", f" at {megabytes(offset)} of") if offset else ("Fetching", ",")
    route = f"from {host(transfer.url)} into {transfer.part.parent}"
    transfer.note(f"{verb} {transfer.label}{at} {size}, {route}.")


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        reason = f"{megabytes(needed)} are needed and {megabytes(free)} are free"
        raise OSError(errno.ENOSPC, reason)


def _flaw(transfer: Transfer, facts: Facts) -> str:
    """Why the whole file cannot be used; empty where it can."""
    checksum = transfer.checksum or facts.checksum
    if checksum:
        fits = matches(transfer.part, checksum)
        return "" if fits else "what it sent does not have the published checksum"
    size = transfer.size
    if 2 * size < transfer.about_bytes:  # a login page, most likely
        about = megabytes(transfer.about_bytes)
        return f"it sent {megabytes(size)} where about {about} were expected"
    known = "only its length" if facts.total is not None else "nothing about it"
    transfer.note(f"No checksum is published for {transfer.label}; {known} could be verified.")
    return ""


def _total(lower: Mapping[str, str]) -> int | None:
    """The length of the whole file."""
    if "content-range" in lower:
        found = _CONTENT_RANGE.fullmatch(lower["content-range"].strip())
        return int(found[2]) if found and found[2] != "*" else None
    length = lower.get("content-length", "")
    chunked = "transfer-encoding" in lower
    return int(length) if re.fullmatch("[0-9]{1,18}", length) and not chunked else None


def _google_md5(header: str) -> str:
    found = re.search(r"(?:^|[,\s])md5=([A-Za-z0-9+/]{22}==)", header)
    if not found:
        return ""
    try:
        return f"md5:{base64.b64decode(found[1], validate=True).hex()}"
    except binascii.Error:
        return ""


def read_facts(sidecar: Path) -> Facts:
    """The facts kept in `sidecar`; none where they cannot be made out."""
    try:
        kept = Facts(**json.loads(sidecar.read_text(encoding="utf-8")))
        return kept if _is_sound(kept) else Facts()
    except (OSError, ValueError, TypeError, RecursionError):
        return Facts()


def _is_sound(facts: Facts) -> bool:
    return (
        _VALIDATOR.fullmatch(facts.validator) is not None
        and _CHECKSUM.fullmatch(facts.checksum) is not None
        and (facts.total is None or type(facts.total) is int)
    )
