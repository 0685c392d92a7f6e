"""URLs: what comes from a server, on 127.0.0.1, that behaves well or does not."""

from __future__ import annotations

import gc
import gzip
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import numpy as np
import pytest
from PIL import Image
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from gradcam_cli.errors import ImageError
from gradcam_cli.images import fetching
from gradcam_cli.images.reading import read_image

RGB = np.random.default_rng(3).integers(0, 256, (6, 5, 3), dtype=np.uint8)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n"


def png() -> bytes:
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, "PNG")
    return file.getvalue()


PNG = png()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def _left_behind() -> Iterator[None]:
    """Have threads and sockets that a given-up download leaves end here, not in another test."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(20)
    gc.collect()


@contextmanager
def serving(*parts: bytes, forever: bytes = b"", reset: bool = False) -> Iterator[str]:
    """A server that answers every connection with `parts`, then `forever` until the client goes.

    With neither, it closes the connection; with `reset`, it breaks it.
    """
    done = threading.Event()

    def answer(client: socket.socket) -> None:
        with client, suppress(OSError):
            client.recv(65536)
            for part in parts:
                client.sendall(part)
            while forever and not done.wait(0.01):
                client.sendall(forever)
            if reset:
                linger = (1).to_bytes(4, "little") + bytes(4)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                worker = threading.Thread(target=answer, args=(client,))
                workers.append(worker)
                worker.start()

    workers: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/photo.png"
        finally:
            done.set()
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join()
            for worker in workers:
                worker.join()


@contextmanager
def silent() -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/photo.png"


def refused(url: str, **options: bool) -> ImageError:
    with pytest.raises(ImageError) as caught:
        read_image(url, **options)  # type: ignore[arg-type]
    error = caught.value
    assert type(error) is ImageError
    assert error.remedy
    assert str(error).isprintable()
    assert "secret" not in f"{error} {error!r}"
    return error


def with_secrets(url: str) -> str:
    return url.replace("http://", "http://user:secret@") + "?token=secret#secret"


def test_a_picture(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/a/photo.v2.png").respond_with_data(PNG, content_type="image/png")
    url = httpserver.url_for("/a/photo.v2.png")
    picture = read_image(with_secrets(url))
    np.testing.assert_array_equal(picture.pixels, RGB)
    shown = url.replace("http://", "http://***@")
    assert (picture.name, picture.stem, picture.path) == (shown, "photo.v2", None)
    assert picture.notes == ()


def test_the_content_type_does_not_matter_where_the_content_is_an_image(
    httpserver: HTTPServer,
) -> None:
    httpserver.expect_request("/x").respond_with_data(PNG, content_type="text/html")
    np.testing.assert_array_equal(read_image(httpserver.url_for("/x")).pixels, RGB)


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        ("/snow%20man%E2%98%83.png", "snow man☃"),
        ("/..%2f..%2fetc%2fpasswd.png", "passwd"),
        ("/a%5C..%5Cb.png", "b"),
        ("/..", "image"),
        ("/.png", "image"),
        ("/%00%1b%0a.png", "image"),
        ("/a%3A%2A%3Fb.png", "ab"),
        ("/-rf.png", "rf"),
        ("/CON.png", "image"),
        ("/nul.tar.gz", "image"),
        ("/photos/", "image"),
        ("", "image"),
        ("/" + "x" * 400 + ".png", "x" * 150),
        ("/photo?name=other.jpg", "photo"),
        ("/%ff.png", "\ufffd"),
    ],
)
def test_the_stem_is_a_safe_file_name(path: str, stem: str) -> None:
    with serving(HEAD, b"\r\n", PNG) as url:
        picture = read_image(url.removesuffix("/photo.png") + path)
    assert picture.stem == stem
    assert picture.name.isprintable()


def test_a_compressed_answer_is_refused_whatever_it_drips(httpserver: HTTPServer) -> None:
    body = gzip.compress(PNG)
    headers = {"Content-Encoding": "gzip"}
    httpserver.expect_request("/x.png").respond_with_data(body, headers=headers)
    assert "compresses it" in refused(httpserver.url_for("/x.png")).what
    assert httpserver.log[0][0].headers["Accept-Encoding"] == "identity"


def test_offline(httpserver: HTTPServer) -> None:
    error = refused(with_secrets(httpserver.url_for("/x.png")), offline=True)
    assert "--offline" in error.what
    assert "--offline" in error.remedy
    assert httpserver.log == []


def test_a_page_in_place_of_a_picture(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/x").respond_with_data("<html>hi</html>", content_type="text/html")
    error = refused(with_secrets(httpserver.url_for("/x")))
    assert "it came as text/html, not as an image that is read" in error.what
    assert "the picture itself" in error.remedy


def test_an_endless_page_is_given_up_at_once() -> None:
    head = HEAD.replace(b"image/png", b"text/html; charset=\x1b[31m")
    with serving(head, b"\r\n", forever=b"<p>more</p>" * 20) as url:
        assert r"text/html; charset=\x1b[31m" in refused(url).what


@pytest.mark.parametrize("status", [401, 403, 404, 410, 429, 500, 503])
def test_status(httpserver: HTTPServer, status: int) -> None:
    httpserver.expect_request("/x.png").respond_with_data(PNG, status=status)
    error = refused(with_secrets(httpserver.url_for("/x.png")))
    assert f"the server answered {status}" in error.what
    assert error.remedy == ("Try again later." if status >= 429 else "Check the address.")


def test_a_hostile_reason_is_not_obeyed() -> None:
    with serving(b"HTTP/1.1 404 \x1b[2J" + b"x" * 5000 + b"\r\n\r\n") as url:
        error = refused(url)
    assert "the server answered 404" in error.what
    assert len(error.what) < 400


def test_redirects(httpserver: HTTPServer) -> None:
    def to(place: str) -> Callable[[Request], Response]:
        return lambda _: Response(status=302, headers={"Location": place})

    httpserver.expect_request("/ok").respond_with_handler(to("/photo.png"))
    httpserver.expect_request("/photo.png").respond_with_data(PNG)
    httpserver.expect_request("/loop").respond_with_handler(to("/loop?secret"))
    httpserver.expect_request("/file").respond_with_handler(to("file:///secret"))
    httpserver.expect_request("/ftp").respond_with_handler(to("ftp://user:secret@127.0.0.1/"))
    picture = read_image(httpserver.url_for("/ok"))
    np.testing.assert_array_equal(picture.pixels, RGB)
    assert picture.stem == "ok"
    assert "redirects" in refused(httpserver.url_for("/loop")).what
    for path in ("/file", "/ftp"):
        assert "not http or https" in refused(httpserver.url_for(path)).what


@pytest.mark.parametrize("place", [b"http://127.0.0.1:99999/", b"//", b"http://\xff", b"http://["])
def test_redirects_to_nonsense(place: bytes) -> None:
    with serving(
        b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + place + b"\r\n\r\n"
    ) as url:
        refused(url)


def test_a_short_body() -> None:
    length = f"Content-Length: {len(PNG)}\r\n\r\n".encode()
    with serving(HEAD, length, PNG[:-20]) as url:
        error = refused(with_secrets(url))
    assert "the connection broke off" in error.what
    assert error.remedy == "Try again later."


def test_a_body_without_length_that_ends_early_is_truncated() -> None:
    with serving(HEAD, b"\r\n", PNG[:-60]) as url:
        assert "truncated" in refused(url).what


def test_no_body() -> None:
    with serving(HEAD, b"Content-Length: 0\r\n\r\n") as url:
        assert "it is empty" in refused(url).what


def test_a_broken_connection() -> None:
    with serving(HEAD, b"Content-Length: 5000\r\n\r\n", PNG, reset=True) as url:
        refused(url)
    with serving(reset=True) as url:
        refused(url)


def test_a_broken_encoding() -> None:
    with serving(HEAD, b"Content-Encoding: gzip\r\n\r\n", PNG) as url:
        refused(url)


def test_no_http_at_all() -> None:
    with serving(b"SSH-2.0-OpenSSH_9.9\r\n") as url:
        refused(url)


def test_announced_as_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(HEAD, b"Content-Length: 999999999999\r\n\r\n") as url:
        assert "it is larger than 256 MiB" in refused(with_secrets(url)).what
    monkeypatch.setattr(fetching, "MAX_URL_BYTES", len(PNG))
    for length in (b"-1", b"many", b"9" * 30):
        with (
            serving(HEAD, b"Content-Length: " + length + b"\r\n\r\n", PNG) as url,
            suppress(ImageError),
        ):
            read_image(url)


def test_an_endless_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "MAX_URL_BYTES", 1 << 20)
    with serving(HEAD, b"\r\n", PNG, forever=bytes(1 << 17)) as url:
        assert "it is larger than 1 MiB" in refused(url).what


def test_a_slow_drip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "URL_SECONDS", 0.3)
    began = time.monotonic()
    with serving(HEAD, b"\r\n", PNG[:-60], forever=b"\0") as url:
        assert "the server sends too slowly" in refused(with_secrets(url)).what
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("sent", [b"", HEAD, HEAD + b"\r\n" + PNG[:-60]])
def test_silence(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(fetching, "URL_SECONDS", 0.2)
    stop = threading.Event()
    began = time.monotonic()
    with _holding(sent, stop) as url:
        error = refused(with_secrets(url))
        stop.set()
    assert "no answer in time" in error.what
    assert time.monotonic() - began < 3


@contextmanager
def _holding(sent: bytes, stop: threading.Event) -> Iterator[str]:
    """A server that sends `sent` and then nothing, with the connection open until `stop`."""

    def answer() -> None:
        client, _ = listener.accept()
        with client, suppress(OSError):
            client.sendall(sent)
            stop.wait(20)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        worker = threading.Thread(target=answer)
        worker.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/photo.png"
        finally:
            stop.set()
            worker.join()


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.usefixtures("_left_behind")
def test_headers_that_drip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "URL_SECONDS", 0.2)
    with serving(HEAD, forever=b"X-More: 1\r\n") as url:
        assert "no answer in time" in refused(with_secrets(url)).what


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = refused(f"http://user:secret@127.0.0.1:{port}/x?token=secret")
    assert (
        error.what == f"could not read http://***@127.0.0.1:{port}/x: no connection could be made"
    )


def test_a_host_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)  # no test asks a real resolver
    error = refused("http://user:secret@does-not-exist.invalid/x.png?token=secret")
    assert "no connection could be made" in error.what


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "https://",
        "http://[",
        "http://:80/",
        "http://h:99999/x",
        "HTTP://\x1b[31m/",
        "http://a b/",
    ],
)
def test_no_url_at_all(url: str) -> None:
    refused(url)


def test_a_proxy_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("http_proxy", f"http://me:secret@127.0.0.1:{port}")
    error = refused("http://example.invalid/x.png")
    assert "proxy" in error.what
    assert str(port) not in str(error)
