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
    """A file to fetch, and the file that it grows in.

    Attributes
    ----------
    label : str
        How notes call it, e.g. "the weights of vgg16".
    url, checksum, about_bytes
        As in `WeightsFile`.
    part : Path
        The file that grows; what it holds already is continued where that is safe.
    progress : callable
        Called with the bytes so far, and their number at the end or None.
    note : callable
        Called with one sentence for whoever waits.
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
    """What an answer says about the whole file.

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
    for is_last in (False, True):
        facts, resumed = _fetch_with_retries(transfer)
        problem = _verification_failure(transfer, facts)
        if not problem:
            return
        discard(transfer)
        if is_last or not resumed:
            raise DownloadError(problem)
        transfer.note("The resumed file is not the published one; fetching it from the start.")


def request_headers(size: int, kept: Facts, checksum: str) -> dict[str, str]:
    """The headers of a request for the rest, after `size` bytes of which `kept` is known.

    Without a validator or a checksum, halves of two different files could not be told apart.
    """
    headers: dict[str, str] = {}
    if size and (kept.validator or checksum):
        headers["Range"] = f"bytes={size}-"
        if kept.validator:
            headers["If-Range"] = kept.validator
    return headers


def facts_of(headers: Mapping[str, str]) -> Facts:
    """What the headers of an answer, 200 or 206, say about the whole file."""
    lowercased = {name.lower(): value for name, value in headers.items()}
    etag = lowercased.get("etag", "")
    validator = etag if _STRONG_ETAG.fullmatch(etag) else lowercased.get("last-modified", "")
    return Facts(validator, _total(lowercased), _google_md5(lowercased.get("x-goog-hash", "")))


def first_byte_of(
    status: int, headers: Mapping[str, str], *, size: int, kept: Facts, facts: Facts
) -> int | None:
    """The offset of an answer's first byte; None where it does not fit the request."""
    if status == 200:
        return 0
    lowercased = {name.lower(): value for name, value in headers.items()}
    match = _CONTENT_RANGE.fullmatch(lowercased.get("content-range", "").strip())
    if status != 206 or not size or not match or int(match[1]) != size:
        return None
    if kept.validator and facts.validator not in ("", kept.validator):
        return None
    return None if kept.total is not None and facts.total not in (None, kept.total) else size


def with_known_facts(facts: Facts, kept: Facts) -> Facts:
    """`facts` of a 206, with what only the 200 before it said."""
    total = kept.total if facts.total is None else facts.total
    return replace(facts, total=total, checksum=facts.checksum or kept.checksum)


def is_worth_retrying(error: DownloadError, *, made_progress: bool) -> bool:
    """True where a further attempt may bring more.

    No network is found out once: only an attempt that brought something, or a server that is
    there and asks for patience, deserves another.
    """
    return error.transient and (made_progress or error.status is not None)


def _fetch_with_retries(transfer: Transfer) -> tuple[Facts, bool]:
    """The facts of the file that is now whole, and whether a part of it came earlier."""
    attempt = 1
    while True:
        before = transfer.size
        try:
            return _fetch_once(transfer)
        except DownloadError as error:
            made_progress = transfer.size != before
            if attempt == ATTEMPTS or not is_worth_retrying(error, made_progress=made_progress):
                raise
            transfer.note(f"{error.reason[:1].upper()}{error.reason[1:]}; trying again.")
        time.sleep(PAUSE_SECONDS * attempt)
        attempt += 1


def _fetch_once(transfer: Transfer) -> tuple[Facts, bool]:
    size, kept = transfer.size, read_facts(transfer.sidecar)
    try:
        with http.open_url(
            transfer.url,
            headers=request_headers(size, kept, transfer.checksum),
        ) as response:
            facts = facts_of(response.headers)
            offset = first_byte_of(
                response.status_code, response.headers, size=size, kept=kept, facts=facts
            )
            if offset is None:
                discard(transfer)
                raise DownloadError("its answer does not fit what was asked", transient=True)
            if offset:
                facts = with_known_facts(facts, kept)
            _receive(transfer, response, facts, offset)
            return facts, offset > 0
    except DownloadError as error:
        if error.status != 416:
            raise
    return _facts_of_whole_part(transfer, kept), True


def _facts_of_whole_part(transfer: Transfer, kept: Facts) -> Facts:
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
    with transfer.part.open("ab" if offset else "wb") as file:
        _check_free_space(transfer.part.parent, expected - offset)
        if not offset:  # only now, when the old part is gone, may the facts change
            write_bytes(transfer.sidecar, json.dumps(asdict(facts)).encode())
        transfer.progress(done, facts.total)
        for piece in http.chunks(response):
            done += len(piece)
            if done > limit:
                break
            file.write(piece)
            transfer.progress(done, facts.total)
        file.flush()
        check_length(file)
        os.fsync(file.fileno())
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


def _check_free_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        reason = f"{megabytes(needed)} are needed and {megabytes(free)} are free"
        raise OSError(errno.ENOSPC, reason)


def _verification_failure(transfer: Transfer, facts: Facts) -> str:
    """Why the whole file cannot be used; empty where it can."""
    checksum = transfer.checksum or facts.checksum
    if checksum:
        matched = matches(transfer.part, checksum)
        return "" if matched else "what it sent does not have the published checksum"
    size = transfer.size
    if 2 * size < transfer.about_bytes:  # a login page, most likely
        about = megabytes(transfer.about_bytes)
        return f"it sent {megabytes(size)} where about {about} were expected"
    verified = "only its length" if facts.total is not None else "nothing about it"
    transfer.note(f"No checksum is published for {transfer.label}; {verified} could be verified.")
    return ""


def _total(lowercased: Mapping[str, str]) -> int | None:
    """The length of the whole file."""
    if "content-range" in lowercased:
        match = _CONTENT_RANGE.fullmatch(lowercased["content-range"].strip())
        return int(match[2]) if match and match[2] != "*" else None
    length = lowercased.get("content-length", "")
    chunked = "transfer-encoding" in lowercased
    return int(length) if re.fullmatch("[0-9]{1,18}", length) and not chunked else None


def _google_md5(header: str) -> str:
    match = re.search(r"(?:^|[,\s])md5=([A-Za-z0-9+/]{22}==)", header)
    if not match:
        return ""
    try:
        return f"md5:{base64.b64decode(match[1], validate=True).hex()}"
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
