"""A real HTTP server on the loopback that serves one file, well or with faults, and keeps a log."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE_BYTES = 1 << 14
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Answer:
    """How to answer one request; as it stands, well and with Range.

    Attributes
    ----------
    status : answer with this status and no body.
    silent : say nothing until `WeightsServer.release` is set.
    hold_after : send so many bytes of the body, set `holding`, then wait for `release`.
    break_after : send so many bytes of the body, then close the connection.
    ignore_range : answer 200 with the whole file whatever is asked.
    ignore_if_range : answer 206 although the validator changed.
    range_shift : name a Content-Range that begins so many bytes late.
    range_total : name this total in Content-Range.
    cap : answer 206 with so many bytes at most, as a proxy may.
    announce : name this Content-Length.
    chunked : send no Content-Length.
    body : serve this instead of the server's file.
    etag : the validator; empty for none.
    google : add ``x-goog-hash`` with the md5 of the file.
    headers : further headers.
    """

    status: int | None = None
    silent: bool = False
    hold_after: int | None = None
    break_after: int | None = None
    ignore_range: bool = False
    ignore_if_range: bool = False
    range_shift: int = 0
    range_total: int | None = None
    cap: int | None = None
    announce: int | None = None
    chunked: bool = False
    body: bytes | None = None
    etag: str = '"one"'
    google: bool = False
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class Entry:
    """One request as it came, and what went out."""

    path: str
    headers: dict[str, str]
    status: int = 0
    sent: int = 0

    @property
    def range(self) -> str | None:
        return self.headers.get("range")


@dataclass
class WeightsServer:
    """The server a test holds.

    `answers` are used up one by one; then `usual` is how every request is answered.
    """

    body: bytes
    address: str = ""
    usual: Answer = field(default_factory=Answer)
    answers: deque[Answer] = field(default_factory=deque)
    log: list[Entry] = field(default_factory=list)
    holding: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)

    def url(self, name: str = "weights.h5", *, user: str = "", query: str = "") -> str:
        """The file's URL; `user` is written as ``name:password``."""
        at = f"{user}@" if user else ""
        return f"http://{at}{self.address}/keras/{name}{query}"

    @property
    def checksum(self) -> str:
        return f"md5:{hashlib.md5(self.body).hexdigest()}"

    def next_answer(self) -> Answer:
        return self.answers.popleft() if self.answers else self.usual


@contextmanager
def serving(body: bytes) -> Iterator[WeightsServer]:
    """A server of `body` on a free port of the loopback."""
    server = WeightsServer(body)
    http = _Server(("127.0.0.1", 0), _handler_of(server))
    server.address = f"127.0.0.1:{http.server_address[1]}"
    worker = threading.Thread(target=http.serve_forever, args=(0.02,))
    worker.start()
    try:
        yield server
    finally:
        server.release.set()
        http.shutdown()
        http.server_close()
        worker.join()


@contextmanager
def deaf_address() -> Iterator[str]:
    """The address of a socket that never completes a connection: its queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        callers = [socket.socket() for _ in range(4)]
        for caller in callers:
            caller.setblocking(False)
            with suppress(BlockingIOError):
                caller.connect(listener.getsockname())
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            for caller in callers:
                caller.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close() joins them, so that no socket is left to the collector
    request_queue_size = 32


def _handler_of(server: WeightsServer) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        weights = server

    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    weights: WeightsServer

    def log_message(self, *args: object) -> None:
        """The log is the server's own."""

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        entry = Entry(self.path, headers)
        self.weights.log.append(entry)
        self.close_connection = True
        with suppress(ConnectionError):
            self._answer(self.weights.next_answer(), entry)

    def _answer(self, answer: Answer, entry: Entry) -> None:
        if answer.silent:
            self.weights.release.wait(PATIENCE_SECONDS)
            return
        body = self.weights.body if answer.body is None else answer.body
        start = _start(entry, answer)
        entry.status = answer.status or (206 if start else 200)
        if start is not None and start >= len(body):
            entry.status = 416
        self.send_response(entry.status)
        for name, value in _headers(answer, entry, body, start):
            self.send_header(name, value)
        self.end_headers()
        if entry.status < 300 and entry.status not in (204, 304):
            self._send(answer, entry, body[start or 0 : _end(answer, entry, body, start)])

    def _send(self, answer: Answer, entry: Entry, body: bytes) -> None:
        for stop in (answer.hold_after, answer.break_after, len(body)):
            if stop is None:
                continue
            self._write(answer, entry, body[entry.sent : stop])
            if stop == answer.hold_after:
                self.weights.holding.set()
                self.weights.release.wait(PATIENCE_SECONDS)
            if stop == answer.break_after:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
        if answer.chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _write(self, answer: Answer, entry: Entry, body: bytes) -> None:
        for at in range(0, len(body), PIECE_BYTES):
            piece = body[at : at + PIECE_BYTES]
            entry.sent += len(piece)
            framed = b"%x\r\n%s\r\n" % (len(piece), piece) if answer.chunked else piece
            self.wfile.write(framed)


def _start(entry: Entry, answer: Answer) -> int | None:
    found = re.fullmatch(r"bytes=(\d+)-", entry.range or "")
    if not found or answer.ignore_range:
        return None
    asked = entry.headers.get("if-range")
    if asked is not None and asked != answer.etag and not answer.ignore_if_range:
        return None
    return int(found[1])


def _end(answer: Answer, entry: Entry, body: bytes, start: int | None) -> int:
    if answer.cap is None or entry.status != 206:
        return len(body)
    return min(len(body), (start or 0) + answer.cap)


def _headers(
    answer: Answer, entry: Entry, body: bytes, start: int | None
) -> Iterator[tuple[str, str]]:
    end = _end(answer, entry, body, start)
    length = end - (start or 0) if entry.status in (200, 206) else 0
    if answer.chunked:
        yield "Transfer-Encoding", "chunked"
    else:
        yield "Content-Length", str(length if answer.announce is None else answer.announce)
    if entry.status == 206:
        total = len(body) if answer.range_total is None else answer.range_total
        first = (start or 0) + answer.range_shift
        yield "Content-Range", f"bytes {first}-{end - 1}/{total}"
    if answer.etag:
        yield "ETag", answer.etag
    if answer.google:
        md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
        yield "x-goog-hash", "crc32c=AAAAAA=="
        yield "x-goog-hash", f"md5={md5}"
    yield "Connection", "close"
    yield from answer.headers
