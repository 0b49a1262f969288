"""HTTP requests: which URLs are safe, and which failures are temporary."""

import http.client
import socket
from collections.abc import Iterator, Mapping
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from mdx.errors import DownloadError

TIMEOUT = 30.0  # seconds without a byte
BLOCK = 1 << 16  # bytes
PASSING = (408, 425, 429, 500, 502, 503, 504)  # HTTP codes of temporary failures
LOCAL = ("localhost", "127.0.0.1", "::1")


class Broken(Exception):
    """A request failed, perhaps temporarily."""


class OutOfRange(Exception):
    """The server has no bytes after those asked for."""

    def __init__(self, content_range: str) -> None:
        """`content_range` is the header of the answer: `bytes */SIZE`."""
        super().__init__(content_range)
        size = content_range.removeprefix("bytes */")
        self.size = int(size) if size.isdecimal() else None  # of the whole file


def is_safe(url: str, *, before: str = "") -> bool:
    """Whether a URL, or a redirect to it from the one before, is one to download from.

    It must be https; http of this very machine will do, but not on the way from https.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # no URL at all
        return False
    local = parts.scheme == "http" and parts.hostname in LOCAL
    return parts.scheme == "https" or (local and urlsplit(before).scheme != "https")


def open_url(url: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
    """Ask for a URL, through the proxy that the environment names, if any.

    Raises DownloadError for an address that is not safe, that is unknown, or that the server
    refuses; OutOfRange where it has no such range; Broken for anything else.
    """
    if not is_safe(url):
        raise DownloadError(url, got="this address", expected="https, or http of this machine")
    request = Request(url, headers=dict(headers))  # noqa: S310 - the scheme is known by now
    try:
        answer: http.client.HTTPResponse = build_opener(_Redirects).open(request, timeout=TIMEOUT)
    except HTTPError as error:
        with error:  # it holds the connection
            raise _refusal(error) from error
    except URLError as error:
        if isinstance(error.reason, socket.gaierror):  # waiting is the user's choice
            raise DownloadError(
                url, got=error.reason, expected="an answer",
                hint="there is no network, or a proxy that https_proxy does not name",
            ) from error  # fmt: skip
        raise Broken(error.reason) from error
    except (OSError, http.client.HTTPException) as error:
        raise Broken(f"{type(error).__name__} {error}") from error
    return answer


def blocks(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    """The bytes of an answer as they arrive; raises Broken if they stop with an error."""
    try:
        while block := answer.read(BLOCK):
            yield block
    except (OSError, http.client.HTTPException) as error:
        raise Broken(f"{type(error).__name__} {error}") from error


def _refusal(error: HTTPError) -> Exception:
    said = f"HTTP {error.code} {error.reason}"
    if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
        return OutOfRange(error.headers.get("Content-Range", ""))
    return Broken(said) if error.code in PASSING else DownloadError(
        error.url, got=said, expected="the file"
    )  # fmt: skip


class _Redirects(HTTPRedirectHandler):
    """Follows redirects to safe addresses only."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str,
        headers: http.client.HTTPMessage, newurl: str,
    ) -> Request | None:  # fmt: skip
        """The request to make instead; raises HTTPError if the redirect is not safe."""
        if not is_safe(newurl, before=req.full_url):
            raise HTTPError(req.full_url, code, f"to {newurl}", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)
