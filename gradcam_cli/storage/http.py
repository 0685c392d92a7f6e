"""HTTP with the manners a command line needs: bounded in time, in redirects and in what it says.

Both users, `images.fetching` and `models.weights`, get the same promises:

* http and https only, on every redirect too;
* the first answer comes within `ANSWER_SECONDS` or not at all, DNS included;
* a body is handed on as it arrives, so that the caller can bound its size and its time;
* no message carries a credential, a query string or a proxy.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import SplitResult, urlsplit, urlunsplit

if TYPE_CHECKING:
    import requests

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
READ_SECONDS = 20.0
MAX_REDIRECTS = 5
CHUNK_BYTES = 1 << 16

_T = TypeVar("_T")


class DownloadError(Exception):
    """A transfer failed.

    Attributes
    ----------
    reason : str
        Why, as the end of the sentence "could not fetch …: {reason}"; safe to show.
    transient : bool
        True where the same request may succeed later (a broken connection, a time-out, 5xx).
    status : int or None
        The status of an answer that was refused for it.
    """

    def __init__(self, reason: str, *, transient: bool = False, status: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.transient = transient
        self.status = status


def is_url(text: str) -> bool:
    """True where `text` is written as an http(s) URL."""
    return text.lower().startswith(("http://", "https://"))


def redacted(url: str) -> str:
    """`url` as it may be shown: no user, password, query or fragment."""
    try:
        parts = _parts(url)
    except ValueError:
        return "the URL"
    return f"{parts.scheme.lower()}://{_shown_host(parts)}{parts.path}"


def without_credentials(url: str) -> str:
    """`url` as it may be kept: with its query, but with ``***`` for user and password."""
    try:
        parts = _parts(url)
    except ValueError:
        return "the URL"
    return urlunsplit(parts._replace(netloc=_shown_host(parts), fragment=""))


def _parts(url: str) -> SplitResult:
    """The parts of `url`; ValueError where its host or port can be none."""
    parts = urlsplit(url)
    _ = parts.port
    return parts


def _shown_host(parts: SplitResult) -> str:
    """The host and port, and ``***`` for who logs in."""
    _, separator, host = parts.netloc.rpartition("@")
    return f"***@{host}" if separator else host


@contextmanager
def open_url(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    seconds: float = math.inf,
) -> Iterator[requests.Response]:
    """GET `url`, yielding the answer with its body unread.

    Answers with a status of 400 or more raise. The body is then read with `chunks`. No wait is
    longer than this module's constants, nor than `seconds`.

    Raises
    ------
    DownloadError
        With a reason that is safe to show.
    """
    connect, answer, read = (
        min(bound, seconds) for bound in (CONNECT_SECONDS, ANSWER_SECONDS, READ_SECONDS)
    )
    responses: list[requests.Response] = []
    session = _session(responses)

    def get() -> requests.Response:
        try:
            with _transport_errors():
                return session.get(url, headers=headers, stream=True, timeout=(connect, read))
        except DownloadError:
            for response in responses:  # left open where requests cannot follow a redirect
                response.close()
            raise

    with session:
        response = _call_within(answer, get)
        with response:
            if response.status_code >= 400:
                raise _status_error(response.status_code)
            if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
                raise DownloadError("the server compresses it, which was not asked for")
            yield response


def _session(responses: list[requests.Response]) -> requests.Session:
    """A session that adds each response, redirects among them, to `responses`."""
    import requests

    session = requests.Session()
    session.max_redirects = MAX_REDIRECTS
    # Pictures and weights are compressed as they are, and a bound on decoded bytes is no bound
    # on the time that a drip of empty gzip blocks takes.
    session.headers["Accept-Encoding"] = "identity"
    session.hooks["response"].append(lambda response, *_, **__: responses.append(response))
    return session


def _status_error(status: int) -> DownloadError:
    # The server's own wording of the status could be anything, escape sequences included.
    phrase = next((standard.phrase for standard in HTTPStatus if standard == status), "")
    reason = f"the server answered {status} {phrase}".rstrip()
    transient = status >= 500 or status in (408, 429)
    return DownloadError(reason, transient=transient, status=status)


def chunks(response: requests.Response, *, deadline: float | None = None) -> Iterator[bytes]:
    """The body of `response` in pieces, as they arrive.

    Parameters
    ----------
    response : requests.Response
        As `open_url` yields it.
    deadline : float, optional
        A `time.monotonic()` after which the transfer is given up, however lively.

    Raises
    ------
    DownloadError
        Where the body ends before its Content-Length, the connection breaks or goes silent, or
        the deadline passes.
    """
    with _transport_errors():
        while piece := response.raw.read1(CHUNK_BYTES, decode_content=False):
            if deadline is not None and time.monotonic() > deadline:
                raise DownloadError("the server sends too slowly", transient=True)
            yield piece


@contextmanager
def _transport_errors() -> Iterator[None]:
    """Turn what requests and urllib3 raise into a DownloadError without their wording.

    Their messages quote the proxy and the whole URL, credentials included.
    """
    import requests
    import urllib3

    try:
        yield
    except requests.TooManyRedirects:
        raise DownloadError(f"more than {MAX_REDIRECTS} redirects") from None
    except (requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema):
        raise DownloadError("it redirects to an address that is not http or https") from None
    except (requests.exceptions.ProxyError, requests.exceptions.InvalidProxyURL):
        raise DownloadError("the proxy could not be used", transient=True) from None
    except ValueError:  # InvalidURL is one; urlsplit's own, over a redirect to http://[, another
        raise DownloadError("it is not a valid address") from None
    except requests.exceptions.SSLError:
        raise DownloadError("its certificate could not be verified") from None
    except (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError):
        raise DownloadError("no answer in time", transient=True) from None
    except (urllib3.exceptions.IncompleteRead, urllib3.exceptions.ProtocolError):
        raise DownloadError("the connection broke off", transient=True) from None
    except requests.ConnectionError:
        raise DownloadError("no connection could be made", transient=True) from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError):
        raise DownloadError("the transfer failed", transient=True) from None


def _call_within(seconds: float, call: Callable[[], _T]) -> _T:
    """The value of `call`, or a DownloadError after `seconds`.

    Socket time-outs do not cover name resolution, nor an answer whose header lines drip in one by
    one; a thread that is left behind covers both.
    """
    outcome: list[_T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(call())
        except BaseException as error:
            failure.append(error)

    worker = threading.Thread(target=run, daemon=True)
    worker.start()
    worker.join(seconds)
    if failure:
        raise failure[0]
    if not outcome:
        raise DownloadError("no answer in time", transient=True)
    return outcome[0]
